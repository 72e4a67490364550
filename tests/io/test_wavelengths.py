"""Wavelengths of files: units in any spelling, guesses that are said, lists that cannot be used."""

import numpy as np
import pytest

from shsrd.cube.wavelength_units import in_nanometres
from shsrd.io.wavelengths import NumberList, spectral_lists


@pytest.mark.parametrize(
    ("unit", "numbers"),
    [
        ("nm", [400.0, 800.0]),
        ("Nanometers", [400.0, 800.0]),
        ("micron", [0.4, 0.8]),
        ("\u03bcm", [0.4, 0.8]),
        ("\u00b5m", [0.4, 0.8]),
        ("angstrom", [4000.0, 8000.0]),
        ("Centimeters", [4e-5, 8e-5]),
        ("m", [4e-7, 8e-7]),
        ("Wavenumber", [25000.0, 12500.0]),
        ("cm-1", [25000.0, 12500.0]),
        ("GHz", [299792458 / 400, 299792458 / 800]),
        (None, [0.4, 0.8]),
        ("Unknown", [400.0, 800.0]),
    ],
)
def test_a_unit_means_the_same_in_files_and_in_xarray(unit, numbers):
    lists = spectral_lists(NumberList([repr(n) for n in numbers], unit, "wavelength"))
    np.testing.assert_allclose(lists.wavelength_nm, [400, 800], rtol=1e-12)
    np.testing.assert_allclose(in_nanometres(np.array(numbers), unit), [400, 800], rtol=1e-12)
    assert bool(lists.notes) == (unit in (None, "Unknown"))


@pytest.mark.parametrize(
    ("numbers", "unit", "declared", "said"),
    [
        ([383.5, 2511.9], None, True, ""),
        ([383.5, 2511.9], "", True, ""),
        (
            [383.5, 2511.9],
            "Unknown",
            True,
            "(383.5 to 2511.9) has the unit 'Unknown'; nanometres are assumed.",
        ),
        ([383.5, 2511.9], None, False, "no unit; nanometres are assumed"),
        ([0.38, 2.5], None, True, "no unit; micrometres are assumed"),
        ([4000, 8000], None, True, "no unit; nanometres are assumed"),  # or angstrom
    ],
)
def test_only_a_unit_that_could_be_another_is_noted(numbers, unit, declared, said):
    lists = spectral_lists(NumberList([repr(n) for n in numbers], unit, "wavelength", declared))
    assert len(lists.notes) == bool(said)
    assert said in "".join(lists.notes)


def test_widths_in_wavenumbers_are_those_at_their_centre():
    lists = spectral_lists(NumberList(["1000"], "cm-1", "wavelength"), NumberList(["10"], None, "fwhm"))
    assert lists.fwhm_nm[0] == pytest.approx(1e7 / 995 - 1e7 / 1005, rel=1e-4)


@pytest.mark.parametrize(("texts", "unit"), [(["0", "500"], "nm"), (["nan", "1"], "nm"), (["400", "500"], "parsec")])
def test_wavelengths_that_cannot_be_are_left_out_with_a_note(texts, unit):
    lists = spectral_lists(NumberList(texts, unit, "wavelength"))
    assert lists.wavelength_nm is None
    assert "wavelength" in lists.notes[0] and "left out" in lists.notes[0]


def test_widths_that_cannot_be_leave_the_wavelengths():
    for widths in (["0", "5"], ["5"], ["five", "5"]):
        lists = spectral_lists(NumberList(["400", "500"], "nm", "wavelength"), NumberList(widths, "nm", "fwhm"))
        assert lists.wavelength_nm.tolist() == [400, 500]
        assert lists.fwhm_nm is None
        assert "fwhm" in lists.notes[0]
