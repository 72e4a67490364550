from dataclasses import replace

import pytest
import torch

from shsrd.model import NetworkConfig
from shsrd.model.layer_ops import modulate
from shsrd.spectral import CONTENT_FEATURES, DESCRIPTOR_FEATURES, MAP_CHANNELS, WAVELENGTH_FEATURES


def outputs(network, triplets, information, noisy):
    """Mean, features, the denoiser's condition and its estimate."""
    with torch.no_grad():
        condition = network.encode(triplets, information)
        base = network.prepare(condition, triplets, information)
        estimate = network.denoise(noisy, torch.full((len(noisy),), 0.3), base)
    return condition.mean, condition.features, base, estimate


def test_config_fits_the_information_there_is():
    config = NetworkConfig()
    assert (config.map_channels, config.descriptor_features) == (MAP_CHANNELS, CONTENT_FEATURES)
    assert not config.acquisition
    assert config.model_copy(update={"descriptor_features": DESCRIPTOR_FEATURES}).acquisition


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_untrained_injection_changes_no_bit(config, make_network, make_input, precision):
    network = make_network(config, injection=False)
    triplets, information, noisy = make_input()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        told, untold = (outputs(network, triplets, given, noisy) for given in (information, None))
    for with_information, without in zip(told, untold, strict=True):
        assert with_information.abs().max() > 0.01  # the heads are not zero
        assert torch.equal(with_information, without)


def test_trained_injection_changes_every_output(config, make_network, make_input):
    network = make_network(config, injection=True)
    triplets, information, noisy = make_input()
    told, untold = (outputs(network, triplets, given, noisy) for given in (information, None))
    for with_information, without in zip(told, untold, strict=True):
        assert (with_information - without).abs().max() > 0.01


def test_every_site_counts(config, make_network, make_input):
    config = config.model_copy(update={"blocks": 4, "inject_every": 2})
    network = make_network(config, injection=True)
    assert len(network.encoder.injection.sites) == 2
    given = make_input()
    before = outputs(network, *given)
    for site in (*network.encoder.injection.sites, *network.denoiser.injection.sites):
        weight = site.weight.detach().clone()
        site.weight.data.zero_()
        after = outputs(network, *given)
        assert not torch.equal(after[2], before[2])
        site.weight.data.copy_(weight)
    for again, first in zip(outputs(network, *given), before, strict=True):
        assert torch.equal(again, first)


