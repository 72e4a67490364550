"""Scenes in the sensor's own grid: rows and columns are lines and samples, and tables say where each pixel lies.

Two header keys travel with the scene and tell where the input has them. Latitude and longitude travel as the scene's
geolocation and become those of the finer grid by interpolation, because both grids have the same outer corners; lookup
tables of the orthorectified grid stay in the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # training needs the names of header keys but no libraries of files
    from shsrd.io.container.group import Container

GRID, TABLES = "grid", "geolocation"
_LOOKUP = {"glt_x", "glt_y"}
LATITUDES, LONGITUDES = ("lat", "latitude"), ("lon", "longitude")


def swath_headers(tables: Sequence[str], path: Path, rows: int, columns: int) -> dict[str, str]:
    """Header keys of a scene that is not orthorectified.

    Args:
        tables: paths of latitude, longitude and lookup tables inside the file.
        path: the file.
        rows: of the grid that the tables speak of; it stays true for a finer scene.
        columns: of the same grid.
    """
    keys = {GRID: "sensor (not orthorectified)"}
    listed = ", ".join(sorted(table.strip("/") for table in tables))
    return keys | ({TABLES: f"{listed} in {path.name}, for its {rows} x {columns} pixels"} if tables else {})


def geolocation_tables(container: Container, rows: int, columns: int) -> list[str]:
    """Latitude and longitude of every pixel of a grid, and lookup tables of the orthorectified one, in a container."""
    last = {path: path.rpartition("/")[2].lower() for path in container.arrays}
    places = [
        p
        for p, name in last.items()
        if name in {*LATITUDES, *LONGITUDES} and container.arrays[p].shape == (rows, columns)
    ]
    lookup = [p for p, name in last.items() if name in _LOOKUP and len(container.arrays[p].shape) == 2]
    return places + lookup if places or len(lookup) == 2 else []
