"""AVIRIS-3 in NetCDF: groups, CF grid mapping, wavelengths beside the cube; AVIRIS-NG is ENVI (real samples)."""

import h5py
import numpy as np
from affine import Affine
from rasterio.crs import CRS

from shsrd.io import open_cube

NM = np.array([381.0, 500.5, 1390.0, 2493.0], np.float32)


def test_an_orthorectified_scene(tmp_path, check_scene):
    stored = np.random.default_rng(6).random((4, 5, 6)).astype(np.float32)
    stored[:, 0, 0] = -9999
    with h5py.File(tmp_path / "a.nc", "w") as file:
        axes = {"northing": 3_700_000 - 2.0 * np.arange(5) - 1, "easting": 400_000 + 2.0 * np.arange(6) + 1}
        for name, values in axes.items():
            file.create_dataset(name, data=values).make_scale(name)
        mapping = file.create_dataset("transverse_mercator", data=b"")
        mapping.attrs["spatial_ref"] = np.bytes_(CRS.from_epsg(32611).to_wkt().encode())
        mapping.attrs["GeoTransform"] = np.bytes_(b"400000 2 0 3700000 0 -2")
        group = file.create_group("reflectance")
        group.create_dataset("wavelength", data=NM).make_scale("wavelength")
        group["wavelength"].attrs["units"] = np.bytes_(b"nm")
        group["fwhm"] = NM / 64
        cube = group.create_dataset("reflectance", data=stored, chunks=(4, 2, 2))
        for position, axis in enumerate(("reflectance/wavelength", "northing", "easting")):
            cube.dims[position].attach_scale(file[axis])
        cube.attrs["_FillValue"], cube.attrs["grid_mapping"] = np.float32(-9999), np.bytes_(b"transverse_mercator")
    scene = check_scene(tmp_path / "a.nc")
    assert np.array_equal(scene.pixels, np.where(stored == -9999, np.nan, stored), equal_nan=True)
    assert scene.wavelength_nm.tolist() == NM.tolist()
    assert np.allclose(scene.fwhm_nm * 64, NM)
    assert scene.transform == Affine(2, 0, 400_000, 0, -2, 3_700_000)
    assert CRS.from_wkt(scene.crs).to_epsg() == 32611
    assert open_cube(tmp_path / "a.nc", dataset="reflectance/reflectance").shape == scene.shape
