"""The output stays near the local range of the input, whatever the network says."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shsrd.cube import Cube
from shsrd.degradation import Degradation, back_project, bicubic_up, degrade
from shsrd.upscaling import UpscaleOptions, upscale
from shsrd.upscaling.bounds import MAX_UNDERSHOOT, SLACK, Bounds


def local_range(low, scale):
    """Smallest and largest of the 5 x 5 pixels around, by plain loops over shifts, on the fine grid."""
    padded = np.pad(low, ((0, 0), (2, 2), (2, 2)), mode="edge")
    rows, columns = low.shape[1:]
    shifted = [padded[:, y : y + rows, x : x + columns] for y in range(5) for x in range(5)]
    return (f(shifted, axis=0).repeat(scale, 1).repeat(scale, 2) for f in (np.min, np.max))


def excess(low, high, scale=2):
    """By how many local ranges, beyond the slack, the output leaves the local range at most."""
    least, most = local_range(low.astype(np.float64), scale)
    span = (low.max(axis=(1, 2)) - low.min(axis=(1, 2)))[:, None, None].astype(np.float64)
    rounding = 8 * np.finfo(np.float32).eps * np.abs(low).max()
    beyond = np.maximum(least - high, high - most) - SLACK * span - rounding
    return float((beyond - (most - least)).max())


@st.composite
def scenes(draw):
    """Noise and structure of any contrast and offset, with spikes, dead and noisy bands."""
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    bands, rows, columns = draw(st.sampled_from([1, 3, 5, 13])), 9, 11
    y, x = np.mgrid[0:rows, 0:columns]
    pixels = np.sin(y / 2) * np.cos(x / 3) + 0.1 * rng.normal(size=(bands, rows, columns))
    pixels[:, rng.integers(rows), rng.integers(columns)] += draw(st.sampled_from([0, 5, 50]))  # a glint
    spiked = draw(st.integers(0, bands - 1))
    pixels[spiked, rng.integers(rows), rng.integers(columns)] += draw(st.sampled_from([0, -30, 1e3]))
    pixels[draw(st.integers(0, bands - 1))] *= draw(st.sampled_from([1, 0, 1e-3, 20]))
    return (pixels * draw(st.sampled_from([1e-4, 1, 3000])) + draw(st.sampled_from([0, -3, 1e4]))).astype(np.float32)


@pytest.fixture(scope="module")
def wild(make_model):
    return make_model(2)


@given(scenes(), st.sampled_from([{}, {"block": 8}, {"basis": "pca"}, {"consistency": False}, {"steps": 1}]))
@settings(max_examples=25, derandomize=True, database=None)
def test_nothing_leaves_the_local_range_by_more_than_is_stated(wild, pixels, asked):
    asked = {"device": "cpu", "precision": "fp32", "self_check": False, **asked}
    found = upscale(Cube(pixels), 2, options=UpscaleOptions(**asked), model=wild)
    assert excess(pixels, found.cube.pixels) <= 0
    assert np.isfinite(found.cube.pixels).all()


def test_wild_detail_would_leave_it(make_scene, run):
    scene = make_scene()
    free, held = (run(scene, overshoot=overshoot) for overshoot in (None, 1.0))
    assert excess(scene.pixels, free.cube.pixels) > 0.01
    assert excess(scene.pixels, held.cube.pixels) <= 0
    assert held.report.values_clipped > 0 == free.report.values_clipped


def test_what_stays_inside_is_left_alone():
    low, high = glint()
    held = high.copy()
    assert (
        Bounds.of(1000, np.array([-9.0]), np.array([1.0])).apply(
            *map(torch.from_numpy, (held, low)), Degradation(scale=4)
        )
        == 0
    )
    np.testing.assert_array_equal(held, high)


def test_what_is_cut_off_is_given_back():
    """A glint that is too high becomes a wider one: as bright to the sensor."""
    low, high = glint()
    bounds, degradation = Bounds.of(1.0, *np.array([[low.min()], [low.max()]], float)), Degradation(scale=4)
    errors = {}
    for given_back in (degradation, None):
        pixels = high.copy()
        assert bounds.apply(*map(torch.from_numpy, (pixels, low)), given_back) > 0
        errors[given_back] = np.abs(degrade(torch.from_numpy(pixels), degradation).numpy() - low).max()
        assert excess(low, pixels, 4) <= 0
    assert errors[degradation] < 0.4 * errors[None]


def glint():
    """One bright pixel, and an estimate with all of its light in one fine pixel."""
    low = np.zeros((1, 13, 13), np.float32)
    low[0, 6, 6] = 1
    guess = bicubic_up(torch.from_numpy(low), 4)
    guess[0, 25:27, 25:27] += 4
    return low, back_project(guess, torch.from_numpy(low), Degradation(scale=4)).numpy()


@pytest.mark.parametrize("lowest", [0.0, 0.1, -0.5])
def test_floor(lowest):
    floor = Bounds.of(1.0, np.array([lowest]), np.array([1.0])).floor[0]
    assert floor == pytest.approx(lowest - MAX_UNDERSHOOT * (1 - lowest))


def test_positive_scenes_fall_little_below_zero(make_scene, run):
    scene = make_scene()
    dark = scene.replace(pixels=np.maximum(scene.pixels - 0.5, 0))
    span = np.ptp(dark.pixels, axis=(1, 2))
    free, held = (run(dark, overshoot=overshoot).cube.pixels.min(axis=(1, 2)) for overshoot in (None, 1.0))
    assert (free < -2 * MAX_UNDERSHOOT * span).any()
    assert (held >= -1.0001 * MAX_UNDERSHOOT * span).all()


def test_tiles_do_not_matter(make_scene, run):
    scene = make_scene(rows=40, columns=37)
    one, other = (run(scene, tile=tile, block=8, overshoot=0) for tile in (8, 40))
    np.testing.assert_array_equal(one.cube.pixels, other.cube.pixels)
    assert one.report.values_clipped == other.report.values_clipped > 0
    assert one.report.output_range == other.report.output_range


def test_ranges_are_those_of_the_pixels(make_scene, run):
    scene = make_scene()
    pixels = scene.pixels.copy()
    pixels[:, 3:6, 4] = np.nan
    found = run(scene.replace(pixels=pixels))
    assert found.report.input_range == (np.nanmin(pixels), np.nanmax(pixels))
    assert found.report.output_range == (np.nanmin(found.cube.pixels), np.nanmax(found.cube.pixels))


@pytest.mark.parametrize("value", [0.3, 1234.5])
def test_rounding_in_a_constant_scene_is_no_excess(make_model, value):
    scene = Cube(np.full((4, 16, 16), value, np.float32))
    options = UpscaleOptions(device="cpu", precision="fp32", self_check=False)
    found = upscale(scene, 2, options=options, model=make_model(2))
    assert found.report.values_clipped == 0
    np.testing.assert_allclose(found.cube.pixels, value, rtol=1e-6)
