"""The formula on one page is the oracle of the pipeline."""

import inspect

import numpy as np
import pytest
import torch

from shsrd import reference
from shsrd.cube import Cube
from shsrd.datasets import synthetic_scene
from shsrd.degradation import Degradation, degrade_cube
from shsrd.model import load_weights
from shsrd.upscaling import UpscaleOptions, upscale


@pytest.mark.parametrize("bands", [5, 14, 31, 40])
@pytest.mark.parametrize("wavelengths", [True, False], ids=["wavelengths", "none"])
def test_the_pipeline_computes_the_reference(bands, wavelengths):
    scene = synthetic_scene(rows=80, columns=96, wavelength_nm=np.linspace(430, 920, bands))
    low = degrade_cube(scene, Degradation(scale=4))
    low = low if wavelengths else Cube(low.pixels)
    model = load_weights("cave-x4-fast")
    options = UpscaleOptions(device="cpu", precision="fp32", self_check=False)
    found = upscale(low, 4, options=options, model=model).cube.pixels
    wavelength_nm = None if low.wavelength_nm is None else torch.from_numpy(low.wavelength_nm)
    expected = reference.super_resolve(torch.from_numpy(low.pixels), wavelength_nm, model.network).numpy()
    assert np.abs(found - expected).max() < 1e-4 * np.ptp(low.pixels)
    plain = upscale(low, 4, options=options.model_copy(update={"consistency": False}), model=model).cube.pixels
    assert np.abs(plain - expected).max() > 1e-3 * np.ptp(low.pixels)  # a step left out would show


def test_it_fits_on_a_page():
    assert len(inspect.getsource(reference).splitlines()) <= 80
