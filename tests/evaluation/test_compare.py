"""Comparing an estimate with the truth: relations that hold whatever the scene."""

import math

import numpy as np
import pytest
import torch

from shsrd.cube import Cube, SceneError
from shsrd.datasets import synthetic_scene
from shsrd.degradation import Degradation, bicubic_up, degrade_cube
from shsrd.evaluation import compare
from shsrd.metrics import evaluate


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def truth():
    return synthetic_scene(rows=32, columns=40, wavelength_nm=np.linspace(420, 900, 6), seed=1)


def interpolated(truth, scale=4):
    low = degrade_cube(truth, Degradation(scale=scale))
    return truth.replace(pixels=bicubic_up(torch.from_numpy(low.pixels), scale).numpy())


@pytest.mark.parametrize("scale", [2, 4])
def test_bicubic_given_as_estimate_scores_as_bicubic(truth, scale):
    found = compare(interpolated(truth, scale), truth, scale)
    assert found.ours == found.bicubic
    assert (found.data_range, found.bands) == (1.0, 6)


def test_truth_is_perfect_and_consistent(truth):
    found = compare(truth, truth, 4)
    assert (found.ours.mpsnr, found.ours.rmse, found.ours.consistency) == (math.inf, 0, 0)


def test_figures_are_those_of_the_metrics(truth):
    estimate = interpolated(truth)
    estimate = estimate.replace(pixels=estimate.pixels * np.float32(1.01))
    found = compare(estimate, truth, 4, data_range=0.7)
    expected = evaluate(estimate.pixels, truth.pixels, scale=4, data_range=0.7)
    assert found.ours.as_json() | {"consistency": None} == expected.as_json()
    low = degrade_cube(truth, Degradation(scale=4)).pixels
    again = degrade_cube(estimate, Degradation(scale=4)).pixels
    assert found.ours.consistency == pytest.approx(np.sqrt(np.mean((again - low) ** 2.0)) / 0.7, rel=1e-4)


def test_what_exceeds_a_multiple_of_the_scale_is_cropped(truth):
    odd = truth.crop(rows=31, columns=38)
    even = truth.crop(rows=28, columns=36)
    assert compare(even, odd, 4) == compare(even, even, 4)


@pytest.mark.parametrize(("brightest", "expected"), [(0.9, 1.0), (1.4, 1.0), (3.0, 3.0), (4095.0, 4095.0)])
def test_range_is_one_for_reflectance_and_the_maximum_otherwise(truth, brightest, expected):
    scaled = truth.replace(pixels=truth.pixels * np.float32(brightest / truth.pixels.max()))
    assert compare(scaled, scaled, 4).data_range == pytest.approx(expected)


def test_units_do_not_matter(truth):
    estimate = interpolated(truth)
    counts = [cube.replace(pixels=cube.pixels * np.float32(1e4)) for cube in (estimate, truth)]
    small, large = compare(estimate, truth, 4, data_range=1.0).ours, compare(*counts, 4, data_range=1e4).ours
    for name in ("mpsnr", "mssim", "sam_deg", "ergas", "cc", "consistency"):
        assert getattr(large, name) == pytest.approx(getattr(small, name), rel=1e-4), name
    assert large.rmse == pytest.approx(1e4 * small.rmse, rel=1e-4)


def test_bad_bands_and_holes_do_not_count(truth):
    good = np.array([True] * 5 + [False])
    spoilt = interpolated(truth).pixels.copy()
    spoilt[5] = 1e6
    found = compare(truth.replace(pixels=spoilt, good_bands=good), truth, 4)
    alone = Cube(spoilt[:5])
    expected = compare(alone, Cube(truth.pixels[:5]), 4)
    assert found.bands == 5
    assert found.ours == expected.ours
    holed = truth.pixels.copy()
    holed[:, 8:16, 8:16] = np.nan
    with_hole = compare(truth.replace(pixels=np.where(np.isnan(holed), np.nan, spoilt)), truth.replace(pixels=holed), 4)
    assert all(math.isfinite(value) for key, value in vars(with_hole.ours).items() if key != "mssim")


def test_estimate_unknown_everywhere_it_could_be_consistent(truth):
    """A few isolated pixels: figures exist, consistency has no meaning."""
    pixels = np.full(truth.shape, np.nan, np.float32)
    pixels[:, ::8, ::8] = truth.pixels[:, ::8, ::8]
    found = compare(truth.replace(pixels=pixels), truth, 4)
    assert found.ours.rmse == 0
    assert math.isnan(found.ours.consistency)


@pytest.mark.parametrize("scale", [-1, 0, 1, 64])
def test_scale_that_does_not_fit(truth, scale):
    with pytest.raises(SceneError, match=f"scale {scale} "):
        compare(truth, truth, scale)


@pytest.mark.parametrize("data_range", [0, -1, math.nan])
def test_range_that_is_none(truth, data_range):
    with pytest.raises(SceneError, match="data range"):
        compare(truth, truth, 4, data_range=data_range)
