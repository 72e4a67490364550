"""Writing NetCDF 4 by the CF conventions (an HDF5 file with named axes), so that xarray, GDAL and QGIS read it.

Written by h5py: xarray would need netCDF4 or h5netcdf for it, and a full disk must be one error
(``_DeferredErrorFile``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneMetadata
from shsrd.io.block_buffer import BlockBuffer
from shsrd.io.container.cf import (
    CONVENTIONS,
    LATLON_ATTRIBUTES,
    PIXEL_VARIABLE,
    axis_attributes,
    band_axis,
    band_lists,
    fill_value,
    grid_mapping,
)
from shsrd.io.container.group import HEADERS, NO_COORDINATE
from shsrd.io.encoding import GEOLOCATION_FILL, fill_invalid
from shsrd.io.raw_write import CompleteWriteFile

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _DeferredErrorFile(CompleteWriteFile):
    """The file under HDF5; it keeps a fault to itself until asked, and takes everything after it without a word.

    HDF5 cannot close a file on a full disk; told of the fault it complains on stderr until the process ends.
    """

    error: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write everything; gives the number of bytes."""
        if self.error is None:
            try:
                return super().write(data)
            except OSError as os_error:
                self.error = os_error
        return memoryview(data).nbytes

    def truncate(self, size: int | None = None, /) -> int:
        """Set the length."""
        if self.error is None:
            try:
                return super().truncate(size)
            except OSError as os_error:
                self.error = os_error
        return size or 0

    def check(self) -> None:
        """Raise the fault, if there was one."""
        if self.error is not None:
            raise self.error


class NetcdfSink:
    """NetCDF 4: ``reflectance`` (wavelength, y, x), ``wavelength``, ``fwhm``, ``crs`` ..., compressed in chunks.

    A scene in the sensor's grid also has ``lat`` and ``lon`` (y, x), which are written last.
    """

    def __init__(self, part: Path, metadata: SceneMetadata) -> None:
        self._disk = _DeferredErrorFile(part, "w+")
        self._file = h5py.File(self._disk, "w", track_order=True)
        self._file.attrs["Conventions"] = np.bytes_(CONVENTIONS.encode())
        self._file.attrs[HEADERS] = json.dumps(dict(metadata.headers))
        axes = _axes(self._file, metadata)
        self._scene = _scene(self._file, metadata)
        for position, axis in enumerate(axes):
            self._scene.dims[position].attach_scale(axis)
        _band_properties(self._file, metadata, axes[0])
        _place(self._file, self._scene, metadata)
        self._geolocation = metadata.geolocation
        self._places = [] if metadata.geolocation is None else _places(self._file, self._scene, axes[1:])
        self._squares = BlockBuffer(metadata.shape, metadata.storage.dtype, self._write)

    def write_block(self, stored: NDArray[np.generic], row: int, column: int) -> None:
        """Take a rectangle of stored numbers."""
        self._squares.write_block(stored, row, column)

    def _write(self, square: NDArray[np.generic], row: int, column: int) -> None:
        _, height, width = square.shape
        for band, numbers in enumerate(square):
            self._scene[band, row : row + height, column : column + width] = numbers
            self._disk.check()

    def finish(self) -> None:
        """Write latitudes and longitudes, and close the file."""
        if self._geolocation is not None:
            for square, row, column in self._geolocation.blocks():
                self._write_geolocation(square, row, column)
        self._file.close()
        self._disk.check()
        self._disk.close()

    def _write_geolocation(self, square: NDArray[np.float64], row: int, column: int) -> None:
        _, height, width = square.shape
        for table, degrees in zip(self._places, fill_invalid(square), strict=True):
            table[row : row + height, column : column + width] = degrees
            self._disk.check()

    def abort(self) -> None:
        """Close the file."""
        self._file.close()
        self._disk.close()


def _axes(file: h5py.File, metadata: SceneMetadata) -> list[Any]:
    """The three axes; y and x have coordinates (pixel centres) only where the grid lies straight on a map."""
    name, values, attributes = band_axis(metadata)
    axes = [_variable(file, name, values, attributes)]
    axes[0].make_scale(name)
    centres = metadata.pixel_centres()
    for name, size in zip("yx", metadata.shape[1:], strict=True):
        if name not in centres:
            axes.append(_bare_axis(file, name, size))
            continue
        axes.append(_variable(file, name, centres[name], axis_attributes(name)))
        axes[-1].make_scale(name)
    return axes


def _bare_axis(file: h5py.File, name: str, size: int) -> Any:
    """An axis without coordinates, in the words of the NetCDF 4 format."""
    axis = file.create_dataset(name, shape=(size,), dtype=">f4")
    axis.make_scale(f"{NO_COORDINATE}{size:10d}")
    return axis


def _variable(file: h5py.File, name: str, values: Any, attributes: dict[str, str]) -> Any:
    variable = file.create_dataset(name, data=values)
    for key, text in attributes.items():
        variable.attrs[key] = np.bytes_(text.encode())
    return variable


def _scene(file: h5py.File, metadata: SceneMetadata) -> Any:
    storage = metadata.storage
    scene = _packed(file, PIXEL_VARIABLE, metadata.shape, storage.dtype)
    if storage.scale != 1 or storage.offset != 0:
        scene.attrs["scale_factor"] = storage.scale
        scene.attrs["add_offset"] = storage.offset
    nodata = fill_value(storage)
    if nodata is not None:
        scene.attrs["_FillValue"] = np.array([nodata])
    return scene


def _packed(file: h5py.File, name: str, shape: tuple[int, ...], dtype: str) -> Any:
    """An array in compressed chunks of 256 x 256 pixels."""
    chunks = (*(1,) * (len(shape) - 2), *(min(extent, 256) for extent in shape[-2:]))
    return file.create_dataset(
        name, shape=shape, dtype=dtype, chunks=chunks, compression="gzip", compression_opts=4, shuffle=True
    )


def _places(file: h5py.File, scene: Any, axes: list[Any]) -> list[Any]:
    """Latitude and longitude of every pixel, the auxiliary coordinates of the scene."""
    tables = []
    for name, attributes in LATLON_ATTRIBUTES.items():
        table = _packed(file, name, scene.shape[1:], "float64")
        for position, axis in enumerate(axes):
            table.dims[position].attach_scale(axis)
        for key, text in attributes.items():
            table.attrs[key] = np.bytes_(text.encode())
        table.attrs["_FillValue"] = np.array([GEOLOCATION_FILL])
        tables.append(table)
    scene.attrs["coordinates"] = np.bytes_(" ".join(LATLON_ATTRIBUTES).encode())
    return tables


def _band_properties(file: h5py.File, metadata: SceneMetadata, axis: Any) -> None:
    for name, values, attributes in band_lists(metadata):
        numbers = np.array(values, h5py.string_dtype()) if isinstance(values, tuple) else values
        _variable(file, name, numbers, attributes).dims[0].attach_scale(axis)


def _place(file: h5py.File, scene: Any, metadata: SceneMetadata) -> None:
    attributes = grid_mapping(metadata)
    if attributes:
        _variable(file, "crs", np.int32(0), attributes)
        scene.attrs["grid_mapping"] = np.bytes_(b"crs")
