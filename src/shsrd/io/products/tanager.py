"""Tanager products (HDF-EOS 5): one cube (band, row, column) whose attributes list the bands.

Layout: Planet, "Tanager Core Imagery Product Specification". Basic products are swaths in the sensor's grid, ortho
products are grids in UTM.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from affine import Affine
from numpy.typing import NDArray

from shsrd.cube import Geolocation, SceneError, SceneMetadata, Storage
from shsrd.io.container.geolocation_reader import geolocation_of
from shsrd.io.container.hdf5_arrays import attributes_of, check_numbers, dataset_array
from shsrd.io.container.scene_array import source_of_array
from shsrd.io.container.swath import swath_headers
from shsrd.io.encoding import nodata_fits
from shsrd.io.envi.map_info import wkt_of
from shsrd.io.sources import StoredSource
from shsrd.io.wavelengths import shortest_text, to_nanometres

_GROUPS = ("HDFEOS/GRIDS/HYP", "HDFEOS/SWATHS/HYP")
_CUBES = ("surface_reflectance", "ortho_surface_reflectance", "toa_radiance", "ortho_radiance")
_STRUCTURE = "HDFEOS INFORMATION/StructMetadata.0"
_POINT = r"{}=\(\s*([-+.\deE]+)\s*,\s*([-+.\deE]+)\s*\)"


def is_tanager(file: h5py.File) -> bool:
    """Return True if an open HDF5 file holds a cube of Tanager."""
    return _cube(file) is not None


def open_tanager(file: h5py.File, path: Path) -> StoredSource:
    """The scene of an open Tanager product; reflectance where it has both reflectance and radiance.

    Raises:
        SceneError: lists that do not fit the cube, or a grid without a georeference.
    """
    cube_path = _cube(file)
    assert cube_path is not None  # is_tanager said so
    group = file[cube_path.rpartition("/Data Fields/")[0]]
    array = dataset_array(file[cube_path], path)
    array.check()
    if len(array.shape) != 3:
        raise SceneError(
            f"{path}: {cube_path} has {len(array.shape)} axes, a cube has three; download the product again"
        )
    bands, rows, columns = array.shape
    lists = {key: _list(array.attributes, key, bands, path) for key in ("wavelengths", "fwhm")}
    good = np.atleast_1d(array.attributes.get("good_wavelengths", np.ones(bands)))
    rectified, tables = "/GRIDS/" in cube_path, _tables(file, group)
    here = swath_headers(tables, path, rows, columns)
    own = {k: str(v) for k, v in attributes_of(group.attrs).items() if np.size(v) == 1}
    metadata = SceneMetadata(
        (bands, rows, columns),
        wavelength_nm=lists["wavelengths"],
        fwhm_nm=lists["fwhm"],
        good_bands=good > 0,
        crs=_crs(file, group, path) if rectified else None,
        transform=_transform(file, rows, columns, path) if rectified else None,
        storage=_storage(array.attributes, array.dtype.name),
        headers=own | {"dataset": cube_path} | ({} if rectified else here),
        source=str(path),
        geolocation=None if rectified else _geolocation(file, tables, path, shape=(rows, columns)),
        sensor="tanager",
    )
    return source_of_array(array, (0, 1, 2), metadata)


def _cube(file: h5py.File) -> str | None:
    paths = (f"{group}/Data Fields/{name}" for group in _GROUPS for name in _CUBES)
    return next((p for p in paths if isinstance(file.get(p), h5py.Dataset) and "wavelengths" in file[p].attrs), None)


def _list(attributes: Any, key: str, bands: int, path: Path) -> NDArray[np.float64] | None:
    if key not in attributes:
        return None
    values = np.atleast_1d(attributes[key])
    if values.size != bands:
        raise SceneError(f"{path}: {key} has {values.size} values for {bands} bands; download the product again")
    return to_nanometres(shortest_text(values), 0, what=key, source=str(path))


def _storage(attributes: Any, dtype: str) -> Storage:
    fill = attributes.get("_FillValue")
    nodata = None if fill is None or not nodata_fits(float(fill), dtype) else float(fill)
    return Storage(dtype, float(attributes.get("scale_factor", 1.0)), float(attributes.get("add_offset", 0.0)), nodata)


def _structure(file: h5py.File) -> str:
    item = file.get(_STRUCTURE)
    if isinstance(item, h5py.Dataset):
        check_numbers(item, Path(file.filename))
    text = item[()] if isinstance(item, h5py.Dataset) and item.shape == () else b""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


def _crs(file: h5py.File, group: h5py.Group, path: Path) -> str:
    """UTM on WGS 84: by the group's EPSG code, else by the zone of HDF-EOS (negative in the south)."""
    code = attributes_of(group.attrs).get("epsg_code")
    if code is None:
        zone = re.search(r"ZoneCode=(-?\d+)", _structure(file))
        if zone is None:
            raise SceneError(f"{path}: a grid without epsg_code and ZoneCode; download the product again")
        number = int(zone.group(1))
        code = 32600 + number if number > 0 else 32700 - number
    return wkt_of(f"EPSG:{code}", source=str(path))


def _transform(file: h5py.File, rows: int, columns: int, path: Path) -> Affine:
    """HDF-EOS gives the outer corners of the grid."""
    text = _structure(file)
    corners = [re.search(_POINT.format(key), text) for key in ("UpperLeftPointMtrs", "LowerRightMtrs")]
    if corners[0] is None or corners[1] is None:
        raise SceneError(f"{path}: a grid without corners in {_STRUCTURE}; download the product again")
    (left, top), (right, bottom) = ([float(part) for part in corner.groups()] for corner in corners if corner)
    return Affine((right - left) / columns, 0.0, left, 0.0, (bottom - top) / rows, top)


def _tables(file: h5py.File, group: h5py.Group) -> list[str]:
    names = [f"{group.name}/Geolocation Fields/{name}" for name in ("Latitude", "Longitude")]
    return [name for name in names if isinstance(file.get(name), h5py.Dataset)]


def _geolocation(file: h5py.File, tables: list[str], path: Path, *, shape: tuple[int, int]) -> Geolocation | None:
    if len(tables) != 2:
        return None
    return geolocation_of(
        (dataset_array(file[tables[0]], path), dataset_array(file[tables[1]], path)), path, shape=shape
    )
