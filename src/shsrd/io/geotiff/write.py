"""Writing GeoTIFF that QGIS, EnMAP-Box and GDAL understand: tiles, band tags, IMAGERY, overviews."""

from __future__ import annotations

import errno
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.env import get_gdal_config, set_gdal_config
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from shsrd.cube import SceneError, SceneMetadata
from shsrd.io.block_buffer import BlockBuffer
from shsrd.io.compression import DEFAULT, OVERVIEW_LEVELS, Compression, threads, tiff_options
from shsrd.io.gdal_open import GEOLOCATION, HEADERS_TAG, NAMESPACE, band_descriptions
from shsrd.io.geotiff.display import Statistics, color_interpretation
from shsrd.io.geotiff.georeferencing import write_georeference
from shsrd.io.wavelengths import micrometres_text

TILE = 256
_CACHE = 2**28  # bytes
_OVERVIEWS_BEYOND = 1023  # smaller scenes draw fast enough without
_KINDS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class GeotiffSink:
    """A tiled, band-interleaved GeoTIFF; overviews come last.

    Header keys of the source travel as JSON in the ``SHSRD`` metadata domain and come back on reading.

    Args:
        part: the file.
        metadata: of the scene.
        compress: how blocks are compressed.
        for_cog: whether GDAL will copy it to a cloud optimised one, which has overviews down to one block, and
            which loses metadata domains of ours.
        geolocation_tags: GDAL's metadata that name a file with latitude and longitude; empty where there is none.
    """

    def __init__(
        self,
        part: Path,
        metadata: SceneMetadata,
        *,
        compress: Compression = DEFAULT,
        for_cog: bool = False,
        geolocation_tags: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._part = part
        self._factors = overview_factors(metadata, longer_than=TILE if for_cog else _OVERVIEWS_BEYOND)
        with gdal_limits():
            self._dataset = rasterio.open(part, "w", **_profile(metadata, compress))
            _write_tags(self._dataset, metadata)
            write_georeference(self._dataset, metadata)
            if geolocation_tags:
                self._dataset.update_tags(ns=GEOLOCATION, **geolocation_tags)
            if for_cog and metadata.headers:
                self._dataset.update_tags(**{HEADERS_TAG: json.dumps(dict(metadata.headers))})
        # tags come before pixels, so that they lie at the head of the file
        self._statistics = Statistics(metadata.shape[0], metadata.storage.nodata)
        self._squares = BlockBuffer(metadata.shape, metadata.storage.dtype, self._write)

    def write_block(self, stored: NDArray[np.generic], row: int, column: int) -> None:
        """Take a rectangle of stored numbers."""
        self._squares.write_block(stored, row, column)

    def _write(self, square: NDArray[np.generic], row: int, column: int) -> None:
        _, height, width = square.shape
        window = Window(column, row, width, height)
        self._statistics.add(square)
        with gdal_limits():
            for band, numbers in enumerate(square, start=1):
                self._dataset.write(numbers, band, window=window)

    def finish(self) -> None:
        """Add statistics, close the file, add overviews, and make sure that every block has arrived."""
        with gdal_limits():
            for band in self._dataset.indexes:
                self._dataset.update_tags(band, **self._statistics.tags(band - 1))
            self._dataset.close()
            _build_overviews(self._part, self._factors)
            check_complete(self._part, overviews=len(self._factors))

    def abort(self) -> None:
        """Close the file."""
        with gdal_limits():
            self._dataset.close()


@contextmanager
def gdal_limits() -> Iterator[None]:
    """GDAL with a small block cache, so that memory does not grow with the scene, and one thread.

    Files that are written have threads of their own for compression.
    The cache belongs to the whole process and gets its size back afterwards.
    """
    size = get_gdal_config("GDAL_CACHEMAX")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            with rasterio.Env(GDAL_CACHEMAX=_CACHE, GDAL_NUM_THREADS=1, **OVERVIEW_LEVELS):
                yield
        finally:
            set_gdal_config("GDAL_CACHEMAX", size)


def check_geotiff(metadata: SceneMetadata) -> None:
    """Check that GeoTIFF can hold a scene.

    Raises:
        SceneError: a stored type that GeoTIFF does not know.
    """
    if metadata.storage.dtype not in _KINDS:
        kinds = ", ".join(_KINDS)
        raise SceneError(f"{metadata.source}: GeoTIFF cannot store {metadata.storage.dtype}; choose one of {kinds}")


def _profile(metadata: SceneMetadata, compress: Compression) -> dict[str, Any]:
    bands, rows, columns = metadata.shape
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "width": columns,
        "height": rows,
        "count": bands,
        "dtype": metadata.storage.dtype,
        "photometric": "MINISBLACK",  # of three or four bands of bytes GDAL would make RGB and alpha
        "crs": None if metadata.crs is None else CRS.from_wkt(metadata.crs),
        "nodata": metadata.storage.nodata,
        "num_threads": threads(),
        **tile_options(rows, columns),
        **tiff_options(compress, metadata.storage.dtype),
    }
    if metadata.transform is not None:
        profile["transform"] = Affine(*metadata.transform[:6])
    return profile


