"""Reading HDF5 (NEON, EMIT, generic) and NetCDF 3 and 4 as containers of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.io import netcdf_file

from shsrd.cube import Cube, SceneError, read_whole
from shsrd.io.files import check_size
from shsrd.io.gridded import NO_COORDINATE, Array, Container, source_from_container
from shsrd.io.sources import StoredSource


def open_hdf5(path: Path, *, dataset: str | None, wavelengths: str | None, axes: str | None) -> StoredSource:
    """Open a scene in HDF5 or NetCDF 4.

    Args:
        path: the file.
        dataset: path of the scene inside, where several arrays have three axes.
        wavelengths: path of the list of wavelengths, where its name is none of the usual ones.
        axes: order of the axes, such as ``"byx"``, where the file does not name them.

    Raises:
        SceneError: no scene, several scenes, data in other files, or contents that contradict each other.
    """
    with ExitStack() as stack:
        file = stack.enter_context(h5py.File(path, "r"))
        box = container_of(file, path)
        source = source_from_container(box, dataset=dataset, wavelengths=wavelengths, axes=axes)
        return replace(source, release=stack.pop_all().close)


def container_of(file: h5py.File, path: Path) -> Container:
    """An open HDF5 file as named arrays that are read when asked for."""
    return Container(_arrays(file, path), _attributes(file.attrs), str(path))


def _arrays(file: h5py.File, path: Path) -> dict[str, Array]:
    found: dict[str, Array] = {}

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or item.shape is None or item.dtype.kind not in "iufbcVSO":
            return
        if NO_COORDINATE in str(item.attrs.get("NAME", b"")):
            return  # a bare NetCDF axis: a name without coordinates
        found[name] = array_of(item, path)

    file.visititems(visit)  # follows no links to other files
    return found


def array_of(item: h5py.Dataset, path: Path) -> Array:
    """One dataset of an open file."""
    return Array(
        item.shape,
        _dims(item),
        _attributes(item.attrs),
        item.dtype,
        lambda key: np.asarray(item[key]),
        lambda: _check(item, path),
        item.chunks,
    )


def _check(item: h5py.Dataset, path: Path) -> None:
    if item.external or item.is_virtual:
        raise SceneError(f"{path}: {item.name} keeps its numbers in other files; give a file that holds them itself")
    if item.dtype.kind in "cV":
        raise SceneError(f"{path}: {item.name} is complex or compound; give magnitude or reflectance")
    check_size(path, item.size * item.dtype.itemsize)


def _dims(item: h5py.Dataset) -> tuple[str | None, ...]:
    """Names of the axes; references are followed by hand, HDF5's own search can crash on damaged files."""
    listed = item.attrs.get("DIMENSION_LIST")
    if listed is None or len(listed) != item.ndim:
        return tuple(None for _ in item.shape)
    names = [str(item.file[axis[0]].name).strip("/") if len(axis) else None for axis in listed]
    return tuple(names)


def _attributes(attributes: Any) -> dict[str, Any]:
    """Attributes as plain values: bytes become text, arrays of one become their element."""
    plain: dict[str, Any] = {}
    for key in attributes:
        try:
            value = attributes[key]
        except (OSError, TypeError):
            continue  # a type h5py cannot express; nothing we read has one
        plain[key] = _plain(value)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.ravel()[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if isinstance(value, np.generic) else value


def read_netcdf3(path: Path, *, dataset: str | None, wavelengths: str | None, axes: str | None) -> Cube:
    """Read a scene from classic NetCDF; arguments and errors as :func:`open_hdf5`."""
    with netcdf_file(path, "r", mmap=False) as file:
        arrays = {name: _classic(variable) for name, variable in file.variables.items()}
        attributes: Mapping[str, Any] = {k: _plain(v) for k, v in file._attributes.items()}
        box = Container(arrays, attributes, str(path))
        return read_whole(source_from_container(box, dataset=dataset, wavelengths=wavelengths, axes=axes))


def _classic(variable: Any) -> Array:
    values = np.asarray(variable.data)
    native = values.astype(values.dtype.newbyteorder("="))
    marks = {key: _plain(value) for key, value in variable._attributes.items()}
    return Array(values.shape, tuple(variable.dimensions), marks, native.dtype, native.__getitem__)
