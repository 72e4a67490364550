"""The encoder by Winograd's convolution is the encoder, but for the order of its sums."""

from dataclasses import replace

import pytest
import torch

from shsrd.model import NARROWEST, Network, NetworkConfig, to_winograd, winograd_supported
from shsrd.upscaling.inference import Engine

pytestmark = pytest.mark.skipif(not winograd_supported(), reason="not a CPU with AVX2 alone, or PyTorch without NNPACK")


@pytest.fixture
def made(make_network, make_input):
    config = NetworkConfig(scale=2, width=32, blocks=6, denoiser_width=16, denoiser_blocks=1, guide_width=8)
    triplets, information, _ = make_input(rows=21, columns=17, count=3)
    return make_network(config, injection=True), triplets, information


def encoded(network, triplets, information):
    with torch.inference_mode():
        return network.encode(triplets, information)


def apart(ours, theirs):
    """Largest difference of features or mean, as a share of the largest."""
    pairs = ((ours.features, theirs.features), (ours.mean, theirs.mean))
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def test_it_differs_by_rounding(made):
    network, triplets, information = made
    ours, theirs = (encoded(n, triplets, information) for n in (to_winograd(network), network))
    assert 0 < apart(ours, theirs) < 5e-5


def test_without_information_as_well(made):
    network, triplets, _ = made
    assert apart(encoded(to_winograd(network), triplets, None), encoded(network, triplets, None)) < 5e-5


@pytest.mark.parametrize("rows", [21, 22, 23, 24])
def test_images_that_are_computed_together_do_not_touch(made, rows):
    """Neighbours of a million times the contrast would show, even by their rounding."""
    network, triplets, information = made
    ours, maps = to_winograd(network), information.maps[:, :, :1].expand(-1, -1, rows, -1).contiguous()
    shown = triplets[:, :, :1].expand(-1, -1, rows, -1) * torch.tensor([1e6, 1.0, 1e6])[:, None, None, None]
    together = encoded(ours, shown, replace(information, maps=maps)).features[1]
    own = replace(information, maps=maps[1:2], descriptor=information.descriptor[1:2])
    alone = encoded(ours, shown[1:2], own).features[0]
    assert (together - alone).abs().max() < 1e-5 * alone.abs().max()


def test_threads_change_no_bit(made):
    network, triplets, information = made
    ours, found = to_winograd(network), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(encoded(ours, triplets, information).features)
    torch.set_num_threads(1)
    assert all(torch.equal(other, found[0]) for other in found[1:])


@pytest.mark.parametrize(("width", "precision", "taken"), [(NARROWEST, "fp32", True), (16, "fp32", False)])
def test_wide_networks_in_float32_take_it(width, precision, taken):
    network = Network(NetworkConfig(scale=2, width=width, blocks=1, denoiser_width=8, denoiser_blocks=1))
    running = Engine(network, precision=precision).running
    assert (type(running.encoder).__name__ == "WinogradEncoder") is taken
    assert running.denoiser is network.denoiser
