"""The order of an array's axes: said, implied by wavelengths, or guessed with a word."""

import numpy as np
import pytest

from shsrd.cube import SceneError
from shsrd.io import open_cube
from shsrd.io.container.axes import find_axes


@pytest.mark.parametrize(
    ("shape", "default", "letters", "noted"),
    [
        ((160, 192, 6), "byx", "yxb", True),  # far shorter and last: as in every tutorial
        ((6, 160, 192), "byx", "byx", False),
        ((6, 160, 192), "yxb", "byx", True),
        ((145, 145, 200), "byx", "yxb", True),  # beside two equal ones
        ((145, 145, 200), "yxb", "yxb", False),
        ((200, 145, 145), "byx", "byx", False),
        ((512, 31, 512), "byx", "ybx", True),
        ((7, 16, 20), "byx", "byx", False),  # shortest where the habit has the bands
        ((250, 300, 200), "byx", "byx", True),  # nothing tells: read by habit, with a word
        ((64, 64, 64), "yxb", "yxb", True),
    ],
)
def test_shape_and_habit(shape, default, letters, noted):
    found = find_axes(shape, bands=None, axes=None, source="a", default=default)
    assert found.order == tuple(letters.index(letter) for letter in "byx")
    assert bool(found.notes) == noted
    assert all(f"({letters})" in note and "--axes" in note for note in found.notes)
    said = find_axes(shape, bands=None, axes="xby", source="a", default=default)
    assert said.order == (1, 2, 0) and said.notes == ()


def test_wavelengths_decide_without_a_word():
    assert find_axes((31, 512, 512), bands=31, axes=None, source="a").order == (0, 1, 2)
    assert find_axes((31, 512, 512), bands=31, axes=None, source="a").notes == ()
    (note,) = find_axes((31, 40, 31), bands=31, axes=None, source="a").notes
    assert "31 wavelengths fit more than one axis: 31 x 40 x 31 is read as" in note


def test_rows_columns_bands_of_npy(tmp_path):
    pixels = np.random.default_rng(0).random((4, 20, 24)).astype(np.float32)
    np.save(tmp_path / "a.npy", pixels.transpose(1, 2, 0))
    scene = open_cube(tmp_path / "a.npy")
    assert np.array_equal(scene.pixels, pixels)
    assert len(scene.notes) == 1
    said = open_cube(tmp_path / "a.npy", axes="YXB")
    assert np.array_equal(said.pixels, pixels) and said.notes == ()
    with pytest.raises(SceneError, match=r"refused by --strict: .*20 x 24 x 4 is read as rows x columns x bands"):
        open_cube(tmp_path / "a.npy", strict=True)


def test_unit_of_wavelengths_that_is_guessed(tmp_path):
    cube = np.ones((5, 5, 3), np.float32)
    np.savez(tmp_path / "a.npz", cube=cube, wl=np.array([0.45, 0.55, 0.65]))
    scene = open_cube(tmp_path / "a.npz")
    assert scene.wavelength_nm.tolist() == [450, 550, 650]
    assert scene.notes == ("wl (0.45 to 0.65) has no unit; micrometres are assumed.",)
    np.savez(tmp_path / "b.npz", cube=cube, wavelength_nm=np.array([450.0, 550, 650]))
    assert open_cube(tmp_path / "b.npz").notes == ()
