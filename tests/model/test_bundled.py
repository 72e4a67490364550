"""The weights that come with the package, on a scene made from nothing."""

import numpy as np
import pytest

from shsrd.datasets import synthetic_scene
from shsrd.degradation import Degradation, degrade_cube
from shsrd.model import bundled_models, int8_supported, load_weights
from shsrd.upscaling import UpscaleOptions, upscale


@pytest.mark.slow
@pytest.mark.parametrize("rough", ["bf16", "int8"])
@pytest.mark.parametrize("name", bundled_models())
def test_fewer_bits_cost_nothing_that_can_be_seen(name, rough):
    """Less than 0.02 dB of PSNR against float32."""
    if rough == "int8" and not int8_supported():
        pytest.skip("this CPU has no VNNI instructions")
    model = load_weights(name)
    scale = model.network.config.scale
    truth = synthetic_scene(rows=28 * scale, columns=28 * scale, wavelength_nm=np.linspace(450, 900, 6), seed=2)
    low = degrade_cube(truth, Degradation(scale=scale))

    def estimate(precision):
        options = UpscaleOptions(precision=precision, device="cpu", block=32)
        return upscale(low, scale, options=options, model=model).cube.pixels

    exact, other = estimate("fp32"), estimate(rough)
    assert not np.array_equal(exact, other)
    psnr = [-10 * np.log10(np.square(x - truth.pixels).mean(dtype=np.float64)) for x in (exact, other)]
    assert psnr[0] - psnr[1] < 0.02


@pytest.mark.skipif(not int8_supported(), reason="this CPU has no VNNI instructions")
def test_tiles_change_no_byte_in_integers():
    """Scales are those of a cell, and cells lie where they lie."""
    model, low = (
        load_weights("natural-x4"),
        synthetic_scene(rows=40, columns=50, wavelength_nm=np.linspace(450, 900, 7), seed=3),
    )
    found = []
    for tile in (16, 48):
        options = UpscaleOptions(precision="int8", device="cpu", block=16, tile=tile, channels=6, self_check=False)
        done = upscale(low, 4, options=options, model=model)
        assert done.report.precision == "int8"
        found.append(done.cube.pixels)
    np.testing.assert_array_equal(*found)
