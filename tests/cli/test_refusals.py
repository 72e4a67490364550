"""What a person may get wrong: code 2, one sentence with the file's name and the remedy, nothing left behind."""

import json
import os
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from shsrd.cube import Storage
from shsrd.io import save_cube


@pytest.fixture
def target(tmp_path):
    return tmp_path / "high.tif"


def halved(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def edited(path, before, after):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


class TestSources:
    def test_missing(self, refuses, tmp_path, target):
        refuses(["upscale", tmp_path / "absent.img", target], "absent.img", "no such file", "check the path")

    def test_truncated_envi(self, refuses, source, target):
        halved(source)
        refuses(["upscale", source, target], "scene.img", "copy")

    def test_truncated_geotiff(self, refuses, tmp_path, scene, target):
        save_cube(scene, tmp_path / "scene.tif")
        halved(tmp_path / "scene.tif")
        refuses(["upscale", tmp_path / "scene.tif", target], "scene.tif", "copy")

    @pytest.mark.parametrize("suffix", [".npz", ".nc", ".mat"])
    def test_truncated_container(self, refuses, tmp_path, scene, target, suffix):
        save_cube(scene, tmp_path / f"scene{suffix}")
        halved(tmp_path / f"scene{suffix}")
        refuses(["upscale", tmp_path / f"scene{suffix}", target], f"scene{suffix}")

    @pytest.mark.parametrize("wrong", ["samples = 21", "samples = 2000000000", "samples = -1", "samples = many"])
    def test_wrong_size_in_header(self, refuses, source, target, wrong):
        edited(source.with_suffix(".hdr"), "samples = 20", wrong)
        refuses(["upscale", source, target], "scene")

    def test_missing_header(self, refuses, source, target):
        source.with_suffix(".hdr").unlink()
        refuses(["upscale", source, target], "scene.img", "header")

    def test_missing_image(self, refuses, source, target):
        source.unlink()
        refuses(["upscale", source.with_suffix(".hdr"), target], "scene.hdr", "put it beside the header")

    def test_all_nan(self, refuses, tmp_path, target):
        np.savez(tmp_path / "nan.npz", cube=np.full((8, 8, 3), np.nan, np.float32))
        refuses(["upscale", tmp_path / "nan.npz", target], "nan.npz", "check no-data value")

    def test_all_no_data(self, refuses, tmp_path, scene, target):
        empty = scene.replace(pixels=np.full(scene.shape, np.nan), storage=Storage("int16", 1e-4, 0, -9999))
        save_cube(empty, tmp_path / "empty.img")
        refuses(["upscale", tmp_path / "empty.img", target], "empty.img", "check no-data value")

    def test_all_bands_bad(self, refuses, tmp_path, scene, target):
        save_cube(scene.replace(good_bands=np.zeros(7, bool)), tmp_path / "bad.img")
        refuses(["upscale", tmp_path / "bad.img", target], "bad.img", "bad-band list")

    @pytest.mark.parametrize("shape", [(9, 9), (9, 9, 1), (2, 3, 4, 5)])
    def test_not_a_cube(self, refuses, tmp_path, target, shape):
        np.savez(tmp_path / "flat.npz", cube=np.ones(shape, np.float32))
        refuses(["upscale", tmp_path / "flat.npz", target], "flat.npz")

    def test_complex(self, refuses, tmp_path, target):
        np.save(tmp_path / "complex.npy", np.ones((3, 8, 8), np.complex64))
        refuses(["upscale", tmp_path / "complex.npy", target], "complex")

    def test_several_arrays(self, refuses, tmp_path, target):
        np.savez(tmp_path / "two.npz", a=np.ones((8, 8, 3)), b=np.ones((8, 8, 3)))
        refuses(["upscale", tmp_path / "two.npz", target], "two.npz", "a", "b", "variable")

    @pytest.mark.parametrize("command", ["info", "degrade", "evaluate"])
    def test_every_command_refuses_alike(self, refuses, tmp_path, command):
        second = [] if command == "info" else [tmp_path / "other.npz"]
        refuses([command, tmp_path / "absent.img", *second], "absent.img", "no such file")


class TestModels:
    @pytest.fixture
    def refuses_model(self, refuses, source, target, tmp_path):
        def run(content, *words):
            path = tmp_path / "model.safetensors"
            path.write_bytes(content)
            refuses(["upscale", source, target, "--model", path], "model.safetensors", *words)

        return run

    def test_corrupt(self, refuses_model):
        refuses_model(b"\x89 no weights at all " * 40, "download or train it again")

    def test_empty(self, refuses_model):
        refuses_model(b"", "download or train it again")

    def test_truncated(self, refuses_model, tiny):
        refuses_model(tiny.read_bytes()[:-100], "download or train it again")

    @pytest.mark.parametrize(
        ("key", "value", "words"),
        [("version", "99", "update shsrd"), ("format", "other", "not shsrd weights"), ("config", "{}}", "config")],
    )
    def test_foreign_header(self, refuses_model, tiny, key, value, words):
        content = tiny.read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8 : 8 + length])
        header["__metadata__"][key] = value
        text = json.dumps(header).encode()
        refuses_model(struct.pack("<Q", len(text)) + text + content[8 + length :], words)

    def test_not_shsrd(self, refuses, source, target, tmp_path):
        save_file({"weight": torch.ones(3)}, tmp_path / "other.safetensors")
        arguments = ["upscale", source, target, "--model", tmp_path / "other.safetensors"]
        refuses(arguments, "other.safetensors", "not shsrd weights")

    def test_unknown_name(self, refuses, source, target):
        refuses(["upscale", source, target, "--model", "nowhere-x4"], "nowhere-x4", "cave-x4")

    def test_scale_without_model(self, refuses, source, target):
        refuses(["upscale", source, target, "--scale", 3], "scale 3", "--model")

    def test_model_of_another_scale(self, refuses, source, target, tiny):
        refuses(["upscale", source, target, "--scale", 2, "--model", tiny], "scale 4, not 2")


