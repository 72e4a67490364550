"""Figures of uncertainty against integration, sampling and sorting."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from shsrd.metrics import best_constant_std, coverage, crps_gaussian, error_ratio


@pytest.fixture(scope="module")
def judged():
    """Errors of heavy tails, their scale known but for a factor."""
    rng = np.random.default_rng(3)
    scale = np.exp(rng.normal(size=(3, 40, 50)))
    return (scale * rng.standard_t(4, scale.shape)).astype(np.float32), (0.8 * scale).astype(np.float32)


@pytest.mark.parametrize(("error", "sigma"), [(0.0, 1.0), (0.7, 0.3), (-2.5, 1.7), (4.0, 0.5)])
def test_crps_is_the_integral_of_its_definition(error, sigma):
    """``integral (F(x) - [x >= truth])^2 dx`` (Matheson and Winkler 1976), truth at 0, estimate at ``error``."""
    forecast = stats.norm(error, sigma)
    below, _ = integrate.quad(lambda x: forecast.cdf(x) ** 2, error - 40 * sigma, 0, epsabs=1e-10)
    above, _ = integrate.quad(lambda x: forecast.sf(x) ** 2, 0, error + 40 * sigma, epsabs=1e-10)
    assert crps_gaussian(np.array([error]), np.array([sigma])) == pytest.approx(below + above, rel=1e-6)


def test_crps_is_the_mean_distance_to_truth_less_half_the_spread():
    """``E|X - y| - E|X - X'| / 2`` (Gneiting and Raftery 2007, eq. 21), by drawing X and X'."""
    rng = np.random.default_rng(0)
    error, sigma = rng.normal(size=20), rng.uniform(0.2, 2, 20)
    first, second = error + sigma * rng.normal(size=(2, 100_000, 20))
    drawn = np.abs(first).mean() - np.abs(first - second).mean() / 2
    assert crps_gaussian(error, sigma) == pytest.approx(drawn, rel=0.01)


def test_crps_of_certainty_is_the_absolute_error():
    error = np.array([1.0, -3.0, 0.5])
    assert crps_gaussian(error, np.full(3, 1e-9)) == pytest.approx(1.5, rel=1e-6)


def test_crps_rewards_the_true_deviation():
    rng = np.random.default_rng(1)
    sigma = np.exp(rng.normal(size=50_000))
    error = sigma * rng.normal(size=50_000)
    scores = [crps_gaussian(error, factor * sigma) for factor in (0.7, 1.0, 1.4)]
    assert scores[1] < min(scores[0], scores[2])
    assert scores[1] < crps_gaussian(error, np.full_like(sigma, best_constant_std(error)))


def test_no_constant_beats_the_best(judged):
    error, _ = judged
    best = best_constant_std(error)
    grid = np.geomspace(0.01, 100, 400)
    scores = [crps_gaussian(error, np.full(error.shape, sigma)) for sigma in grid]
    assert best == pytest.approx(grid[int(np.argmin(scores))], rel=0.03)
    assert crps_gaussian(error, np.full(error.shape, best)) <= min(scores)
    assert best_constant_std(1000 * error) == pytest.approx(1000 * best, rel=1e-5)


def test_the_best_constant_of_a_gaussian_is_its_deviation():
    error = np.random.default_rng(2).normal(size=200_000) * 0.3
    assert best_constant_std(error) == pytest.approx(0.3, rel=0.01)


def test_the_best_constant_of_no_error_is_certainty():
    assert best_constant_std(np.zeros(5)) == 0
    assert best_constant_std(np.array([0.0, 0, 0, 0, 1])) == 0
    assert best_constant_std(np.array([0.0, 0, 1, 1, 1])) > 0


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9])
def test_coverage_of_a_gaussian_is_what_its_quantiles_say(share):
    rng = np.random.default_rng(4)
    sigma = rng.uniform(0.1, 3, 200_000)
    error, factor = sigma * rng.normal(size=sigma.size), stats.norm.ppf(0.5 + share / 2)
    assert coverage(error, sigma, factor) == pytest.approx(share, abs=0.004)
    assert coverage(error, 0.7 * sigma, factor) < share - 0.05


def test_coverage_counts(judged):
    error, std = judged
    counted = sum(abs(e) <= 1.3 * d for e, d in zip(error.ravel().tolist(), std.ravel().tolist(), strict=True))
    assert coverage(error, std, 1.3) == pytest.approx(counted / error.size)


@pytest.mark.parametrize("power", [1, 2])
def test_error_ratio_sorts(judged, power):
    error, std = judged
    pairs = sorted(zip(std.ravel().tolist(), error.ravel().tolist(), strict=True), reverse=True)
    sizes = [abs(e) ** power for _, e in pairs]
    count = len(pairs) // 10
    expected = np.mean(sizes[:count]) / np.mean(sizes[count:])
    assert error_ratio(error, std, power=power) == pytest.approx(expected, rel=1e-6)
    assert expected > 4 > error_ratio(error, np.random.default_rng(0).uniform(size=error.shape), power=power)


def test_error_ratio_at_its_limits():
    assert error_ratio(np.array([0.0, 1.0]), np.array([0.1, 0.2]), share=0.5) == math.inf
    for share in (0.0, 1.0, 0.01):
        with pytest.raises(ValueError, match="share"):
            error_ratio(np.ones(4), np.ones(4), share=share)
