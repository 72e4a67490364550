"""On Gaussian data the denoiser and the solution of the probability-flow ODE are known in closed form."""

import math
from itertools import pairwise

import pytest
import torch

from shsrd.diffusion import dpmpp_2m, euler, heun, log_uniform, sigmas_karras

MEAN, SPREAD = 1.7, 0.4
SAMPLERS = [euler, heun, dpmpp_2m]
named = pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda f: f.__name__)


def denoise(x, sigma):
    """``D(x; sigma) = mu + s^2 / (s^2 + sigma^2) (x - mu)``, the posterior mean."""
    return MEAN + SPREAD**2 / (SPREAD**2 + sigma**2) * (x - MEAN)


def exact(start, high, low):
    """Where the ODE carries ``start`` from noise level ``high`` to ``low``."""
    return MEAN + (start - MEAN) * math.sqrt((SPREAD**2 + low**2) / (SPREAD**2 + high**2))


@named
@pytest.mark.parametrize("schedule", [sigmas_karras, log_uniform], ids=lambda f: f.__name__)
def test_samples_have_the_mean_and_variance_of_the_data(sampler, schedule):
    generator = torch.Generator().manual_seed(0)
    high = 10.0
    start = torch.randn(20_000, dtype=torch.float64, generator=generator) * math.hypot(SPREAD, high) + MEAN
    samples = sampler(denoise, start, schedule(150, sigma_max=high, sigma_min=0.002))
    assert samples.mean().item() == pytest.approx(MEAN, abs=4 * SPREAD / math.sqrt(20_000))
    assert samples.std().item() == pytest.approx(SPREAD, rel=0.06 if sampler is euler else 0.02)


@named
def test_a_wrong_denoiser_is_seen(sampler):
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(20_000, dtype=torch.float64, generator=generator) * 10 + MEAN
    samples = sampler(lambda x, sigma: denoise(x, 1.3 * sigma), start, sigmas_karras(50, sigma_max=10, sigma_min=0.002))
    assert abs(samples.std().item() / SPREAD - 1) > 0.1


@pytest.mark.parametrize(
    ("sampler", "order"), [(euler, 1), (heun, 2), (dpmpp_2m, 2)], ids=lambda v: getattr(v, "__name__", v)
)
def test_order_of_convergence(sampler, order):
    high, low = 4.0, 0.1
    start = torch.tensor([-6.0, 0.5, 9.0], dtype=torch.float64)
    truth = exact(start, high, low)

    def error(steps):
        levels = log_uniform(steps + 1, sigma_max=high, sigma_min=low)[:-1]  # without the last step to zero
        return (sampler(denoise, start, levels) - truth).abs().max().item()

    errors = [error(steps) for steps in (40, 80, 160)]
    for coarse, fine in pairwise(errors):
        assert math.log2(coarse / fine) == pytest.approx(order, abs=0.15)


def test_higher_order_is_better_at_few_steps():
    high = 8 * SPREAD
    start = torch.tensor([-3.0, 4.0], dtype=torch.float64)
    levels = log_uniform(8, sigma_max=high, sigma_min=0.04 * SPREAD)
    errors = {f.__name__: (f(denoise, start, levels) - exact(start, high, 0)).abs().max().item() for f in SAMPLERS}
    assert errors["dpmpp_2m"] < 0.5 * errors["euler"]
    assert errors["heun"] < 0.5 * errors["euler"]


@named
def test_the_last_step_lands_on_the_estimate(sampler):
    seen = []
    levels = log_uniform(5, sigma_max=3, sigma_min=0.1)
    end = sampler(denoise, torch.tensor([5.0]), levels, lambda step, sigma, estimate: seen.append(estimate))
    torch.testing.assert_close(end, seen[-1])


@named
def test_one_step_is_the_denoiser(sampler):
    start = torch.tensor([5.0, -2.0])
    torch.testing.assert_close(sampler(denoise, start, torch.tensor([3.0, 0.0])), denoise(start, 3.0))


@named
def test_nothing_is_clipped(sampler):
    start = torch.tensor([1e4, -1e4], dtype=torch.float64)
    end = sampler(denoise, start, sigmas_karras(200, sigma_max=4.0, sigma_min=0.01))
    torch.testing.assert_close(end, exact(start, 4.0, 0), rtol=0.1, atol=0)
    assert end.abs().min() > 500


@named
def test_callback_gets_step_sigma_and_estimate(sampler):
    levels = sigmas_karras(4, sigma_max=3, sigma_min=0.1)
    seen, asked = [], []

    def watched(x, sigma):
        asked.append((x.clone(), sigma))
        return denoise(x, sigma)

    start = torch.tensor([5.0, -1.0], dtype=torch.float64)
    end = sampler(watched, start, levels, lambda *given: seen.append(given))
    assert [step for step, _, _ in seen] == [0, 1, 2, 3]
    assert [sigma for _, sigma, _ in seen] == levels[:-1].tolist()
    torch.testing.assert_close(seen[0][2], denoise(start, 3.0))
    assert {sigma for _, sigma in asked} == set(levels[:-1].tolist())
    assert len(asked) == (7 if sampler is heun else 4)  # network evaluations
    torch.testing.assert_close(end, sampler(denoise, start, levels), rtol=0, atol=0)


@named
def test_the_start_is_not_changed(sampler):
    start = torch.tensor([5.0, -1.0])
    sampler(denoise, start, sigmas_karras(4, sigma_max=3, sigma_min=0.1))
    assert start.tolist() == [5.0, -1.0]