class TestOptions:
    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--steps", -1),
            ("--steps", 100000),
            ("--detail", 2),
            ("--detail", -0.5),
            ("--detail", "nan"),
            ("--tile", 0),
            ("--halo", -1),
            ("--seed", -1),
            ("--samples", 0),
            ("--channels", 0),
        ],
    )
    def test_out_of_range(self, refuses, source, target, option, value):
        refuses(["upscale", source, target, option, value], option, f"given: {value}")

    @pytest.mark.parametrize(
        ("options", "word"),
        [
            (["--samples", 4], "--steps"),
            (["--steps", 4, "--uncertainty", "sd.tif"], "--samples"),
            (["--basis", "pca", "--stride", 1], "--basis bands"),
        ],
    )
    def test_that_do_not_fit_each_other(self, refuses, source, target, options, word):
        options = [target.with_name(o) if o == "sd.tif" else o for o in options]
        refuses(["upscale", source, target, *options], word)

    @pytest.mark.parametrize("device", ["cuda:99", "toaster", "meta", "cpu:x"])
    def test_no_such_device(self, refuses, source, target, device):
        refuses(["upscale", source, target, "--device", device], device, "use auto or cpu")

    @pytest.mark.parametrize("given", [["--basis", "none"], ["--steps", "many"], ["--no-such-option"], ["third"]])
    def test_that_no_command_knows(self, shsrd, source, target, given):
        done = shsrd("upscale", source, target, *given)
        assert (done.code, done.out) == (2, "")
        assert "shsrd upscale --help" in done.err
        assert not target.exists()

    @pytest.mark.parametrize("given", [[], ["--basis"]])
    def test_missing_arguments(self, shsrd, given):
        done = shsrd("upscale", *given)
        assert (done.code, done.out) == (2, "")

    def test_unknown_command(self, refuses):
        refuses(["enlarge"], "enlarge", "upscale")

    @pytest.mark.parametrize(
        ("options", "word"),
        [
            (["--scale", 1], "scale 1"),
            (["--scale", 17], "scale 17"),
            (["--kernel", "gaussian", "--fwhm", 0], "--fwhm: "),
            (["--fwhm", 3], "gaussian"),
            (["--sensor", "enmap", "--kernel", "gaussian"], "leave out --kernel"),
            (["--sensor", "enmap", "--kernel", "bicubic"], "leave out --kernel"),
            (["--sensor", "enmap", "--fwhm", 3], "--fwhm"),
            (["--sensor", "enmap", "--scale", 0], "scale 0"),
        ],
    )
    def test_of_degrade(self, refuses, source, target, options, word):
        refuses(["degrade", source, target, *options], word)

    def test_scale_larger_than_the_scene(self, refuses, tmp_path, target):
        np.savez(tmp_path / "small.npz", cube=np.ones((3, 3, 4), np.float32))
        refuses(["degrade", tmp_path / "small.npz", target], "small.npz", "smaller scale")

    @pytest.mark.parametrize(
        ("options", "word"),
        [(["--scale", 0], "scale 0"), (["--scale", 1000], "scale 1000"), (["--data-range", 0], "above 0"),
         (["--data-range", "nan"], "above 0")],
    )  # fmt: skip
    def test_of_evaluate(self, refuses, source, options, word):
        refuses(["evaluate", source, source, *options], word)


