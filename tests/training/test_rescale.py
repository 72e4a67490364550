"""Weights of one factor as a start for another."""

import pytest
import torch
from torch.nn import functional

from shsrd.model import Network, NetworkConfig, pack, unpack
from shsrd.training.rescale import rescale_weights


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = Network(NetworkConfig(width=8, blocks=2, denoiser_width=8, denoiser_blocks=1, scale=4, scale_context=2))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return made


def rescaled(network, scale):
    made = Network(network.config.model_copy(update={"scale": scale}))
    made.load_state_dict(rescale_weights(network.state_dict(), network.config.scale, scale))
    return made


def fine(network, packed):
    return unpack(packed, network.config.scale)


@pytest.mark.parametrize("scale", [1, 2])
def test_a_smaller_factor_gives_the_mean_over_its_pixels(network, scale):
    triplets = torch.randn(2, 3, 6, 5)
    small = rescaled(network, scale)
    expected = functional.avg_pool2d(fine(network, network.encode(triplets).mean), 4 // scale)
    torch.testing.assert_close(fine(small, small.encode(triplets).mean), expected)


def test_a_larger_factor_repeats_pixels_and_comes_back(network):
    triplets = torch.randn(1, 3, 5, 5)
    large = rescaled(network, 8)
    expected = fine(network, network.encode(triplets).mean).repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(fine(large, large.encode(triplets).mean), expected)
    for key, weight in rescaled(large, 4).state_dict().items():
        torch.testing.assert_close(weight, network.state_dict()[key])


def test_a_factor_that_divides_nothing_keeps_the_mean_of_a_pixel(network):
    triplets = torch.randn(1, 3, 5, 5)
    third = rescaled(network, 3)
    means = [functional.avg_pool2d(fine(n, n.encode(triplets).mean), n.config.scale) for n in (network, third)]
    torch.testing.assert_close(*means)


def test_the_denoiser_reads_each_pixel_once(network):
    """A noisy residual that is constant inside the pixels of the smaller factor is read alike by both."""
    half = rescaled(network, 2)
    noisy = torch.randn(1, 3, 10, 12)
    large = noisy.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(half.denoiser.stem(pack(noisy, 2)), network.denoiser.stem(pack(large, 4)))
