"""Where a scene lies on the Earth: outline and bounding box in WGS 84, as GeoJSON wants them."""

from __future__ import annotations

import math
from typing import Any

from shsrd.cube import Facts

_STEPS = 20  # points along each edge, for the box: straight edges of a projection are bent in degrees
_WGS84 = "EPSG:4326"


def footprint(facts: Facts) -> tuple[dict[str, Any], list[float]] | None:
    """Outline (a geometry) and ``[west, south, east, north]`` of the scene's outer corners, in degrees.

    West is greater than east where the scene crosses the antimeridian, and the outline is then cut there (RFC 7946).

    Args:
        facts: of the scene.

    Returns:
        None where the scene has no place on a map, or one that has no degrees.
    """
    if facts.crs is None or facts.transform is None:
        return None
    from rasterio.errors import RasterioError
    from rasterio.warp import transform_geom

    try:
        corners, edge = (transform_geom(facts.crs, _WGS84, _outline(facts, steps)) for steps in (1, _STEPS))
    except RasterioError:
        return None
    points = [point for ring in _rings(edge) for point in ring]
    if not points or not all(math.isfinite(number) for point in points for number in point):
        return None
    return _rounded(corners), [round(value, 9) for value in _box(edge)]


def _outline(facts: Facts, steps: int) -> dict[str, Any]:
    """The scene's outer edge on its own map, counter-clockwise."""
    _, rows, columns = facts.shape
    transform = facts.transform
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
