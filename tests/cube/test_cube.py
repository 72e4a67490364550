"""The cube: what fits together is kept, what does not is refused."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from shsrd.cube import Cube, SceneError

PIXELS = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("metadata", "word"),
    [
        ({"pixels": PIXELS[0]}, "three axes"),
        ({"pixels": PIXELS[:0]}, "empty"),
        ({"pixels": PIXELS.astype(np.complex64)}, "complex"),
        ({"wavelength_nm": [500.0]}, "wavelength_nm has 1 values for 2 bands"),
        ({"fwhm_nm": [1.0, 2, 3]}, "fwhm_nm has 3"),
        ({"good_bands": [True] * 3}, "good_bands has 3"),
        ({"band_names": ("a",)}, "1 band names"),
    ],
)
def test_what_does_not_fit_is_refused(metadata, word):
    with pytest.raises(SceneError, match=word) as caught:
        Cube(**{"pixels": PIXELS, "source": "scene.tif", **metadata})
    assert str(caught.value).startswith("scene.tif: ")


def test_defaults_and_types():
    scene = Cube(PIXELS.astype(np.int16), wavelength_nm=[500, 600])
    assert scene.pixels.dtype == np.float32
    assert scene.wavelength_nm.dtype == np.float64
    assert scene.good_bands.tolist() == [True, True]
    assert scene.shape == (2, 3, 4)


def test_headers_cannot_be_changed():
    headers = {"a": "1"}
    scene = Cube(PIXELS, headers=headers)
    headers["a"] = "2"
    assert scene.headers["a"] == "1"
    with pytest.raises(TypeError):
        scene.headers["a"] = "3"


def test_usable_bands_are_good_and_not_empty():
    pixels = np.stack([PIXELS[0], PIXELS[0], np.full((3, 4), np.nan, np.float32)])
    assert Cube(pixels, good_bands=[True, False, True]).usable_bands.tolist() == [True, False, False]


@given(
    st.integers(1, 8),
    st.floats(-180, 180),
    st.floats(0.1, 100),
    st.floats(0.1, 100),
    st.tuples(st.integers(1, 50), st.integers(1, 50)),
)
def test_a_finer_grid_has_the_same_corners(scale, degrees, width, height, size):
    transform = Affine.translation(5e5, 4e6) * Affine.rotation(degrees) * Affine.scale(width, -height)
    scene = Cube(PIXELS, transform=transform)
    columns, rows = size
    for corner in ((0, 0), (columns, 0), (0, rows), (columns, rows)):
        finer = scene.finer_transform(scale) * tuple(scale * c for c in corner)
        assert np.allclose(finer, transform * corner, rtol=0, atol=1e-7)
    again = scene.replace(transform=scene.finer_transform(scale)).coarser_transform(scale)
    assert np.allclose(again, transform, rtol=1e-12)


def test_no_transform_stays_none():
    assert Cube(PIXELS).finer_transform(4) is Cube(PIXELS).coarser_transform(4) is None


def test_a_crop_keeps_its_corner_and_everything_else():
    scene = Cube(PIXELS, wavelength_nm=[500, 600], transform=Affine.scale(2, -2))
    part = scene.crop(rows=2, columns=3)
    assert np.array_equal(part.pixels, PIXELS[:, :2, :3])
    assert part.transform == scene.transform
    assert part.wavelength_nm.tolist() == [500, 600]
