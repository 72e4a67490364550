"""CAVE folders: one PNG a band."""

import numpy as np
import pytest
from PIL import Image

from shsrd.cube import SceneError
from shsrd.io import open_cube


@pytest.fixture
def write_cave(tmp_path):
    def write(values, *, inner=False):
        folder = tmp_path / "toy_ms"
        place = folder / "toy_ms" if inner else folder
        place.mkdir(parents=True)
        for number, band in enumerate(values, start=1):
            Image.fromarray(band).save(place / f"toy_ms_{number:02d}.png")
        (place / "toy_RGB.bmp").write_bytes(b"BM")
        (place / "Thumbs.db").write_bytes(b"junk")
        (place / "._toy_ms_01.png").write_bytes(b"junk")
        return folder

    return write


VALUES = np.random.default_rng(3).integers(0, 65536, (31, 4, 6)).astype(np.uint16)


@pytest.mark.parametrize("inner", [False, True])
def test_sixteen_bits(write_cave, inner):
    scene = open_cube(write_cave(VALUES, inner=inner))
    assert np.allclose(scene.pixels, VALUES / 65535, atol=1e-7)
    assert scene.wavelength_nm.tolist() == list(range(400, 701, 10))
    assert scene.storage.dtype == "uint16"


def test_eight_bits_in_four_channels(write_cave):
    grey = (VALUES >> 8).astype(np.uint8)
    rgba = np.stack([grey, grey, grey, np.full_like(grey, 255)], axis=-1)
    scene = open_cube(write_cave(rgba))
    assert np.allclose(scene.pixels, grey / 255, atol=1e-7)
    assert scene.storage.dtype == "uint8"


def test_missing_band_other_size_and_several_scenes(write_cave, tmp_path):
    folder = write_cave(VALUES)
    first = folder / "toy_ms_01.png"
    Image.fromarray(VALUES[0, :2]).save(first)
    with pytest.raises(SceneError, match=r"toy_ms_02\.png is"):
        open_cube(folder)
    first.rename(folder / "other_ms_01.png")
    with pytest.raises(SceneError, match=r"2 scenes \(other, toy\)"):
        open_cube(folder)
    (folder / "other_ms_01.png").unlink()
    with pytest.raises(SceneError, match="01 are missing"):
        open_cube(folder)
    with pytest.raises(SceneError, match="single picture"):
        open_cube(folder / "toy_ms_02.png")
