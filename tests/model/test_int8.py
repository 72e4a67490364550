"""The encoder in integers is the encoder, but for rounding; what does not fit its scales goes through the exact one."""

import pytest
import torch

from shsrd.model import Network, NetworkConfig, has_limits, in_int8, int8_supported, load_weights, save_weights
from shsrd.training.batch import Batch
from shsrd.training.limits import measure_limits

pytestmark = pytest.mark.skipif(not int8_supported(), reason="this CPU has no VNNI instructions")


@pytest.fixture
def config():
    return NetworkConfig(scale=2, width=32, blocks=6, denoiser_width=16, denoiser_blocks=1, guide_width=8)


def batch_of(triplets, information):
    ones = torch.ones(1, 3, 1, 1)
    return Batch(triplets, triplets, ones, ones, information)


@pytest.fixture
def measured(config, make_network, make_input):
    """A network with the limits of some input, and that input."""
    network = make_network(config, injection=True)
    triplets, information, _ = make_input(rows=21, columns=17)
    measure_limits(network, [batch_of(triplets, information)])
    return network, triplets, information


def features(network, triplets, information):
    with torch.inference_mode():
        return network.encode(triplets, information).features.float()


def apart(ours, theirs):
    """Root mean square of a difference, as a share of the truth's."""
    return float((ours - theirs).square().mean().sqrt() / theirs.square().mean().sqrt())


def test_integers_differ_by_rounding(measured):
    network, triplets, information = measured
    exact, ours = (features(n, triplets, information) for n in (network, in_int8(network)))
    assert 1e-5 < apart(ours, exact) < 0.02


def test_under_autocast_too(measured):
    network, triplets, information = measured
    exact = features(network, triplets, information)
    with torch.autocast("cpu", torch.bfloat16):
        ours = features(in_int8(network), triplets, information)
    assert apart(ours, exact) < 0.03


@pytest.mark.parametrize("contrast", [0.1, 30.0, 1000.0])
def test_scales_follow_the_input(measured, contrast):
    """A scene of ten thousand times the contrast is neither clipped nor lost in one step."""
    network, triplets, information = measured
    scaled = triplets * contrast
    exact, ours = (features(n, scaled, information) for n in (network, in_int8(network)))
    assert apart(ours, exact) < 0.03


def test_sums_are_exact(measured):
    """No pixel depends on what is computed beside it, beyond the network's reach, but for the common scale."""
    network = in_int8(measured[0])
    rows, reach = 12, network.config.reach
    wide = 0.2 * torch.randn(1, 3, rows + 2 * reach, 40, generator=torch.Generator().manual_seed(3))
    wide[:, :, 5, 5] = 9.0  # decides on the scale
    wide = wide.to(memory_format=torch.channels_last)
    whole, part = (features(network, x, None) for x in (wide, wide[:, :, : rows + reach]))
    torch.testing.assert_close(part[:, :, :rows], whole[:, :, :rows], rtol=0, atol=1e-4)


def test_the_input_is_left_alone(measured):
    network, triplets, information = measured
    ours = in_int8(network)
    first, again = (features(ours, triplets, information) for _ in range(2))
    assert torch.equal(first, again)
    assert network.encoder.blocks[0].first.weight.dtype == torch.float32
    assert isinstance(network, Network)
    assert type(network.encoder) is not type(ours.encoder)


def test_limits_travel_with_the_weights(measured, tmp_path):
    network = measured[0]
    save_weights(tmp_path / "a.safetensors", network, {})
    again = load_weights(tmp_path / "a.safetensors").network
    assert has_limits(again)
    torch.testing.assert_close(again.encoder.limits, network.encoder.limits, rtol=1e-3, atol=0)


def test_unmeasured_networks_are_refused(config):
    network = Network(config)
    assert not has_limits(network)
    with pytest.raises(ValueError, match="never measured"):
        in_int8(network)
