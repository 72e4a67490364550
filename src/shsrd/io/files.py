"""Files in general: damage becomes one sentence, and a result appears only when it is complete."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shsrd.cube import SceneError

MOST_COMPRESSION = 1100  # deflate reaches 1032:1 at most; a header that promises more than this is wrong


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a foreign parser raises on a damaged file into one sentence.

    Args:
        path: the file being read.
        kind: the format in words, for the message.

    Raises:
        SceneError: for any failure inside the block.
    """
    try:
        yield
    except SceneError:
        raise
    except Exception as error:  # parsers of foreign formats raise anything on damaged bytes
        raise SceneError(
            f"{path}: not a readable {kind} file ({_one_line(error)}); copy or download it again"
        ) from error


def check_size(path: Path, claimed: int, *, ratio: float = MOST_COMPRESSION) -> None:
    """Refuse a header that promises more bytes than the file can hold, before anything is allocated.

    Raises:
        SceneError: ``claimed`` bytes cannot come out of this file.
    """
    size = path.stat().st_size
    if claimed > size * ratio:
        raise SceneError(
            f"{path}: the header promises {claimed} bytes of pixels but the file has only {size}; "
            "it is truncated or its header is wrong, copy it again"
        )


@contextmanager
def replacing(*targets: Path) -> Iterator[tuple[Path, ...]]:
    """Temporary names beside the targets; after the block they take the targets' names, in order.

    If the block fails the temporary files are removed and the targets stay as they were.

    Raises:
        SceneError: the block or the renaming met an operating system or format error.
    """
    token = uuid.uuid4().hex[:8]
    parts = tuple(t.with_name(f".{t.stem[:100]}.{token}.part{t.suffix}") for t in targets)
    try:
        yield parts
        for target in targets:
            for companion in companions(target):
                companion.unlink(missing_ok=True)
        for part, target in zip(parts, targets, strict=True):
            part.replace(target)
    except SceneError:
        raise
    except Exception as error:  # GDAL, HDF5 and the file system each have their own family of errors
        raise SceneError(
            f"{targets[0]}: could not be written ({_one_line(error)}); check free space and permissions"
        ) from error
    finally:
        for part in parts:
            for leftover in (part, *companions(part)):
                leftover.unlink(missing_ok=True)


def companions(target: Path) -> tuple[Path, ...]:
    """Files of GDAL that would shadow or outlive a replaced target: statistics and outside overviews."""
    return tuple(target.with_name(target.name + ending) for ending in (".aux.xml", ".ovr", ".msk"))


def write_json(value: Any, path: str | os.PathLike[str]) -> None:
    """Write JSON that appears under its name only when complete (an older file is replaced).

    Raises:
        SceneError: the folder cannot be written.
    """
    with replacing(Path(path)) as (part,):
        part.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
