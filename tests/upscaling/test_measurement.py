"""Blur and noise of scenes: estimated from a bounded sample, whatever is missing in it."""

import numpy as np
import pytest

from shsrd.cube import Cube, MemorySource
from shsrd.degradation import Degradation, add_noise, degrade_cube
from shsrd.upscaling.blur_noise_estimate import estimate_blur_noise

WIDTHS = (1.6, 1.3)


@pytest.fixture(scope="module")
def clean(edge_images):
    """Twenty-four bands, mixed from three images."""
    images = np.stack([edge_images(seed=seed) for seed in (3, 4, 5)])
    mixing = np.random.default_rng(0).uniform(0.1, 1, (24, 3))
    kernel = Degradation(kernel="gaussian", scale=4, fwhm_pixels=4 * WIDTHS[0], fwhm_x_pixels=4 * WIDTHS[1])
    return degrade_cube(Cube(np.tensordot(mixing, images, 1).astype(np.float32)), kernel)


class Counted(MemorySource):
    """A scene that remembers how much of it was read."""

    seen = 0

    def read(self, rows, columns):
        """Count, and read."""
        type(self).seen += (rows.stop - rows.start) * (columns.stop - columns.start)
        return super().read(rows, columns)


@pytest.mark.parametrize("snr", [30, 40])
def test_noise_and_width(clean, snr):
    found = estimate_blur_noise(MemorySource(add_noise(clean, snr)))
    assert np.abs(found.snr_db - snr).max() < 2  # noisy bands foretell texture less well
    assert found.width is not None
    assert np.allclose(found.width.fwhm, WIDTHS, rtol=0.15)


def test_impossible_and_missing_values_change_nothing_of_note(clean):
    noisy = add_noise(clean, 35)
    pixels = noisy.pixels.copy()
    pixels[:, 40:60, 40:60] = np.nan
    pixels[3, 80, 80] = 1e30
    pixels[5] = np.nan
    found = estimate_blur_noise(MemorySource(noisy.replace(pixels=pixels)))
    assert found.bands.tolist() == [band for band in range(24) if band != 5]
    assert np.abs(found.snr_db - 35).max() < 2


@pytest.mark.parametrize("value", [np.nan, 1.0])
def test_scenes_that_tell_nothing(value):
    found = estimate_blur_noise(MemorySource(Cube(np.full((4, 40, 40), value, np.float32))))
    assert found.width is None
    assert found.edges == found.bands.size == found.snr_db.size == 0


def test_a_scene_of_pure_noise_has_no_width():
    pixels = np.random.default_rng(0).standard_normal((6, 80, 90)).astype(np.float32)
    found = estimate_blur_noise(MemorySource(Cube(5 + pixels)))
    assert found.width is None
    assert np.abs(found.snr_db - 20 * np.log10(np.hypot(5, 1))).max() < 1


def test_of_a_large_scene_a_sample_is_read():
    Counted.seen = 0
    side = 2048
    rng = np.random.default_rng(0)
    pixels = np.broadcast_to(rng.standard_normal((1, side, 1)).astype(np.float32), (2, side, side))
    estimate_blur_noise(Counted(Cube(pixels)))
    assert Counted.seen == 9 * 96 * 96


def test_few_pixels_of_many_bands_do_not_hide_their_noise():
    rng = np.random.default_rng(1)
    pixels = 10 + rng.standard_normal((150, 20, 20)).astype(np.float32)  # 361 differences for 149 coefficients
    found = estimate_blur_noise(MemorySource(Cube(pixels)))
    assert np.abs(np.median(found.snr_db) - 20) < 0.5
    assert (
        estimate_blur_noise(MemorySource(Cube(pixels[:, :15, :15]))).snr_db.size == 0
    )  # 196 for 149: nothing can be told
