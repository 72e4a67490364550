"""EMIT: reflectance (downtrack, crosstrack, bands) in the sensor's grid, with a lookup table to the map."""

import h5py
import numpy as np
import pytest

from shsrd.cube import Storage
from shsrd.io import describe, open_cube

NM = np.array([381.0, 500.5, 1390.0, 2493.0], np.float32)
DOWN, ACROSS = 5, 6


def write_emit(path, *, name="reflectance", lookup=True):
    stored = np.random.default_rng(4).random((DOWN, ACROSS, 4)).astype(np.float32)
    stored[1, 2] = -9999
    with h5py.File(path, "w") as file:
        file.attrs["title"] = np.bytes_(b"EMIT L2A Surface Reflectance 60 m V001")
        file.attrs["spatial_ref"] = np.bytes_(b'GEOGCS["WGS 84"]')
        file.attrs["geotransform"] = np.array([-62.5, 5e-4, 0.0, -39.3, 0.0, -5e-4])
        for axis, size in (("downtrack", DOWN), ("crosstrack", ACROSS), ("bands", 4), ("ortho_y", 7), ("ortho_x", 8)):
            file.create_dataset(axis, shape=(size,), dtype=">f4").make_scale(
                f"This is a netCDF dimension but not a netCDF variable.{size:10d}"
            )
        cube = file.create_dataset(name, data=stored, chunks=(2, ACROSS, 4))
        cube.attrs["_FillValue"] = np.float32(-9999)
        for position, axis in enumerate(("downtrack", "crosstrack", "bands")):
            cube.dims[position].attach_scale(file[axis])
        bands = file.create_group("sensor_band_parameters")
        bands["wavelengths"], bands["fwhm"] = NM, NM / 64
        bands["good_wavelengths"] = np.array([1, 1, 0, 1], np.float32)
        if lookup:
            place = file.create_group("location")
            place["lat"] = place["lon"] = place["elev"] = np.zeros((DOWN, ACROSS))
            place["glt_x"] = place["glt_y"] = np.zeros((7, 8), np.int32)
    return stored


@pytest.mark.parametrize("name", ["reflectance", "radiance"])
def test_a_scene(name, tmp_path, check_scene):
    stored = write_emit(tmp_path / "a.nc", name=name)
    scene = check_scene(tmp_path / "a.nc")
    assert np.array_equal(scene.pixels, np.where(stored == -9999, np.nan, stored).transpose(2, 0, 1), equal_nan=True)
    assert scene.wavelength_nm.tolist() == NM.tolist()
    assert np.allclose(scene.fwhm_nm * 64, NM)
    assert scene.good_bands.tolist() == [True, True, False, True]
    assert scene.storage == Storage("float32", nodata=-9999)
    assert scene.headers["title"].startswith("EMIT L2A")


def test_the_grid_is_not_said_to_be_a_map(tmp_path):
    write_emit(tmp_path / "a.nc")
    scene = open_cube(tmp_path / "a.nc")
    assert scene.crs is scene.transform is None  # the file's geotransform is that of the lookup table
    assert scene.headers["grid"] == "sensor (not orthorectified)"
    assert scene.headers["geolocation"] == (
        "location/glt_x, location/glt_y, location/lat, location/lon in a.nc, for its 5 x 6 pixels"
    )
    assert describe(scene)["grid"] == "sensor (not orthorectified)"


def test_without_tables_nothing_is_said(tmp_path):
    write_emit(tmp_path / "a.nc", lookup=False)
    assert not {"grid", "geolocation"} & set(open_cube(tmp_path / "a.nc").headers)
