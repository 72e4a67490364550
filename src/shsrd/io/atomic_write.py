"""Results that appear under their names only when complete, and all files of one together.

The files of a result come into being in a hidden folder beside their targets::

    .scene.img.k3j9x2ab.part/
        lock            held as long as the process lives
        new/            the files under construction
        older/          what they replace, while they take its place
        replacing.json  the new files and their identity, while they take their places

One file or folder replaces another by one call of the file system. Several files take several calls: the older ones
are set aside, the one that names the others (an ENVI header) first; then the new ones take their places, that one last.
An exception between two calls undoes those that were made. After a kill the next run does so (:func:`recover`).
Neither touches a file that is not known to be ours.
"""

from __future__ import annotations

import ctypes
import errno
import glob
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shsrd.cube import SceneError
from shsrd.io.file_checks import sidecar_files, write_errors
from shsrd.io.file_locks import acquire_lock, folder_lock

_LOCK, _NEW, _OLDER, _JOURNAL = "lock", "new", "older", "replacing.json"
_STAGING_NAMES = {_LOCK, _NEW, _OLDER, _JOURNAL, _JOURNAL + ".part"}
_NAME = 40  # characters of the first target's name in that of the folder; all of them may not fit
_NO_EXCHANGE = {getattr(errno, name) for name in ("ENOSYS", "EINVAL", "EOPNOTSUPP", "EPERM") if hasattr(errno, name)}
_AT_WORKING_FOLDER, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of Linux


@contextmanager
def staged(*targets: Path, overwrite: bool = True) -> Iterator[tuple[Path, ...]]:
    """Paths in a temporary folder beside the targets; after the block they replace the targets, in order.

    Whatever ends the block early passes through: the folder goes with all in it, the targets stay as they were. So
    they do where taking their places fails halfway.

    Args:
        targets: in one folder; nothing can be read of a result before the last one is there.
        overwrite: replace what is there at the end of the block.

    Raises:
        SceneError: the folder cannot be made, or the renaming failed.
    """
    with write_errors(targets[0]):
        folder, lock = _made(targets[0])
    try:
        parts = tuple(folder / _NEW / target.name for target in targets)
        yield parts
        if not overwrite:
            check_not_existing([*targets, *(file for target in targets for file in sidecar_files(target))])
        with write_errors(targets[0]), folder_lock(folder.parent):
            _replace_targets(folder, targets)
    finally:
        _discard(folder)
        os.close(lock)


@contextmanager
def replacing(*targets: Path) -> Iterator[tuple[Path, ...]]:
    """Stage targets as :func:`staged` does, for blocks that only write.

    Raises:
        SceneError: the block or the renaming met an operating system or format error.
    """
    recover(*targets)
    with staged(*targets) as parts, write_errors(targets[0]):
        yield parts


def write_json(value: Any, path: str | os.PathLike[str]) -> None:
    """Write JSON that appears under its name only when complete (an older file is replaced).

    Raises:
        SceneError: the folder cannot be written.
    """
    with replacing(Path(path)) as (part,):
        part.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def check_not_existing(files: Iterable[Path]) -> None:
    """Check that none of the files exists.

    Raises:
        SceneError: naming the file that is there.
    """
    for file in files:
        if os.path.lexists(file):  # a link that leads nowhere is a file of somebody too
            raise SceneError(f"{file}: exists already; choose another name or allow overwriting (--overwrite)")


def recover(*targets: Path) -> None:
    """Put back what killed runs had set aside of these files, and delete what they left half-written.

    Folders of runs that are still at work stay.

    Raises:
        SceneError: both the older file and one that is not ours claim a name.
    """
    for target in targets:
        left = list(target.parent.glob(f".{glob.escape(target.name[:_NAME])}.????????.part"))
        if not left:
            continue
        with write_errors(target), folder_lock(target.parent):
            for folder in left:
                _recover(folder)


def _recover(folder: Path) -> None:
    if not _is_staging_folder(folder):
        return
    lock = _locked(folder)
    if lock is None:
        return
    try:
        _undo(folder)
        _discard(folder)
    finally:
        os.close(lock)


