"""MATLAB files: v5 and v7.3 (HDF5 inside); scenes are rows x columns x bands."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError, Source
from shsrd.io.arrays.matlab5 import read_variable, variables
from shsrd.io.container.hdf5_arrays import check_numbers, open_file
from shsrd.io.container.named_arrays import SIDE_LIMIT, choose_array, in_memory_source, plain_array, source_from_arrays
from shsrd.io.sources import StoredSource


def open_matlab(path: Path, *, variable: str | None, wavelengths: str | None, axes: str | None) -> Source:
    """Open a scene in a MATLAB file: v5 is read whole, v7.3 when asked for.

    Args:
        path: the ``.mat`` file.
        variable: the array to read where the file has several with three axes.
        wavelengths: the list of wavelengths, where its name is none of the usual ones.
        axes: order of the array as MATLAB shows it; see :mod:`shsrd.io.container.named_arrays`.

    Raises:
        SceneError: no scene, several scenes, or arrays that contradict each other.
    """
    if h5py.is_hdf5(path):
        return _open_v73(path, variable, wavelengths=wavelengths, axes=axes)
    scene, side = _load_v5(path, variable)
    return in_memory_source(scene, side, wavelengths=wavelengths, axes=axes, source=str(path))


Loaded = tuple[tuple[str, NDArray[np.generic]], dict[str, NDArray[np.generic]]]


def _load_v5(path: Path, variable: str | None) -> Loaded:
    listed = {found.name: found for found in variables(path)}
    shapes = {name: found.shape for name, found in listed.items() if found.dtype is not None}
    name = choose_array(shapes, wanted=variable, option="variable", source=str(path))
    small = [n for n, found in listed.items() if n != name and math.prod(found.shape) <= SIDE_LIMIT]
    return (name, read_variable(path, listed[name])), {n: read_variable(path, listed[n]) for n in small}


def _open_v73(path: Path, variable: str | None, *, wavelengths: str | None, axes: str | None) -> StoredSource:
    """HDF5 lists axes the other way round: rows x columns x bands arrives as (band, x, y)."""
    with ExitStack() as stack:
        file = stack.enter_context(open_file(path))
        arrays = {n: d for n, d in file.items() if isinstance(d, h5py.Dataset) and d.dtype.kind in "iufbcV"}
        shapes = {name: array.shape[::-1] for name, array in arrays.items()}
        name = choose_array(shapes, wanted=variable, option="variable", source=str(path))
        scene = arrays[name]
        if scene.dtype.kind in "cV":
            raise SceneError(f"{path}: {name} is complex; give magnitude or reflectance")
        check_numbers(scene, path)
        small = {n: _side_v73(d, path) for n, d in arrays.items() if n != name and d.size <= SIDE_LIMIT}
        side = {n: values for n, values in small.items() if values.dtype.kind not in "cV"}
        turned = plain_array(
            name, shapes[name], scene.dtype, lambda key: np.asarray(scene[key[::-1]]).T, source=str(path)
        )
        source = source_from_arrays(turned, side, wavelengths=wavelengths, axes=axes, source=str(path))
        return replace(source, release=stack.pop_all().close)


def _side_v73(array: h5py.Dataset, path: Path) -> NDArray[np.generic]:
    check_numbers(array, path)
    values = np.asarray(array[()])
    if array.attrs.get("MATLAB_class") == b"char":
        return np.array("".join(map(chr, values.ravel())))
    return values.T
