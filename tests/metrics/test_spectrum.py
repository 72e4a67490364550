"""Power by octaves: white noise is flat, a wave lies in its own octave, energy is Parseval's."""

import doctest

import numpy as np
import pytest

from shsrd.metrics import octave_edges, octave_power, spectrum


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def wave(period, angle=0.0, side=128):
    y, x = np.mgrid[:side, :side]
    return np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period)


def test_examples_in_docstrings():
    found = doctest.testmod(spectrum, extraglobs={"np": np})
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("size", [(128, 128), (96, 150), (64, 65)])
def test_white_noise_is_flat_at_its_variance(size):
    found = octave_power(3 * noise(40, *size), octaves=4).mean(axis=0)
    np.testing.assert_allclose(found, 9, rtol=0.1)


@pytest.mark.parametrize("angle", [0, 0.7, np.pi / 2])
@pytest.mark.parametrize(("period", "octave"), [(2.7, 4), (6, 3), (11, 2), (23, 1), (45, 0)])
def test_a_wave_lies_in_its_octave_whatever_its_direction(period, octave, angle):
    found = octave_power(wave(period, angle), octaves=5)
    edges = octave_edges(5)
    assert edges[octave] < 1 / period < edges[octave + 1]
    assert found.argmax() == octave
    assert found[octave] > 20 * np.delete(found, octave).max()


def test_power_grows_with_the_square_and_knows_no_mean():
    image = noise(64, 64)
    np.testing.assert_allclose(octave_power(3 * image + 100), 9 * octave_power(image), rtol=1e-9)


def test_images_are_measured_one_by_one_and_transposed_alike():
    images = noise(2, 3, 48, 64)
    found = octave_power(images)
    assert found.shape == (2, 3, 5)
    np.testing.assert_allclose(found[1, 2], octave_power(images[1, 2]))
    np.testing.assert_allclose(found, octave_power(images.swapaxes(-1, -2)))


def test_borders_that_do_not_fit_make_no_fine_power():
    ramp = np.linspace(0, 1, 128) * np.ones((128, 1))
    found = octave_power(ramp, octaves=5)
    assert found[-1] < 1e-6 * found[0]


def test_smoothing_takes_fine_power_away():
    image = noise(128, 128)
    smooth = (image + np.roll(image, 1, 0) + np.roll(image, 1, 1) + np.roll(image, (1, 1), (0, 1))) / 4
    ratio = octave_power(smooth) / octave_power(image)
    assert (np.diff(ratio[1:]) < 0).all()
    assert ratio[:2].min() > 0.9
    assert ratio[-1] < 0.5


def test_octaves_that_an_image_cannot_show_are_unknown():
    found = octave_power(noise(8, 8), octaves=6)
    np.testing.assert_array_equal(np.isnan(found), [True, True, True, False, False, False])


@pytest.mark.parametrize("image", [np.ones(5), np.full((8, 8), np.nan)])
def test_refuses(image):
    with pytest.raises(ValueError, match="without missing pixels"):
        octave_power(image)


def test_needs_an_octave():
    with pytest.raises(ValueError, match="at least 1"):
        octave_edges(0)
