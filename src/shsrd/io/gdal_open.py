"""TIFF files and GDAL: opening one whose size can be true, and the names of metadata domains, tags and bands."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Interleaving
from rasterio.errors import NotGeoreferencedWarning

from shsrd.cube import SceneError
from shsrd.io.file_checks import MAX_COMPRESSION_RATIO, check_size

NAMESPACE = "SHSRD"  # domain that carries the header keys of other formats
HEADERS_TAG = "SHSRD_HEADERS"  # the same in the common domain, which a cloud optimised GeoTIFF has too
GEOLOCATION = "GEOLOCATION"  # GDAL's own domain: which file tells where each pixel lies
_DENSE = ("ZSTD", "LZMA", "LERC", "JXL", "WEBP")  # constant blocks shrink up to 30000:1
_BLOCK = 2**26  # bytes of a tile in a file of any size; GDAL makes room for whole tiles
_MAX_ABSENT_BYTES = 2**30  # bytes that blocks which are not in a file may stand for, whatever its size
_ABSENT_RATIO = 16  # and how many times its size
_MAX_BLOCKS = 2**18  # that are looked at one by one


def open_tiff(path: Path) -> Any:
    """The open file as GDAL sees it, once it is known that the file can hold what it promises.

    Raises:
        SceneError: bands of different types, complex bands, or a size the file cannot hold.
    """
    return open_page(path, str(path))


def open_page(path: Path, name: str) -> Any:
    """Open one image of a file with several, as :func:`open_tiff` does.

    Args:
        path: the file.
        name: GDAL's name of the image.
    """
    with _ignore_not_georeferenced():
        dataset = rasterio.open(name, driver="GTiff", sharing=False)
    try:
        _check(dataset, path)
    except BaseException:
        dataset.close()
        raise
    return dataset


@contextmanager
def _ignore_not_georeferenced() -> Iterator[None]:
    """Ignore the warning on scenes without a georeference."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def bits_of(dataset: Any) -> int:
    """Bits of a number in the file, which may be fewer than numpy needs (12-bit cameras, half floats)."""
    bits = dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", "")
    return int(bits) if bits.isdecimal() else 8 * np.dtype(dataset.dtypes[0]).itemsize


def absent_blocks(dataset: Any) -> tuple[int, int]:
    """Number of absent blocks of a sparse file and of all its blocks; ``(0, 0)`` if they are too many to count.

    GDAL reads absent blocks as the no-data number, or as 0 where there is none.
    """
    bands = dataset.indexes if dataset.interleaving is not Interleaving.pixel else (1,)
    rows, columns = dataset.block_shapes[0]
    across, down = -(-dataset.width // columns), -(-dataset.height // rows)
    every = len(bands) * across * down
    if every > _MAX_BLOCKS:
        return 0, 0
    names = [f"BLOCK_OFFSET_{x}_{y}" for x, y in itertools.product(range(across), range(down))]
    found = sum(dataset.get_tag_item(name, "TIFF", bidx=band) is None for band in bands for name in names)
    return found, every


def _check(dataset: Any, path: Path) -> None:
    if len(set(dataset.dtypes)) != 1 or dataset.dtypes[0].startswith("complex"):
        kinds = ", ".join(sorted(set(dataset.dtypes)))
        raise SceneError(f"{path}: bands of type {kinds} are not one real type; convert to one, such as float32")
    claimed = dataset.width * dataset.height * dataset.count * bits_of(dataset) // 8
    method = dataset.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION", "").upper()
    ratio = 1 if not method else 40 * MAX_COMPRESSION_RATIO if method in _DENSE else MAX_COMPRESSION_RATIO
    size = path.stat().st_size
    if claimed > size * ratio and claimed <= _MAX_ABSENT_BYTES + size * max(ratio, _ABSENT_RATIO):
        absent, every = absent_blocks(dataset)
        claimed -= claimed * absent // every if every else 0
    check_size(path, claimed, ratio=ratio)
    together = dataset.count if dataset.interleaving is Interleaving.pixel else 1
    block = max(math.prod(shape) for shape in dataset.block_shapes) * together
    check_size(path, block * np.dtype(dataset.dtypes[0]).itemsize - _BLOCK, ratio=ratio)


def band_descriptions(wavelength_nm: NDArray[np.float64] | None) -> list[str] | None:
    """Names such as ``650 nm`` for bands that have no others; None without wavelengths."""
    return None if wavelength_nm is None else [f"{value:.6g} nm" for value in wavelength_nm.tolist()]