def tile_options(rows: int, columns: int) -> dict[str, Any]:
    """Creation options of square tiles, band after band."""
    side = min(TILE, -(-max(rows, columns) // 16) * 16)
    return {"tiled": True, "blockxsize": side, "blockysize": side, "interleave": "band", "bigtiff": "IF_SAFER"}


def _write_tags(dataset: Any, metadata: SceneMetadata) -> None:
    if metadata.storage.scale != 1 or metadata.storage.offset != 0:
        dataset.scales = (metadata.storage.scale,) * dataset.count
        dataset.offsets = (metadata.storage.offset,) * dataset.count
    if metadata.headers:
        dataset.update_tags(ns=NAMESPACE, headers=json.dumps(dict(metadata.headers)))
        plain = {k: v for k, v in metadata.headers.items() if _is_plain(k, v)}
        dataset.update_tags(**plain)
    dataset.colorinterp = color_interpretation(metadata)
    names = metadata.band_names or band_descriptions(metadata.wavelength_nm) or ()
    for band in dataset.indexes:
        dataset.update_tags(band, **_band_tags(metadata, band - 1))
        imagery = _imagery(metadata, band - 1)
        if imagery:
            dataset.update_tags(band, ns="IMAGERY", **imagery)
        if names:
            dataset.set_band_description(band, names[band - 1])


def _is_plain(key: str, value: str) -> bool:
    """Return True if a header is also written as a GDAL tag: simple name, one line."""
    known = key.startswith(("Band_", "AREA_OR_POINT")) or key.lower() in ("wavelength", "fwhm", "bbl")
    return bool(_PLAIN_KEY.fullmatch(key)) and not known and value.isprintable() and value == value.strip()


def _band_tags(metadata: SceneMetadata, band: int) -> dict[str, str]:
    tags = {"bbl": "1" if metadata.good_bands[band] else "0"}
    if metadata.wavelength_nm is not None:
        tags |= {"wavelength": repr(float(metadata.wavelength_nm[band])), "wavelength_units": "Nanometers"}
    if metadata.fwhm_nm is not None:
        tags["fwhm"] = repr(float(metadata.fwhm_nm[band]))
    return tags


def _imagery(metadata: SceneMetadata, band: int) -> dict[str, str]:
    tags = {}
    if metadata.wavelength_nm is not None:
        tags["CENTRAL_WAVELENGTH_UM"] = micrometres_text(metadata.wavelength_nm[band])
    if metadata.fwhm_nm is not None:
        tags["FWHM_UM"] = micrometres_text(metadata.fwhm_nm[band])
    return tags


def overview_factors(metadata: SceneMetadata, *, longer_than: int) -> list[int]:
    """Factors of the overviews, each twice the one before; none for scenes of at most ``longer_than`` pixels a side."""
    longest = max(metadata.shape[1:])
    if longest <= longer_than:
        return []
    return [2**n for n in range(1, int(np.ceil(np.log2(longest / TILE))) + 1)]


def _build_overviews(part: Path, factors: list[int]) -> None:
    if factors:
        with rasterio.open(part, "r+", driver="GTiff", sharing=False, num_threads=threads()) as dataset:
            dataset.build_overviews(factors, Resampling.average)


def check_complete(part: Path, *, overviews: int) -> None:
    """Make sure that the end of every image in a TIFF is there: GDAL does not tell when its last writes fail.

    Args:
        part: the closed file.
        overviews: how many it must have.

    Raises:
        OSError: something is missing.
    """
    size = part.stat().st_size
    for level in [None, *range(overviews)]:
        choice = {} if level is None else {"OVERVIEW_LEVEL": level}
        with rasterio.open(part, driver="GTiff", sharing=False, **choice) as image:
            if level is None and len(image.overviews(1)) != overviews:
                raise OSError(errno.ENOSPC, "overviews are missing")
            rows, columns = image.block_shapes[0]
            last = f"{(image.width - 1) // columns}_{(image.height - 1) // rows}"
            for band in image.indexes:
                offset, length = (
                    image.get_tag_item(f"BLOCK_{n}_{last}", "TIFF", bidx=band) for n in ("OFFSET", "SIZE")
                )
                if not offset or not length or int(offset) + int(length) > size:
                    raise OSError(errno.ENOSPC, "the end of the file is missing")
