"""The self-check: harmful detail is found and held back, good detail is left alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from shsrd.cube import Cube
from shsrd.datasets import synthetic_scene
from shsrd.degradation import Degradation, back_project, bicubic_up, degrade
from shsrd.evaluation import compare
from shsrd.model import Model, Network, load_weights
from shsrd.upscaling.self_check import (
    SMALLEST_SIDE,
    WINDOW_SIDE,
    attenuate_detail,
    candidate_windows,
    select_windows,
    shrinkage_gain,
)

SCALE = 2
SIDE = SMALLEST_SIDE * SCALE


def pixels(result):
    return result.cube.pixels.astype(np.float64)


@pytest.fixture(scope="module")
def truth():
    """A synthetic scene of four bands, with values of float32."""
    scene = synthetic_scene(rows=2 * SIDE, columns=2 * SIDE, wavelength_nm=np.linspace(450, 900, 4), seed=2)
    return Cube(scene.pixels, wavelength_nm=scene.wavelength_nm)


@pytest.fixture(scope="module")
def low(truth):
    return truth.replace(pixels=degrade(torch.from_numpy(truth.pixels), Degradation(scale=SCALE)).numpy())


@pytest.fixture
def teach(make_model):
    """A network whose detail is a plain sharpening of every channel times a factor, or times one for each of three."""

    def teach(factor):
        factors = np.broadcast_to(factor, 3)
        network = Network(make_model(SCALE).network.config)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.zero_()
            network.encoder.stem.weight[:3, :, 1, 1] = torch.eye(3)
            head = network.encoder.head.weight
            edge = torch.tensor([[0.0, -1.0, 0.0], [-1.0, 4.0, -1.0], [0.0, -1.0, 0.0]])
            for channel in range(3):
                head[4 * channel : 4 * channel + 4, channel] = float(factors[channel]) * edge
        return Model("taught", network, {}, "0" * 16)

    return teach


def test_good_detail_is_left_alone_bit_for_bit(low, run, teach):
    checked, free = (run(low, model=teach(0.02), self_check=check, uncertainty=True) for check in (True, False))
    assert checked.report.self_check_gain_db > 0.1
    assert checked.report.self_check_sam_ratio < 1.05
    assert not checked.report.worse_than_bicubic
    np.testing.assert_array_equal(checked.cube.pixels, free.cube.pixels)
    np.testing.assert_array_equal(checked.uncertainty.pixels, free.uncertainty.pixels)
    expected = replace(checked.report, self_check_gain_db=None, self_check_sam_ratio=None)
    assert free.report == expected


@pytest.mark.parametrize("asked", [{}, {"basis": "pca"}, {"steps": 2}, {"consistency": False}], ids=str)
def test_wrong_detail_becomes_bicubic(low, run, teach, asked):
    checked, free = (run(low, model=teach(-0.3), self_check=check, **asked) for check in (True, False))
    assert checked.report.self_check_gain_db < -1
    assert checked.report.worse_than_bicubic
    assert checked.report.bands_attenuated == 4
    expected = bicubic_up(torch.from_numpy(low.pixels), SCALE)
    if asked.get("consistency", True):
        expected = back_project(expected, torch.from_numpy(low.pixels), Degradation(scale=SCALE))
    np.testing.assert_allclose(checked.cube.pixels, expected.numpy(), atol=1e-6)
    assert np.abs(pixels(free) - pixels(checked)).max() > 0.01


def test_too_much_detail_is_scaled_down(truth, low, run, teach):
    """Overdone by several times, the direction is still right: better than without the check, and than bicubic."""
    checked, free = (run(low, model=teach(0.5), self_check=check) for check in (True, False))
    assert checked.report.self_check_gain_db < 0 < checked.report.bands_attenuated
    with_check, without = compare(checked.cube, truth, SCALE), compare(free.cube, truth, SCALE)
    assert without.ours.mpsnr < without.bicubic.mpsnr - 1
    assert with_check.ours.mpsnr > with_check.bicubic.mpsnr
    assert checked.report.consistency < 1e-4  # detail scaled, measurement kept


def test_random_weights_end_no_worse_than_bicubic(truth, low, run):
    checked, free = (run(low, self_check=check) for check in (True, False))
    with_check, without = compare(checked.cube, truth, SCALE), compare(free.cube, truth, SCALE)
    assert checked.report.worse_than_bicubic
    assert without.ours.mpsnr < without.bicubic.mpsnr - 1
    assert with_check.ours.mpsnr > with_check.bicubic.mpsnr - 0.1


def test_only_harmful_bands_are_held_back(low, run, teach):
    three = Cube(low.pixels[:3])
    checked, free = (run(three, model=teach((0.02, -0.3, 0.5)), self_check=check) for check in (True, False))
    assert checked.report.worse_than_bicubic
    assert checked.report.bands_attenuated == 2
    np.testing.assert_array_equal(checked.cube.pixels[0], free.cube.pixels[0])
    assert (np.abs(checked.cube.pixels[1:] - free.cube.pixels[1:]).max(axis=(1, 2)) > 0.01).all()


def test_uncertainty_is_scaled_as_the_detail(low, run, teach):
    """One factor a band, whatever is scaled."""
    asked = {"model": teach(0.5), "uncertainty": True, "steps": 2, "samples": 3}
    checked, free = (run(low, self_check=check, **asked) for check in (True, False))
    base = back_project(
        bicubic_up(torch.from_numpy(low.pixels), SCALE), torch.from_numpy(low.pixels), Degradation(scale=SCALE)
    ).numpy()
    for band in range(4):
        detail = free.cube.pixels[band] - base[band]
        gain = np.vdot(checked.cube.pixels[band] - base[band], detail) / np.vdot(detail, detail)
        assert 0 < gain < 0.9
        np.testing.assert_allclose(
            checked.uncertainty.pixels[band], gain * free.uncertainty.pixels[band], rtol=1e-3, atol=1e-6
        )


def test_what_cannot_be_assessed_is_left_alone(low, run, teach):
    small = low.crop(rows=SIDE - 1, columns=low.shape[2])
    empty = low.replace(pixels=np.where(np.arange(low.shape[2]) < 10, low.pixels, np.nan))
    flat = low.replace(pixels=np.full_like(low.pixels, 0.3))
    for scene in (small, empty, flat):
        checked, free = (run(scene, model=teach(-0.3), self_check=check) for check in (True, False))
        assert checked.report.self_check_gain_db is None
        assert not checked.report.worse_than_bicubic
        np.testing.assert_array_equal(checked.cube.pixels, free.cube.pixels)


def test_no_data_and_bad_bands_do_not_matter(low, run, teach):
    """Rubbish where nothing was measured leaves the verdict where it was."""
    low = low.replace(pixels=low.pixels + 3)  # a hole filled with 0 would be an edge
    spoilt = low.pixels.copy()
    spoilt[:, 5:9, 5:9] = np.nan
    extra = np.concatenate([spoilt, 1e6 * np.random.default_rng(0).normal(size=(1, *spoilt.shape[1:]))])
    bad = Cube(extra.astype(np.float32), good_bands=np.arange(5) < 4)
    reference = run(low.replace(wavelength_nm=None), model=teach(-0.3)).report
    found = run(bad, model=teach(-0.3)).report
    assert found.self_check_gain_db == pytest.approx(reference.self_check_gain_db, abs=0.5)
    assert found.bands_attenuated == 4


def test_the_check_is_made_in_the_frame_of_the_mean(low, run):
    bands, pca = (run(low, basis=basis).report.self_check_gain_db for basis in ("bands", "pca"))
    assert abs(bands - pca) > 0.01


def test_units_do_not_matter(low, run, teach):
    scores = [run(low.replace(pixels=low.pixels * np.float32(k)), model=teach(-0.3)).report for k in (1, 1e4)]
    assert scores[0].self_check_gain_db == pytest.approx(scores[1].self_check_gain_db, rel=1e-3)
    assert scores[0].self_check_sam_ratio == pytest.approx(scores[1].self_check_sam_ratio, rel=1e-3)


@pytest.mark.parametrize(("true", "expected"), [(-1, 0), (0.4, 0.4), (1.0, 1), (0.95, 1), (3, 1)])
def test_gain_of_plain_detail(true, expected):
    rng = np.random.default_rng(1)
    detail = rng.normal(size=(1, 1, 64, 64))
    error = true * detail + 0.1 * rng.normal(size=detail.shape)
    assert shrinkage_gain(error, detail, 8)[0] == pytest.approx(expected, abs=0.01)


def test_weak_evidence_is_shrunk_towards_leaving_alone():
    """The same least-squares gain from one block that says so and from blocks that contradict each other."""
    detail = np.ones((1, 1, 16, 16))
    agreed = 0.3 * detail
    torn = agreed + np.where(np.arange(16) < 8, 2.0, -2.0)
    assert shrinkage_gain(agreed, detail, 8)[0] == pytest.approx(0.3)
    assert shrinkage_gain(torn, detail, 8)[0] == 1
    slightly = agreed + np.where(np.arange(16) < 8, 0.5, -0.5)
    assert 0.3 < shrinkage_gain(slightly, detail, 8)[0] < 0.9
    assert shrinkage_gain(agreed, 0 * detail, 8)[0] == 1  # no detail at all


def check_windows(valid):
    candidates = candidate_windows(*valid.shape, 4)
    return select_windows(candidates, np.array([valid[window.slices].sum() for window in candidates]), 4)


def test_windows_lie_inside_and_cost_little():
    for rows, columns in ((64, 64), (67, 255), (300, 300), (70, 3000), (2000, 1999)):
        windows = check_windows(np.ones((rows, columns), bool))
        covered = np.zeros((rows, columns), int)
        for window in windows:
            covered[window.slices] += 1
            assert window.rows % 4 == window.columns % 4 == 0
        assert covered.max() == 1
        assert covered.sum() <= 256**2
    assert check_windows(np.ones((63, 500), bool)) == []


def test_windows_avoid_missing_pixels():
    valid = np.zeros((1000, 1000), bool)
    valid[WINDOW_SIDE * 2 : WINDOW_SIDE * 4, WINDOW_SIDE * 5 : WINDOW_SIDE * 6] = True
    windows = check_windows(valid)
    assert len(windows) == 2
    assert all(valid[window.slices].all() for window in windows)


def test_holding_back_is_done_in_place_and_for_some_bands(low):
    rng = np.random.default_rng(0)
    estimate = rng.normal(size=(4, 4 * SIDE, 4 * SIDE)).astype(np.float32)
    std, before = np.ones_like(estimate), estimate.copy()
    kept = Cube(low.pixels).pixels
    attenuate_detail(
        torch.from_numpy(estimate)[:, : 2 * SIDE, : 2 * SIDE],
        torch.from_numpy(std)[:, : 2 * SIDE, : 2 * SIDE],
        low=torch.from_numpy(kept),
        gain=np.array([1, 0.5, 1, 0]),
        degradation=None,
        scale=SCALE,
    )
    bicubic = bicubic_up(torch.from_numpy(kept), SCALE).numpy()
    inside = (slice(None), slice(2 * SIDE), slice(2 * SIDE))
    np.testing.assert_array_equal(estimate[[0, 2]], before[[0, 2]])
    np.testing.assert_array_equal(estimate[inside][3], bicubic[3])
    np.testing.assert_allclose(estimate[inside][1], (before[inside][1] + bicubic[1]) / 2, atol=1e-6)
    assert [std[inside][band].mean() for band in range(4)] == [1, 0.5, 1, 0]


@pytest.mark.parametrize("name", ["cave-x4", "natural-x4"])
def test_bundled_weights_are_at_home_on_the_phantom(run, name):
    scene = synthetic_scene(rows=256, columns=256, wavelength_nm=np.linspace(450, 700, 3), seed=0)
    low = Cube(degrade(torch.from_numpy(scene.pixels), Degradation(scale=4)).numpy(), wavelength_nm=scene.wavelength_nm)
    assert run(low, 4, model=load_weights(name)).report.self_check_gain_db > 0.3
