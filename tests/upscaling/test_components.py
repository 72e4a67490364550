"""Corrections in parts: every detector by itself, every band by its own point spread function."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from shsrd import synthetic_scene
from shsrd.cube import Cube, MemorySource
from shsrd.degradation import SENSORS, Degradation, degrade, degrade_cube
from shsrd.upscaling import UpscaleOptions
from shsrd.upscaling.components import fwhm_of, group_by_fwhm
from shsrd.upscaling.correction import CorrectedSource, PSFCorrection, match_bicubic_psf
from shsrd.upscaling.reconstruction import _consistency_stats
from shsrd.upscaling.tiles import Window

SHARP, BLURRED = ((1.2, 1.2), (1.7, 1.7))


def sensor_of(fwhm, scale=4):
    return Degradation(kernel="gaussian", scale=scale, fwhm_pixels=scale * fwhm[0], fwhm_x_pixels=scale * fwhm[1])


@pytest.fixture(scope="module")
def truth():
    made = synthetic_scene(wavelength_nm=np.linspace(450, 900, 26), rows=256, columns=256, seed=3)
    return Cube(made.pixels, wavelength_nm=made.wavelength_nm)


@pytest.fixture(scope="module")
def low(truth):
    """Two detectors, the second one blurred more, with some noise."""
    sharp, blurred = (degrade_cube(truth, sensor_of(fwhm)) for fwhm in (SHARP, BLURRED))
    pixels = np.concatenate([sharp.pixels[:13], blurred.pixels[13:]])
    pixels += 0.0005 * np.random.default_rng(0).standard_normal(pixels.shape).astype(np.float32)
    return named(sharp.replace(pixels=pixels), ["VNIR"] * 13 + ["SWIR"] * 13)


def named(cube, detectors):
    return cube.replace(headers=cube.metadata.with_detectors(detectors).headers)


def corrected(cube, *, sensor=None, snr=None, fwhm=None):
    memory = MemorySource(cube)
    correction = PSFCorrection.of_scene(memory, sensor or sensor_of(SHARP), snr, fwhm)
    source = CorrectedSource(memory, correction)
    return source.read(*(slice(0, size) for size in cube.shape[1:])), correction


def widths(*fwhm):
    return np.repeat(fwhm, 13, axis=0)


def only(cube, bands):
    return Cube(cube.pixels[bands], wavelength_nm=cube.wavelength_nm[bands])


def test_two_detectors_are_corrected_as_two_scenes(low):
    together, _ = corrected(low, fwhm=widths(SHARP, BLURRED))
    apart = [corrected(only(low, slice(13 * n, 13 * n + 13)), sensor=sensor_of((SHARP, BLURRED)[n]))[0] for n in (0, 1)]
    np.testing.assert_allclose(together, np.concatenate(apart), atol=1e-5)


def test_the_order_of_bands_changes_nothing(low):
    order = np.random.default_rng(1).permutation(26)
    shuffled = named(only(low, order), [low.detectors[band] for band in order])
    usual, _ = corrected(low, fwhm=widths(SHARP, BLURRED))
    mixed, _ = corrected(shuffled, fwhm=widths(SHARP, BLURRED)[order])
    np.testing.assert_allclose(mixed, usual[order], atol=1e-4)


def test_each_band_is_corrected_for_its_own_width(truth, low):
    wanted = degrade_cube(truth, Degradation(scale=4)).pixels[13:]
    own, _ = corrected(low, fwhm=widths(SHARP, BLURRED))
    sharp, _ = corrected(low, fwhm=widths(SHARP, SHARP))
    assert np.square(own[13:] - wanted).mean() < 0.1 * np.square(sharp[13:] - wanted).mean()


def test_a_width_with_which_one_detector_rings_is_lowered_for_that_one(low):
    _, correction = corrected(low, sensor=sensor_of(BLURRED))
    first, second = correction.parts
    assert fwhm_of(first.sensor) < SHARP
    assert fwhm_of(first.requested) == pytest.approx(BLURRED)
    assert second.requested is None
    assert correction.fwhm_requested == pytest.approx(BLURRED)


def test_what_is_known_of_the_bands_is_in_their_order(low):
    shuffled = named(low, ["VNIR", "SWIR"] * 13)
    _, correction = corrected(shuffled, snr=30)
    np.testing.assert_allclose(correction.mean, low.pixels.mean(axis=(1, 2)), rtol=1e-4)
    rms = np.sqrt(np.square(low.pixels, dtype=np.float64).mean(axis=(1, 2)))
    np.testing.assert_allclose(correction.noise, rms / 10**1.5, rtol=1e-4)
    assert correction.snr_db == pytest.approx(30, abs=0.01)
    np.testing.assert_array_equal(correction.acquisition.noise, correction.noise)


def test_a_detector_of_few_bands_is_no_noise(truth):
    sharp = degrade_cube(truth, sensor_of(SHARP))
    sharp = Cube(np.concatenate([sharp.pixels[:12], sharp.pixels[-1:]]))
    pixels, correction = corrected(named(sharp, ["VNIR"] * 12 + ["SWIR"]))
    detail = np.diff(np.diff(sharp.pixels[-1], axis=0), axis=1).std() / 2
    assert correction.noise[-1] < 0.5 * detail
    assert np.diff(pixels[-1], axis=0).std() > np.diff(sharp.pixels[-1], axis=0).std()


def test_bands_of_one_width_are_corrected_together():
    fwhm = np.array([[1.2, 1.3], [1.5, 1.3], [1.22, 1.31], [1.5, 1.3], [1.2, 1.5]])
    parts = group_by_fwhm(fwhm, [np.array([0, 1, 2, 3]), np.array([4])])
    assert [part.tolist() for part in parts] == [[0, 2], [1, 3], [4]]
    whole = np.arange(5)
    assert sorted(band for part in group_by_fwhm(fwhm, [whole]) for band in part.tolist()) == whole.tolist()


def test_a_sensor_whose_widths_differ_is_taken_band_by_band(make_scene):
    scene = make_scene(bands=6, rows=40, columns=40, wavelength_nm=np.array([400.0, 500, 600, 1000, 1100, 1200]))
    sensor = SENSORS["hyperion"]
    source = match_bicubic_psf(
        MemorySource(named(scene, ["VNIR"] * 3 + ["SWIR"] * 3)), UpscaleOptions(sensor="hyperion"), 4
    )
    requested = source.correction.fwhm_requested or source.correction.fwhm
    parts = source.correction.parts
    for part in parts:
        asked = fwhm_of(part.requested or part.sensor)
        np.testing.assert_allclose(asked, sensor.fwhm_at(scene.wavelength_nm, 6)[part.bands].mean(axis=0), rtol=1e-6)
    assert len(parts) == 2
    np.testing.assert_allclose(requested, sensor.fwhm_at(scene.wavelength_nm, 6).mean(axis=0), rtol=1e-6)


def test_a_width_by_hand_holds_for_all_bands(make_scene):
    scene = named(make_scene(bands=6, rows=40, columns=40), ["VNIR"] * 3 + ["SWIR"] * 3)
    correction = match_bicubic_psf(MemorySource(scene), UpscaleOptions(fwhm=(1.5, 1.3)), 4).correction
    assert len(correction.parts) == 2
    for part in correction.parts:
        assert fwhm_of(part.requested or part.sensor) == pytest.approx((1.5, 1.3))


def test_the_output_is_compared_by_each_bands_own_width(truth):
    x = torch.from_numpy(truth.pixels)
    parts = [(np.arange(0, 26, 2), sensor_of(SHARP)), (np.arange(1, 26, 2), sensor_of(BLURRED))]
    measured = np.empty((26, 64, 64), np.float32)
    for bands, sensor in parts:
        measured[bands] = degrade(x[bands], sensor).numpy()
    plan = SimpleNamespace(metadata=degrade_cube(truth, sensor_of(SHARP)).metadata, scale=4, band_degradations=parts)
    right = _consistency_stats(x, torch.from_numpy(measured), Window(0, 0, 64, 64), plan)
    plan.band_degradations = [(bands, sensor_of(SHARP)) for bands, _ in parts]
    wrong = _consistency_stats(x, torch.from_numpy(measured), Window(0, 0, 64, 64), plan)
    assert right.count == wrong.count == measured.size
    assert right.squares < 1e-8 * wrong.squares
    assert right.span == replace(wrong).span


def test_measurements_of_some_bands_are_those_of_their_parts(low):
    mixed = named(low, ["VNIR", "SWIR"] * 13)
    _, correction = corrected(mixed, fwhm=np.tile([SHARP, BLURRED], (13, 1)), snr=40)
    bands = np.array([1, 4, 5, 20])
    found = correction.measurements(bands)
    assert [part.bands.tolist() for part in found] == [[1, 3], [0, 2]]
    for part in found:
        np.testing.assert_allclose(part.noise, correction.noise[bands[part.bands]])
        np.testing.assert_allclose(part.basis.T @ part.basis, np.eye(len(part.bands)), atol=1e-9)
    assert [len(part.bands) for part in correction.measurements(np.arange(26))] == [13, 13]
