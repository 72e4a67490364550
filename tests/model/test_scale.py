"""The predicted scale: positive, honest about what it has not seen, and no burden on the mean."""

import pytest
import torch
from pydantic import ValidationError
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from shsrd.model import Network, NetworkConfig, WeightsError, load_weights, save_weights
from shsrd.model.residual_std import INITIAL_STD, MIN_STD, SOFTPLUS_WIDTH, StdHead, box_mean


@torch.no_grad()
def test_a_new_head_says_the_same_everywhere(config, make_input):
    network = Network(config)
    triplets, information, noisy = make_input()
    scale = network.scale(network.encode(triplets, information))
    assert scale.shape == noisy.shape
    torch.testing.assert_close(scale, torch.full_like(scale, INITIAL_STD), rtol=1e-2, atol=0)
    network.scale_head.restart(0.5)
    scale = network.scale(network.encode(triplets, information))
    torch.testing.assert_close(scale, torch.full_like(scale, 0.5), rtol=1e-2, atol=0)


@torch.no_grad()
def test_the_scale_is_linear_above_the_knee_and_never_zero(config):
    head = StdHead(config)

    def said(h):
        head.head.bias.fill_(h)
        return float(head(torch.randn(1, config.width, 3, 3)).mean())

    for h in (1.0, 10.0, 1e6):
        assert said(h) == pytest.approx(h, rel=1e-4)
    assert said(-1e6) == pytest.approx(MIN_STD, rel=1e-4)
    assert said(-SOFTPLUS_WIDTH) < 0.4 * SOFTPLUS_WIDTH
    levels = [said(h) for h in torch.linspace(-0.4, 0.4, 20).tolist()]
    assert levels == sorted(set(levels))


@pytest.mark.parametrize("size", [0.0, 1.0, 1e4, 1e8])
def test_scale_and_gradient_are_finite_whatever_the_features(config, make_network, size):
    head = make_network(config, injection=False).scale_head
    features = torch.randn(2, config.width, 5, 6) * size
    scale = head(features)
    assert torch.isfinite(scale).all()
    assert (scale >= MIN_STD).all()
    (scale.log() + 0.1 / scale).mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in head.parameters())


@torch.no_grad()
def test_the_scale_depends_on_the_pixel(config, make_network, make_input):
    network = make_network(config, injection=True)
    triplets, information, _ = make_input()
    scale = network.scale(network.encode(triplets, information))
    assert scale.std() > 0.1 * scale.mean()
    with torch.autocast("cpu", torch.bfloat16):
        rough = network.scale(network.encode(triplets, information))
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, scale, rtol=0.1, atol=0.1)


@torch.no_grad()
def test_the_scale_sees_as_far_as_declared(config, make_network, make_input):
    for context in (0, 4):
        wide = config.model_copy(update={"scale_context": context})
        network = make_network(wide, injection=True)
        side = 2 * wide.std_reach + 5
        features = torch.rand(1, wide.width, side, side)
        before = network.scale_head(features)
        features[..., side // 2, side // 2] += 100
        rows, columns = (network.scale_head(features) - before).abs().amax(dim=(0, 1)).nonzero().T
        assert wide.std_reach == max(1, context)
        for seen in (rows, columns):
            assert (int(seen.min()), int(seen.max())) == (side // 2 - wide.std_reach, side // 2 + wide.std_reach)


def test_a_box_mean_counts_pixels_of_the_image_only():
    x = torch.rand(2, 3, 5, 9)
    for reach in (1, 3, 7):
        for row, column in ((0, 0), (2, 4), (4, 8)):
            rows, columns = (slice(max(0, at - reach), at + reach + 1) for at in (row, column))
            expected = x[:, :, rows, columns].mean(dim=(2, 3))
            torch.testing.assert_close(box_mean(x, reach)[:, :, row, column], expected)


def test_the_head_is_light():
    network = Network(NetworkConfig())
    weights = [sum(p.numel() for p in part.parameters()) for part in (network.scale_head, network.encoder)]
    assert weights[0] < 0.02 * weights[1]


def test_files_from_before_the_head_have_one_scale_for_all_pixels(tmp_path, config, make_network, make_input):
    """Their denoiser answers as it did in standard units, but for how it hears the noise level."""
    old = make_network(config.model_copy(update={"sigma_data": 0.4, "spread": 1.7}), injection=True)
    path, aged = tmp_path / "new.safetensors", tmp_path / "old.safetensors"
    save_weights(path, old, {})
    tensors = {key: value for key, value in load_file(path).items() if not key.startswith("scale_head.")}
    with safe_open(path, "pt") as file:
        save_file(tensors, aged, metadata=file.metadata())
    loaded = load_weights(aged).network
    assert loaded.config == config.model_copy(update={"sigma_data": 1.0, "sample_spread": 1.7})
    triplets, information, noisy = make_input()
    for network in (old, loaded):
        network.denoiser.level[0].weight.data.zero_()  # deaf to the level: its unit has changed
    with torch.no_grad():
        scale = loaded.scale(loaded.encode(triplets, information))
        torch.testing.assert_close(scale, torch.full_like(scale, 0.4), rtol=1e-2, atol=0)
        base = loaded.prepare(loaded.encode(triplets, information), triplets, information)
        sigma = torch.tensor([0.1, 2.0])
        ours = 0.4 * loaded.denoise(noisy / 0.4, sigma / 0.4, base)
        theirs = old.denoise(noisy, sigma, base)
    torch.testing.assert_close(ours, theirs, rtol=2e-2, atol=2e-3)
    del tensors["encoder.stem.bias"]
    save_file(tensors, aged, metadata={"format": "shsrd-weights", "version": "1", "config": config.model_dump_json()})
    with pytest.raises(WeightsError, match="do not fit"):
        load_weights(aged)


@pytest.mark.parametrize("factors", [(0.5, 0.4, 1.0), (0.0, 1.0, 2.0), (-1.0, 1.0, 2.0), (1.0, 1.0, 2.0)])
def test_wider_intervals_hold_more(factors):
    with pytest.raises(ValidationError, match="interval_factors"):
        NetworkConfig(interval_factors=factors)
