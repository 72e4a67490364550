import pytest
import torch

from shsrd.diffusion import loss_weight, precondition, sample_sigma

SIGMAS = torch.logspace(-3, 3, 25, dtype=torch.float64)
data = pytest.mark.parametrize("sigma_data", [0.05, 0.15, 0.5, 2.0])


@data
def test_variance_identities(sigma_data):
    c_skip, c_out, c_in, c_noise = precondition(SIGMAS, sigma_data)
    total = SIGMAS**2 + sigma_data**2
    one = torch.ones_like(SIGMAS)
    torch.testing.assert_close(c_skip**2 * total + c_out**2, sigma_data**2 * one)  # D has the variance of the data
    torch.testing.assert_close(c_in**2 * total, one)  # F sees unit variance
    target = ((1 - c_skip) ** 2 * sigma_data**2 + c_skip**2 * SIGMAS**2) / c_out**2
    torch.testing.assert_close(target, one)  # and is asked for unit variance
    torch.testing.assert_close(loss_weight(SIGMAS, sigma_data), 1 / c_out**2)
    assert (c_noise.diff() > 0).all()


@data
def test_c_skip_makes_the_target_smallest(sigma_data):
    """``c_skip`` minimises ``c_out`` (Karras et al. 2022, appendix B.6): any other value asks for more."""
    c_skip, c_out, *_ = precondition(SIGMAS, sigma_data)
    for other in (0.9 * c_skip, 1.1 * c_skip):
        asked = (1 - other) ** 2 * sigma_data**2 + other**2 * SIGMAS**2
        assert (asked > c_out**2).all()


def test_limits():
    none, much = precondition(torch.tensor([1e-6, 1e6], dtype=torch.float64), 0.5).c_skip.tolist()
    assert none == pytest.approx(1)
    assert much == pytest.approx(0, abs=1e-9)


@data
def test_training_levels_follow_the_data(sigma_data):
    sigma = sample_sigma(20_000, sigma_data, torch.Generator().manual_seed(0))
    again = sample_sigma(20_000, sigma_data, torch.Generator().manual_seed(0))
    assert torch.equal(sigma, again)
    assert sigma.min() > 0
    assert (sigma.log().mean().exp() / sigma_data).item() == pytest.approx(0.6, rel=0.04)
    assert sigma.log().std().item() == pytest.approx(1.2, rel=0.03)
