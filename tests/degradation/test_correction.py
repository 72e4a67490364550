"""The correction filter: a sensor's image becomes bicubic's where there is a signal, and no noise is sharpened."""

import numpy as np
import pytest
import torch

from shsrd.degradation import Degradation, corrected, degrade

SIDE = 64


@pytest.fixture(scope="module")
def scene():
    """A periodic image whose power falls as natural images' does, at high resolution, variance 1."""
    rng = np.random.default_rng(0)
    f = np.fft.fftfreq(4 * SIDE)
    radius = np.hypot(f[:, None], f)
    radius[0, 0] = np.inf
    image = np.fft.ifft2(np.fft.fft2(rng.standard_normal((4 * SIDE, 4 * SIDE))) / radius).real
    return torch.from_numpy(image / image.std())[None]


def seen(scene, degradation):
    """The scene as a sensor sees it, periodic: mirrored borders would be another scene."""
    wrapped = torch.cat([torch.cat([scene] * 3, -1)] * 3, -2)
    return degrade(wrapped, degradation).numpy()[:, SIDE : 2 * SIDE, SIDE : 2 * SIDE]


def rmse(a, b):
    return float(np.sqrt(np.square(a - b).mean()))


@pytest.mark.parametrize(("name", "less"), [("enmap", 8), ("prisma", 6), ("tanager", 6)])
def test_without_noise_the_image_is_the_one_of_the_bicubic_kernel(scene, name, less):
    sensor, noise = Degradation.of_sensor(name, scale=4), 1e-4
    bicubic, measured = seen(scene, Degradation(scale=4)) / noise, seen(scene, sensor) / noise
    found = corrected(measured.astype(np.float32), np.array([measured.var()]), sensor)
    assert rmse(found, bicubic) < rmse(measured, bicubic) / less


@pytest.mark.parametrize(("snr", "share"), [(10, 0.95), (30, 0.8), (100, 0.5)])
def test_in_noise_it_is_nearer_to_the_truth_than_the_measurement(scene, snr, share):
    rng, sensor = np.random.default_rng(1), Degradation.of_sensor("enmap", scale=4)
    bicubic = snr * seen(scene, Degradation(scale=4))
    measured = snr * seen(scene, sensor) + rng.standard_normal((1, SIDE, SIDE))
    found = corrected(measured.astype(np.float32), np.array([measured.var()]), sensor)
    assert rmse(found, bicubic) < share * rmse(measured, bicubic)


def test_where_nothing_varies_but_noise_it_is_smoothed_away():
    """Most of the image is flat: a filter for the whole would sharpen its noise."""
    rng, sensor = np.random.default_rng(2), Degradation.of_sensor("prisma", scale=4)
    signal = np.zeros((SIDE, SIDE))
    signal[:, : SIDE // 4] = 5 * rng.standard_normal((SIDE, SIDE // 4)).cumsum(axis=0)
    measured = (signal + rng.standard_normal((SIDE, SIDE)))[None]
    found = corrected(measured.astype(np.float32), np.array([measured.var()]), sensor)
    flat = (0, slice(None), slice(SIDE // 4 + 14, SIDE - 14))
    assert found[flat].std() < 0.5 * measured[flat].std()
    only_noise = rng.standard_normal((1, SIDE, SIDE)).astype(np.float32)
    assert corrected(only_noise, np.ones(1), sensor).std() < 0.1


def test_axes_have_their_own_widths(scene):
    """Turning image and sensor turns the answer."""
    sensor = Degradation(kernel="gaussian", scale=4, fwhm_pixels=8, fwhm_x_pixels=5)
    measured = 1e3 * seen(scene, sensor).astype(np.float32)
    variance = np.array([measured.var()], np.float64)
    found = corrected(measured, variance, sensor)
    turned = corrected(np.ascontiguousarray(measured.swapaxes(1, 2)), variance, sensor.turned)
    np.testing.assert_allclose(turned.swapaxes(1, 2), found, atol=1e-4 * measured.std())
