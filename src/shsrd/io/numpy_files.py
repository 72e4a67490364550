"""NumPy files: ``.npy`` is ``(band, y, x)`` and nothing else; ``.npz`` is ``(y, x, band)`` with metadata."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from shsrd.cube import Cube, Facts, SceneError, Storage
from shsrd.io.arrays import axis_order, choose, cube_from_arrays
from shsrd.io.files import MOST_COMPRESSION
from shsrd.io.sources import StoredSource, array_numbers

_SIDE_LIMIT = 100_000


def open_npy(path: Path, *, axes: str | None) -> StoredSource:
    """Open a plain array, ``(band, y, x)`` unless ``axes`` says otherwise; NaN is no-data.

    Raises:
        SceneError: not three axes, not numbers, or fewer bytes than the array needs.
    """
    stored = _mapped(path)
    if stored.ndim != 3:
        raise SceneError(f"{path}: the array has {stored.ndim} axes, a scene has three (band, y, x)")
    order = axis_order(stored.shape, bands=None, axes=axes, source=str(path), default="byx")
    bands, rows, columns = (stored.shape[axis] for axis in order)
    facts = Facts((bands, rows, columns), storage=Storage(stored.dtype.name), source=str(path))
    # mapped anew for every block, so that pages already read are not held
    numbers = array_numbers(lambda key: _mapped(path)[key], order, dtype=stored.dtype, source=str(path))
    return StoredSource(facts, numbers)


def _mapped(path: Path) -> NDArray[np.generic]:
    return np.asanyarray(np.load(path, mmap_mode="r", allow_pickle=False))


def read_npz(path: Path, *, variable: str | None, wavelengths: str | None, axes: str | None) -> Cube:
    """Read a scene and its metadata: ``cube``, ``wavelength_nm``, ``fwhm_nm``, ``nodata``, ``scale``, ...

    Args:
        path: the ``.npz`` file.
        variable: the array to read where several have three axes.
        wavelengths: the list of wavelengths, where its name is none of the usual ones.
        axes: order of the axes; see :mod:`shsrd.io.arrays`.

    Raises:
        SceneError: no scene, several scenes, pickled objects, or arrays that contradict each other.
    """
    shapes = _shapes(path)
    name = choose(shapes, wanted=variable, option="variable", source=str(path))
    with np.load(path, allow_pickle=False) as bag:
        side = {n: bag[n] for n, s in shapes.items() if n != name and math.prod(s) <= _SIDE_LIMIT}
        return cube_from_arrays(bag[name], side, wavelengths=wavelengths, axes=axes, source=str(path))


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes from the headers alone, each checked against the bytes the archive really has."""
    shapes = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.filename.endswith(".npy"):
                continue
            with archive.open(info) as member:
                version = npy.read_magic(member)
                read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                shape, _, kind = read(member)
            if kind.hasobject:
                raise SceneError(f"{path}: {info.filename} holds pickled objects, which are never loaded")
            promised = math.prod(shape) * kind.itemsize
            if promised > info.file_size or info.file_size > info.compress_size * MOST_COMPRESSION:
                raise SceneError(f"{path}: {info.filename} promises more bytes than it has; copy the file again")
            shapes[info.filename.removesuffix(".npy")] = shape
    return shapes
