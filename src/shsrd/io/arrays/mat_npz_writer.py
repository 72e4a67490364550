"""Bags of named arrays (MATLAB v5, NPZ): they cannot be written in pieces, so the scene is collected in memory."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

from shsrd.cube import SceneError, SceneMetadata

_V5_LIMIT = 2**31 - 1
_V5_TEXT = b"MATLAB 5.0 MAT-file, written by shsrd".ljust(116)  # MATLAB's own has the date; equal scenes, equal bytes


class _ArrayCollector:
    """Collects the scene as ``(y, x, band)``."""

    def __init__(self, part: Path, metadata: SceneMetadata) -> None:
        bands, rows, columns = metadata.shape
        self._part, self._metadata = part, metadata
        self._scene: NDArray[np.generic] = np.empty((rows, columns, bands), metadata.storage.dtype)

    def write_block(self, stored: NDArray[np.generic], row: int, column: int) -> None:
        """Take a rectangle of stored numbers."""
        _, height, width = stored.shape
        self._scene[row : row + height, column : column + width] = np.moveaxis(stored, 0, -1)

    def abort(self) -> None:
        """Nothing is open."""


class MatlabSink(_ArrayCollector):
    """MATLAB v5: ``cube`` (rows x columns x bands), ``wavelength_nm``, ``scale``, ..."""

    def finish(self) -> None:
        """Write the file."""
        with self._part.open("wb") as file:
            savemat(file, scene_arrays(self._scene, self._metadata), do_compression=True)
            file.seek(0)
            file.write(_V5_TEXT)


class NpzSink(_ArrayCollector):
    """NPZ: the arrays of the MATLAB file."""

    def finish(self) -> None:
        """Write the file."""
        with self._part.open("wb") as file:
            np.savez_compressed(file, **scene_arrays(self._scene, self._metadata))


def check_matlab(target: Path, metadata: SceneMetadata) -> None:
    """Check that MATLAB v5 can hold a scene.

    Raises:
        SceneError: more bytes than a variable may have.
    """
    if math.prod(metadata.shape) * np.dtype(metadata.storage.dtype).itemsize > _V5_LIMIT:
        raise SceneError(f"{target}: MATLAB v5 holds at most 2 GiB; write a .tif instead")


def scene_arrays(scene: NDArray[np.generic], metadata: SceneMetadata) -> dict[str, Any]:
    """The named arrays that :func:`shsrd.io.container.named_arrays.cube_from_arrays` reads back.

    Args:
        scene: stored numbers ``(y, x, band)``.
        metadata: of the scene.

    Returns:
        ``cube`` and the rest.
    """
    storage = metadata.storage
    optional: Sequence[tuple[str, Any]] = (
        ("wavelength_nm", metadata.wavelength_nm),
        ("fwhm_nm", metadata.fwhm_nm),
        ("band_names", np.array(metadata.band_names) if metadata.band_names else None),
        ("crs", metadata.crs),
        ("transform", None if metadata.transform is None else np.array(metadata.transform[:6], np.float64)),
        ("nodata", storage.nodata),
        ("headers", json.dumps(dict(metadata.headers)) if metadata.headers else None),
    )
    arrays: dict[str, Any] = {"cube": scene, "good_bands": metadata.good_bands.astype(np.uint8)}
    arrays |= {"scale": storage.scale, "offset": storage.offset}
    return arrays | {name: value for name, value in optional if value is not None}
