"""Stored numbers and pixels: rounding, clipping, no-data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shsrd.cube import Cube, SceneError, Storage
from shsrd.io.encoding import check_storable, decode, encode, nodata_fits

_INTEGERS = ("uint8", "int8", "uint16", "int16")
_SHAPE = (2, 3, 4)


@given(
    st.data(),
    st.sampled_from(_INTEGERS),
    st.sampled_from([1.0, 1e-4, 1 / 255, 0.05]),
    st.sampled_from([0.0, -0.1]),
)
def test_integers_survive_decoding_and_encoding(data, dtype, scale, offset):
    stored = data.draw(hnp.arrays(dtype, _SHAPE))
    nodata = data.draw(st.sampled_from([None, float(np.iinfo(dtype).min), 7.0]))
    storage = Storage(dtype, scale, offset, nodata)
    assert np.array_equal(encode(decode(stored, storage), storage), stored)


@given(hnp.arrays(np.float32, _SHAPE, elements=st.floats(-1e9, 1e9, width=32)), st.sampled_from(_INTEGERS))
def test_integers_are_clipped_and_never_wrapped(pixels, dtype):
    stored = encode(pixels, Storage(dtype)).astype(np.int64)
    limits = np.iinfo(dtype)
    assert np.array_equal(stored, np.clip(np.rint(pixels.astype(np.float64)), limits.min, limits.max))


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64"])
def test_clipping_at_the_ends_of_wide_integers(dtype):
    limits = np.iinfo(dtype)
    stored = encode(np.array([-1e30, 1e30], np.float32), Storage(dtype))
    assert [int(v) for v in stored] == [limits.min, limits.max]


@given(hnp.arrays(np.float32, _SHAPE, elements=st.floats(-3, 300, width=32)), st.sampled_from([0, 255, 9]))
def test_valid_pixels_never_become_nodata(pixels, nodata):
    storage = Storage("uint8", nodata=nodata)
    pixels[0, 0, 0] = np.nan
    again = decode(encode(pixels, storage), storage)
    assert np.array_equal(np.isnan(again), np.isnan(pixels))


def test_nan_stays_nan_in_floats_without_nodata():
    pixels = np.array([[[np.nan, 1.5]]], np.float32)
    assert np.array_equal(encode(pixels, Storage("float64")), pixels, equal_nan=True)


def test_printed_float_limits_are_nodata():
    stored = np.array([[[np.finfo(np.float32).min, 1.0]]], np.float32)
    assert np.isnan(decode(stored, Storage("float32", nodata=-3.40282e38))[0, 0, 0])


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_decoding_does_not_depend_on_memory_order(axes):
    stored = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    elsewhere = np.ascontiguousarray(stored.transpose(axes)).transpose(np.argsort(axes))
    assert np.array_equal(decode(elsewhere, Storage("int16")), stored)


def test_complex_numbers_are_refused():
    with pytest.raises(SceneError, match=r"a\.img.*complex.*magnitude"):
        decode(np.zeros((2, 2, 2), np.complex64), Storage(), source="a.img")


@pytest.mark.parametrize(
    "storage",
    [
        Storage("int16"),
        Storage("uint16", nodata=-9999),
        Storage("int16", scale=0.0, nodata=0),
        Storage("float32", offset=np.inf),
        Storage("complex64"),
    ],
)
def test_unusable_storage_is_refused(storage):
    with pytest.raises(SceneError):
        check_storable(Cube(np.full((2, 2, 2), np.nan, np.float32), storage=storage))


def test_fits():
    assert nodata_fits(-9999, "int16")
    assert not nodata_fits(-9999, "uint16")
    assert not nodata_fits(0.5, "uint8")
    assert not nodata_fits(np.nan, "int16")
    assert nodata_fits(np.nan, "float32")
