"""Latitude and longitude beside a GeoTIFF or ENVI scene: ``<stem>_loc.tif``, as GDAL's geolocation arrays.

Neither format can hold them. A GeoTIFF names the file in its ``GEOLOCATION`` metadata, an ENVI image in GDAL's
``.aux.xml``; ``gdalwarp -geoloc`` finds it there. Reading follows only that one name, whatever else is written there.
"""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import unescape

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from shsrd.cube import Geolocation, SceneError
from shsrd.io.encoding import GEOLOCATION_FILL
from shsrd.io.file_checks import aux_xml_path, geolocation_path, is_tiff, read_errors
from shsrd.io.gdal_open import GEOLOCATION, open_tiff

BANDS = ("longitude", "latitude")
_MAX_XML_BYTES = 2**20  # characters of an .aux.xml that are looked at
_NAMED = re.compile(r'<MDI key="X_DATASET">([^<]*)</MDI>')


def find_geolocation_file(data: Path) -> Path | None:
    """The file with latitude and longitude of a GeoTIFF or ENVI image, if it is there and the image names it."""
    sidecar = geolocation_path(data)
    if not sidecar.is_file():
        return None
    if is_tiff(data):
        with closing(open_tiff(data)) as dataset:
            named = dataset.tags(ns=GEOLOCATION).get("X_DATASET")
    else:
        named = _named_in(aux_xml_path(data))
    return sidecar if named == sidecar.name else None


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
    sidecar = find_geolocation_file(data)
    if sidecar is None:
        return None
    with read_errors(sidecar, "GeoTIFF"), closing(open_tiff(sidecar)) as dataset:
        if dataset.shape != shape or dataset.descriptions != BANDS:
            raise SceneError(
                f"{sidecar}: does not hold longitude and latitude of the {shape[0]} x {shape[1]} pixels of "
                f"{data.name}; put the right file there or remove it"
            )
    return Geolocation(shape, _LatLonFile(sidecar))


@dataclass(frozen=True)
class _LatLonFile:
    """A file of longitude and latitude, opened for each rectangle: nobody needs to close it."""

    path: Path

    def __call__(self, rows: slice, columns: slice) -> NDArray[np.float64]:
        window = Window.from_slices(rows, columns)
        with read_errors(self.path, "GeoTIFF"), closing(open_tiff(self.path)) as dataset:
            latlon = dataset.read([2, 1], window=window).astype(np.float64)
        latlon[:, (latlon == GEOLOCATION_FILL).any(axis=0)] = np.nan
        return np.asarray(latlon)
