import pytest
import torch
from skimage import data

from shsrd.degradation import (
    Degradation,
    back_project,
    back_projection_reach,
    bicubic_up,
    consistency_rmse,
    degrade,
)
from shsrd.degradation.consistency import prefilter, steps_needed

ORDINARY = [
    Degradation(kernel=kernel, scale=scale) for kernel in ("bicubic", "gaussian", "area") for scale in (2, 3, 4, 8)
]
WIDE = Degradation(kernel="gaussian", scale=4, fwhm_pixels=8.0)


def photo(scale):
    image = torch.from_numpy(data.astronaut().transpose(2, 0, 1) / 255).float()
    side = 240 // scale * scale
    return image[:, 60 : 60 + side, 100 : 100 + side]


@pytest.mark.parametrize("degradation", ORDINARY, ids=str)
def test_one_step_suffices_on_natural_data_and_helps(degradation):
    high = photo(degradation.scale)
    low = degrade(high, degradation)
    start = bicubic_up(low, degradation.scale)
    result = back_project(start, low, degradation)
    assert steps_needed(degradation) == 1
    assert consistency_rmse(result, low, degradation) < 2e-5 < consistency_rmse(start, low, degradation)
    assert (result - high).square().mean() < (start - high).square().mean()


@pytest.mark.parametrize("degradation", ORDINARY, ids=str)
def test_worst_case_white_noise(degradation):
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(2, 30, 30, generator=generator)
    estimate = torch.rand(2, 30 * degradation.scale, 30 * degradation.scale, generator=generator)
    before = consistency_rmse(estimate, low, degradation)
    after = consistency_rmse(back_project(estimate, low, degradation), low, degradation)
    assert after <= 2 * prefilter(degradation).contraction * before < 5e-4


def test_wide_gaussian_is_damped_and_converges_on_natural_data():
    high = photo(4)
    low = degrade(high, WIDE)
    start = bicubic_up(low, 4)
    errors = [consistency_rmse(back_project(start, low, WIDE, max_iterations=n), low, WIDE) for n in (1, 2, 3, 6)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-4
    assert max(map(abs, prefilter(WIDE).taps)) < 12


def test_consistent_estimate_is_left_alone():
    degradation = Degradation(scale=4)
    high = photo(4)
    result = back_project(high, degrade(high, degradation), degradation)
    torch.testing.assert_close(result, high, atol=1e-5, rtol=0)


@pytest.mark.parametrize("degradation", [Degradation(scale=2), Degradation(scale=3, kernel="gaussian")], ids=str)
def test_crop_with_declared_reach_equals_whole(degradation):
    s, reach = degradation.scale, back_projection_reach(degradation)
    low = torch.rand(1, 60, 60, dtype=torch.float64)
    estimate = torch.rand(1, 60 * s, 60 * s, dtype=torch.float64)
    whole = back_project(estimate, low, degradation)
    top = 30 - reach
    part = back_project(estimate[..., top * s :, :], low[..., top:, :], degradation)
    torch.testing.assert_close(part[..., reach * s :, :], whole[..., 30 * s :, :], atol=1e-12, rtol=0)


def test_pixel_farther_than_the_reach_has_no_influence():
    degradation = Degradation(scale=2)
    reach = back_projection_reach(degradation)
    low = torch.zeros(1, 64, 64, dtype=torch.float64)
    low[0, 32, 32] = 1
    touched = back_project(torch.zeros(1, 128, 128, dtype=torch.float64), low, degradation).nonzero()
    assert touched[:, 1].min() >= (32 - reach) * 2
    assert touched[:, 1].max() < (33 + reach) * 2


def test_consistency_is_relative_to_the_range():
    degradation = Degradation(kernel="area", scale=2)
    low, estimate = torch.zeros(1, 2, 2), torch.full((1, 4, 4), 3.0)
    assert consistency_rmse(estimate, low, degradation, data_range=10.0) == pytest.approx(0.3)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"expected \(1, 8, 8\)"):
        back_project(torch.rand(1, 8, 9), torch.rand(1, 2, 2), Degradation(scale=4))
