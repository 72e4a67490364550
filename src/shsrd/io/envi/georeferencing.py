"""Georeference of an ENVI header: ``affine transform``, ``map info``, CRS, ``geo points``, ``rpc info``; both ways."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from affine import Affine
from rasterio.crs import CRS

from shsrd.cube import ControlPoints, RationalPolynomials, SceneError
from shsrd.io.envi.crs import conflicting_crs, crs_of, named_crs
from shsrd.io.envi.header import items, numbers_of, strip_braces
from shsrd.io.envi.map_info import is_rotated_180, transform_of

_OFFSETS = ("LINE_OFF", "SAMP_OFF", "LAT_OFF", "LONG_OFF", "HEIGHT_OFF")
_SCALES = ("LINE_SCALE", "SAMP_SCALE", "LAT_SCALE", "LONG_SCALE", "HEIGHT_SCALE")
_COEFFICIENTS = ("LINE_NUM_COEFF", "LINE_DEN_COEFF", "SAMP_NUM_COEFF", "SAMP_DEN_COEFF")
_RPC_NUMBERS = 90  # then row and column of the tile in the whole image, and a flag
_MAX_POINTS = 10_000


@dataclass(frozen=True)
class Georeference:
    """Georeference of a scene as its header has it.

    Attributes:
        crs: WKT, or None.
        transform: pixel to map, or None.
        control_points: of ``geo points``, where there is no transform.
        rpc: of ``rpc info``.
        notes: what was guessed, dropped or contradicted.
        unused: header keys that were not understood, and stay as text.
    """

    crs: str | None = None
    transform: Affine | None = None
    control_points: ControlPoints | None = None
    rpc: RationalPolynomials | None = None
    notes: tuple[str, ...] = ()
    unused: frozenset[str] = frozenset()


def read_georeference(values: dict[str, str]) -> Georeference:
    """Georeference by header keys; our own ``affine transform`` comes before ``map info``, which excludes shear."""
    notes, unused = list[str](), set[str]()
    transform = _transform(values, notes)
    crs = _crs(values, transform, notes)
    points = _points(values, notes, unused)
    if points is not None and transform is not None:
        notes.append(f"'geo points' ({len(points.pixels)} points) is not used: the scene has 'map info' as well.")
        points = None
        unused.add("geo points")
    return Georeference(crs, transform, points, _polynomials(values, notes, unused), tuple(notes), frozenset(unused))


def _transform(values: dict[str, str], notes: list[str]) -> Affine | None:
    exact, info = values.get("affine transform"), values.get("map info") or ""
    if exact:
        numbers = numbers_of(items(exact))
        if numbers is not None and len(numbers) == 6 and _invertible(Affine(*numbers)):
            return Affine(*numbers)
        notes.append(f"'affine transform' {exact[:60]!r} is not used: it needs six numbers of a grid that has an area.")
    if not items(info):
        return None
    try:
        transform = transform_of(info, source="")
    except SceneError:
        notes.append(f"'map info' {info[:60]!r} is not used: it needs a name and six numbers.")
        return None
    if not _invertible(transform):
        notes.append(f"'map info' {info[:60]!r} is not used: its numbers make no grid with an area.")
        return None
    if is_rotated_180(info):
        notes.append("'map info' has rotation=180: taken for rows from south to north, as GDAL writes and reads it.")
    return transform


def _invertible(transform: Affine) -> bool:
    return bool(np.isfinite(transform[:6]).all() and transform.determinant != 0)


def _crs(values: dict[str, str], transform: Affine | None, notes: list[str]) -> str | None:
    """``coordinate system string``, else what ``map info`` and ``projection info`` name."""
    text, info = strip_braces(values.get("coordinate system string") or ""), values.get("map info") or ""
    written = named_crs(text) if text else None
    if text and written is None:
        notes.append(f"'coordinate system string' {text[:60]!r} cannot be read; it is left out.")
    if written is not None:
        against = conflicting_crs(written, info) if items(info) else None
        if against is not None:
            notes.append(f"'map info' names {against}, 'coordinate system string' another system; the latter is used.")
        return written
    if transform is None or not items(info):
        return None
    crs, note = crs_of(info, values.get("projection info") or "")
    if note is not None:
        notes.append(note)
    return crs


def _points(values: dict[str, str], notes: list[str], unused: set[str]) -> ControlPoints | None:
    """``geo points``: column, row (1 is the outer edge of the first pixel), latitude, longitude, and so on."""
    text = values.get("geo points")
    if not text or not items(text):
        return None
    numbers = numbers_of(items(text))
    if numbers is None or len(numbers) % 4 or len(numbers) > 4 * _MAX_POINTS or not np.isfinite(numbers).all():
        notes.append("'geo points' is not used: it needs column, row, latitude and longitude of each point.")
        unused.add("geo points")
        return None
    table = np.array(numbers, np.float64).reshape(-1, 4)
    ground = np.column_stack([table[:, 3], table[:, 2], np.zeros(len(table))])
    return ControlPoints(table[:, :2] - 1, ground, str(CRS.from_epsg(4326).to_wkt()))


def geo_points_text(points: ControlPoints) -> list[str] | None:
    """Items of ``geo points``; None where the place of the points in degrees is not known."""
    from rasterio.warp import transform

    if points.crs is None:
        return None
    longitudes, latitudes = transform(CRS.from_wkt(points.crs), CRS.from_epsg(4326), *points.ground[:, :2].T.tolist())
    pairs = zip((points.pixels + 1).tolist(), latitudes, longitudes, strict=True)
    return [repr(float(number)) for (column, row), y, x in pairs for number in (column, row, y, x)]


def _polynomials(values: dict[str, str], notes: list[str], unused: set[str]) -> RationalPolynomials | None:
    text = values.get("rpc info")
    if not text or not items(text):
        return None
    numbers = numbers_of(items(text))
    if numbers is None or len(numbers) < _RPC_NUMBERS or not np.isfinite(numbers).all():
        notes.append(f"'rpc info' is not used: it needs {_RPC_NUMBERS} numbers.")
        unused.add("rpc info")
        return None
    tile = numbers[_RPC_NUMBERS : _RPC_NUMBERS + 2]
    if any(tile):
        notes.append(f"'rpc info' is that of a larger image; its tile offset {tile} (row, column) is taken off.")
    numbers = [number - shift for number, shift in zip(numbers, [*tile, 0, 0][:2], strict=False)] + numbers[2:]
    coefficients = dict(zip((*_OFFSETS, *_SCALES), map(_text, numbers), strict=False))
    for at, name in enumerate(_COEFFICIENTS):
        coefficients[name] = " ".join(map(_text, numbers[10 + 20 * at : 30 + 20 * at]))
    return RationalPolynomials(coefficients)


def _text(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def rpc_info_text(rpc: RationalPolynomials) -> list[str] | None:
    """Items of ``rpc info``; None where a coefficient is missing."""
    try:
        parts = [rpc.values[name] for name in (*_OFFSETS, *_SCALES)]
        parts += [text for name in _COEFFICIENTS for text in rpc.values[name].split()]
    except KeyError:
        return None
    return _plain_numbers([*parts, "0", "0", "0"])


def _plain_numbers(parts: Iterable[str]) -> list[str] | None:
    texts = [part.split()[0] if part.split() else "" for part in parts]  # some writers add units
    return texts if numbers_of(texts) is not None and len(texts) == _RPC_NUMBERS + 3 else None
