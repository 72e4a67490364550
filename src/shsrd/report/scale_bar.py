"""Ground sample distance, and the length of a scale bar."""

from __future__ import annotations

import math

import numpy as np

from shsrd.cube import SceneMetadata

_METRES_PER_DEGREE = 111_195.0  # metres along a meridian of a sphere of 6371 km


def ground_sample_distance_m(metadata: SceneMetadata) -> float | None:
    """Width of the pixel in the middle of a scene, in metres; None without georeferencing."""
    if metadata.geolocation is not None:
        return _center_distance_m(metadata)
    if metadata.transform is None or metadata.crs is None:
        return None
    from rasterio.crs import CRS

    crs, transform = CRS.from_wkt(metadata.crs), metadata.transform
    if crs.is_projected:
        return math.hypot(transform.a, transform.d) * float(crs.linear_units_factor[1])
    if not crs.is_geographic:
        return None
    _, rows, columns = metadata.shape
    _, latitude = transform * (columns / 2, rows / 2)
    return math.hypot(transform.a * math.cos(math.radians(latitude)), transform.d) * _METRES_PER_DEGREE


def _center_distance_m(metadata: SceneMetadata) -> float | None:
    """Distance between the centres of two neighbouring pixels of a row, from their latitudes and longitudes."""
    _, rows, columns = metadata.shape
    assert metadata.geolocation is not None  # checked by the caller
    if columns < 2:
        return None
    row, column = rows // 2, (columns - 1) // 2
    latitude, longitude = metadata.geolocation.read(slice(row, row + 1), slice(column, column + 2))
    east = (np.diff(longitude[0])[0] + 180) % 360 - 180
    width = math.hypot(east * math.cos(math.radians(latitude[0, 0])), np.diff(latitude[0])[0]) * _METRES_PER_DEGREE
    return width if math.isfinite(width) and width > 0 else None


def scale_bar_m(width_m: float, *, share: float = 0.3) -> float:
    """Longest of 1, 2, 5, 10, 20, 50 … metres within a share of the width of a picture."""
    most = width_m * share
    power = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in (1, 2, 5) if step * power <= most)


def format_length(metres: float) -> str:
    """Text of a length, such as ``20 m``, ``5 km`` or ``10 cm``."""
    if metres >= 1000:
        return f"{metres / 1000:g} km"
    return f"{metres:g} m" if metres >= 1 else f"{metres * 100:g} cm"