def test_gates_select_by_the_descriptor(config, make_network, make_input):
    network = make_network(config, injection=True)
    triplets, information, noisy = make_input()
    other = replace(information, descriptor=information.descriptor.flip(0))
    gates = network.encoder.injection.guide(triplets, information).gates
    assert gates.shape == (2, config.blocks // config.inject_every, config.guide_width)
    assert (gates > 0).all()
    assert (gates < 1).all()
    torch.testing.assert_close(network.encoder.injection.guide(triplets, other).gates, gates.flip(0))
    assert (gates[0] - gates[1]).abs().max() > 0.01
    first, second = outputs(network, triplets, information, noisy), outputs(network, triplets, other, noisy)
    assert all((a - b).abs().max() > 1e-4 for a, b in zip(first, second, strict=True))
    for injection in (network.encoder.injection, network.denoiser.injection):
        injection.select[-1].weight.data.zero_()  # gates deaf to the descriptor
    first, second = outputs(network, triplets, information, noisy), outputs(network, triplets, other, noisy)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_closed_gates_let_nothing_in(config, make_network, make_input):
    """Modulation then depends on the site's bias alone, whatever the maps show."""
    network = make_network(config, injection=True)
    for injection in (network.encoder.injection, network.denoiser.injection):
        injection.select[-1].weight.data.zero_()
        injection.select[-1].bias.data.fill_(-1e4)
    triplets, information, noisy = make_input()
    other = replace(information, maps=information.maps + 1)
    first, second = outputs(network, triplets, information, noisy), outputs(network, triplets, other, noisy)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_maps_enter_as_differences_to_the_triplet(config, make_network, make_input):
    """A rebuild that equals the triplet is the same news, whatever the triplet."""
    network = make_network(config, injection=True)
    features = []
    for seed in (0, 1):
        triplets, information, _ = make_input(seed=seed)
        maps = torch.cat([torch.ones_like(triplets), triplets, triplets], dim=1)
        features.append(network.encoder.injection.guide(triplets, replace(information, maps=maps)).features)
    assert torch.equal(*features)
    assert features[0].abs().max() > 0


def test_triplets_of_a_batch_do_not_mix(config, make_network, make_input):
    network = make_network(config, injection=True)
    triplets, information, noisy = make_input(count=3)
    together = outputs(network, triplets, information, noisy)
    for n in range(3):
        part = slice(n, n + 1)
        own = replace(information, maps=information.maps[part], descriptor=information.descriptor[part])
        alone = outputs(network, triplets[part], own, noisy[part])
        for a, b in zip(alone, together, strict=True):
            torch.testing.assert_close(a, b[part], rtol=1e-5, atol=1e-5)


def test_ungated_injection_is_deaf_to_the_descriptor(config, make_network, make_input):
    network = make_network(config.model_copy(update={"injection": "ungated"}), injection=True)
    triplets, information, noisy = make_input()
    other = replace(information, descriptor=information.descriptor + 1)
    first, second, untold = (outputs(network, triplets, given, noisy) for given in (information, other, None))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert all((a - b).abs().max() > 0.01 for a, b in zip(first, untold, strict=True))


def test_without_injection_there_is_nothing_to_tell(config, make_network, make_input):
    network = make_network(config.model_copy(update={"injection": "none"}), injection=True)
    assert not any("injection" in name for name in network.state_dict())
    triplets, information, noisy = make_input()
    told, untold = (outputs(network, triplets, given, noisy) for given in (information, None))
    assert all(torch.equal(a, b) for a, b in zip(told, untold, strict=True))


@pytest.mark.parametrize("known", [True, False])
def test_wavelengths_are_looked_at_only_where_asked(config, make_network, make_input, known):
    network = make_network(config.model_copy(update={"wavelengths": known}), injection=True)
    triplets, information, noisy = make_input()
    channels = information.descriptor.reshape(len(triplets), 3, -1).clone()
    channels[:, :, :WAVELENGTH_FEATURES] += 1
    elsewhere = replace(information, descriptor=channels.flatten(1))
    first, second = (outputs(network, triplets, given, noisy) for given in (information, elsewhere))
    assert all(((a - b).abs().max() > 1e-4) == known for a, b in zip(first, second, strict=True))


def test_modulation_is_affine():
    h = torch.randn(2, 3, 4, 5)
    scale, shift = torch.randn(2, 3, 1, 1), torch.randn(2, 3, 1, 1)
    torch.testing.assert_close(modulate(h, torch.cat([scale, shift], dim=1)), h * (1 + scale) + shift)
    assert torch.equal(modulate(h, torch.zeros(2, 6, 1, 1)), h)


def acquiring(config):
    """The settings of a network that looks at the acquisition as well."""
    return config.model_copy(update={"descriptor_features": DESCRIPTOR_FEATURES})


def with_acquisition(information, value):
    """The same information of bands measured in some way."""
    content, acquisition = information.descriptor.tensor_split([CONTENT_FEATURES], dim=1)
    return replace(information, descriptor=torch.cat([content, torch.full_like(acquisition, value)], dim=1))


def described(information):
    """Information with a full descriptor, of bands whose sensor is not known."""
    unknown = torch.zeros(len(information.descriptor), DESCRIPTOR_FEATURES - CONTENT_FEATURES)
    content = information.descriptor[:, :CONTENT_FEATURES]
    return replace(information, descriptor=torch.cat([content, unknown], dim=1))


def test_networks_without_the_acquisition_do_not_look_at_it(config, make_network, make_input):
    network = make_network(config, injection=True)
    triplets, information, noisy = make_input()
    full = described(information)
    told = (information, full, with_acquisition(full, 1.0))
    first, *others = (outputs(network, triplets, given, noisy) for given in told)
    assert all(torch.equal(a, b) for other in others for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("wavelengths", [True, False])
def test_the_acquisition_changes_every_output(config, make_network, make_input, wavelengths):
    network = make_network(acquiring(config.model_copy(update={"wavelengths": wavelengths})), injection=True)
    triplets, information, noisy = make_input()
    full = described(information)
    first, second = (outputs(network, triplets, with_acquisition(full, value), noisy) for value in (0.0, 1.0))
    assert all((a - b).abs().max() > 1e-4 for a, b in zip(first, second, strict=True))


def test_offsets_reach_every_pixel_alike_whatever_the_maps_show(config, make_network, make_input):
    network = make_network(acquiring(config), injection=True)
    injection = network.encoder.injection
    triplets, information, _ = make_input()
    guide = injection.guide(triplets, with_acquisition(described(information), 0.5))
    assert guide.offsets is not None
    for site in range(len(injection.sites)):
        gated = guide.features * guide.gates[:, site, :, None, None]
        added = guide.selected(site) - gated
        torch.testing.assert_close(added, guide.offsets[:, site, :, None, None].expand_as(added), rtol=0, atol=1e-5)
    assert guide.offsets.abs().max() > 1e-3
