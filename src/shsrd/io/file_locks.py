"""Locks on files: two runs never write one file at a time. A lock ends with its process, however that ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

from shsrd.cube import SceneError

_NAME = 40  # characters of a target's name in that of its lock; a digest of the whole name follows


def acquire_lock(descriptor: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder for this process; closing it lets go.

    Args:
        descriptor: of the open file.
        wait: until the other process has let go.

    Returns:
        Whether it is ours. Where the file system has no locks, it is.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # network file systems without locks
        return True
    return True


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Wait until no other process renames files of a folder; short work only.

    Where a folder cannot be locked the block runs all the same.
    """
    with ExitStack() as stack:
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            acquire_lock(descriptor, wait=True)
        yield


@contextmanager
def write_lock(*files: Path) -> Iterator[None]:
    """Keep other runs from writing the same files until the end of the block.

    Args:
        files: every file that will be written, whether or not it exists. Each gets an empty, hidden ``.lock`` file
            beside it, which goes at the end; one that a killed run left is taken over.

    Raises:
        SceneError: another run is at work on one of them, or a lock cannot be made.
    """
    with ExitStack() as stack:
        for file in sorted(set(files)):
            stack.enter_context(_locked(file))
        yield


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    descriptor_path = lock_file(file)
    descriptor = _opened(descriptor_path, file)
    try:
        yield
    finally:
        with suppress(OSError):
            if os.fstat(descriptor).st_size == 0:  # else it is somebody else's file
                descriptor_path.unlink()
        os.close(descriptor)


def lock_file(file: Path) -> Path:
    """Path of the lock of a file that is written."""
    digest = blake2b(os.fsencode(file.name), digest_size=4).hexdigest()
    return file.with_name(f".{file.name[:_NAME]}.{digest}.lock")


def _opened(descriptor_path: Path, file: Path) -> int:
    """Open and lock; again where the run before has deleted its lock between the two."""
    while True:
        try:
            descriptor = os.open(descriptor_path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        except OSError as error:
            reason = (error.strerror or "it cannot be made").lower()
            raise SceneError(
                f"{descriptor_path}: cannot lock {file.name} ({reason}); check the folder's rights"
            ) from error
        if not acquire_lock(descriptor):
            os.close(descriptor)
            raise SceneError(f"{file}: another run is at work on this file; let it finish or choose another name")
        if _is_at(descriptor, descriptor_path):
            return descriptor
        os.close(descriptor)


def _is_at(descriptor: int, descriptor_path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), descriptor_path.lstat())
    except OSError:
        return False
