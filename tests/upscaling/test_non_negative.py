"""Quantities that cannot be negative."""

import numpy as np
import pytest


@pytest.fixture
def dark(make_scene):
    """Black but for its bright parts, so that detail goes below zero."""
    scene = make_scene(bands=6)
    return scene.replace(pixels=np.maximum(scene.pixels - 0.5, 0))


@pytest.mark.parametrize("asked", [{}, {"steps": 2}, {"block": 8}, {"basis": "pca"}], ids=str)
def test_what_is_below_zero_becomes_zero(dark, run, asked):
    free, kept = (run(dark, **asked, non_negative=wish) for wish in (False, True))
    assert (free.cube.pixels.min(axis=(1, 2)) < -0.01).all()
    np.testing.assert_array_equal(kept.cube.pixels, np.maximum(free.cube.pixels, 0))
    assert kept.report.consistency > 10 * free.report.consistency  # said, not hidden


def test_bad_bands_and_missing_pixels_stay_as_they_are(dark, run):
    pixels, good = dark.pixels.copy(), np.arange(6) != 1
    pixels[:, 2, 3] = np.nan
    pixels[1, 8:] = -1
    free, kept = (
        run(dark.replace(pixels=pixels, good_bands=good), non_negative=wish).cube.pixels for wish in (False, True)
    )
    np.testing.assert_array_equal(kept[1], free[1])
    np.testing.assert_array_equal(kept[good], np.maximum(free[good], 0))
