"""Masks inside a GeoTIFF: which pixels hold data, said without a no-data number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.windows import Window

from shsrd.cube import SceneError, Storage
from shsrd.io.geotiff.bands import Bands

Mask = Callable[[slice, slice], NDArray[np.bool_]]


def mask_of_tiff(bands: Bands, path: Path) -> Mask | None:
    """Function that reads the mask of valid pixels, ``(y, x)`` of rows and columns; None if the file has no mask.

    A mask in a file beside the image may be of any format that GDAL knows, and name files of its own: it is not opened.

    Args:
        bands: those of the scene, and alpha bands.
        path: name of the file.

    Raises:
        SceneError: a mask beside the image.
    """
    beside = path.with_name(f"{path.name}.msk")
    if beside.exists():
        raise SceneError(
            f"{path}: its mask {beside.name} is a file of its own, which is not read; write the mask into the image, "
            "or give it a no-data value, and remove the mask"
        )
    dataset, alpha = bands.dataset, list(bands.alpha)
    inside = dataset.mask_flag_enums[0] == [MaskFlags.per_dataset]
    if not inside and not alpha:
        return None

    def mask(rows: slice, columns: slice) -> NDArray[np.bool_]:
        window = Window.from_slices(rows, columns)
        valid = np.ones((rows.stop - rows.start, columns.stop - columns.start), bool)
        if inside:
            valid &= dataset.read_masks(1, window=window) != 0
        if alpha:
            valid &= (dataset.read(alpha, window=window) != 0).all(axis=0)
        return valid

    return mask


def storage_with_nodata(storage: Storage) -> Storage:
    """Storage of the same pixels in formats without masks: integers get their least number as no-data."""
    kind = np.dtype(storage.dtype)
    if storage.nodata is not None or kind.kind == "f":
        return storage
    return Storage(storage.dtype, storage.scale, storage.offset, float(np.iinfo(kind).min))
