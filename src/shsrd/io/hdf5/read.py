"""Opening HDF5 (products we know, and any other) and NetCDF 3 and 4 as containers of arrays."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.io import netcdf_file

from shsrd.cube import Cube, SceneError, read_cube
from shsrd.io.container.geolocation_reader import with_geolocation
from shsrd.io.container.group import Array, Container
from shsrd.io.container.hdf5_arrays import container_of, open_file, plain
from shsrd.io.container.scene_array import source_from_container
from shsrd.io.products.hdf5_products import open_product
from shsrd.io.products.neon import mask_water_bands, neon_dataset_path
from shsrd.io.sources import StoredSource

_HEADER = 2**16  # bytes a classic header may need beside the numbers


def open_hdf5(path: Path, *, dataset: str | None, wavelengths: str | None, axes: str | None) -> StoredSource:
    """Open a scene in HDF5 or NetCDF 4.

    PRISMA and Tanager products are recognised by their contents, unless a dataset, a list of wavelengths or axes
    are named.

    Args:
        path: the file.
        dataset: path of the scene inside, where several arrays have three axes.
        wavelengths: path of the list of wavelengths, where its name is none of the usual ones.
        axes: order of the axes, such as ``"byx"``, where the file does not name them.

    Raises:
        SceneError: no scene, several scenes, data in other files, or contents that contradict each other.
    """
    with ExitStack() as stack:
        file = stack.enter_context(open_file(path))
        is_specified = any(option is not None for option in (dataset, wavelengths, axes))
        source = None if is_specified else open_product(file, path)
        if source is None:
            source = _open_any(file, path, dataset=dataset, wavelengths=wavelengths, axes=axes)
        return replace(source, release=stack.pop_all().close)


def _open_any(
    file: h5py.File, path: Path, *, dataset: str | None, wavelengths: str | None, axes: str | None
) -> StoredSource:
    container = container_of(file, path)
    neon = neon_dataset_path(file)
    source = source_from_container(container, dataset=dataset or neon, wavelengths=wavelengths, axes=axes)
    is_neon = neon is not None and neon.endswith((dataset or neon).strip("/"))
    metadata = mask_water_bands(source.metadata, file[neon].parent) if is_neon else source.metadata
    return replace(source, metadata=with_geolocation(metadata, container, path))


def read_netcdf3(path: Path, *, dataset: str | None, wavelengths: str | None, axes: str | None) -> Cube:
    """Read a scene from classic NetCDF; arguments and errors as :func:`open_hdf5`."""
    with _LimitedFile(path) as raw, netcdf_file(raw, "r", mmap=False) as file:
        arrays = {name: _classic(variable) for name, variable in file.variables.items()}
        attributes: Mapping[str, Any] = {k: plain(v) for k, v in file._attributes.items()}
        container = Container(arrays, attributes, str(path))
        source = source_from_container(container, dataset=dataset, wavelengths=wavelengths, axes=axes)
        return read_cube(replace(source, metadata=with_geolocation(source.metadata, container, path)))


class _LimitedFile(io.FileIO):
    """A file that gives its bytes little more than once: variables may share them, and all are copied."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "r")
        self._path, self._size = path, path.stat().st_size
        self._allowed = 2 * self._size + _HEADER

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to ``size`` bytes, never asking the system for more than there are.

        Raises:
            SceneError: more was read in all than an honest file needs.
        """
        left = max(0, self._size - self.tell())
        wanted = left if size is None or size < 0 else min(size, left)
        self._allowed -= wanted
        if self._allowed < 0:
            raise SceneError(f"{self._path}: its variables lie over each other; copy the file again")
        return super().read(wanted) or b""


def _classic(variable: Any) -> Array:
    values = np.asarray(variable.data)
    native = values.astype(values.dtype.newbyteorder("="))
    attributes = {key: plain(value) for key, value in variable._attributes.items()}
    return Array(values.shape, tuple(variable.dimensions), attributes, native.dtype, native.__getitem__)
