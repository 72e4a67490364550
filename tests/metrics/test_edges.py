import doctest
import json
import math
from dataclasses import fields

import numpy as np
import pytest

from shsrd import metrics
from shsrd.cube import SceneError
from shsrd.metrics import angle, error, scores, structure


@pytest.mark.parametrize("module", [angle, error, scores, structure])
def test_examples_in_docstrings(module):
    result = doctest.testmod(module, extraglobs={"np": np, "math": math})
    assert result.attempted > 0
    assert result.failed == 0


def cube(seed=0, shape=(3, 12, 12)):
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def test_identical_cubes():
    found = metrics.evaluate(cube(), cube(), scale=4)
    assert (found.mpsnr, found.psnr_cube) == (math.inf, math.inf)
    assert (found.mssim, found.cc) == (pytest.approx(1), pytest.approx(1))
    assert (found.rmse, found.ergas) == (0, 0)
    assert found.sam_deg < 1e-5
    text = json.dumps(found.as_json(), allow_nan=False)
    assert json.loads(text)["mpsnr"] == "inf"
    assert json.loads(text)["consistency"] is None


def test_json_keys_are_the_definitions():
    assert [f.name for f in fields(metrics.Scores)] == list(metrics.DEFINITIONS)


def test_zero_pixels_do_not_spoil_the_angle():
    x, y = cube(1), cube(2)
    expected = metrics.sam_deg(x[:, 1:], y[:, 1:])
    x[:, 0] = 0
    assert metrics.sam_deg(x, y) == pytest.approx(expected)
    assert math.isnan(metrics.sam_deg(np.zeros_like(x), y))


def test_angle_is_blind_to_brightness_and_exact_for_parallel_spectra():
    x = cube()
    assert metrics.sam_deg(x * np.float32(0.25), x) == pytest.approx(0, abs=2e-6)
    assert metrics.sam_deg(-x, x) == pytest.approx(180, abs=1e-5)


def test_constant_bands_leave_correlation_to_the_others():
    x, y = cube(1), cube(2)
    expected = metrics.cc(x[1:], y[1:])
    x[0] = 0.5
    assert metrics.cc(x, y) == pytest.approx(expected)
    assert math.isnan(metrics.cc(np.ones_like(x), y))


def test_zero_mean_band_is_left_out_of_ergas():
    x, y = cube(1), cube(2)
    y[0] -= y[0].mean(dtype=np.float64).astype(np.float32)
    y[0, ::2], y[0, 1::2] = 0.1, -0.1
    assert metrics.ergas(x, y, scale=2) == pytest.approx(metrics.ergas(x[1:], y[1:], scale=2))
    assert math.isnan(metrics.ergas(x, np.zeros_like(x), scale=2))


def test_band_without_data_is_left_out():
    x, y = cube(1), cube(2)
    expected = metrics.evaluate(x[1:], y[1:], scale=4)
    y[0] = np.nan
    found = metrics.evaluate(x, y, scale=4, consistency=1e-5)
    assert found.mpsnr == pytest.approx(expected.mpsnr)
    assert found.mssim == pytest.approx(expected.mssim)
    assert found.sam_deg == pytest.approx(expected.sam_deg)
    assert found.consistency == 1e-5


def test_image_smaller_than_the_window_has_no_ssim():
    found = metrics.evaluate(cube(1, (2, 6, 9)), cube(2, (2, 6, 9)), scale=2)
    assert math.isnan(found.mssim)
    assert found.as_json()["mssim"] is None


def test_psnr_and_ergas_are_not_the_same_for_pooled_and_banded():
    y = np.ones((2, 8, 8))
    x = y + np.array([0.1, 0.001])[:, None, None]
    assert metrics.mpsnr(x, y) == pytest.approx(40)
    assert metrics.psnr_cube(x, y) == pytest.approx(23.01, abs=0.01)


@pytest.mark.parametrize(
    ("x", "y", "mask", "words"),
    [
        (np.ones((2, 4, 4)), np.ones((2, 4, 5)), None, "cannot compare shapes"),
        (np.ones((4, 4)), np.ones((4, 4)), None, "give two cubes"),
        (np.ones((2, 4, 4)), np.ones((2, 4, 4)), np.ones((4, 5), bool), "mask of shape"),
        (np.full((2, 4, 4), np.nan), np.ones((2, 4, 4)), None, "no valid pixel"),
    ],
)
def test_refuses(x, y, mask, words):
    with pytest.raises(SceneError, match=words):
        metrics.rmse(x, y, mask=mask)


def test_range_must_be_positive():
    with pytest.raises(SceneError, match="data_range"):
        metrics.mpsnr(cube(1), cube(2), data_range=0)
