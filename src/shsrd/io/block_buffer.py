"""Files under construction: what every format offers to the one writer, and the order that keeps bytes the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

BLOCK_SIZE = 512  # pixels; a tile of 128 low-resolution pixels at x4, and a multiple of every format's blocks

Stored = NDArray[np.generic]
WriteBlock = Callable[[Stored, int, int], None]


class Sink(Protocol):
    """The file of one format under construction."""

    def write_block(self, stored: Stored, row: int, column: int) -> None:
        """Take stored numbers ``(band, y, x)`` at an offset of the scene; each pixel comes once."""

    def finish(self) -> None:
        """Complete the file: everything is there."""

    def abort(self) -> None:
        """Close a file that will not be completed; harmless after :meth:`finish`."""


class BlockBuffer:
    """Cuts what arrives into squares and hands them on complete and in a fixed order.

    Compressed formats place blocks in the file in the order of writing; this order is row of squares by row of
    squares, whatever the tiles were. Tiles of one square pass without a copy; other tiles are held until their
    squares are complete: at most one row of tiles.

    Args:
        shape: ``(bands, rows, columns)`` of the scene.
        dtype: stored type.
        give: gets each square ``(band, y, x)`` and its offset.
    """

    def __init__(self, shape: tuple[int, int, int], dtype: str, give: WriteBlock) -> None:
        self._shape, self._dtype, self._write_block = shape, np.dtype(dtype), give
        self._held: dict[tuple[int, int], tuple[Stored, int]] = {}  # square and pixels still missing, by offset
        self._turns = self._offsets((0, 0), shape[1:])
        self._turn = next(self._turns, None)

    def write_block(self, stored: Stored, row: int, column: int) -> None:
        """Take a rectangle ``(band, y, x)`` at an offset of the scene."""
        _, height, width = stored.shape
        for top, left in self._offsets((row, column), (row + height, column + width)):
            bottom, right = self._end(top, left)
            inside = (
                slice(max(top, row), min(bottom, row + height)),
                slice(max(left, column), min(right, column + width)),
            )
            piece = stored[:, _moved(inside[0], -row), _moved(inside[1], -column)]
            if (top, left) == self._turn and piece.shape[1:] == (bottom - top, right - left):
                self._pass(piece)
            else:
                self._hold(piece, (top, left), (inside[0].start - top, inside[1].start - left))
        while self._turn in self._held and self._held[self._turn][1] == 0:
            self._pass(self._held.pop(self._turn)[0])

    def _pass(self, square: Stored) -> None:
        assert self._turn is not None
        row, column = self._turn
        self._write_block(square, row, column)
        self._turn = next(self._turns, None)

    def _hold(self, piece: Stored, square: tuple[int, int], offset: tuple[int, int]) -> None:
        bottom, right = self._end(*square)
        extent = (bottom - square[0], right - square[1])
        _, height, width = piece.shape
        if square not in self._held:
            self._held[square] = (np.empty((self._shape[0], *extent), self._dtype), math.prod(extent))
        whole, missing = self._held[square]
        whole[:, offset[0] : offset[0] + height, offset[1] : offset[1] + width] = piece
        self._held[square] = (whole, missing - height * width)

    def _end(self, top: int, left: int) -> tuple[int, int]:
        return min(top + BLOCK_SIZE, self._shape[1]), min(left + BLOCK_SIZE, self._shape[2])

    @staticmethod
    def _offsets(start: tuple[int, int], stop: tuple[int, int]) -> Iterator[tuple[int, int]]:
        """Offsets of the squares that a rectangle touches, row by row."""
        for top in range(start[0] // BLOCK_SIZE * BLOCK_SIZE, stop[0], BLOCK_SIZE):
            for left in range(start[1] // BLOCK_SIZE * BLOCK_SIZE, stop[1], BLOCK_SIZE):
                yield top, left


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)
