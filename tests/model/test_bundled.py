"""The weights that come with the package, on a scene made from nothing."""

import numpy as np
import pytest

from shsrd.datasets import phantom
from shsrd.degradation import Degradation, degrade_cube
from shsrd.model import bundled_models, load_weights
from shsrd.upscaling import UpscaleOptions, upscale


@pytest.mark.parametrize("name", bundled_models() or [None])
def test_bf16_costs_nothing_that_can_be_seen(name):
    """Less than 0.02 dB of PSNR against float32."""
    if name is None:
        pytest.skip("no bundled weights yet")
    model = load_weights(name)
    scale = model.network.config.scale
    truth = phantom(rows=28 * scale, columns=28 * scale, wavelength_nm=np.linspace(450, 900, 6), seed=2)
    low = degrade_cube(truth, Degradation(scale=scale))

    def estimate(precision):
        options = UpscaleOptions(precision=precision, device="cpu", cell=32)
        return upscale(low, scale, options=options, model=model).cube.pixels

    exact, rough = estimate("fp32"), estimate("bf16")
    assert not np.array_equal(exact, rough)
    psnr = [-10 * np.log10(np.square(x - truth.pixels).mean(dtype=np.float64)) for x in (exact, rough)]
    assert psnr[0] - psnr[1] < 0.02
