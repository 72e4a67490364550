"""Opening a TIFF with GDAL, once it is known that the file can hold what it promises."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import Interleaving
from rasterio.errors import NotGeoreferencedWarning

from shsrd.cube import SceneError
from shsrd.io.files import MOST_COMPRESSION, check_size

_DENSE = ("ZSTD", "LZMA", "LERC", "JXL", "WEBP")  # constant blocks shrink up to 30000:1
_BLOCK = 2**26  # bytes of a tile in a file of any size; GDAL makes room for whole tiles


def open_tiff(path: Path) -> Any:
    """The open file as GDAL sees it, once it is known that the file can hold what it promises.

    Raises:
        SceneError: bands of different types, complex bands, or a size the file cannot hold.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # a scene without a place is fine
        dataset = rasterio.open(path, driver="GTiff", sharing=False)
    try:
        _check(dataset, path)
    except SceneError:
        dataset.close()
        raise
    return dataset


def _check(dataset: Any, path: Path) -> None:
    if len(set(dataset.dtypes)) != 1 or dataset.dtypes[0].startswith("complex"):
        kinds = ", ".join(sorted(set(dataset.dtypes)))
        raise SceneError(f"{path}: bands of type {kinds} are not one real type; convert to one, such as float32")
    claimed = dataset.width * dataset.height * dataset.count * np.dtype(dataset.dtypes[0]).itemsize
    method = dataset.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION", "").upper()
    ratio = 1 if not method else 40 * MOST_COMPRESSION if method in _DENSE else MOST_COMPRESSION
    check_size(path, claimed, ratio=ratio)
    together = dataset.count if dataset.interleaving is Interleaving.pixel else 1
    block = max(math.prod(shape) for shape in dataset.block_shapes) * together
    check_size(path, block * np.dtype(dataset.dtypes[0]).itemsize - _BLOCK, ratio=ratio)
