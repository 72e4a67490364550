"""What is refused before the first of many scenes is touched: code 2, one sentence, nothing left behind."""

import pytest

from shsrd.io import save_cube


def test_one_name_alone(refuses, scenes):
    refuses(["upscale-all", scenes], "at least one source", "folder for the outputs")


def test_nothing_matches(refuses, scenes, out):
    refuses(["upscale-all", scenes / "*.jp2", out], "*.jp2", "no file matches")


def test_options_that_do_not_fit(refuses, scenes, out):
    refuses(["upscale-all", scenes, out, "--samples", 3], "--steps 8")
    refuses(["upscale-all", scenes, out, "--steps", 2, "--uncertainty"], "--samples 8")
    refuses(["upscale-all", scenes, out, "--steps", -1], "--steps")
    refuses(["upscale-all", scenes, out, "--suffix", "jp2"], "--suffix")
    refuses(["upscale-all", scenes, out, "--model", "none"], "no model 'none'")
    refuses(["upscale-all", scenes, out, "--scale", 3], "no model for scale 3")


@pytest.mark.parametrize("workers", [(), ("--workers", 2)], ids=["here", "workers"])
def test_a_device_that_is_not_there(refuses, scenes, out, tiny, workers):
    refuses(
        ["upscale-all", scenes, out, "--model", tiny, "--device", "cuda:99", *workers], "'cuda:99' is not available"
    )
    assert not out.exists()


def test_an_input_by_the_name_of_an_output(refuses, scenes, tmp_path, scene, tiny):
    (tmp_path / "more").mkdir()
    save_cube(scene, tmp_path / "more" / "a_x4.tif")
    sources = [scenes / "a.img", tmp_path / "more" / "a_x4.tif"]
    refuses(["upscale-all", *sources, tmp_path / "more", "--model", tiny], "a_x4.tif: one of the sources")


def test_two_scenes_of_one_name(refuses, scenes, scene, out, tiny):
    save_cube(scene, scenes / "a.nc")
    refuses(["upscale-all", scenes, out, "--model", tiny], "a.img", "a.nc", "would have the same name")


def test_a_file_where_the_folder_should_be(refuses, scenes, tmp_path, tiny):
    (tmp_path / "taken").write_bytes(b"x")
    refuses(["upscale-all", scenes, tmp_path / "taken", "--model", tiny], "taken")


@pytest.mark.parametrize("text", ["{}", "[]", '{"type": "FeatureCollection", "features": [{"id": 1}]}', "no"])
def test_a_foreign_collection(refuses, scenes, out, tiny, text):
    out.mkdir()
    (out / "items.json").write_text(text)
    refuses(["upscale-all", scenes, out, "--model", tiny], "items.json", "would be replaced")
