"""Ringing: a width that is too large is lowered to what the scene allows, a right one is left alone."""

import numpy as np
import pytest
import torch

from shsrd.degradation import Degradation, corrected, degrade, limit_ringing, max_overshoot, overshoot

SIDE, MARGIN, NOISE = 96, 16, 1e-4


@pytest.fixture(scope="module")
def scene():
    """Leaves of all sizes over each other, as natural images have their edges; variance 1."""
    rng, side = np.random.default_rng(0), 4 * SIDE
    y, x = np.mgrid[:side, :side]
    image = np.zeros((side, side))
    for radius in np.sort(2 + 60 * rng.random(1500) ** 3)[::-1]:
        row, column = side * rng.random(2)
        image[(y - row) ** 2 + (x - column) ** 2 < radius**2] = rng.random()
    return torch.from_numpy((image - image.mean()) / image.std())


def gaussian(along_y, along_x):
    return Degradation(kernel="gaussian", scale=4, fwhm_pixels=4 * along_y, fwhm_x_pixels=4 * along_x)


def measured(scene, sensor):
    """A square in units of noise and where it counts."""
    image = (degrade(scene, sensor).numpy() / NOISE)[None].astype(np.float32)
    valid = np.zeros(image.shape, bool)
    valid[:, MARGIN:-MARGIN, MARGIN:-MARGIN] = True
    return image, valid, float(image.var())


@pytest.mark.parametrize("widths", [(1.4, 1.25), (1.7, 1.7), (2.0, 2.0)])
def test_a_width_too_large_is_lowered_and_the_right_one_hardly(scene, widths):
    sensor = gaussian(*widths)
    seen = measured(scene, sensor)
    right, large = (limit_ringing(*seen, gaussian(*(share * w for w in widths))) for share in (1, 1.25))
    assert right.fwhm_pixels >= 0.93 * sensor.fwhm_pixels
    assert large.fwhm_pixels <= 1.15 * sensor.fwhm_pixels
    assert large.fwhm_pixels / large.fwhm_x_pixels == pytest.approx(widths[0] / widths[1])


def test_what_is_left_does_not_ring(scene):
    image, valid, variance = measured(scene, gaussian(1.6, 1.6))
    told = gaussian(2.0, 2.0)
    taken = limit_ringing(image, valid, variance, told)
    beyond = [overshoot(corrected(image, np.array([variance]), sensor), image)[valid] for sensor in (told, taken)]
    before, after = (np.quantile(values, 0.999) for values in beyond)
    assert after <= max_overshoot(taken)
    assert before > max_overshoot(told)


def test_a_width_too_small_is_left_alone(scene):
    told = gaussian(1.4, 1.4)
    assert limit_ringing(*measured(scene, gaussian(1.7, 1.7)), told) is told


def test_few_pixels_and_flat_scenes_decide_nothing(scene):
    told = gaussian(2.2, 2.2)
    image, valid, variance = measured(scene, gaussian(1.7, 1.7))
    few = valid & (np.cumsum(valid).reshape(valid.shape) <= 300)
    assert limit_ringing(image, few, variance, told) is told
    assert limit_ringing(np.zeros_like(image), valid, 1.0, told) is told


def test_overshoot_is_in_local_ranges():
    measured = np.zeros((5, 5), np.float32)
    measured[:, 3:] = 2
    image = np.full((5, 5), 1.0, np.float32)
    image[2, 2], image[2, 3] = 3, -4
    found = overshoot(image, measured)
    assert found[2, 2] == pytest.approx(0.5)
    assert found[2, 3] == pytest.approx(2)
    assert found[0, 2] == pytest.approx(-0.5)


def test_no_width_is_lowered_below_a_pixel(scene):
    """There the bicubic kernel is as wide; a spike in a flat scene rings at any width."""
    image = np.zeros((1, SIDE, SIDE), np.float32)
    image[0, ::12, ::12] = 1e4
    valid = np.ones(image.shape, bool)
    assert limit_ringing(image, valid, 7e5, gaussian(2, 1.5)).fwhm_x_pixels == pytest.approx(4 * 0.75**0.5, rel=0.02)
    told = gaussian(0.9, 0.9)
    assert limit_ringing(image, valid, 7e5, told) is told
