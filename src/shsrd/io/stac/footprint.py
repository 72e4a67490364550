"""Footprint of a scene: outline and bounding box in WGS 84, as in GeoJSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Geolocation, SceneMetadata

_STEPS = 20  # points along each edge, for the box: straight edges of a projection are bent in degrees
_WGS84 = "EPSG:4326"
_METRES = 111_000.0  # of a degree on the sphere on which degrees are handed to GDAL as metres; any number does


def footprint(metadata: SceneMetadata) -> tuple[dict[str, Any], list[float]] | None:
    """Outline (a geometry) and ``[west, south, east, north]`` of the scene, in degrees.

    Of the outer corners where the scene lies on a map; along the centres of the outermost pixels that saw ground where
    it lies in the sensor's own grid. West is greater than east where the scene crosses the antimeridian, and the
    outline is then cut there (RFC 7946).

    Args:
        metadata: of the scene.

    Returns:
        None where the scene has no place on a map, or one that has no degrees.
    """
    if metadata.crs is not None and metadata.transform is not None:
        return _in_degrees(*_usual_degrees(metadata.crs, _outline(metadata, 1), _outline(metadata, _STEPS)))
    if metadata.geolocation is None:
        return None
    swath = _swath(metadata.geolocation)
    return None if swath is None else _in_degrees(*swath)


def _in_degrees(
    crs: str, outline: dict[str, Any], bent: dict[str, Any] | None = None
) -> tuple[dict[str, Any], list[float]] | None:
    """An outline and the box of the outline, or of the same with more points, of another coordinate system."""
    from rasterio.errors import RasterioError
    from rasterio.warp import transform_geom

    try:
        corners, edge = (transform_geom(crs, _WGS84, part) for part in (outline, bent or outline))
    except RasterioError:
        return None
    points = [point for ring in _rings(edge) for point in ring]
    if not points or not all(math.isfinite(number) for point in points for number in point):
        return None
    return _rounded(corners), [round(value, 9) for value in _box(edge)]


def _usual_degrees(
    crs: str, outline: dict[str, Any], bent: dict[str, Any]
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Outlines with longitudes of -180..180; those that count to 360, or cross the antimeridian, as metres."""
    from rasterio.crs import CRS

    if not CRS.from_wkt(crs).is_geographic:
        return crs, outline, bent
    longitudes = [point[0] for ring in _rings(bent) for point in ring]
    west, east = min(longitudes), max(longitudes)
    if west >= -180 and east <= 180:
        return crs, outline, bent
    turns = 360.0 * math.floor((west + 180) / 360)
    if east - turns <= 180:
        return crs, _moved(outline, turns, 1.0), _moved(bent, turns, 1.0)
    if east - west >= 360:  # all around the Earth
        turns = west + 180
        return crs, _moved(outline, turns, 1.0, most=180.0), _moved(bent, turns, 1.0, most=180.0)
    middle = (west + east) / 2
    plate = f"+proj=eqc +lon_0={middle!r} +R={_METRES * 180 / math.pi!r} +no_defs"
    return plate, _moved(outline, middle, _METRES), _moved(bent, middle, _METRES)


def _moved(shape: dict[str, Any], degrees: float, factor: float, *, most: float = math.inf) -> dict[str, Any]:
    """A polygon with longitudes less by ``degrees``, both coordinates times ``factor``."""
    rings = [[(min(x - degrees, most) * factor, y * factor) for x, y in ring] for ring in _rings(shape)]
    return {"type": "Polygon", "coordinates": rings}


def _outline(metadata: SceneMetadata, steps: int) -> dict[str, Any]:
    """The scene's outer edge on its own map, counter-clockwise."""
    _, rows, columns = metadata.shape
    transform = metadata.transform
    assert transform is not None  # footprint said so
    corners = [(0, 0), (0, rows), (columns, rows), (columns, 0)]  # counter-clockwise where north is up
    if transform.determinant > 0:
        corners.reverse()
    ring = []
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        for step in range(steps):
            share = step / steps
            ring.append(transform * (x0 + (x1 - x0) * share, y0 + (y1 - y0) * share))
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def _swath(geolocation: Geolocation) -> tuple[str, dict[str, Any]] | None:
    """The outline of a scene in the sensor's grid, in degrees counted from its middle (as metres of a plate carrée)."""
    known = np.concatenate([_along(geolocation, *edge) for edge in _edges(geolocation.shape)], axis=1)
    latitude, longitude = known[:, np.isfinite(known).all(axis=0)]
    if len(np.unique(np.stack([latitude, longitude]), axis=1).T) < 3:
        return None
    middle = float(longitude[0])
    east = (longitude - middle + 180) % 360 - 180
    area = np.sum(east * np.roll(latitude, -1) - np.roll(east, -1) * latitude)
    ring = np.stack([east, latitude], axis=1)[:: 1 if area > 0 else -1] * _METRES
    ring = np.concatenate([ring, ring[:1]])
    crs = f"+proj=eqc +lon_0={middle!r} +R={_METRES * 180 / math.pi!r} +no_defs"
    return crs, {"type": "Polygon", "coordinates": [ring.tolist()]}


def _edges(shape: tuple[int, int]) -> list[tuple[list[int], list[int]]]:
    """Rows and columns of points along the four edges, once around."""
    bottom, right = shape[0] - 1, shape[1] - 1
    down, across = ([round(end * n / _STEPS) for n in range(_STEPS)] for end in (bottom, right))
    return [
        (down, [0]),
        ([bottom], across),
        ([bottom - row for row in down], [right]),
        ([0], [right - column for column in across]),
    ]


def _along(geolocation: Geolocation, rows: list[int], columns: list[int]) -> NDArray[np.float64]:
    """Latitudes and longitudes ``(2, n)`` of points along one row or column."""
    spans = [slice(min(numbers), max(numbers) + 1) for numbers in (rows, columns)]
    table = geolocation.read(*spans)
    return table[:, np.array(rows) - spans[0].start, np.array(columns) - spans[1].start]


def _rings(geometry: dict[str, Any]) -> list[list[tuple[float, float]]]:
    """Outer rings of a polygon or of several."""
    shapes = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [[(float(point[0]), float(point[1])) for point in shape[0]] for shape in shapes if shape]


def _box(geometry: dict[str, Any]) -> tuple[float, float, float, float]:
    rings = _rings(geometry)
    points = [point for ring in rings for point in ring]
    south, north = min(y for _, y in points), max(y for _, y in points)
    eastern = [x for ring in rings for x, _ in ring if min(x for x, _ in ring) >= 0]
    western = [x for ring in rings for x, _ in ring if min(x for x, _ in ring) < 0]
    if len(rings) > 1 and eastern and western:  # cut at the antimeridian
        return min(eastern), south, max(western), north
    return min(x for x, _ in points), south, max(x for x, _ in points), north


def _rounded(geometry: dict[str, Any]) -> dict[str, Any]:
    """Degrees with nine decimals, a tenth of a millimetre."""

    def less(value: Any) -> Any:
        return [less(part) for part in value] if isinstance(value, (list, tuple)) else round(float(value), 9)

    return {"type": geometry["type"], "coordinates": less(geometry["coordinates"])}
