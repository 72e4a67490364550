"""Writing NetCDF 4 by the CF conventions (an HDF5 file with named axes), so that xarray, GDAL and QGIS read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from shsrd.cube import Facts
from shsrd.io.gridded import HEADERS, NO_COORDINATE
from shsrd.io.raw_write import WholeWrites
from shsrd.io.sinks import Squares

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_SCENE = "reflectance"


class _Disk(WholeWrites):
    """The file under HDF5; it keeps a fault to itself until asked, and takes everything after it without a word.

    HDF5 cannot close a file on a full disk; told of the fault it complains on stderr until the process ends.
    """

    fault: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write everything; gives the number of bytes."""
        if self.fault is None:
            try:
                return super().write(data)
            except OSError as fault:
                self.fault = fault
        return memoryview(data).nbytes

    def truncate(self, size: int | None = None, /) -> int:
        """Set the length."""
        if self.fault is None:
            try:
                return super().truncate(size)
            except OSError as fault:
                self.fault = fault
        return size or 0

    def check(self) -> None:
        """Raise the fault, if there was one."""
        if self.fault is not None:
            raise self.fault


class NetcdfSink:
    """NetCDF 4: ``reflectance`` (wavelength, y, x), ``wavelength``, ``fwhm``, ``crs`` ..., compressed in chunks."""

    def __init__(self, part: Path, facts: Facts) -> None:
        self._disk = _Disk(part, "w+")
        self._file = h5py.File(self._disk, "w", track_order=True)
        self._file.attrs["Conventions"] = np.bytes_(b"CF-1.8")
        self._file.attrs[HEADERS] = json.dumps(dict(facts.headers))
        axes = _axes(self._file, facts)
        self._scene = _scene(self._file, facts)
        for position, axis in enumerate(axes):
            self._scene.dims[position].attach_scale(axis)
        _band_properties(self._file, facts, axes[0])
        _place(self._file, self._scene, facts)
        self._squares = Squares(facts.shape, facts.storage.dtype, self._write)

    def put(self, stored: NDArray[np.generic], row: int, column: int) -> None:
        """Take a rectangle of stored numbers."""
        self._squares.put(stored, row, column)

    def _write(self, square: NDArray[np.generic], row: int, column: int) -> None:
        _, height, width = square.shape
        for band, numbers in enumerate(square):
            self._scene[band, row : row + height, column : column + width] = numbers
            self._disk.check()

    def finish(self) -> None:
        """Close the file."""
        self._file.close()
        self._disk.check()
        self._disk.close()

    def abandon(self) -> None:
        """Close the file."""
        self._file.close()
        self._disk.close()


def _axes(file: h5py.File, facts: Facts) -> list[Any]:
    """The three axes; y and x have coordinates (pixel centres) only where the grid lies straight on a map."""
    bands, rows, columns = facts.shape
    if facts.wavelength_nm is None:
        first = _variable(file, "band", np.arange(1, bands + 1), {"long_name": "band number"})
    else:
        first = _variable(file, "wavelength", facts.wavelength_nm, {"units": "nm"})
    first.make_scale(first.name.strip("/"))
    t = facts.transform
    if t is None or t.b != 0 or t.d != 0:
        return [first, _bare_axis(file, "y", rows), _bare_axis(file, "x", columns)]
    centres = {"y": t.f + t.e * (np.arange(rows) + 0.5), "x": t.c + t.a * (np.arange(columns) + 0.5)}
    return [first, *(_map_axis(file, name, values) for name, values in centres.items())]


def _map_axis(file: h5py.File, name: str, values: NDArray[np.floating[Any]]) -> Any:
    axis = _variable(file, name, values, {"standard_name": f"projection_{name}_coordinate"})
    axis.make_scale(name)
    return axis


def _bare_axis(file: h5py.File, name: str, size: int) -> Any:
    """An axis without coordinates, in the words of the NetCDF 4 format."""
    axis = file.create_dataset(name, shape=(size,), dtype=">f4")
    axis.make_scale(f"{NO_COORDINATE}{size:10d}")
    return axis


def _variable(file: h5py.File, name: str, values: Any, marks: dict[str, str]) -> Any:
    variable = file.create_dataset(name, data=values)
    for key, text in marks.items():
        variable.attrs[key] = np.bytes_(text.encode())
    return variable


def _scene(file: h5py.File, facts: Facts) -> Any:
    storage = facts.storage
    _, rows, columns = facts.shape
    scene = file.create_dataset(
        _SCENE,
        shape=facts.shape,
        dtype=storage.dtype,
        chunks=(1, min(rows, 256), min(columns, 256)),
        compression="gzip",
        compression_opts=4,
        shuffle=True,
    )
    if storage.scale != 1 or storage.offset != 0:
        scene.attrs["scale_factor"] = storage.scale
        scene.attrs["add_offset"] = storage.offset
    if storage.nodata is not None:
        scene.attrs["_FillValue"] = np.array([storage.nodata]).astype(storage.dtype)
    return scene


def _band_properties(file: h5py.File, facts: Facts, axis: Any) -> None:
    lists: list[tuple[str, Any, dict[str, str]]] = [("good_bands", facts.good_bands.astype(np.uint8), {})]
    if facts.fwhm_nm is not None:
        lists.append(("fwhm", facts.fwhm_nm, {"units": "nm"}))
    if facts.band_names:
        lists.append(("band_names", np.array(facts.band_names, dtype=h5py.string_dtype()), {}))
    for name, values, marks in lists:
        _variable(file, name, values, marks).dims[0].attach_scale(axis)


def _place(file: h5py.File, scene: Any, facts: Facts) -> None:
    if facts.crs is None and facts.transform is None:
        return
    mapping = file.create_dataset("crs", data=np.int32(0))
    scene.attrs["grid_mapping"] = np.bytes_(b"crs")
    if facts.crs is not None:
        for key in ("spatial_ref", "crs_wkt"):
            mapping.attrs[key] = np.bytes_(facts.crs.encode())
        geographic = CRS.from_wkt(facts.crs).is_geographic
        mapping.attrs["grid_mapping_name"] = np.bytes_(b"latitude_longitude" if geographic else b"projected")
    if facts.transform is not None:
        numbers = " ".join(repr(float(v)) for v in facts.transform.to_gdal())
        mapping.attrs["GeoTransform"] = np.bytes_(numbers.encode())
