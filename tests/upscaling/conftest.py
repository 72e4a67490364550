import numpy as np
import pytest
import torch

from shsrd.cube import Cube
from shsrd.model import Model, Network, NetworkConfig
from shsrd.upscaling import UpscaleOptions, upscale


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def make_model():
    """Small networks of random weights, zero-initialised layers included: their detail is wild, but never zero."""
    made = {}

    def make(scale=2, basis="bands", seed=0):
        if (scale, basis, seed) not in made:
            torch.manual_seed(seed)
            config = NetworkConfig(
                scale=scale, width=16, blocks=2, denoiser_width=16, denoiser_blocks=1, guide_width=8, basis=basis
            )
            network = Network(config)
            with torch.no_grad():
                for parameter in network.parameters():
                    if not parameter.any():
                        parameter.normal_(std=0.1)
            made[scale, basis, seed] = Model("random", network, {}, "0" * 16)
        return made[scale, basis, seed]

    return make


@pytest.fixture(scope="session")
def make_scene():
    """Scenes of smooth structure, a sharp edge and some noise, about 0.1 to 0.9 in value."""

    def make(bands=5, rows=17, columns=23, *, seed=0, **fields):
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[0:rows, 0:columns] / 4
        k = np.arange(bands)[:, None, None]
        pixels = 0.5 + 0.02 * k / bands + 0.2 * np.sin(y * (1 + 0.1 * k)) * np.cos(x + 0.3 * k)
        pixels = pixels + 0.1 * (x > 3) * np.cos(k) + 0.02 * rng.normal(size=pixels.shape)
        values = {"wavelength_nm": np.linspace(450, 900, bands)} | fields
        return Cube(pixels.astype(np.float32), **values)

    return make


@pytest.fixture(scope="session")
def run(make_model):
    """``upscale`` on the CPU in float32 by a random network; its wild detail is not held to the input's local range."""

    def run(cube, scale=2, *, model=None, **asked):
        options = UpscaleOptions(**{"device": "cpu", "precision": "fp32", "overshoot": None, **asked})
        return upscale(cube, scale, options=options, model=model or make_model(scale))

    return run
