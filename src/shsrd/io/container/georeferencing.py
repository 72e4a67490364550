"""Georeference of a scene in a container: coordinates first, a written transform if there are none or both agree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine

from shsrd.cube import SceneError
from shsrd.io.container.crs import crs_of_container, grid_mapping_of
from shsrd.io.container.group import Array, Container, base_name, normalize_name, parse_numbers, text_of
from shsrd.io.container.packing import unpacked_list
from shsrd.io.envi.map_info import transform_of, wkt_of

_METRES = {"m": 1.0, "meter": 1.0, "metre": 1.0, "km": 1e3, "kilometer": 1e3, "kilometre": 1e3, "cm": 0.01,
           "mm": 1e-3, "ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "ussurveyfoot": 1200 / 3937,
           "ussurveyfeet": 1200 / 3937, "usft": 1200 / 3937, "dm": 0.1, "mi": 1609.344}  # fmt: skip
_KILOMETRES = re.compile(r"(?:1000|1e\+?0?3|10\^3|10\*\*3|10\+?3) ?\*? ?(?:m|met(?:er|re)s?)", re.IGNORECASE)
_COORDINATES = {"y": ("y", "lat", "latitude", "northing"), "x": ("x", "lon", "longitude", "easting")}
_SAME = 0.01  # of a pixel: coordinates and a written transform say the same place
_EVEN = 1e-3  # of a step: coordinates are evenly spaced
_MAX_DEGREES = {"y": 90.0, "x": 540.0}


@dataclass(frozen=True)
class GridGeoreference:
    """Coordinate reference system (WKT) and transform of a scene, as far as they are known, and notes."""

    crs: str | None
    transform: Affine | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Axis:
    """A coordinate axis: centre of its first pixel, step (None for one pixel or uneven ones), count, unit, name."""

    name: str
    first: float
    step: float | None
    count: int
    unit: str
    even: bool
    degrees: bool
    rounding_error: float

    def scaled(self, factor: float) -> _Axis:
        step = None if self.step is None else self.step * factor
        return _Axis(
            self.name, self.first * factor, step, self.count, self.unit, self.even, False, self.rounding_error * factor
        )


def read_georeference(container: Container, scene: str, array: Array, order: tuple[int, int, int]) -> GridGeoreference:
    """Georeference of a scene.

    Args:
        container: the container.
        scene: path of the scene.
        array: the scene, with three axes.
        order: at which of its axes band, y and x lie.
    """
    notes: list[str] = []
    names = (array.dims[order[1]], array.dims[order[2]])
    mapping = grid_mapping_of(container, scene, names)
    crs = crs_of_container(container, scene, mapping, notes)
    y, x = (_axis(container, scene, array, *named, notes=notes) for named in zip("yx", order[1:], strict=True))
    written = _written(container, scene, mapping, (array.shape[order[1]], array.shape[order[2]]), notes)
    crs, y, x = _units(crs, y, x, mapping, notes)
    transform = _reconcile_transforms(y, x, written, notes)
    if transform is not None and crs is None and not any("CRS" in note for note in notes):
        notes.append(f"The place is known (origin {transform.c:.9g}, {transform.f:.9g}), its CRS is not.")
    return GridGeoreference(crs, transform, tuple(notes))


def _axis(container: Container, scene: str, array: Array, letter: str, place: int, *, notes: list[str]) -> _Axis | None:
    """The coordinates of an axis, or None where it has none, or they only count pixels."""
    path = _coordinate_path(container, scene, array, letter, place)
    if path is None:
        return None
    found = container.arrays[path]
    if found.dtype.kind not in "iuf":
        return None
    centres = unpacked_list(found).astype(np.float64).ravel()
    unit = _unit_name(found)
    standard = str(found.attribute("standard_name") or "").lower()
    degrees = unit.startswith("degree") or standard in ("latitude", "longitude") or _is_degrees_name(path)
    if not np.isfinite(centres).all():
        notes.append(f"{path} has values that are no numbers; it is left out.")
        return None
    steps = np.diff(centres)
    step = float((centres[-1] - centres[0]) / (centres.size - 1)) if centres.size > 1 else None
    if not unit and not standard and not degrees and step == 1 and (steps == 1).all() and centres[0] in (0, 0.5, 1):
        return None  # pixel numbers
    dust = _coordinate_rounding(found, centres)
    rounding_error = 0.0 if step is None else float(np.abs(steps - step).max())
    even = step is not None and step != 0 and rounding_error <= _EVEN * abs(step) + 2 * dust
    if step is not None and not even:
        notes.append(f"{path} is not evenly spaced; no transform can say it.")
    return _Axis(base_name(path), float(centres[0]), step if even else None, centres.size, unit, even, degrees, dust)


def _coordinate_path(container: Container, scene: str, array: Array, letter: str, place: int) -> str | None:
    """The array with the coordinates of an axis: named like it, or, of an axis without a name, like y or x."""
    dim, size = array.dims[place], array.shape[place]
    if dim is not None:
        path = dim if dim in container.arrays else container.related_array(scene, dim)
    else:
        path = container.nearest_array(scene, _COORDINATES[letter])
    return path if path is not None and _size(container.arrays[path]) == size else None


def _size(array: Array) -> int:
    return int(np.prod(array.shape, dtype=np.int64)) if len(array.shape) == 1 else -1


def _unit_name(array: Array) -> str:
    text = str(array.attribute("units", "unit") or "")
    if _KILOMETRES.fullmatch(text.strip()):
        return "km"
    plain = normalize_name(text)
    return plain[:-1] if plain.endswith("s") and len(plain) > 2 else plain


def _is_degrees_name(path: str) -> bool:
    return base_name(path) in ("lat", "latitude", "lon", "longitude")


def _coordinate_rounding(array: Array, centres: Any) -> float:
    """The rounding of coordinates in the type in which they are stored."""
    kind = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
    return float(np.abs(np.spacing(np.abs(centres).max().astype(kind))))


def _written(
    container: Container, scene: str, mapping: tuple[str, Array] | None, shape: tuple[int, int], notes: list[str]
) -> tuple[str, Affine] | None:
    """The transform that an attribute or a map info says, and where."""
    if mapping is not None:
        value = mapping[1].attribute("GeoTransform")
        if value is not None:
            return _geo_transform(value, f"GeoTransform of {mapping[0]}", notes)
    for attributes in (container.arrays[scene].attributes, container.attributes):
        found = _of_spatial_convention(attributes, shape, notes)
        if found is not None:
            return found
    own = container.arrays[scene].attribute("GeoTransform")
    if own is not None:
        return _geo_transform(own, "GeoTransform of the scene", notes)
    return _of_map_info(container, scene, notes)


def _of_spatial_convention(attributes: Any, shape: tuple[int, int], notes: list[str]) -> tuple[str, Affine] | None:
    """Transform of the Zarr convention ``spatial``, by ``spatial:transform`` or ``spatial:bbox``, and the key."""
    numbers = parse_numbers(attributes.get("spatial:transform"))
    if len(numbers) >= 6 and np.isfinite(numbers[:6]).all():
        found = _spatial(attributes, Affine(*numbers[:6]), shape, notes)
        if found is not None:
            return "spatial:transform", found
    numbers = parse_numbers(attributes.get("spatial:bbox"))
    if len(numbers) != 4 or not np.isfinite(numbers).all() or numbers[0] >= numbers[2] or numbers[1] >= numbers[3]:
        return None
    rows, columns = shape
    west, south, east, north = numbers
    return "spatial:bbox", Affine((east - west) / columns, 0, west, 0, (south - north) / rows, north)


def _of_map_info(container: Container, scene: str, notes: list[str]) -> tuple[str, Affine] | None:
    info = container.nearest_array(scene, ("map_info",))
    if info is None:
        return None
    text = text_of(container.arrays[info].read())
    try:
        return "map info", transform_of(text, source="")
    except SceneError:
        notes.append(f"Map info {text[:60]!r} cannot be read; it is left out.")
        return None


def _geo_transform(value: Any, name: str, notes: list[str]) -> tuple[str, Affine] | None:
    """Six numbers in GDAL's order; rasterio's order is known by where its zeros are."""
    numbers = parse_numbers(value)
    if len(numbers) not in (6, 9) or not np.isfinite(numbers).all():
        notes.append(f"{name} = {str(value)[:60]!r} cannot be read; it is left out.")
        return None
    turned = numbers[1] == 0 and numbers[3] == 0 and numbers[0] != 0 and numbers[4] != 0
    if turned or len(numbers) == 9:
        notes.append(f"{name} has its numbers in the order of an affine transform; they are read so.")
    encoded = Affine(*numbers[:6]) if turned or len(numbers) == 9 else Affine.from_gdal(*numbers)
    if encoded.determinant == 0:
        notes.append(f"{name} = {str(value)[:60]!r} has pixels without size; it is left out.")
        return None
    return name, encoded


def _spatial(attributes: Any, encoded: Affine, shape: tuple[int, int], notes: list[str]) -> Affine | None:
    """The transform of the Zarr convention ``spatial``, for pixels whose corner is the reference."""
    if encoded.c == encoded.e == 0 and encoded.b != 0 != encoded.f and encoded.b * encoded.f < 0:
        notes.append("spatial:transform has its numbers in GDAL's order; they are read so.")
        encoded = Affine.from_gdal(*encoded[:6])
    if encoded.determinant == 0:
        notes.append("spatial:transform has pixels without size; it is left out.")
        return None
    size = [int(n) for n in parse_numbers(attributes.get("spatial:shape"))][-2:]
    if size and tuple(size) != shape:
        notes.append(
            f"spatial:transform is of a grid of {size[0]} x {size[-1]} pixels, the scene has {shape[0]} x {shape[1]}."
        )
    if str(attributes.get("spatial:registration", "pixel")).lower() == "node":
        return encoded * Affine.translation(-0.5, -0.5)
    return encoded


def _units(
    crs: str | None, y: _Axis | None, x: _Axis | None, mapping: tuple[str, Array] | None, notes: list[str]
) -> tuple[str | None, _Axis | None, _Axis | None]:
    """Axes in the unit of the CRS; degrees on both axes are WGS 84 where nothing else is said."""
    if y is None or x is None:
        return crs, y, x
    degrees = y.degrees and x.degrees
    if degrees and not _can_be_degrees(y, x):
        notes.append(f"{y.name} and {x.name} are no degrees (from {y.first:g}, {x.first:g}), so the CRS is not known.")
        return crs, y, x
    if crs is None:
        if degrees and not (y.unit and x.unit):
            notes.append(f"{y.name} and {x.name} have no unit and no CRS; degrees of WGS 84 are assumed.")
        return (wkt_of("EPSG:4326", source="") if degrees else None), y, x
    return _units_of_crs(crs, y, x, mapping, notes)


def _can_be_degrees(y: _Axis, x: _Axis) -> bool:
    ends = {"y": y, "x": x}
    return all(
        abs(axis.first + (axis.step or 0) * place) <= _MAX_DEGREES[letter]
        for letter, axis in ends.items()
        for place in (0, axis.count - 1)
    )


def _units_of_crs(
    crs: str, y: _Axis, x: _Axis, mapping: tuple[str, Array] | None, notes: list[str]
) -> tuple[str | None, _Axis, _Axis]:
    from rasterio.crs import CRS

    known = CRS.from_wkt(crs)
    if known.is_projected and y.degrees and x.degrees:
        notes.append(f"{y.name} and {x.name} are degrees, but the CRS is projected; WGS 84 is used instead.")
        return wkt_of("EPSG:4326", source=""), y, x
    if known.is_geographic and y.unit in _METRES and x.unit in _METRES:
        notes.append(f"{y.name} and {x.name} are in {x.unit}, but the CRS is in degrees; the CRS is left out.")
        return None, y, x
    if not known.is_projected:
        return crs, y, x
    metres = float(known.linear_units_factor[1]) or 1.0
    _unknown_units((y, x), notes)
    return crs, y.scaled(_factor(y, mapping, metres)), x.scaled(_factor(x, mapping, metres))


def _factor(axis: _Axis, mapping: tuple[str, Array] | None, metres: float) -> float:
    """From the unit of an axis to that of a projected CRS."""
    if axis.unit in ("rad", "radian") and mapping is not None:
        height = parse_numbers(mapping[1].attributes.get("perspective_point_height"))
        return height[0] / metres if height else 1.0
    return _METRES[axis.unit] / metres if axis.unit in _METRES else 1.0


def _unknown_units(axes: Sequence[_Axis], notes: list[str]) -> None:
    """A note on units that are none of length: their numbers are taken as those of the CRS."""
    odd = sorted({axis.unit for axis in axes if axis.unit not in ("", *_METRES, "rad", "radian")})
    if odd:
        notes.append(f"Unit {', '.join(odd)[:40]!r} of {axes[0].name} and {axes[1].name} is not known; that of the CRS "
                     "is assumed.")  # fmt: skip


def _reconcile_transforms(
    y: _Axis | None, x: _Axis | None, written: tuple[str, Affine] | None, notes: list[str]
) -> Affine | None:
    """The transform of the coordinates; the written one is exact where both agree, and all there is without them."""
    if y is None or x is None or (y.count > 1 and y.step is None) or (x.count > 1 and x.step is None):
        return None if written is None else written[1]
    dx, dy = x.step, y.step
    if written is not None:
        dx = written[1].a or None if dx is None else dx
        dy = written[1].e or None if dy is None else dy
    if dx is None or dy is None:
        return None if written is None else written[1]
    shown = Affine(dx, 0.0, x.first - dx / 2, 0.0, dy, y.first - dy / 2)
    if written is None:
        return shown
    name, encoded = written
    if _same(encoded, shown, (y, x)):
        return encoded
    mirrored = encoded * Affine(1, 0, 0, 0, -1, y.count)
    if encoded.e < 0 < dy and _same(
        mirrored, shown, (y, x)
    ):  # GDAL writes rows from south to north and a transform from north to south
        return mirrored
    notes.append(
        f"{name} (origin {encoded.c:.10g}, {encoded.f:.10g}, pixel {encoded.a:.6g}, {encoded.e:.6g}) contradicts "
        f"the coordinates {x.name}, {y.name} (origin {shown.c:.10g}, {shown.f:.10g}, pixel {dx:.6g}, {dy:.6g}); "
        "the coordinates are used."
    )
    return shown


def _same(encoded: Affine, shown: Affine, axes: tuple[_Axis, _Axis]) -> bool:
    """Return True if two transforms give the corners of a grid the same map coordinates."""
    y, x = axes
    near = [_SAME * abs(shown.a) + 2 * x.rounding_error, _SAME * abs(shown.e) + 2 * y.rounding_error]
    corners = [(0, 0), (x.count, y.count), (x.count, 0)]
    return all(
        abs(a - b) <= limit
        for corner in corners
        for a, b, limit in zip(encoded * corner, shown * corner, near, strict=True)
    )
