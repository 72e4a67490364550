"""Interpolation of latitude and longitude: bilinear in degrees, linear beyond the outermost centres.

Pixel ``i`` of a grid whose pixels are ``step`` times as large lies at coordinate ``(i + 0.5) * step - 0.5`` of the grid
that is known: both have the same upper-left corner. Every place depends on the known ones within three pixels of it and
on nothing else, so rectangles of any size give the same numbers.

Longitudes of one cell are counted on from one of its corners, which is exact and right across the antimeridian; a scene
that holds a pole needs another method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_HALO = 2  # pixels beyond a cell that filling its corners looks at
_DIRECTIONS = tuple((down, across) for down in (-1, 0, 1) for across in (-1, 0, 1) if (down, across) != (0, 0))


def interpolate_geolocation(
    read: Callable[[slice, slice], NDArray[np.float64]],
    shape: tuple[int, int],
    step: float,
    rows: slice,
    columns: slice,
) -> NDArray[np.float64]:
    """Latitude and longitude of a rectangle of a finer or coarser grid.

    A pixel whose nearest known pixel is invalid (NaN) is invalid; beside a hole, the known side is extrapolated. A
    single row or column has no step: all pixels get its latitude and longitude.

    Args:
        read: gives what is known, ``(2, y, x)``, of a rectangle.
        shape: of the grid that is known.
        step: size of a wanted pixel, in known ones.
        rows: wanted; start and stop.
        columns: wanted; start and stop.

    Returns:
        float64 ``(2, y, x)``; longitudes within -180 and 180.
    """
    along = [_InterpolationAxis.of(part, step, extent) for part, extent in zip((rows, columns), shape, strict=True)]
    known = np.asarray(read(along[0].span, along[1].span), np.float64)
    invalid = np.asarray(~np.isfinite(known).all(axis=0))
    latlon = _bilinear(_extrapolate_holes(known, invalid) if invalid.any() else known, *along)
    latlon[:, invalid[np.ix_(along[0].nearest, along[1].nearest)]] = np.nan
    return latlon


@dataclass(frozen=True)
class _InterpolationAxis:
    """The wanted pixels along one axis.

    Attributes:
        first: the known pixel before each.
        share: of the way to the next known one; below 0 or above 1 outside the outermost centres.
        extent: known pixels.
    """

    first: NDArray[np.intp]
    share: NDArray[np.float64]
    extent: int

    @classmethod
    def of(cls, part: slice, step: float, extent: int) -> _InterpolationAxis:
        coordinates = (np.arange(part.start, part.stop) + 0.5) * step - 0.5
        first = np.clip(np.floor(coordinates).astype(np.intp), 0, max(extent - 2, 0))
        return cls(first, coordinates - first, extent)

    @property
    def span(self) -> slice:
        """Known pixels that the interpolation depends on."""
        return slice(max(int(self.first[0]) - _HALO, 0), min(int(self.first[-1]) + 2 + _HALO, self.extent))

    @property
    def ends(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The known pixels before and after each, counted from the beginning of the span."""
        start = self.span.start
        return self.first - start, np.minimum(self.first + 1, self.extent - 1) - start

    @property
    def nearest(self) -> NDArray[np.intp]:
        """Nearest known pixel."""
        before, after = self.ends
        return np.where(self.share >= 0.5, after, before)


def _bilinear(known: NDArray[np.float64], down: _InterpolationAxis, across: _InterpolationAxis) -> NDArray[np.float64]:
    """Interpolate between known pixels in the span of both axes."""
    corners = [[known[:, i][:, :, j] for j in across.ends] for i in down.ends]
    origin = corners[0][0]
    right, below, opposite = (_unwrap_longitude(c, origin) - origin for c in (corners[0][1], *corners[1]))
    v, u = down.share[:, None], across.share[None, :]
    latlon: NDArray[np.float64] = origin + u * right + v * below + u * v * (opposite - right - below)
    latlon[1] = _wrap_longitude(latlon[1])
    return latlon


def _unwrap_longitude(latlon: NDArray[np.float64], origin: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions whose longitudes differ from the origin's by less than half a turn; a copy where any must change."""
    turns = np.round((latlon[1] - origin[1]) / 360)
    if not turns[np.isfinite(turns)].any():
        return latlon
    return np.stack([latlon[0], latlon[1] - 360 * turns])


def _wrap_longitude(longitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Degrees as they are from -180 to 180, others brought there."""
    return np.where(np.abs(longitude) > 180, longitude - 360 * np.round(longitude / 360), longitude)


def _extrapolate_holes(known: NDArray[np.float64], invalid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Holes beside what is known, continued in a straight line: the mean over all sides that know two pixels in a row.

    Beside a single known pixel they get its place. Exact where latitude and longitude are linear.
    """
    interpolated = np.where(invalid, np.nan, known)
    near = [_shifted(interpolated, direction) for direction in _DIRECTIONS]
    far = [_shifted(latlon, direction) for latlon, direction in zip(near, _DIRECTIONS, strict=True)]
    straight = [2 * n - _unwrap_longitude(f, n) for n, f in zip(near, far, strict=True)]
    for sides in (straight, near):
        interpolated = np.where(invalid & ~np.isfinite(interpolated[0]), _mean(sides), interpolated)
    return interpolated


def _mean(sides: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Mean of the known positions, always added in the same order; NaN where there is none."""
    origin = sides[0]
    for latlon in sides[1:]:
        origin = np.where(np.isfinite(origin), origin, latlon)
    counted = [_unwrap_longitude(latlon, origin) for latlon in sides]
    count = np.sum([np.isfinite(latlon[0]) for latlon in counted], axis=0)
    total = sum(np.nan_to_num(latlon) for latlon in counted)
    mean: NDArray[np.float64] = np.divide(total, count, out=np.full_like(origin, np.nan), where=count > 0)
    return mean


def _shifted(latlon: NDArray[np.float64], direction: tuple[int, int]) -> NDArray[np.float64]:
    """The neighbours in one direction; beyond the edge there is nothing."""
    moved = np.full_like(latlon, np.nan)
    here, there = zip(*(_overlap(step) for step in direction), strict=True)
    moved[(slice(None), *here)] = latlon[(slice(None), *there)]
    return moved


def _overlap(step: int) -> tuple[slice, slice]:
    """Along one axis: pixels that have such a neighbour, and those neighbours."""
    if step == 0:
        return slice(None), slice(None)
    return (slice(None, -1), slice(1, None)) if step > 0 else (slice(1, None), slice(None, -1))
