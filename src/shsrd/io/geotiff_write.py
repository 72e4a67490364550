"""Writing GeoTIFF that QGIS, EnMAP-Box and GDAL understand: tiles, band tags, IMAGERY, overviews."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from shsrd.cube import Cube, SceneError
from shsrd.io.codec import encode
from shsrd.io.files import replacing
from shsrd.io.geotiff_read import NAMESPACE
from shsrd.io.wavelengths import micrometres_text

TILE = 256
_OVERVIEWS_FROM = 1024  # smaller scenes draw fast enough without
_KINDS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def write_geotiff(cube: Cube, path: Path) -> None:
    """Write ``path`` as a tiled, band-interleaved, deflate-compressed GeoTIFF.

    Header keys of the source travel as JSON in the ``SHSRD`` metadata domain and come back on reading.

    Raises:
        SceneError: a stored type that GeoTIFF does not know.
    """
    storage = cube.storage
    if storage.dtype not in _KINDS:
        raise SceneError(f"{cube.source}: GeoTIFF cannot store {storage.dtype}; choose one of {', '.join(_KINDS)}")
    with replacing(path) as (part,), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(part, "w", **_profile(cube)) as dataset:
            _write_tags(dataset, cube)
            _write_pixels(dataset, cube)
        _build_overviews(part, cube)


def _profile(cube: Cube) -> dict[str, Any]:
    bands, rows, columns = cube.shape
    tile = min(TILE, -(-max(rows, columns) // 16) * 16)
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "width": columns,
        "height": rows,
        "count": bands,
        "dtype": cube.storage.dtype,
        "crs": None if cube.crs is None else CRS.from_wkt(cube.crs),
        "nodata": cube.storage.nodata,
        "tiled": True,
        "blockxsize": tile,
        "blockysize": tile,
        "interleave": "band",
        "compress": "deflate",  # every TIFF reader knows it; zstd is smaller but many builds lack it
        "predictor": 3 if cube.storage.dtype.startswith("float") else 2,
        "bigtiff": "IF_SAFER",
    }
    if cube.transform is not None:
        profile["transform"] = Affine(*cube.transform[:6])
    return profile


def _write_pixels(dataset: Any, cube: Cube) -> None:
    _, rows, columns = cube.shape
    tile = dataset.block_shapes[0][0]
    for band, pixels in enumerate(cube.pixels, start=1):
        for top in range(0, rows, tile):  # whole rows of tiles: each block is compressed once
            height = min(tile, rows - top)
            stored = encode(pixels[top : top + height], cube.storage)
            dataset.write(stored, band, window=Window(0, top, columns, height))


def _write_tags(dataset: Any, cube: Cube) -> None:
    if cube.storage.scale != 1 or cube.storage.offset != 0:
        dataset.scales = (cube.storage.scale,) * dataset.count
        dataset.offsets = (cube.storage.offset,) * dataset.count
    if cube.headers:
        dataset.update_tags(ns=NAMESPACE, headers=json.dumps(dict(cube.headers)))
        plain = {k: v for k, v in cube.headers.items() if _is_plain(k, v)}
        dataset.update_tags(**plain)
    for band in dataset.indexes:
        dataset.update_tags(band, **_band_tags(cube, band - 1))
        imagery = _imagery(cube, band - 1)
        if imagery:
            dataset.update_tags(band, ns="IMAGERY", **imagery)
        if cube.band_names:
            dataset.set_band_description(band, cube.band_names[band - 1])


def _is_plain(key: str, value: str) -> bool:
    """Whether a header is also shown as a GDAL tag: simple name, one line."""
    known = key.startswith(("Band_", "AREA_OR_POINT")) or key.lower() in ("wavelength", "fwhm", "bbl")
    return bool(_PLAIN_KEY.fullmatch(key)) and not known and value.isprintable() and value == value.strip()


def _band_tags(cube: Cube, band: int) -> dict[str, str]:
    tags = {"bbl": "1" if cube.good_bands[band] else "0"}
    if cube.wavelength_nm is not None:
        tags |= {"wavelength": repr(float(cube.wavelength_nm[band])), "wavelength_units": "Nanometers"}
    if cube.fwhm_nm is not None:
        tags["fwhm"] = repr(float(cube.fwhm_nm[band]))
    return tags


def _imagery(cube: Cube, band: int) -> dict[str, str]:
    tags = {}
    if cube.wavelength_nm is not None:
        tags["CENTRAL_WAVELENGTH_UM"] = micrometres_text(cube.wavelength_nm[band])
    if cube.fwhm_nm is not None:
        tags["FWHM_UM"] = micrometres_text(cube.fwhm_nm[band])
    return tags


def _build_overviews(part: Path, cube: Cube) -> None:
    longest = max(cube.shape[1:])
    if longest < _OVERVIEWS_FROM:
        return
    factors = [2**n for n in range(1, int(np.ceil(np.log2(longest / TILE))) + 1)]
    with rasterio.open(part, "r+", driver="GTiff", sharing=False) as dataset:
        dataset.build_overviews(factors, Resampling.average)
