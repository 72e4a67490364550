"""Wavelengths in names of bands."""

import numpy as np
import pytest
import rasterio

from shsrd.io import open_cube
from shsrd.io.band_names import named_wavelengths

STORED = np.arange(2 * 3 * 4, dtype="<i2").reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("names", "nm"),
    [
        ("Band 1 (450.0 Nanometers)|Band 2 (500.5 Nanometers)", [450, 500.5]),
        ("(467.52 Nanometers)|(470 nanometer)", [467.52, 470]),
        ("650.3 nm|700nm", [650.3, 700]),
        ("0.65 microns|0.7 micrometers", [650, 700]),
        ("B1: 0.45 um|B2: 0.5 µm", [450, 500]),
        ("X450.3.Nanometers|X460.3.Nanometers", [450.3, 460.3]),
        ("nm_450|nm_460", [450, 460]),
        ("450 nm (FWHM 5 nm)|460 nm (FWHM 5 nm)", [450, 460]),
        ("blue 0.45-0.52 µm|green 0.52-0.6 µm", [485, 560]),
        ("Band 1-450 nm|Band 2-460 nm", [450, 460]),
        ("4503.2 Angstroms|4603 angstrom", [450.32, 460.3]),
    ],
)
def test_numbers_with_a_unit(write_envi_file, tmp_path, names, nm):
    scene = open_cube(write_envi_file(STORED, extra=f"band names = {{{names.replace('|', ', ')}}}"))
    np.testing.assert_allclose(scene.wavelength_nm, nm)
    assert scene.notes == ()
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", count=2, height=3, width=4, dtype="int16") as dataset:
        dataset.write(STORED)
        dataset.descriptions = names.split("|")
    np.testing.assert_allclose(open_cube(tmp_path / "a.tif").wavelength_nm, nm)


@pytest.mark.parametrize(
    ("names", "nm"),
    [
        ("Band 12 (0.4567), Band 13 (0.4667)", [456.7, 466.7]),
        ("400, 410", [400, 410]),
        ("wl 450.2, wl 455", [450.2, 455]),
    ],
)
def test_numbers_without_a_unit_are_a_guess(write_envi_file, names, nm):
    scene = open_cube(write_envi_file(STORED, extra=f"band names = {{{names}}}"))
    np.testing.assert_allclose(scene.wavelength_nm, nm)
    assert "assumed" in scene.notes[0]


@pytest.mark.parametrize(
    "names",
    ["1, 2", "201, 202", "Band 1, Band 2", "B1 60 m, B2 10 m", "blue, green (500)", "a (1), a (2.5)", "red 650 nm, NIR",
     "650 nm, 1.2 µm", "channel_0, channel_1", "(0.4), (0.4)"],
)  # fmt: skip
def test_other_names_tell_none(write_envi_file, names):
    scene = open_cube(write_envi_file(STORED, extra=f"band names = {{{names}}}"))
    assert scene.wavelength_nm is None
    assert scene.notes == ()


def test_names_that_contradict_the_list_are_told(write_envi_file):
    extra = "wavelength units = nm\nwavelength = {450.2, 500}\nband names = {450 nm, 600 nm}"
    scene = open_cube(write_envi_file(STORED, extra=extra))
    assert scene.wavelength_nm.tolist() == [450.2, 500]
    assert "500 nm" in scene.notes[0] and "600 nm" in scene.notes[0]


def test_a_long_name_is_looked_at_quickly():
    assert named_wavelengths(["1" * 100_000, "- " * 100_000]).complete is False
