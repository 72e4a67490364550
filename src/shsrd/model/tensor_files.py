"""Writing safetensors files: whole or not at all, with the rights that other new files get."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path to write to; it becomes ``target`` at the end, and goes where the writing fails.

    ``safetensors`` makes files that only their owner can read, whatever the umask and whatever was there.
    """
    partial = target.with_name(target.name + ".part")
    try:
        partial.unlink(missing_ok=True)
        partial.touch()  # an ordinary new file, to see what rights one gets here
        rights = partial.stat().st_mode & 0o777
        yield partial
        partial.chmod(rights)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
