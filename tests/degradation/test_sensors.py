"""Presets of sensors: the taps have the MTF that the table states, in the direction it states it for."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from shsrd.cube import SceneError
from shsrd.degradation import (
    SENSORS,
    Degradation,
    ObservationModel,
    Sensor,
    SpectralRange,
    back_project,
    back_projection_reach,
    consistency_rmse,
    degrade,
    gaussian_fwhm,
    gaussian_mtf,
)
from shsrd.degradation.kernels import decimate, gaussian_taps

PERIODS = 12  # waves of the low-resolution Nyquist frequency in a test image


def contrast(degradation, axis):
    """What is left of a cosine of half a cycle a low-resolution pixel along an axis, extreme on the pixels' centres."""
    s = degradation.scale
    position = torch.arange(2 * PERIODS * s, dtype=torch.float64) - (s - 1) / 2
    wave = torch.cos(math.pi * position / s)
    image = wave[:, None].expand(-1, 4 * s) if axis == 0 else wave.expand(4 * s, -1)
    low = degrade(image.contiguous(), degradation)
    profile = low[:, 1] if axis == 0 else low[1]
    return float(profile[PERIODS - 2 : PERIODS + 2].abs().mean())


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("name", SENSORS)
def test_taps_have_the_stated_mtf_along_and_across(name, scale):
    degradation = Degradation.of_sensor(name, scale=scale)
    sensor = SENSORS[name]
    assert contrast(degradation, 0) == pytest.approx(sensor.mtf_along_track, abs=2e-3)
    assert contrast(degradation, 1) == pytest.approx(sensor.mtf_across_track, abs=2e-3)


def test_along_track_is_y_where_the_two_differ():
    enmap = Degradation.of_sensor("enmap")
    assert contrast(enmap, 0) < contrast(enmap, 1) - 0.05
    assert contrast(enmap.turned, 0) == pytest.approx(contrast(enmap, 1))
    assert enmap.turned.turned == enmap


@pytest.mark.parametrize("mtf", [0.05, 0.2, 0.5, 0.9])
def test_width_of_an_mtf_is_where_the_gaussian_has_fallen_to_half(mtf):
    half = gaussian_fwhm(mtf) / 2
    x = np.linspace(-40, 40, 80001)
    sigma = half / math.sqrt(2 * math.log(2))
    gaussian = np.exp(-0.5 * (x / sigma) ** 2)
    assert np.interp(half, x, gaussian) == pytest.approx(0.5, abs=1e-6)
    assert (gaussian * np.cos(math.pi * x)).sum() / gaussian.sum() == pytest.approx(mtf, abs=1e-6)


@pytest.mark.parametrize("mtf", [0.0, 1.0, -0.1, math.nan])
def test_no_gaussian_has_such_an_mtf(mtf):
    with pytest.raises(ValueError, match="between 0 and 1"):
        gaussian_fwhm(mtf)


def test_every_sensor_names_a_source_with_its_figures():
    for sensor in SENSORS.values():
        assert "MTF" in sensor.source
        assert any(word in sensor.source for word in ("Report", "Specification", "(paper)", "web page", "Second-hand"))


def test_refuses_unknown_sensors_and_scales():
    with pytest.raises(SceneError, match=r"'landsat'; choose one of enmap, hyperion, .*prisma, tanager"):
        Degradation.of_sensor("landsat")
    with pytest.raises(SceneError, match="scale 0 is out of range"):
        Degradation.of_sensor("enmap", scale=0)


def test_round_trip_through_json():
    enmap = Degradation.of_sensor("enmap", scale=3)
    assert Degradation.model_validate_json(enmap.model_dump_json()) == enmap


def test_turning_scene_and_sensor_turns_the_result():
    x = torch.rand(2, 24, 32, dtype=torch.float64)
    enmap = Degradation.of_sensor("enmap")
    torch.testing.assert_close(degrade(x, enmap).mT, degrade(x.mT.contiguous(), enmap.turned))


def test_taps_of_different_lengths_equal_two_passes():
    x = torch.rand(3, 12, 20, dtype=torch.float64)
    wide, narrow = gaussian_taps(1, 2.0), gaussian_taps(1, 0.5)
    assert len(wide) > len(narrow)
    for taps, taps_x in ((wide, narrow), (narrow, wide)):
        passes = decimate(decimate(x, taps, 1, taps_x=(1.0,)), (1.0,), 1, taps_x=taps_x)
        torch.testing.assert_close(decimate(x, taps, 1, taps_x=taps_x), passes)


