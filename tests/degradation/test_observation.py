"""One value for kernels, widths of every band and noise: each band is what its own degradation makes of it."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from shsrd.cube import Cube, SceneError
from shsrd.degradation import (
    SENSORS,
    Degradation,
    NoiseModel,
    ObservationModel,
    add_noise,
    area_down,
    blurred,
    degrade,
    degrade_cube,
    gaussian_down,
    gaussian_planes_down,
    observe,
    observe_cube,
)

WIDTHS = ((0.8, 1.2), (1.0, 1.0), (0.8, 1.2), (1.6, 0.7))


def scene(bands=4, rows=18, columns=22):
    return Cube(np.random.default_rng(0).random((bands, rows, columns), np.float32))


@pytest.mark.parametrize("kernel", ["gaussian", "detector"])
def test_every_band_has_its_own_width(kernel):
    cube = scene()
    found = observe_cube(cube, ObservationModel(kernel=kernel, fwhm=WIDTHS)).pixels
    for band, (along_y, along_x) in enumerate(WIDTHS):
        alone = Degradation(kernel=kernel, fwhm_pixels=4 * along_y, fwhm_x_pixels=4 * along_x)
        np.testing.assert_allclose(found[band], degrade_cube(cube, alone).pixels[band], atol=1e-6)


def test_one_width_is_the_degradation():
    cube = scene()
    for degradation in (Degradation(), Degradation(kernel="area"), Degradation.of_sensor("enmap")):
        model = ObservationModel.of(degradation)
        found, expected = observe_cube(cube, model), degrade_cube(cube, degradation)
        np.testing.assert_allclose(found.pixels, expected.pixels, atol=1e-6)
        assert found.transform == expected.transform
        assert model.mean.sigma == pytest.approx(degradation.sigma)


def test_noise_is_that_of_the_low_resolution():
    cube, noise = scene(), NoiseModel(snr_db=30, photon_share=0.5)
    model = ObservationModel(kernel="gaussian", fwhm=WIDTHS)
    noisy = observe_cube(cube, model.model_copy(update={"noise": noise}), seed=3)
    np.testing.assert_array_equal(noisy.pixels, add_noise(observe_cube(cube, model), noise, seed=3).pixels)


def test_missing_pixels_are_those_of_degrade_cube():
    cube = scene()
    cube.pixels[1, 4:8, 4:8] = np.nan
    model = ObservationModel(kernel="gaussian", fwhm=WIDTHS, noise=NoiseModel(snr_db=30))
    found = np.isnan(observe_cube(cube, model).pixels)
    np.testing.assert_array_equal(found, np.isnan(degrade_cube(cube, Degradation()).pixels))
    assert found.sum() == 1


def test_a_sensor_gives_every_band_its_range():
    wavelengths = np.array([450.0, 1000.0, 2000.0])
    model = ObservationModel.of_sensor("hyperion", wavelength_nm=wavelengths)
    np.testing.assert_allclose(model.fwhm, SENSORS["hyperion"].fwhm_at(wavelengths, 3))
    assert len(model.groups(3)) == 2  # the first and the last are alike
    assert ObservationModel.of_sensor("hyperion").fwhm == (SENSORS["hyperion"].fwhm,)
    assert model.select_bands([1]).fwhm == (model.fwhm[1],)


def test_some_bands_keep_their_widths_and_ratios():
    model = ObservationModel(kernel="gaussian", fwhm=WIDTHS, noise=NoiseModel(snr_db=(20, 30, 40, 50)))
    some = model.select_bands([3, 0])
    assert (some.fwhm, some.noise.snr_db) == ((WIDTHS[3], WIDTHS[0]), (50, 20))
    one = ObservationModel(kernel="gaussian", fwhm=WIDTHS[:1], noise=NoiseModel(snr_db=20))
    assert one.select_bands([3, 0]) == one


def test_tensors_with_any_leading_axes():
    x = torch.rand(2, 3, 4, 16, 24, dtype=torch.float64)
    model = ObservationModel(kernel="gaussian", fwhm=WIDTHS)
    low = blurred(x, model)
    assert low.shape == (2, 3, 4, 4, 6)
    torch.testing.assert_close(low[1, 2], blurred(x[1, 2], model))


def test_noise_of_tensors_follows_the_generator():
    x, noise = torch.full((2, 64, 256), 0.5), NoiseModel(snr_db=(20, 40), photon_share=0.3, stripe_offset=0.5)
    model = ObservationModel(kernel="area", scale=2, noise=noise)
    first, again, other = (observe(x, model, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    noisy = (first - 0.5).numpy()
    stripes = noisy.mean(axis=1)  # rows average the noise away
    for band, ratio in enumerate((10, 100)):
        assert np.std(noisy[band] - stripes[band]) == pytest.approx(0.5 / ratio, rel=0.1)
        assert np.std(stripes[band]) == pytest.approx(0.25 / ratio, rel=0.3)
    brighter = observe(x, model, generator=torch.Generator().manual_seed(1), level=torch.tensor([1.0, 1.0]))
    assert (brighter - 0.5).std() > 1.5 * (first - 0.5).std()
    assert torch.equal(observe(x, ObservationModel(scale=2)), degrade(x, Degradation(scale=2)))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_many_planes_with_their_own_widths_in_one_pass(scale):
    x = torch.rand(5, 12, 24, dtype=torch.float64)
    sigma = torch.tensor([[0.4, 3.0], [1.0, 1.0], [3.5, 0.3], [0.5, 0.51], [2.25, 2.0]], dtype=torch.float64)
    low = gaussian_planes_down(x, scale, sigma)
    for plane, widths, found in zip(x, sigma.tolist(), low, strict=True):
        torch.testing.assert_close(found, gaussian_down(plane, scale, widths[0], sigma_x=widths[1]))
    with pytest.raises(ValueError, match="no multiples"):
        gaussian_planes_down(x[:, :5], 4, sigma)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_the_sharpest_detector_is_the_block_mean(scale):
    x = torch.rand(2, 8 * scale, 8 * scale, dtype=torch.float64)
    least = Degradation(kernel="detector", scale=scale, fwhm_pixels=0.72 * scale)
    wide = Degradation(kernel="detector", scale=scale, fwhm_pixels=2 * scale)
    torch.testing.assert_close(degrade(x, least), area_down(x, scale), atol=0.06, rtol=0)
    gaussian = Degradation(kernel="gaussian", scale=scale, fwhm_pixels=2 * scale)
    assert (degrade(x, wide) - degrade(x, gaussian)).abs().max() < 0.02
    with pytest.raises(SceneError, match="sharper than a detector"):
        degrade(x, Degradation(kernel="detector", scale=scale, fwhm_pixels=0.6 * scale))


def test_declared_reach_of_a_detector_is_true():
    degradation = Degradation(kernel="detector", fwhm_pixels=7.0)
    x = torch.zeros(1, 80, 80, dtype=torch.float64)
    x[:, 40:44, 40:44] = 1.0
    touched = degrade(x, degradation)[0].abs().amax(0).nonzero().flatten()
    assert 10 - degradation.reach <= touched.min() and touched.max() <= 10 + degradation.reach


def test_round_trip_through_json():
    model = ObservationModel(kernel="gaussian", fwhm=WIDTHS, noise=NoiseModel(snr_db=(20, 30, 40, 50)))
    assert ObservationModel.model_validate_json(model.model_dump_json()) == model


def test_refuses_what_fits_no_scene():
    with pytest.raises(SceneError, match="4 widths for 3 bands; give one, or one for each band"):
        observe_cube(scene(bands=3), ObservationModel(kernel="gaussian", fwhm=WIDTHS))
    with pytest.raises(SceneError, match="gaussian kernel"):
        observe_cube(scene(), ObservationModel(kernel="area", fwhm=WIDTHS))
    with pytest.raises(SceneError, match="no sensor 'landsat'"):
        ObservationModel.of_sensor("landsat")
    for wrong in ((), ((0.0, 1.0),), ((1.0, float("nan")),)):
        with pytest.raises(ValidationError):
            ObservationModel(kernel="gaussian", fwhm=wrong)
