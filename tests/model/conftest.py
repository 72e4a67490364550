import pytest
import torch

from shsrd.model import Network, NetworkConfig, SpectralInformation


@pytest.fixture
def config():
    return NetworkConfig(scale=2, width=16, blocks=2, denoiser_width=16, denoiser_blocks=1, guide_width=8)


@pytest.fixture
def make_network():
    """A small network of random weights, zero-initialised layers included; the injection only if asked."""

    def make(config, *, injection, seed=0):
        torch.manual_seed(seed)
        network = Network(config).eval()
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if not parameter.any() and ("injection.sites" not in name or injection):
                    parameter.normal_(std=0.3)
        return network

    return make


@pytest.fixture
def make_input(config):
    """Random triplets, spectral information and packed noise."""

    def make(rows=9, columns=11, *, count=2, seed=0):
        generator = torch.Generator().manual_seed(seed)
        triplets = torch.randn(count, 3, rows, columns, generator=generator)
        maps = torch.randn(count, config.map_channels, rows, columns, generator=generator)
        descriptor = torch.randn(count, config.descriptor_features, generator=generator)
        noisy = torch.randn(count, 3 * config.scale**2, rows, columns, generator=generator)
        return triplets, SpectralInformation(maps, descriptor), noisy

    return make


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
