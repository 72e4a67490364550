"""Which detector measured a band: what the file says, what wavelengths show, and what is no sign."""

import numpy as np
import pytest

from shsrd.cube import SceneMetadata
from shsrd.cube.detectors import detector_index

ENMAP = np.r_[np.linspace(420, 993, 91), np.linspace(902, 2445, 133)]
HYPERION = np.r_[356 + 10.17 * np.arange(70), 852 + 10.09 * np.arange(172)]


def facts_of(wavelength_nm=None, bands=None, **more):
    bands = len(wavelength_nm) if bands is None else bands
    return SceneMetadata((bands, 4, 5), wavelength_nm=wavelength_nm, **more)


@pytest.mark.parametrize(("wavelength_nm", "first"), [(ENMAP, 91), (HYPERION, 70)])
def test_wavelengths_that_step_back_tell_of_a_second_detector(wavelength_nm, first):
    rest = len(wavelength_nm) - first
    assert facts_of(wavelength_nm).detectors == ("VNIR",) * first + ("SWIR",) * rest


def test_a_falling_list_is_read_from_its_end():
    assert facts_of(ENMAP[::-1]).detectors == ("SWIR",) * 133 + ("VNIR",) * 91


def test_four_spectrometers_have_numbers():
    aviris = np.r_[370 + 9.6 * np.arange(32), 655 + 9.6 * np.arange(64), 1253 + 9.9 * np.arange(64)]
    assert list(dict.fromkeys(facts_of(aviris).detectors)) == ["detector 1", "detector 2", "detector 3"]


@pytest.mark.parametrize("offset", [0.0, 1.0, 2.5, 4.0, 6.0, 8.5])
@pytest.mark.parametrize("pace", [8.0, 11.3])
def test_bands_sorted_into_each_other_are_taken_apart(offset, pace):
    vnir, swir = 400 + 10.3 * np.arange(57), 943 + offset + pace * np.arange(150)
    joined, truth = np.r_[vnir, swir], np.r_[np.zeros(57, int), np.ones(150, int)]
    order = np.argsort(joined, kind="stable")
    np.testing.assert_array_equal(detector_index(joined[order]), truth[order])


def test_a_cut_without_overlap_shows_in_the_steps():
    hyspex = np.r_[439.2 + 7.25 * np.arange(77), 991.8 + 6 * np.arange(150)]
    np.testing.assert_array_equal(detector_index(hyspex), np.arange(227) >= 77)
    np.testing.assert_array_equal(detector_index(np.delete(hyspex, 1)), np.arange(226) >= 76)


def test_a_cut_at_the_end_of_silicon_shows_in_the_widths():
    evenly, widths = 427 + 10.1 * np.arange(180), np.where(np.arange(180) < 50, 11.28, 9.9)
    np.testing.assert_array_equal(detector_index(evenly, widths), np.arange(180) >= 50)


@pytest.mark.parametrize(
    "wavelength_nm",
    [
        400 + 5.0 * np.arange(420),
        np.delete(400 + 10.0 * np.arange(210), [*range(95, 105), *range(140, 155)]),  # water bands left out
        np.delete(400 + 10.0 * np.arange(210), [30, 31, 60]),
        np.delete(424.7 + 7.25 * np.arange(210), 1),
        np.cumsum(np.r_[420, np.linspace(4.7, 8.9, 150)]),  # a prism
        np.array([650.0, 550.0, 450.0, 800.0]),  # somebody's own order
        np.random.default_rng(0).permutation(400 + 10.0 * np.arange(60)),
        np.array([450.0, 550.0, 650.0, 850.0, 1600.0, 2200.0]),
        np.full(9, 500.0),
        np.array([500.0, np.nan, 600.0, 550.0, 560.0, 570.0]),
    ],
)
def test_no_sign_of_a_second_detector(wavelength_nm):
    assert facts_of(wavelength_nm).detectors == ()


def test_names_of_bands_go_before_wavelengths():
    names = ("VNIR 63", "SWIR 1", "VNIR 64", "SWIR 2")
    assert facts_of(np.array([940.0, 943, 951, 952]), band_names=names).detectors == ("VNIR", "SWIR", "VNIR", "SWIR")
    assert facts_of(bands=2, band_names=("SWIR1", "NIR")).detectors == ()


def test_the_header_key_goes_before_all():
    metadata = facts_of(ENMAP).with_detectors(("one",) * 224)
    assert metadata.detectors == ()
    assert facts_of(bands=3, headers={"Detector_Names": "{a, b, b}"}).detectors == ("a", "b", "b")
    assert facts_of(ENMAP, headers={"detector names": "{a, b}"}).detectors == facts_of(ENMAP).detectors


def test_hyperion_by_its_name_and_number_of_bands():
    assert facts_of(bands=242).detectors == ()
    named = facts_of(bands=242, headers={"sensor type": "Hyperion"}).detectors
    assert (named.count("VNIR"), named.count("SWIR")) == (70, 172)


def test_other_grids_keep_the_detectors():
    metadata = facts_of(bands=3).with_detectors(("a", "b", "b"))
    assert metadata.finer(4).detectors == metadata.subset(slice(0, 2), slice(0, 2)).detectors == ("a", "b", "b")
