"""Writing latitude and longitude beside a GeoTIFF or ENVI scene; see :mod:`shsrd.io.geolocation_sidecar`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import rasterio
from rasterio.crs import CRS
from rasterio.windows import Window

from shsrd.cube import Geolocation
from shsrd.io.block_buffer import Sink, Stored
from shsrd.io.compression import DEFAULT, tiff_options
from shsrd.io.encoding import GEOLOCATION_FILL, fill_invalid
from shsrd.io.gdal_open import GEOLOCATION
from shsrd.io.geolocation_sidecar import BANDS
from shsrd.io.geotiff.write import check_complete, gdal_limits, tile_options


def geolocation_tags(sidecar_name: str) -> dict[str, str]:
    """GDAL's metadata that name the file with latitude and longitude, which lies beside the scene."""
    return {
        "X_DATASET": sidecar_name,
        "X_BAND": "1",
        "Y_DATASET": sidecar_name,
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

    def write_block(self, stored: Stored, row: int, column: int) -> None:
        """Take a rectangle of stored numbers."""
        self.scene.write_block(stored, row, column)

    def finish(self) -> None:
        """Complete both."""
        self.scene.finish()
        write_geolocation(self.part, self.geolocation)

    def abort(self) -> None:
        """Close the scene's file."""
        self.scene.abort()


def write_geolocation(path: Path, geolocation: Geolocation) -> None:
    """Write longitude and latitude (degrees, float64) as the two bands of a GeoTIFF."""
    rows, columns = geolocation.shape
    profile = {"width": columns, "height": rows, "count": 2, "dtype": "float64", "nodata": GEOLOCATION_FILL}
    layout = tile_options(rows, columns) | tiff_options(DEFAULT, "float64")
    with gdal_limits():
        with rasterio.open(path, "w", driver="GTiff", **profile, **layout) as d:
            d.descriptions = BANDS
            for latlon, row, column in geolocation.blocks():
                d.write(fill_invalid(latlon)[::-1], window=Window(column, row, latlon.shape[2], latlon.shape[1]))
        check_complete(path, overviews=0)
