"""HDF5 and NetCDF: NEON, EMIT, CF conventions, and files nobody has seen before."""

import h5py
import numpy as np
import pytest
from affine import Affine
from scipy.io import netcdf_file

from shsrd.cube import SceneError, Storage
from shsrd.io import open_cube, save_cube

YXB = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
PIXELS = YXB.transpose(2, 0, 1).astype(np.float32)
NM = np.array([400.0, 500, 600, 700, 800])


def test_neon(tmp_path):
    with h5py.File(tmp_path / "neon.h5", "w") as file:
        data = file.create_dataset("SITE/Reflectance/Reflectance_Data", data=YXB)
        data.attrs["Scale_Factor"] = [10000.0]
        data.attrs["Data_Ignore_Value"] = [7.0]
        meta = file.create_group("SITE/Reflectance/Metadata")
        meta["Spectral_Data/Wavelength"] = NM
        meta["Spectral_Data/Wavelength"].attrs["Units"] = "nanometers"
        meta["Spectral_Data/FWHM"] = NM / 100
        meta["Coordinate_System/EPSG Code"] = [b"32611"]
        info = b"UTM,  1.000,  1.000,  257000.00,  4112000.0,  2.0,  2.0,  11,  North,  WGS-84,  units=Meters, 0"
        meta["Coordinate_System/Map_Info"] = [info]
    scene = open_cube(tmp_path / "neon.h5")
    assert np.allclose(scene.pixels, np.where(PIXELS == 7, np.nan, PIXELS / 1e4), equal_nan=True)
    assert scene.storage == Storage("int16", 1e-4, 0.0, 7)
    assert scene.wavelength_nm.tolist() == NM.tolist()
    assert scene.fwhm_nm.tolist() == (NM / 100).tolist()
    assert scene.transform == Affine(2.0, 0.0, 257000.0, 0.0, -2.0, 4112000.0)
    assert "32611" in scene.crs


def test_emit(tmp_path):
    with h5py.File(tmp_path / "emit.nc", "w") as file:
        file.create_dataset("reflectance", data=YXB.astype(np.float32)).attrs["_FillValue"] = np.float32(-9999)
        file["sensor_band_parameters/wavelengths"] = NM.astype(np.float32)
        file["sensor_band_parameters/fwhm"] = NM.astype(np.float32) / 100
        file["sensor_band_parameters/good_wavelengths"] = np.array([1, 1, 0, 1, 1], np.uint8)
        file.attrs["title"] = "EMIT"
    scene = open_cube(tmp_path / "emit.nc")
    assert np.array_equal(scene.pixels, PIXELS)
    assert scene.wavelength_nm.tolist() == NM.tolist()
    assert scene.good_bands.tolist() == [True, True, False, True, True]
    assert scene.headers == {"title": "EMIT"}


def test_a_generic_file_needs_paths(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["one/data"], file["two/data"], file["list"] = YXB, YXB[..., :2], NM
    with pytest.raises(SceneError, match=r"one/data 3x4x5, two/data 3x4x2.*--dataset"):
        open_cube(tmp_path / "a.h5")
    scene = open_cube(tmp_path / "a.h5", dataset="/one/data", wavelengths="list")
    assert np.array_equal(scene.pixels, PIXELS)
    assert scene.wavelength_nm.tolist() == NM.tolist()
    assert np.array_equal(open_cube(tmp_path / "a.h5", dataset="one/data", axes="byx").pixels, YXB)
    for wrong in ("data", "three"):
        with pytest.raises(SceneError, match=f"no array '{wrong}'"):
            open_cube(tmp_path / "a.h5", dataset=wrong)


def test_classic_netcdf_with_coordinates(tmp_path):
    with netcdf_file(tmp_path / "a.nc", "w") as file:
        for name, values in (("y", [29.0, 27, 25]), ("x", [11.0, 13, 15, 17]), ("wavelength", NM)):
            file.createDimension(name, len(values))
            file.createVariable(name, "d", (name,))[:] = values
        file.variables["wavelength"].units = "nm"
        data = file.createVariable("radiance", "h", ("wavelength", "y", "x"))
        data[:] = PIXELS
        data.scale_factor, data.add_offset, data.missing_value = 0.5, 1.0, np.int16(7)
    scene = open_cube(tmp_path / "a.nc")
    assert np.allclose(scene.pixels, np.where(PIXELS == 7, np.nan, PIXELS * 0.5 + 1), equal_nan=True)
    assert scene.transform == Affine(2.0, 0.0, 10.0, 0.0, -2.0, 30.0)
    assert scene.wavelength_nm.tolist() == NM.tolist()


def test_xarray_conventions_in_what_we_write(make_scene, tmp_path):
    """The NetCDF library itself finds axes, packing and place."""
    netcdf = pytest.importorskip("netCDF4")
    scene = make_scene()
    save_cube(scene, tmp_path / "a.nc")
    with netcdf.Dataset(tmp_path / "a.nc") as file:
        assert file["reflectance"].dimensions == ("wavelength", "y", "x")
        assert np.allclose(file["reflectance"][:].filled(np.nan), scene.pixels, equal_nan=True)
        assert file["wavelength"][:].tolist() == scene.wavelength_nm.tolist()
        assert file["x"][0] == scene.transform.c + 15


def test_numbers_in_other_files_are_refused(tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(b"x" * 1000)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("data", (5, 5, 5), "u1", external=[(str(secret), 0, 125)])
    with pytest.raises(SceneError, match="in other files"):
        open_cube(tmp_path / "a.h5")


def test_a_promise_larger_than_the_file_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("data", (10_000, 10_000, 100), "f8", chunks=(100, 100, 1))  # never written
    with pytest.raises(SceneError, match="promises"):
        open_cube(tmp_path / "a.h5")
