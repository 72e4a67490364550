"""Names of outputs: predictable, unique, never an input's."""

from pathlib import Path

import pytest

from shsrd.cube import SceneError
from shsrd.io.scene_discovery import SceneFile
from shsrd.io.stac.origin import origin_of_file
from shsrd.upscaling.jobs.output_names import check_inputs_kept, output_paths, uncertainty_path


def names(*paths, suffix="tif"):
    scenes = [SceneFile(Path(path), Path(path).stem, origin_of_file(Path(path))) for path in paths]
    return [path.name for path in output_paths(scenes, Path("out"), scale=4, suffix=suffix)]


def test_a_name_is_stem_scale_ending():
    assert names("/a/s.img", "/a/t.tif") == ["s_x4.tif", "t_x4.tif"]
    assert names("/a/s.img", suffix=".NC") == ["s_x4.nc"]
    assert uncertainty_path(Path("out/s_x4.tif")) == Path("out/s_x4_uncertainty.tif")


def test_equal_stems_are_told_apart_by_their_folders():
    paths = ["/f/1/s.img", "/f/2/s.img", "/f/2/t.img"]
    assert names(*paths) == ["1-s_x4.tif", "2-s_x4.tif", "t_x4.tif"]
    assert names(*reversed(paths)) == ["t_x4.tif", "2-s_x4.tif", "1-s_x4.tif"]
    assert names("/a/x/s.img", "/b/x/s.img") == ["a-x-s_x4.tif", "b-x-s_x4.tif"]


def test_names_that_folders_do_not_tell_apart_are_refused():
    assert names("/a/1/s.img", "/b/2/s.img", "/b/1-s.img") == ["a-1-s_x4.tif", "2-s_x4.tif", "b-1-s_x4.tif"]
    with pytest.raises(SceneError, match="would have the same name"):
        names("/a/1/s.img", "/a/2/s.img", "/a/1-s.img")


def test_two_scenes_of_one_name_in_one_folder_are_refused():
    with pytest.raises(SceneError, match=r"/a/s\.img and /a/s\.tif would have the same name"):
        names("/a/s.img", "/a/s.tif")


def test_a_format_that_cannot_be_written():
    with pytest.raises(SceneError, match="--suffix takes one of hdr, img"):
        names("/a/s.img", suffix="jp2")


def test_no_output_takes_an_input_name(tmp_path):
    with pytest.raises(SceneError, match=r"s_x4\.tif: one of the sources has this name"):
        check_inputs_kept([tmp_path / "s.tif", tmp_path / "s_x4.tif"], [tmp_path / "s_x4.tif"])
    check_inputs_kept([tmp_path / "s.tif"], [tmp_path / "s_x4.tif"])
