"""Tile plans: which low-resolution pixels are computed together, and what they may look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import fill_nodata

BORDER = 6  # mirrored low-resolution pixels that the network sees beyond a scene's edge; more change nothing there


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels; rows and columns may lie outside the scene, where it is mirrored.

    Attributes:
        row: first row.
        column: first column.
        rows: number of rows.
        columns: number of columns.
    """

    row: int
    column: int
    rows: int
    columns: int

    def grown(self, margin: int) -> Window:
        """The same window with ``margin`` more pixels on each side."""
        return Window(self.row - margin, self.column - margin, self.rows + 2 * margin, self.columns + 2 * margin)

    def finer(self, scale: int) -> Window:
        """The same rectangle on a grid ``scale`` times finer."""
        return Window(self.row * scale, self.column * scale, self.rows * scale, self.columns * scale)

    def within(self, outer: Window) -> Window:
        """The part of it that lies inside another one."""
        row, column = max(self.row, outer.row), max(self.column, outer.column)
        last_row = min(self.row + self.rows, outer.row + outer.rows)
        last_column = min(self.column + self.columns, outer.column + outer.columns)
        return Window(row, column, last_row - row, last_column - column)

    def clipped(self, rows: int, columns: int) -> Window:
        """The part of it that lies inside a scene of ``rows`` x ``columns`` pixels."""
        return self.within(Window(0, 0, rows, columns))

    def relative_to(self, outer: Window) -> Window:
        """The same rectangle in the pixel numbers of a block read through ``outer``."""
        return Window(self.row - outer.row, self.column - outer.column, self.rows, self.columns)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices; only for windows inside an array."""
        return slice(self.row, self.row + self.rows), slice(self.column, self.column + self.columns)


def plan_tiles(rows: int, columns: int, tile: int) -> Iterator[Window]:
    """Windows of at most ``tile`` x ``tile`` pixels that cover the scene once, row of tiles by row of tiles."""
    for row in range(0, rows, tile):
        for column in range(0, columns, tile):
            yield Window(row, column, min(tile, rows - row), min(tile, columns - column))


def mirrored(start: int, count: int, size: int) -> NDArray[np.intp]:
    """Pixel numbers ``start .. start + count - 1``, mirrored into ``0 .. size - 1`` with the edge pixel repeated."""
    inside = np.arange(start, start + count) % (2 * size)
    return np.minimum(inside, 2 * size - 1 - inside)


def read_window(cube: NDArray[np.float32], window: Window) -> NDArray[np.float32]:
    """Pixels ``(band, rows, columns)`` of a window, mirrored at the scene's border."""
    rows = mirrored(window.row, window.rows, cube.shape[1])
    columns = mirrored(window.column, window.columns, cube.shape[2])
    return np.ascontiguousarray(cube[:, rows[:, None], columns])


def filled_with(pixels: NDArray[np.float32], mean: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pixels ``(B, y, x)`` without holes: the nearest valid one; the band's mean ``(B,)`` where none is in sight."""
    filled = fill_nodata(pixels)
    absent = ~np.isfinite(pixels).any(axis=(1, 2))
    if absent.any():
        filled[absent] = mean[absent, None, None]
    return filled


def trim(block: NDArray[np.float32], margin: int) -> NDArray[np.float32]:
    """Cut ``margin`` pixels off each side of ``(..., y, x)``."""
    return block if margin == 0 else block[..., margin:-margin, margin:-margin]
