"""Options that say how a scene is read: the same on every command, in help and in messages."""

import json

import numpy as np
import pytest

from shsrd.io import open_cube, save_cube

OPTIONS = ("--variable", "--dataset", "--wavelengths", "--axes", "--nodata", "--bands", "--window", "--strict")
COMMANDS = (["info"], ["upscale"], ["upscale-all"], ["degrade"], ["evaluate"], ["benchmark", "scenes"], ["pack"])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_that_reads_a_scene_has_them(shsrd, command):
    help_text = shsrd(*command, "--help").out
    for option in OPTIONS:
        assert option in help_text
    assert "None" not in help_text


@pytest.fixture
def guessed(tmp_path, scene):
    """A file about whose axes something must be guessed: (rows, columns, bands) in a .npy."""
    pixels = np.tile(scene.pixels[:4], (1, 2, 2))
    np.save(tmp_path / "guessed.npy", pixels.transpose(1, 2, 0))
    return tmp_path / "guessed.npy"


def test_info_of_a_part(shsrd, source, scene):
    told = json.loads(shsrd("info", source, "--json", "--bands", "2-3,900-1000nm", "--window", "4,2,10,8").out)
    assert told["shape"] == [3, 8, 10]
    assert told["wavelength_nm"] == [scene.wavelength_nm[1], scene.wavelength_nm[6]]
    assert told["notes"] == []
    left, _, _, top = told["bounds"]
    assert (left, top) == scene.transform * (4, 2)


def test_notes_are_shown_and_strict_refuses(shsrd, refuses, guessed, tmp_path):
    told = json.loads(shsrd("info", guessed, "--json").out)
    assert len(told["notes"]) == 1 and "order of the axes is a guess" in told["notes"][0]
    assert "order of the axes is a guess" in " ".join(shsrd("info", guessed).out.split())
    done = shsrd("degrade", guessed, tmp_path / "low.tif")
    assert done.code == 0
    assert done.err.count("note: The order of the axes is a guess") == 1
    (tmp_path / "low.tif").unlink()
    refuses(["degrade", guessed, tmp_path / "low.tif", "--strict"], "guessed.npy", "--strict", "order of the axes")
    assert shsrd("degrade", guessed, tmp_path / "low.tif", "--strict", "--axes", "yxb").code == 0


def test_degrade_of_a_part_without_a_number(shsrd, source, scene, tmp_path):
    first = round(float((scene.pixels[0, 0, 0] - scene.storage.offset) / scene.storage.scale))
    part = ["--bands", "1,3", "--window", "0,0,8,8", "--nodata", first]
    done = shsrd("degrade", source, tmp_path / "low.tif", "--scale", "2", *part)
    assert done.code == 0, done.err
    low = open_cube(tmp_path / "low.tif")
    assert low.shape == (2, 4, 4)
    assert low.storage.nodata == first
    assert low.wavelength_nm.tolist() == scene.wavelength_nm[[0, 2]].tolist()


class TestEvaluate:
    @pytest.fixture
    def estimate(self, tmp_path, scene):
        save_cube(scene.replace(pixels=scene.pixels + 0.01), tmp_path / "estimate.tif")
        return tmp_path / "estimate.tif"

    def test_part_of_both(self, shsrd, source, estimate):
        told = json.loads(shsrd("evaluate", estimate, source, "--json", "--bands", "2-4", "--window", "0,0,9,9").out)
        assert told["bands"] == 3

    def test_estimate_of_a_part(self, shsrd, source, estimate, tmp_path):
        part = ["--bands", "2-4", "--window", "4,4,8,8"]
        save_cube(open_cube(estimate, bands="2-4", window="4,4,8,8"), tmp_path / "part.tif")
        some = json.loads(shsrd("evaluate", tmp_path / "part.tif", source, "--json", *part).out)
        both = json.loads(shsrd("evaluate", estimate, source, "--json", *part).out)
        assert some["ours"] == both["ours"]

    def test_axes_where_one_file_takes_them(self, shsrd, scene, source, tmp_path):
        np.save(tmp_path / "estimate.npy", scene.pixels.transpose(1, 2, 0) + np.float32(0.01))
        done = shsrd("evaluate", tmp_path / "estimate.npy", source, "--json", "--axes", "yxb")
        assert done.code == 0, done.err
        assert "note" not in done.err

    def test_axes_where_none_takes_them(self, refuses, source, estimate):
        refuses(["evaluate", estimate, source, "--axes", "yxb"], "scene.img", "leave out --axes")


def test_pack_of_a_part(shsrd, source, tmp_path):
    assert shsrd("pack", "scenes", tmp_path / "packs", source, "--bands", "2-4").code == 0
    from shsrd.training.data.pack import load_scenes

    assert load_scenes(tmp_path / "packs")[0].stored.shape[0] == 3


def test_links_that_lead_in_a_circle(refuses, source, tmp_path):
    (tmp_path / "one.tif").symlink_to("two.tif")
    (tmp_path / "two.tif").symlink_to("one.tif")
    refuses(["degrade", source, tmp_path / "one.tif"], "one.tif", "links lead in a circle")
    refuses(["degrade", tmp_path / "one.tif", tmp_path / "out.tif"], "one.tif")


def test_numbers_that_are_no_scene(refuses, tmp_path):
    np.savez(tmp_path / "a.npz", cube=np.ones((2, 3, 4, 5)))
    refuses(["info", tmp_path / "a.npz", "--variable", "cube"], "cube has 4 axes", "--variable")