class TestDestinations:
    @pytest.fixture(params=["upscale", "degrade"])
    def command(self, request):
        return request.param

    def test_missing_folder(self, refuses, source, tmp_path, command):
        refuses([command, source, tmp_path / "none" / "high.tif"], "none", "create it first")

    def test_folder_is_a_file(self, refuses, source, command):
        refuses([command, source, source / "high.tif"], "high.tif", "does not exist")

    def test_unwritable_folder(self, refuses, source, target, command, monkeypatch):
        monkeypatch.setattr("shsrd.io.targets.os.access", lambda folder, mode: not mode & os.W_OK)
        refuses([command, source, target], "high.tif", "cannot be written")

    def test_is_a_folder(self, refuses, source, target, command):
        target.mkdir()
        refuses([command, source, target, "--overwrite"], "high.tif", "this is a folder")

    def test_exists(self, refuses, source, target, command):
        target.write_bytes(b"precious")
        refuses([command, source, target], "high.tif", "exists already")

    @pytest.mark.parametrize("name", ["high.xyz", "high", "high.hdf5", "high.png"])
    def test_unknown_suffix(self, refuses, source, target, command, name):
        refuses([command, source, target.with_name(name)], name, ".tif")

    @pytest.mark.parametrize("name", ["scene.img", "scene.hdr", "scene.bsq", "../{folder}/scene.img", "link.hdr"])
    def test_is_the_source(self, refuses, source, command, name):
        """Also by its other half, by a header of the same name, by a detour, by a link."""
        if name == "link.hdr":
            source.with_name(name).symlink_to(source.with_suffix(".hdr"))
        target = source.parent / name.format(folder=source.parent.name)
        for given in (source, source.with_suffix(".hdr")):
            refuses([command, given, target, "--overwrite"], target.name, "choose another destination")

    def test_uncertainty_and_result_are_one_file(self, refuses, source, target):
        refuses(["upscale", source, target, "--uncertainty", target], "high.tif", "different names")
        two_halves = [target.with_suffix(".hdr"), "--uncertainty", target.with_suffix(".img")]
        refuses(["upscale", source, *two_halves], "high.img", "different names")

    def test_uncertainty_would_replace_the_source(self, refuses, source, target):
        refuses(["upscale", source, target, "--uncertainty", source, "--overwrite"], "would replace the source")

    def test_full_disk_leaves_nothing(self, refuses, source, target, tiny, monkeypatch):
        def full(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("shsrd.io.envi.write.format_header", full)
        monkeypatch.setattr("pathlib.Path.replace", full)
        refuses(["upscale", source, target, "--model", tiny], "high.tif", "disk or quota is full")

    def test_demo_into_a_file(self, refuses, source):
        refuses(["demo", source / "out"], "scene.img")


class TestEvaluate:
    def test_other_size(self, refuses, tmp_path, scene, source):
        save_cube(scene.crop(rows=12, columns=20), tmp_path / "other.tif")
        refuses(["evaluate", tmp_path / "other.tif", source], "other.tif", "scene.img", "same grid")

    def test_other_bands(self, refuses, tmp_path, source):
        np.savez(tmp_path / "other.npz", cube=np.ones((16, 20, 5), np.float32))
        refuses(["evaluate", tmp_path / "other.npz", source], "other.npz", "same bands")

    def test_nothing_in_common(self, refuses, tmp_path, source):
        np.savez(tmp_path / "nan.npz", cube=np.full((16, 20, 7), np.nan, np.float32))
        refuses(["evaluate", tmp_path / "nan.npz", source], "nan.npz", "share no band")


def test_interruption_is_one_sentence(shsrd, source, target, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("shsrd.upscaling.jobs.upscale_file.open_source", interrupted)
    done = shsrd("upscale", source, target)
    assert (done.code, done.out) == (130, "")
    assert done.err == "shsrd: interrupted; nothing was left half-written\n"
    assert not target.exists()


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 3 GiB")])
def test_no_memory_is_one_sentence(refuses, source, target, monkeypatch, error):
    def exhausted(*_, **__):
        raise error

    monkeypatch.setattr("shsrd.upscaling.jobs.upscale_file.open_source", exhausted)
    refuses(["upscale", source, target], "not enough memory", "--tile")


@pytest.mark.parametrize("error", [ValueError("ours"), RuntimeError("ours"), KeyError("ours")])
def test_our_own_bugs_keep_their_traceback(shsrd, source, target, monkeypatch, error):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr("shsrd.upscaling.jobs.upscale_file.open_source", broken)
    with pytest.raises(type(error), match="ours"):
        shsrd("upscale", source, target)
