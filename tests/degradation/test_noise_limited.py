"""Consistency with a noisy measurement: what is more than noise is corrected, noise is left where it is."""

import numpy as np
import pytest
import torch

from shsrd.degradation import Degradation, NoisyMeasurement, bicubic_up, degrade, degrade_upsampled

SENSORS = [Degradation.of_sensor(name, scale=4) for name in ("enmap", "prisma")]


def measurement(sensor, noise=0.01, bands=6):
    basis, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((bands, bands)))
    return NoisyMeasurement(np.arange(bands), sensor, noise * np.linspace(0.5, 2, bands), basis)


def waves(bands=6, side=64):
    """A smooth scene of alike bands, ``(B, y, x)``."""
    y, x = np.mgrid[:side, :side] / side
    image = np.sin(12 * x) * np.cos(9 * y) + np.sin(25 * (x + y))
    return (image * np.linspace(0.5, 1.5, bands)[:, None, None]).astype(np.float32)


def rms(values):
    return float(np.sqrt(np.square(values).mean()))


@pytest.mark.parametrize("sensor", SENSORS)
def test_without_noise_one_step_agrees_with_the_measurement(sensor):
    truth = torch.from_numpy(waves(side=256))
    low = degrade(truth, sensor).numpy()
    part = measurement(sensor, noise=1e-5)
    estimate = bicubic_up(torch.from_numpy(low), 4)
    before = low - degrade(estimate, sensor).numpy()
    estimate += bicubic_up(part.correction(torch.from_numpy(before)), 4)
    after = low - degrade(estimate, sensor).numpy()
    assert rms(after) < 0.05 * rms(before)


@pytest.mark.parametrize("sensor", SENSORS)
def test_noise_is_not_put_back(sensor):
    part = measurement(sensor)
    noise = np.random.default_rng(1).standard_normal((6, 64, 64)) * part.noise[:, None, None]
    noise = noise.astype(np.float32)
    assert rms(part.significant_residual(torch.from_numpy(noise)).numpy()) < 0.01 * rms(noise)
    assert rms(part.correction(torch.from_numpy(noise)).numpy()) < 0.02 * rms(noise)


def test_what_is_more_than_noise_is_found_in_it():
    part = measurement(SENSORS[1])
    signal = np.zeros((6, 64, 64), np.float32)
    signal[:, 20:26, 20:26] = 0.3
    noise = np.random.default_rng(1).standard_normal(signal.shape) * part.noise[:, None, None]
    left = part.significant_residual(torch.from_numpy((signal + noise).astype(np.float32))).numpy()
    inside = (slice(None), slice(20, 26), slice(20, 26))
    assert rms(left[inside] - signal[inside]) < 0.1 * rms(signal[inside])
    assert rms(left[:, 40:, 40:]) < 0.05 * rms(noise)


@pytest.mark.parametrize("sensor", [*SENSORS, Degradation(kernel="gaussian", fwhm_pixels=9, fwhm_x_pixels=3)])
def test_the_round_trip_of_a_sensor_is_the_same_by_matrices(sensor):
    low = torch.from_numpy(np.random.default_rng(2).standard_normal((2, 20, 33)))
    expected = degrade(bicubic_up(low, 4), sensor)
    torch.testing.assert_close(degrade_upsampled(low, sensor), expected, rtol=1e-9, atol=1e-9)


def test_a_far_pixel_changes_nothing():
    part = measurement(SENSORS[1])
    residual = waves(side=64)
    other = residual.copy()
    other[:, 32, 32] += 1
    before, after = (part.correction(torch.from_numpy(r)).numpy() for r in (residual, other))
    y, x = np.nonzero(np.abs(after - before).max(axis=0) > 0)
    reach = part.reach - part.degradation.reach
    assert max(np.abs(y - 32).max(), np.abs(x - 32).max()) <= reach
