"""Geolocation of swaths: latitude and longitude in degrees of every pixel, read by rectangles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube.geolocation_interp import interpolate_geolocation

if TYPE_CHECKING:  # training needs cubes but no georeference
    from affine import Affine

LatLonReader = Callable[[slice, slice], NDArray[np.float64]]
_SIDE = 512  # pixels of a square: reading one at a time, memory grows with neither width nor height


@dataclass(frozen=True, eq=False)
class GeographicLookupTable:
    """A table of the orthorectified grid that tells which pixel of the sensor's grid lies there.

    Attributes:
        shape: ``(rows, columns)`` of the orthorectified grid.
        read: integers ``(2, y, x)`` of a rectangle: column (``glt_x``) and row (``glt_y``) in the numbering of the file
            that the table comes from (EMIT counts from 1, and 0 is nothing).
        crs: of the orthorectified grid as WKT, or None where the file does not say.
        transform: its pixel to map coordinates, or None.
    """

    shape: tuple[int, int]
    read: Callable[[slice, slice], NDArray[np.integer]] = field(repr=False)
    crs: str | None = None
    transform: Affine | None = None

    def loaded(self) -> GeographicLookupTable:
        """Copy with the table in memory."""
        if isinstance(self.read, _InMemoryTables):
            return self
        rows, columns = self.shape
        return replace(self, read=_InMemoryTables(self.read(slice(0, rows), slice(0, columns))))


@dataclass(frozen=True, eq=False)
class Geolocation:
    """Latitude and longitude of every pixel centre.

    Attributes:
        shape: ``(rows, columns)`` of the scene.
        read: float64 ``(2, y, x)`` of a rectangle, given by start and stop: latitude and longitude in degrees (WGS 84),
            NaN where the sensor saw no ground.
        glt: the table of the file that the scene comes from, where it has one; a finer scene has none.
    """

    shape: tuple[int, int]
    read: LatLonReader = field(repr=False)
    glt: GeographicLookupTable | None = None

    @classmethod
    def of(cls, latitude: NDArray[np.floating], longitude: NDArray[np.floating]) -> Geolocation:
        """Geolocation from two tables ``(y, x)`` in degrees; a pixel is invalid if either is NaN.

        Raises:
            ValueError: tables of different shapes, or not of two axes.
        """
        if latitude.ndim != 2 or latitude.shape != longitude.shape:
            raise ValueError(f"latitude {latitude.shape} and longitude {longitude.shape} are no tables of one grid")
        both = np.stack([latitude, longitude]).astype(np.float64)
        both[:, ~np.isfinite(both).all(axis=0)] = np.nan
        return cls((both.shape[1], both.shape[2]), _InMemoryTables(both))

    def read_all(self) -> NDArray[np.float64]:
        """Latitudes and longitudes of all pixels, ``(2, y, x)``."""
        latlon = np.empty((2, *self.shape))
        for square, row, column in self.blocks():
            latlon[:, row : row + square.shape[1], column : column + square.shape[2]] = square
        return latlon

    def blocks(self) -> Iterator[tuple[NDArray[np.float64], int, int]]:
        """Latitudes and longitudes ``(2, y, x)`` block by block, row by row, with their offsets."""
        rows, columns = self.shape
        for top in range(0, rows, _SIDE):
            for left in range(0, columns, _SIDE):
                yield self.read(slice(top, min(top + _SIDE, rows)), slice(left, min(left + _SIDE, columns))), top, left

    def loaded(self) -> Geolocation:
        """Copy with all tables in memory, so that the file can be closed."""
        if isinstance(self.read, _InMemoryTables):
            return self
        glt = None if self.glt is None else self.glt.loaded()
        return replace(self, read=_InMemoryTables(self.read_all()), glt=glt)

    def finer(self, scale: int) -> Geolocation:
        """Geolocation of the grid ``scale`` times finer with the same outer corners, interpolated when read."""
        rows, columns = self.shape
        return Geolocation(
            (rows * scale, columns * scale), partial(interpolate_geolocation, self.read, self.shape, 1 / scale)
        )

    def coarser(self, scale: int) -> Geolocation:
        """Geolocation of the grid ``scale`` times coarser with the same upper-left corner; left-over pixels are cut."""
        rows, columns = self.shape
        shape = (rows // scale, columns // scale)
        return Geolocation(shape, partial(interpolate_geolocation, self.read, self.shape, float(scale)))

    def subset(self, rows: slice, columns: slice) -> Geolocation:
        """Geolocation of a rectangle, given by start and stop."""
        return Geolocation(
            (rows.stop - rows.start, columns.stop - columns.start), _SubsetReader(self.read, rows, columns)
        )


@dataclass(frozen=True, eq=False)
class _SubsetReader:
    """Latitudes and longitudes of a rectangle of a larger grid."""

    read: LatLonReader
    rows: slice
    columns: slice

    def __call__(self, rows: slice, columns: slice) -> NDArray[np.float64]:
        top, left = self.rows.start, self.columns.start
        return self.read(slice(top + rows.start, top + rows.stop), slice(left + columns.start, left + columns.stop))


@dataclass(frozen=True, eq=False)
class _InMemoryTables:
    """Two tables in memory, ``(2, y, x)``."""

    tables: NDArray[Any]

    def __call__(self, rows: slice, columns: slice) -> NDArray[Any]:
        return self.tables[:, rows, columns]
