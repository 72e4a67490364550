import numpy as np
import pytest
from PIL import Image

from shsrd.cube import Cube
from shsrd.training.data.pack import load_photos, load_scenes, pack_photos, pack_scene


def test_packed_scenes_round_trip(tmp_path, make_scene):
    cube = make_scene()
    pack_scene("b", cube, tmp_path)
    pack_scene("a", make_scene(bands=4, seed=1), tmp_path)
    first, second = load_scenes(tmp_path)
    assert (first.name, second.name) == ("a", "b")
    np.testing.assert_allclose(second.stored * second.step, cube.pixels, atol=0.51 * second.step)
    assert second.step == pytest.approx(cube.pixels.max() / 65535)
    np.testing.assert_array_equal(second.wavelength_nm, cube.wavelength_nm)


def test_bad_and_empty_bands_are_left_out(tmp_path, make_scene):
    cube = make_scene()
    good, pixels = np.ones(10, bool), cube.pixels.copy()
    good[[2, 9]] = False
    pixels[2], pixels[5] = 1e4, np.nan  # rubbish in a bad band must not set the range
    pack_scene("scene", cube.replace(pixels=pixels, good_bands=good), tmp_path)
    (packed,) = load_scenes(tmp_path)
    kept = [0, 1, 3, 4, 6, 7, 8]
    np.testing.assert_array_equal(packed.wavelength_nm, cube.wavelength_nm[kept])
    np.testing.assert_allclose(packed.stored * packed.step, cube.pixels[kept], atol=0.51 * packed.step)


def test_holes_are_filled_and_negatives_cut(tmp_path, make_scene):
    cube = make_scene()
    pixels = cube.pixels.copy()
    pixels[:, 10, 10], pixels[:, 20, 20] = np.nan, -0.5
    pack_scene("scene", cube.replace(pixels=pixels, wavelength_nm=None), tmp_path)
    (packed,) = load_scenes(tmp_path)
    around = cube.pixels[:, 9:12, 9:12]
    value = packed.stored[:, 10, 10] * packed.step
    assert ((value >= around.min(axis=(1, 2)) - 1e-4) & (value <= around.max(axis=(1, 2)) + 1e-4)).all()
    assert not packed.stored[:, 20, 20].any()
    assert packed.wavelength_nm is None


def test_a_scene_of_zeros_is_refused(tmp_path):
    with pytest.raises(ValueError, match="zero everywhere"):
        pack_scene("dark", Cube(np.zeros((3, 8, 8), np.float32)), tmp_path)


def test_photos_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    colour, grey = rng.integers(0, 255, (20, 30, 3), dtype=np.uint8), rng.integers(0, 255, (9, 8), dtype=np.uint8)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    Image.fromarray(colour).save(tmp_path / "in" / "deep" / "a.PNG")
    Image.fromarray(grey).save(tmp_path / "in" / "z.png")
    (tmp_path / "in" / "notes.txt").write_text("no photo")
    assert pack_photos(tmp_path / "in", tmp_path / "out") == 2
    first, second = load_photos(tmp_path / "out")
    np.testing.assert_array_equal(first, colour.transpose(2, 0, 1))
    np.testing.assert_array_equal(second, np.stack([grey] * 3))


@pytest.mark.parametrize("load", [load_photos, load_scenes], ids=lambda f: f.__name__)
def test_empty_folders_say_what_to_do(tmp_path, load):
    with pytest.raises(ValueError, match="make"):
        load(tmp_path)
    with pytest.raises(ValueError, match="no photos"):
        pack_photos(tmp_path, tmp_path / "out")