@pytest.mark.parametrize("name", SENSORS)
def test_declared_reach_is_true(name):
    degradation = Degradation.of_sensor(name)
    x = torch.zeros(1, 80, 80, dtype=torch.float64)
    x[:, 40:44, 40:44] = 1.0
    for axis in (0, 1):
        touched = degrade(x, degradation)[0].abs().amax(axis).nonzero().flatten()
        assert 10 - degradation.reach <= touched.min() and touched.max() <= 10 + degradation.reach


@pytest.mark.parametrize("name", SENSORS)
def test_back_projection_restores_what_the_sensor_saw(name):
    degradation = Degradation.of_sensor(name)
    y, x = torch.meshgrid(torch.linspace(0, 9, 96), torch.linspace(0, 7, 96), indexing="ij")
    truth = (0.5 + 0.2 * torch.sin(y * x / 6) + 0.1 * (x > 3))[None]
    low = degrade(truth, degradation)
    start = truth.mean() * torch.ones_like(truth)
    result = back_project(start, low, degradation)
    assert consistency_rmse(result, low, degradation) < 2e-4 < 100 * consistency_rmse(start, low, degradation)
    torch.testing.assert_close(
        back_project(start.mT.contiguous(), low.mT.contiguous(), degradation.turned).mT, result, atol=1e-4, rtol=0
    )
    assert back_projection_reach(degradation) == back_projection_reach(degradation.turned)


def test_width_along_x_belongs_to_the_gaussian():
    with pytest.raises(SceneError, match="gaussian kernel"):
        degrade(torch.rand(8, 8), Degradation(kernel="area", scale=2, fwhm_x_pixels=3.0))


TWO_RANGES = Sensor((SpectralRange(400, 1000, (1.2, 1.0)), SpectralRange(950, 2500, (1.6, 1.4))), "of this test")


def test_bands_take_the_width_of_their_range():
    wavelengths = np.array([300.0, 700.0, 975.0, 1500.0, 2600.0, np.nan])
    expected = [(1.2, 1.0)] * 3 + [(1.6, 1.4)] * 2 + [(1.4, 1.2)]
    np.testing.assert_allclose(TWO_RANGES.fwhm_at(wavelengths, 6), expected)


def test_without_wavelengths_every_band_takes_the_mean():
    np.testing.assert_allclose(TWO_RANGES.fwhm_at(None, 3), [TWO_RANGES.fwhm] * 3)
    assert TWO_RANGES.fwhm == pytest.approx((1.4, 1.2))
    assert TWO_RANGES.fwhm_at(None, 0).shape == (0, 2)


def test_wavelengths_of_another_number_of_bands_are_refused():
    with pytest.raises(ValueError, match="3 bands"):
        TWO_RANGES.fwhm_at(np.array([500.0, 600.0]), 3)


@pytest.mark.parametrize("mtf", [0.05, 0.2, 0.5, 0.9])
def test_mtf_and_width_are_inverses(mtf):
    assert gaussian_mtf(gaussian_fwhm(mtf)) == pytest.approx(mtf)


@pytest.mark.parametrize("kernel", ["gaussian", "detector"])
@pytest.mark.parametrize("name", SENSORS)
def test_every_spectral_range_has_its_published_mtf(name, kernel):
    sensor = SENSORS[name]
    middles = np.array([(part.start_nm + part.stop_nm) / 2 for part in sensor.ranges])
    groups = ObservationModel.of_sensor(name, wavelength_nm=middles, kernel=kernel).groups(len(middles))
    for degradation, bands in groups.items():
        for band in bands:
            for axis, width in enumerate(sensor.ranges[band].fwhm):
                assert contrast(degradation, axis) == pytest.approx(gaussian_mtf(width), abs=2e-3)


def test_ranges_ascend_and_do_not_overlap_by_much():
    for sensor in SENSORS.values():
        for part in sensor.ranges:
            assert 200 < part.start_nm < part.stop_nm < 3000
        for before, after in pairwise(sensor.ranges):
            assert before.stop_nm <= after.start_nm
