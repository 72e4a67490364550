"""Latitude, longitude and lookup tables in containers (HDF5, NetCDF, Zarr), read when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from shsrd.cube import GeographicLookupTable, Geolocation, SceneError, SceneMetadata
from shsrd.io.container.group import HEADERS, Array, Container
from shsrd.io.container.swath import LATITUDES, LONGITUDES, geolocation_tables, swath_headers
from shsrd.io.envi.map_info import is_wkt
from shsrd.io.file_checks import read_errors

_MAX_DEGREES = (90.0, 360.0)  # degrees; fill values that no attribute names are far beyond


def with_geolocation(metadata: SceneMetadata, container: Container, path: Path) -> SceneMetadata:
    """Metadata of a scene with the latitudes and longitudes of its container, if it has no transform.

    Args:
        metadata: of the scene.
        container: all arrays of its file.
        path: the file.

    Raises:
        SceneError: tables whose numbers cannot be in the file.
    """
    if metadata.transform is not None:
        return metadata
    tables = geolocation_tables(container, *metadata.shape[1:])
    if not tables:
        return metadata
    ours = HEADERS in container.attributes  # then the keys are those of the file that the scene came from
    header = {} if ours else swath_headers(tables, path, *metadata.shape[1:])
    places = geolocation_of(_pair(container, tables), path, glt=_lookup_table(container, tables, path))
    return metadata.replace(headers=dict(metadata.headers) | header, geolocation=places)


def geolocation_of(
    pair: tuple[Array, Array] | None,
    path: Path,
    *,
    glt: GeographicLookupTable | None = None,
    shape: tuple[int, int] | None = None,
) -> Geolocation | None:
    """The geolocation that two tables of a file are.

    Args:
        pair: latitude and longitude ``(y, x)`` in degrees, or None where the file has not both.
        path: the file, for messages.
        glt: table of the orthorectified grid.
        shape: of the scene; tables of another shape are none of its.

    Returns:
        None without such tables.

    Raises:
        SceneError: tables that hold no real numbers, or more than can be in the file.
    """
    if pair is None or pair[0].shape != pair[1].shape or (shape is not None and pair[0].shape != shape):
        return None
    for table in pair:
        table.check()
        if table.dtype.kind not in "iuf":
            raise SceneError(f"{path}: latitude and longitude are {table.dtype}, no numbers; copy the file again")
    rows, columns = pair[0].shape
    return Geolocation((rows, columns), _Tables(pair, path), glt)


def _pair(container: Container, tables: list[str]) -> tuple[Array, Array] | None:
    """Latitude, and the longitude beside it."""
    by_place = {(path.rpartition("/")[0], path.rpartition("/")[2].lower()): container.arrays[path] for path in tables}
    for (folder, name), latitude in by_place.items():
        if name in LATITUDES:
            longitude = by_place.get((folder, LONGITUDES[LATITUDES.index(name)]))
            if longitude is not None:
                return latitude, longitude
    return None


def _lookup_table(container: Container, tables: list[str], path: Path) -> GeographicLookupTable | None:
    """``glt_x`` and ``glt_y``; the place of their grid is in the attributes of the file."""
    found = {table.rpartition("/")[2].lower(): container.arrays[table] for table in tables}
    if not {"glt_x", "glt_y"} <= found.keys() or found["glt_x"].shape != found["glt_y"].shape:
        return None
    pair = found["glt_x"], found["glt_y"]
    if any(table.dtype.kind not in "iu" for table in pair):
        return None
    for table in pair:
        table.check()
    rows, columns = pair[0].shape
    numbers, wkt = np.ravel(container.attributes.get("geotransform", ())), container.attributes.get("spatial_ref")
    crs = wkt if isinstance(wkt, str) and is_wkt(wkt) else None
    transform = Affine.from_gdal(*map(float, numbers)) if numbers.size == 6 else None
    return GeographicLookupTable((rows, columns), _Numbers(pair, path), crs, transform)


@dataclass(frozen=True)
class _Tables:
    """Reader of latitude and longitude in degrees; invalid numbers are NaN."""

    pair: tuple[Array, Array]
    path: Path

    def __call__(self, rows: slice, columns: slice) -> NDArray[np.float64]:
        """Latitude and longitude ``(2, y, x)`` of a rectangle."""
        places = np.stack([_degrees(table, self.path, (rows, columns)) for table in self.pair])
        with np.errstate(invalid="ignore"):
            invalid = ~(np.abs(places) <= np.reshape(_MAX_DEGREES, (2, 1, 1))).all(axis=0)
        places[:, invalid] = np.nan
        return places


@dataclass(frozen=True)
class _Numbers:
    """Column and row in the sensor's grid, as they are in the file."""

    pair: tuple[Array, Array]
    path: Path

    def __call__(self, rows: slice, columns: slice) -> NDArray[np.integer]:
        """Numbers ``(2, y, x)`` of a rectangle."""
        with read_errors(self.path, "lookup table"):
            return np.stack([table.read_block((rows, columns)) for table in self.pair])


def _degrees(table: Array, path: Path, key: tuple[slice, slice]) -> NDArray[np.float64]:
    """Numbers of a table, unpacked (CF) where they are packed."""
    with read_errors(path, "geolocation"):
        stored = np.asarray(table.read_block(key))
        degrees = stored.astype(np.float64)
        number = _number(table.attributes)
        if number("scale_factor", 1.0) != 1 or number("add_offset", 0.0) != 0:
            degrees = degrees * number("scale_factor", 1.0) + number("add_offset", 0.0)
        for fill in ("_FillValue", "missing_value"):
            if fill in table.attributes:
                degrees[stored == np.array(number(fill, np.nan)).astype(stored.dtype)] = np.nan
    return degrees


def _number(attributes: Any) -> Callable[[str, float], float]:
    return lambda key, otherwise: float(attributes.get(key, otherwise))
