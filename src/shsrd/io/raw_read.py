"""Blocks of an array that stands in a file as it is: read, never mapped.

A map of a file that shrinks while it is read kills the process; a read comes back short, and that is a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError

_FEW = 8  # of a line, less than one part in so many is read alone; more is faster with all that lies between


def read_block(
    path: Path, dtype: np.dtype[Any], key: Sequence[slice], *, offset: int, shape: Sequence[int]
) -> NDArray[np.generic]:
    """A block of an array with three axes, the last one running fastest.

    Args:
        path: the file.
        dtype: of its numbers.
        key: one slice without step an axis.
        offset: bytes before the first number.
        shape: extents of the whole array.

    Returns:
        The block; beside it never more is in memory than its part of one index of the first axis, all the last axis.

    Raises:
        SceneError: the file ends before the block does.
    """
    spans = [part.indices(extent)[:2] for part, extent in zip(key, shape, strict=True)]
    (first, last), (top, bottom), (left, right) = spans
    block = np.empty([stop - start for start, stop in spans], dtype)
    full = (left, right) == (0, shape[2])
    slab = np.empty((bottom - top, shape[2]), dtype) if not full and (right - left) * _FEW > shape[2] else None
    with path.open("rb") as file:
        if full and (top, bottom) == (0, shape[1]):
            _fill(file, block, path, offset + first * shape[1] * shape[2] * dtype.itemsize)
            return block
        for part, index in zip(block, range(first, last), strict=True):
            line = offset + (index * shape[1] + top) * shape[2] * dtype.itemsize
            if full:
                _fill(file, part, path, line)
            elif slab is not None:
                _fill(file, slab, path, line)
                part[:] = slab[:, left:right]
            else:
                for row, numbers in enumerate(part):
                    _fill(file, numbers, path, line + (row * shape[2] + left) * dtype.itemsize)
    return block


def _fill(file: BufferedReader, block: NDArray[np.generic], path: Path, start: int) -> None:
    file.seek(start)
    if file.readinto(block.reshape(-1).view(np.uint8).data) != block.nbytes:
        raise SceneError(f"{path}: the file ends before its pixels do; it was cut while it was read, copy it again")
