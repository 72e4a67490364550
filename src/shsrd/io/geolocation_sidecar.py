"""Latitude and longitude beside a GeoTIFF or ENVI scene: ``<stem>_loc.tif``, as GDAL's geolocation arrays.

Neither format can hold them. A GeoTIFF names the file in its ``GEOLOCATION`` metadata, an ENVI image in GDAL's
``.aux.xml``; ``gdalwarp -geoloc`` finds it there. Reading follows only that one name, whatever else is written there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, unescape

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.windows import Window

from shsrd.cube import Geolocation, SceneError
from shsrd.io.block_buffer import Sink, Stored
from shsrd.io.compression import DEFAULT, is_tiff, tiff_options
from shsrd.io.container.cf import GEOLOCATION_FILL, filled
from shsrd.io.file_checks import aux_xml_path, geolocation_path, reading
from shsrd.io.gdal_names import GEOLOCATION
from shsrd.io.gdal_open import open_tiff
from shsrd.io.geotiff.write import check_complete, gdal_limits, tiled

_BANDS = ("longitude", "latitude")
_MAX_XML_BYTES = 2**20  # characters of an .aux.xml that are looked at
_NAMED = re.compile(r'<MDI key="X_DATASET">([^<]*)</MDI>')


def geolocation_tags(places: str) -> dict[str, str]:
    """GDAL's metadata that name the file with latitude and longitude, which lies beside the scene."""
    return {
        "X_DATASET": places,
        "X_BAND": "1",
        "Y_DATASET": places,
        "Y_BAND": "2",
        "X_DATASET_RELATIVE_TO_SOURCE": "YES",
        "Y_DATASET_RELATIVE_TO_SOURCE": "YES",
        "PIXEL_OFFSET": "0",
        "LINE_OFFSET": "0",
        "PIXEL_STEP": "1",
        "LINE_STEP": "1",
        "GEOREFERENCING_CONVENTION": "PIXEL_CENTER",
        "SRS": CRS.from_epsg(4326).to_wkt(),
    }


def write_aux(path: Path, tags: Mapping[str, str]) -> None:
    """Write GDAL's companion of an ENVI image with the tags of :func:`geolocation_tags`."""
    keys = (f'    <MDI key="{key}">{escape(text)}</MDI>' for key, text in tags.items())
    lines = ("<PAMDataset>", f'  <Metadata domain="{GEOLOCATION}">', *keys, "  </Metadata>", "</PAMDataset>", "")
    path.write_text("\n".join(lines), encoding="utf-8")


@dataclass(frozen=True)
class GeolocationSidecarSink:
    """A scene's file under construction, and that of its latitudes and longitudes, which is written last."""

    scene: Sink
    part: Path
    geolocation: Geolocation

    def put(self, stored: Stored, row: int, column: int) -> None:
        """Take a rectangle of stored numbers."""
        self.scene.put(stored, row, column)

    def finish(self) -> None:
        """Complete both."""
        self.scene.finish()
        write_geolocation(self.part, self.geolocation)

    def abort(self) -> None:
        """Let go of the scene's file."""
        self.scene.abort()


def write_geolocation(path: Path, geolocation: Geolocation) -> None:
    """Write longitude and latitude (degrees, float64) as the two bands of a GeoTIFF."""
    rows, columns = geolocation.shape
    profile = {"width": columns, "height": rows, "count": 2, "dtype": "float64", "nodata": GEOLOCATION_FILL}
    layout = tiled(rows, columns) | tiff_options(DEFAULT, "float64")
    with gdal_limits():
        with rasterio.open(path, "w", driver="GTiff", **profile, **layout) as d:
            d.descriptions = _BANDS
            for places, row, column in geolocation.squares():
                d.write(filled(places)[::-1], window=Window(column, row, places.shape[2], places.shape[1]))
        check_complete(path, overviews=0)


def find_geolocation_file(data: Path) -> Path | None:
    """The file with latitude and longitude of a GeoTIFF or ENVI image, if it is there and the image names it."""
    places = geolocation_path(data)
    if not places.is_file():
        return None
    if is_tiff(data):
        with closing(open_tiff(data)) as dataset:
            named = dataset.tags(ns=GEOLOCATION).get("X_DATASET")
    else:
        named = _named_in(aux_xml_path(data))
    return places if named == places.name else None


def _named_in(aux: Path) -> str | None:
    if not aux.is_file():
        return None
    with aux.open(encoding="utf-8", errors="replace") as file:
        found = _NAMED.search(file.read(_MAX_XML_BYTES))
    return None if found is None else unescape(found[1])


def open_geolocation_sidecar(data: Path, shape: tuple[int, int]) -> Geolocation | None:
    """Latitude and longitude of a GeoTIFF or ENVI image, read when asked for; None where it names no such file.

    Args:
        data: the image.
        shape: its ``(rows, columns)``.

    Raises:
        SceneError: the file that it names is none of the kind.
    """
    places = find_geolocation_file(data)
    if places is None:
        return None
    with reading(places, "GeoTIFF"), closing(open_tiff(places)) as dataset:
        if dataset.shape != shape or dataset.descriptions != _BANDS:
            raise SceneError(
                f"{places}: does not hold longitude and latitude of the {shape[0]} x {shape[1]} pixels of {data.name}; "
                "put the right file there or remove it"
            )
    return Geolocation(shape, _LatLonFile(places))


@dataclass(frozen=True)
class _LatLonFile:
    """A file of longitude and latitude, opened for each rectangle: nobody needs to close it."""

    path: Path

    def __call__(self, rows: slice, columns: slice) -> NDArray[np.float64]:
        window = Window.from_slices(rows, columns)
        with reading(self.path, "GeoTIFF"), closing(open_tiff(self.path)) as dataset:
            places = dataset.read([2, 1], window=window).astype(np.float64)
        places[:, (places == GEOLOCATION_FILL).any(axis=0)] = np.nan
        return np.asarray(places)
