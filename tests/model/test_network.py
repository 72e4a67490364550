from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError

from shsrd.diffusion import precondition
from shsrd.model import Network, NetworkConfig, channels_last, pack, unpack


def support(difference):
    """Largest distance from the centre at which anything differs, and whether the difference is exact zero beyond."""
    changed = difference.abs().amax(dim=(0, 1)) > 0
    rows, columns = (torch.arange(size) - size // 2 for size in changed.shape)
    distance = torch.maximum(rows[:, None].abs(), columns[None, :].abs())
    assert changed.any()
    return int(distance[changed].max())


def poked(x):
    """The same image with its central pixel changed."""
    y = x.clone()
    y[..., x.shape[-2] // 2, x.shape[-1] // 2] += 3
    return y


@pytest.fixture(params=[(1, 1), (2, 2), (3, 1), (4, 2)], ids=lambda p: f"{p[0]} blocks, every {p[1]}")
def sized(request, config):
    return config.model_copy(update={"blocks": request.param[0], "inject_every": request.param[1]})


@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
@torch.no_grad()
def test_reach_of_the_mean_is_as_declared(sized, make_network, make_input, told):
    network = make_network(sized, injection=True)
    side = 2 * sized.reach + 5
    triplets, information, _ = make_input(side, side, count=1)

    def mean(triplets, information):
        return network.encode(triplets, information if told else None).mean

    before = mean(triplets, information)
    spread = support(mean(poked(triplets), information) - before)
    assert sized.reach - 4 < spread <= sized.reach
    if told:
        poked_maps = replace(information, maps=poked(information.maps))
        assert 2 <= support(mean(triplets, poked_maps) - before) <= sized.reach


@torch.no_grad()
def test_reach_of_the_denoiser_is_as_declared(config, make_network, make_input):
    config = config.model_copy(update={"denoiser_blocks": 2})
    network = make_network(config, injection=True)
    side = 2 * (config.reach + config.denoiser_reach) + 5
    triplets, information, noisy = make_input(side, side, count=1)
    sigma = torch.tensor([0.2])

    def run(triplets, information, noisy):
        condition = network.encode(triplets, information)
        return network.denoise(noisy, sigma, network.prepare(condition, triplets, information))

    before = run(triplets, information, noisy)
    reach = config.denoiser_reach
    assert reach - 2 < support(run(triplets, information, poked(noisy)) - before) <= reach
    total = support(run(poked(triplets), information, noisy) - before)
    assert reach < total <= reach + config.reach
    poked_maps = replace(information, maps=poked(information.maps))
    assert support(run(triplets, poked_maps, noisy) - before) <= reach + config.reach


@torch.no_grad()
def test_shifted_input_gives_shifted_output(config, make_network, make_input):
    """Nothing depends on where a pixel lies or on what the rest of the scene looks like."""
    network = make_network(config, injection=True)
    side = 2 * config.reach + 9
    triplets, information, _ = make_input(side, side, count=1)
    whole = network.encode(triplets, information).mean
    part = (slice(None), slice(None), slice(4, None), slice(1, None))
    shifted = network.encode(triplets[part], replace(information, maps=information.maps[part])).mean
    inside = slice(config.reach, -config.reach)
    torch.testing.assert_close(shifted[:, :, inside, inside], whole[part][:, :, inside, inside], rtol=1e-5, atol=1e-5)
    border = (shifted - whole[part]).abs()
    assert border[:, :, 0].max() > 1e-3  # the border itself does see where the scene ends


def test_pack_and_unpack_are_inverse(config):
    fine = torch.randn(2, 3, 12, 20)
    for scale in (2, 4):
        packed = pack(fine, scale)
        assert packed.shape == (2, 3 * scale**2, 12 // scale, 20 // scale)
        assert torch.equal(unpack(packed, scale), fine)
        c, i, j, y, x = 2, 1, scale - 1, 1, 2
        assert torch.equal(packed[:, (c * scale + i) * scale + j, y, x], fine[:, c, y * scale + i, x * scale + j])


def test_a_new_network_is_bicubic(config, make_input):
    triplets, information, _ = make_input()
    assert not Network(config).encode(triplets, information).mean.any()


@torch.no_grad()
def test_a_new_denoiser_is_the_skip_connection(config, make_input):
    triplets, information, noisy = make_input()
    network = Network(config)
    base = network.prepare(network.encode(triplets, information), triplets, information)
    sigma = torch.tensor([0.1, 2.0])
    c_skip = precondition(sigma, config.sigma_data).c_skip.reshape(-1, 1, 1, 1)
    torch.testing.assert_close(network.denoise(noisy, sigma, base), c_skip * noisy)


@torch.no_grad()
def test_denoiser_hears_level_and_condition(config, make_network, make_input):
    network = make_network(config, injection=True)
    triplets, information, noisy = make_input()
    base = network.prepare(network.encode(triplets, information), triplets, information)
    _, c_out, _, _ = precondition(torch.tensor(0.3), config.sigma_data)
    estimate = network.denoise(noisy, torch.full((2,), 0.3), base)
    assert (estimate - network.denoise(noisy, torch.full((2,), 0.3), base + 0.5)).abs().max() > 0.05 * c_out
    each = [network.denoise(noisy, torch.full((2,), sigma), base)[0] for sigma in (0.3, 1.0)]
    mixed = network.denoise(noisy, torch.tensor([0.3, 1.0]), base)
    torch.testing.assert_close(mixed[0], each[0])
    assert not torch.allclose(each[0], each[1])
    for modulation in network.denoiser.modulations:  # without it, only the preconditioning knows the level
        modulation.weight.data.zero_()
    assert not torch.allclose(network.denoise(noisy, torch.full((2,), 0.3), base), estimate)


@torch.no_grad()
def test_bf16_is_close_to_fp32(config, make_network, make_input):
    network = channels_last(make_network(config, injection=True))
    triplets, information, noisy = make_input(24, 24)

    def run():
        condition = network.encode(triplets, information)
        base = network.prepare(condition, triplets, information)
        return condition.mean, network.denoise(noisy, torch.full((2,), 0.3), base)

    exact = run()
    with torch.autocast("cpu", torch.bfloat16):
        rough = run()
    for a, b in zip(exact, rough, strict=True):
        error = (a - b.float()).square().mean().sqrt() / a.square().mean().sqrt()
        assert 0 < error < 0.02


@torch.no_grad()
def test_channels_last_changes_only_the_memory(config, make_network, make_input):
    network = make_network(config, injection=True)
    triplets, information, _ = make_input()
    before = network.encode(triplets, information).mean
    after = channels_last(network).encode(triplets.to(memory_format=torch.channels_last), information).mean
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)
    assert network.encoder.stem.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("wrong", [{"scale": 1}, {"width": 0}, {"sigma_data": 0}, {"basis": "rgb"}, {"depth": 3}])
def test_config_refuses_what_it_does_not_know(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        NetworkConfig(**wrong)
