"""NEON: a site with reflectance, bands in water vapour, and pictures that are no scenes."""

import h5py
import numpy as np
import pytest
from affine import Affine

from shsrd.cube import Storage
from shsrd.io import open_cube

NM = np.array([383.5, 500.0, 1350.0, 1440.0, 1441.0, 1900.0, 2512.0])


def write_neon(path, *, windows=True):
    stored = np.random.default_rng(5).integers(0, 10_000, (5, 6, 7)).astype(np.int16)
    stored[0, 0] = -9999
    with h5py.File(path, "w") as file:
        group = file.create_group("HARV/Reflectance")
        cube = group.create_dataset("Reflectance_Data", data=stored, chunks=(2, 2, 7))
        cube.attrs["Scale_Factor"], cube.attrs["Data_Ignore_Value"] = np.float64(10_000), np.float64(-9999)
        if windows:
            group.attrs["Band_Window_1_Nanometers"] = np.array([1340.0, 1440.0])
            group.attrs["Band_Window_2_Nanometers"] = np.array([1790.0, 1955.0])
        meta = group.create_group("Metadata")
        meta["Spectral_Data/Wavelength"], meta["Spectral_Data/FWHM"] = NM, NM / 64
        meta["Spectral_Data/Wavelength"].attrs["Units"] = b"nanometers"
        meta["Coordinate_System/EPSG Code"] = b"32618"
        info = b"UTM, 1.000, 1.000, 731000.00, 4714000.0, 1.0, 1.0, 18, North, WGS-84, units=Meters"
        meta["Coordinate_System/Map_Info"] = info
        meta["Ancillary_Imagery/Weather_Quality_Indicator"] = np.zeros((5, 6, 3), np.uint8)
        meta["Ancillary_Imagery/Path_Length"] = np.ones((5, 6))
    return stored


def test_a_tile(tmp_path, check_scene):
    stored = write_neon(tmp_path / "a.h5")
    scene = check_scene(tmp_path / "a.h5")
    want = np.where(stored == -9999, np.nan, stored * 1e-4).transpose(2, 0, 1)
    assert np.allclose(scene.pixels, want, equal_nan=True)
    assert scene.storage == Storage("int16", 1e-4, 0.0, -9999)
    assert scene.wavelength_nm.tolist() == NM.tolist()
    assert scene.good_bands.tolist() == [True, True, False, False, True, False, True]
    assert scene.transform == Affine(1, 0, 731_000, 0, -1, 4_714_000)
    assert "32618" in scene.crs


@pytest.mark.parametrize(
    "name", ["Reflectance_Data", "HARV/Reflectance/Reflectance_Data", "/Reflectance/Reflectance_Data"]
)
def test_naming_the_scene_changes_nothing(name, tmp_path):
    write_neon(tmp_path / "a.h5")
    plain, named = open_cube(tmp_path / "a.h5"), open_cube(tmp_path / "a.h5", dataset=name)
    assert np.array_equal(plain.good_bands, named.good_bands)
    assert np.array_equal(plain.pixels, named.pixels, equal_nan=True)


def test_without_windows_every_band_is_good(tmp_path):
    write_neon(tmp_path / "a.h5", windows=False)
    assert open_cube(tmp_path / "a.h5").good_bands.all()
