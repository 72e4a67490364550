"""The encoder in integers is the encoder, but for rounding, whatever the scene's contrast."""

import pytest
import torch

from shsrd.model import Network, NetworkConfig, int8_supported, to_int8
from shsrd.model.backends.int8 import Int8Convolution, Int8Encoder

pytestmark = pytest.mark.skipif(not int8_supported(), reason="this CPU has no VNNI instructions")

SUMS = [torch.bfloat16, torch.float32]


@pytest.fixture
def made(make_network, make_input):
    """A network, and an input for it."""
    config = NetworkConfig(scale=2, width=32, blocks=6, denoiser_width=16, denoiser_blocks=1, guide_width=8)
    triplets, information, _ = make_input(rows=21, columns=17)
    return make_network(config, injection=True), triplets, information


def features(network, triplets, information):
    with torch.inference_mode():
        return network.encode(triplets, information).features.float()


def in_integers(network, sums):
    ours = to_int8(network)
    ours.encoder = Int8Encoder(network.encoder, sums)
    return ours


def apart(ours, theirs):
    """Root mean square of a difference, as a share of the truth's."""
    return float((ours - theirs).square().mean().sqrt() / theirs.square().mean().sqrt())


@pytest.mark.parametrize("sums", SUMS)
def test_integers_differ_by_rounding(made, sums):
    network, triplets, information = made
    exact = features(network, triplets, information)
    with torch.autocast("cpu", torch.bfloat16, enabled=sums == torch.bfloat16):
        ours = features(in_integers(network, sums), triplets, information)
    assert 1e-5 < apart(ours, exact) < 0.02


@pytest.mark.parametrize("sums", SUMS)
@pytest.mark.parametrize("contrast", [1e-3, 0.1, 30.0, 1000.0])
def test_scales_follow_the_input(made, contrast, sums):
    """A scene of a million times the contrast is neither clipped nor lost in one step."""
    network, triplets, information = made
    scaled = triplets * contrast
    exact, ours = (features(n, scaled, information) for n in (network, in_integers(network, sums)))
    assert apart(ours, exact) < 0.03


def test_one_bright_pixel_is_not_clipped(made):
    network, triplets, information = made
    triplets = triplets.clone()
    triplets[:, :, 9, 9] = 100.0
    exact, ours = (features(n, triplets, information)[:, :, 9, 9] for n in (network, to_int8(network)))
    assert apart(ours, exact) < 0.02


@pytest.mark.parametrize("positive", [True, False])
def test_a_convolution_without_features(positive):
    """All zero, as after a ReLU that lets nothing through: no division by zero, and the bias comes out."""
    layer = torch.nn.Conv2d(16, 16, 3, padding=1)
    with torch.inference_mode():
        nothing = torch.zeros(1, 16, 9, 9).to(memory_format=torch.channels_last)
        found = Int8Convolution(layer, positive=positive)(nothing)
    torch.testing.assert_close(found, layer.bias.detach().reshape(1, -1, 1, 1).expand(found.shape), rtol=0, atol=1e-6)


def test_sums_are_exact(made):
    """No pixel depends on what is computed beside it, beyond the network's reach, but for the common scales."""
    network = in_integers(made[0], torch.float32)
    rows, reach = 12, network.config.reach
    wide = 0.2 * torch.randn(1, 3, rows + 2 * reach, 40, generator=torch.Generator().manual_seed(3))
    wide[:, :, 5, 5] = 90.0  # decides on the scales, those of deep layers too
    wide = wide.to(memory_format=torch.channels_last)
    whole, part = (features(network, x, None) for x in (wide, wide[:, :, : rows + reach]))
    torch.testing.assert_close(part[:, :, :rows], whole[:, :, :rows], rtol=0, atol=1e-4)


def test_the_input_is_left_alone(made):
    network, triplets, information = made
    ours = to_int8(network)
    first, again = (features(ours, triplets, information) for _ in range(2))
    assert torch.equal(first, again)
    assert network.encoder.blocks[0].first.weight.dtype == torch.float32
    assert isinstance(network, Network)
    assert type(network.encoder) is not type(ours.encoder)
