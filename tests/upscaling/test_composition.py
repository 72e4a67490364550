"""The cheap order of interpolation, detail and consistency against the plain one."""

import numpy as np
import pytest
import torch

from shsrd.degradation import Degradation, back_project, bicubic_up, consistency_rmse
from shsrd.spectral import band_basis, pca_basis, scene_statistics
from shsrd.upscaling.composition import compose_estimate, null_space_component

FRAMES = {"bands": band_basis, "pca": pca_basis, "three": lambda statistics: pca_basis(statistics, 3)}
SENSORS = {  # with what float32 may cost: inverting the wide one multiplies rounding by up to 144, in several steps
    Degradation(scale=2): 1e-5,
    Degradation(scale=4): 1e-5,
    Degradation(scale=3, kernel="gaussian", fwhm_pixels=6.0): 1e-4,
}


def measured(make_scene, make, scale):
    low = make_scene(bands=8, rows=21, columns=26).pixels
    basis = make(scene_statistics(low))
    shape = (basis.channels, 21 * scale, 26 * scale)
    return (
        torch.from_numpy(low),
        basis,
        torch.from_numpy(np.random.default_rng(1).normal(size=shape).astype(np.float32)),
    )


def plain(low, detail, basis, degradation):
    """Step by step, every band at high resolution."""
    return back_project(bicubic_up(low, degradation.scale) + basis.reconstruct(detail), low, degradation)


@pytest.mark.parametrize("degradation", SENSORS, ids=str)
@pytest.mark.parametrize("name", FRAMES)
def test_composition_is_back_projection_of_interpolation_and_detail(make_scene, name, degradation):
    low, basis, detail = measured(make_scene, FRAMES[name], degradation.scale)
    kept = low.clone(), detail.clone()
    expected = plain(low, detail, basis, degradation)
    result = compose_estimate(low, detail, basis, scale=degradation.scale, degradation=degradation)
    np.testing.assert_allclose(result, expected, atol=SENSORS[degradation])
    np.testing.assert_array_equal(low, kept[0])
    np.testing.assert_array_equal(detail, kept[1])
    free = compose_estimate(low, detail, basis, scale=degradation.scale, degradation=None)
    assert (free - expected).abs().max() > 0.01


@pytest.mark.parametrize("name", FRAMES)
def test_composition_agrees_with_the_measurement(make_scene, name):
    degradation = Degradation(scale=4)
    low, basis, detail = measured(make_scene, FRAMES[name], 4)
    free, bound = (compose_estimate(low, detail, basis, scale=4, degradation=d) for d in (None, degradation))
    errors = [consistency_rmse(x, low, degradation) for x in (free, bound)]
    assert errors[1] < 1e-4 < 0.01 < errors[0]


def test_composition_keeps_its_digits_on_a_bright_scene(make_scene):
    """A narrow range far from zero loses no more than float32 does anyway."""
    degradation = Degradation(scale=4)
    low, basis, detail = measured(make_scene, pca_basis, 4)
    bright = low + 1000
    result = compose_estimate(bright, detail, basis, scale=4, degradation=degradation)
    expected = plain(low.double(), detail.double(), basis, degradation) + 1000
    np.testing.assert_allclose(result, expected, atol=8 * np.spacing(np.float32(1000)))


@pytest.mark.parametrize("degradation", list(SENSORS)[:2], ids=str)
def test_unseen_texture_keeps_an_estimate_consistent(make_scene, degradation):
    low, basis, detail = measured(make_scene, pca_basis, degradation.scale)
    estimate = compose_estimate(low, detail, basis, scale=degradation.scale, degradation=degradation)
    texture = torch.from_numpy(np.random.default_rng(2).normal(size=detail.shape).astype(np.float32))

    def error(added):
        return consistency_rmse(estimate + basis.reconstruct(added), low, degradation)

    assert error(null_space_component(texture, degradation)) < 1e-4 < 0.01 < error(texture)
    np.testing.assert_allclose(
        estimate + basis.reconstruct(null_space_component(texture, degradation)),
        plain(low, detail + texture, basis, degradation),
        atol=1e-5,
    )


def test_without_a_sensor_everything_is_unseen():
    texture = torch.ones(2, 8, 8)
    np.testing.assert_array_equal(null_space_component(texture, None), texture)