def _made(target: Path) -> tuple[Path, int]:
    """The folder and its lock; no other process can come between the two."""
    with folder_lock(target.parent):
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name[:_NAME]}.", suffix=".part", dir=target.parent))
        try:
            lock = _locked(folder)
            assert lock is not None  # a new folder has no other
            (folder / _NEW).mkdir()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return folder, lock


def _locked(folder: Path) -> int | None:
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    if acquire_lock(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _is_staging_folder(folder: Path) -> bool:
    """Return True if a folder holds only files that :func:`staged` creates."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    return {path.name for path in folder.iterdir()} <= _STAGING_NAMES


def _replace_targets(folder: Path, targets: tuple[Path, ...]) -> None:
    """Replace all targets or none."""
    beside = [file for target in targets for file in sidecar_files(target) if os.path.lexists(file)]
    if len(targets) == 1 and not beside and _replaced_at_once(folder / _NEW / targets[0].name, targets[0]):
        return
    _begin(folder, targets)
    try:
        for file in (*beside, *reversed(targets)):
            if os.path.lexists(file):
                file.rename(folder / _OLDER / file.name)
        for target in targets:
            (folder / _NEW / target.name).rename(target)
    except BaseException:
        _undo(folder)
        raise


def _replaced_at_once(part: Path, target: Path) -> bool:
    """Replace one target by one call; False where the file system has none for folders."""
    folders = part.is_dir() or (target.is_dir() and not target.is_symlink())
    if folders and os.path.lexists(target):
        return _exchanged(part, target)
    part.replace(target)
    return True


def _exchanged(first: Path, second: Path) -> bool:
    """Exchange two names in one step (Linux); False where that cannot be done."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if call is None:
        return False
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    names = (os.fsencode(first), os.fsencode(second))
    if call(_AT_WORKING_FOLDER, names[0], _AT_WORKING_FOLDER, names[1], _EXCHANGE) == 0:
        return True
    fault = ctypes.get_errno()
    if fault in _NO_EXCHANGE:
        return False
    raise OSError(fault, os.strerror(fault), str(second))


def _begin(folder: Path, targets: tuple[Path, ...]) -> None:
    """Note which files are ours before the first is moved."""
    (folder / _OLDER).mkdir()
    known = {target.name: _identity(folder / _NEW / target.name) for target in targets}
    draft = folder / (_JOURNAL + ".part")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(known, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / _JOURNAL)


def _identity(path: Path) -> list[int]:
    """Identity of a file that survives renaming: inode, size and time; the inode alone of a folder."""
    status = path.lstat()
    if stat.S_ISDIR(status.st_mode):
        return [status.st_ino]
    return [status.st_ino, status.st_size, status.st_mtime_ns]


def _undo(folder: Path) -> None:
    """Restore the older files, unless the last new file has replaced its target: then all have."""
    known = _read_journal(folder)
    *others, last = known or [""]
    if not known or not os.path.lexists(folder / _NEW / last):
        return
    for name in others:
        new, target = folder / _NEW / name, folder.parent / name
        if os.path.lexists(target) and not os.path.lexists(new):
            if _identity(target) != known[name]:
                raise _claimed(folder, target)
            target.rename(new)
    for older in sorted((folder / _OLDER).iterdir()):
        target = folder.parent / older.name
        if os.path.lexists(target):
            raise _claimed(folder, target)
        older.rename(target)
    (folder / _JOURNAL).unlink()  # from here on the folder may be deleted in any order


def _read_journal(folder: Path) -> dict[str, list[int]]:
    path = folder / _JOURNAL
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SceneError(f"{path}: damaged; move what lies in {folder / _OLDER} to where it belongs, delete {folder}")
    return found


def _claimed(folder: Path, target: Path) -> SceneError:
    return SceneError(
        f"{target}: an interrupted run has set an earlier {target.name} aside, in {folder / _OLDER}, and another file "
        f"has taken its name since; move what you want to keep and delete {folder}"
    )


def _discard(folder: Path) -> None:
    """Delete the folder, unless it keeps what could not be put back."""
    try:
        names = list(_read_journal(folder))
    except SceneError:
        return
    if not names or not os.path.lexists(folder / _NEW / names[-1]):
        shutil.rmtree(folder, ignore_errors=True)
