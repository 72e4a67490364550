"""Filling holes: valid pixels untouched, holes take a nearest valid neighbour of their own band."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shsrd.cube import fill_nodata

SHAPE = (2, 5, 6)


@given(hnp.arrays(np.float32, SHAPE, elements=st.floats(-5, 5, width=32)), hnp.arrays(bool, SHAPE))
def test_holes_take_the_nearest_valid_pixel(pixels, holes):
    pixels[holes] = np.nan
    before = pixels.copy()
    filled = fill_nodata(pixels)
    assert np.array_equal(pixels, before, equal_nan=True)
    assert np.array_equal(filled[~holes], pixels[~holes])
    for band, hole in enumerate(holes):
        if hole.all():
            assert (filled[band] == 0).all()
            continue
        valid = np.argwhere(~hole)
        for row, column in np.argwhere(hole):
            distance = ((valid - (row, column)) ** 2).sum(axis=1)
            nearest = valid[distance == distance.min()]
            assert filled[band, row, column] in pixels[band][tuple(nearest.T)]


def test_nothing_missing_returns_the_same_array():
    pixels = np.zeros(SHAPE, np.float32)
    assert fill_nodata(pixels) is pixels


def test_infinity_is_missing_too():
    pixels = np.ones(SHAPE, np.float32)
    pixels[0, 0, 0] = np.inf
    assert (fill_nodata(pixels) == 1).all()
