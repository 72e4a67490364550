"""Targets: refused early, complete or absent, inputs left alone."""

import os
from pathlib import Path

import numpy as np
import pytest

from shsrd.cube import Cube, SceneError, Storage
from shsrd.io import WRITABLE_SUFFIXES, check_target, open_cube, save_cube, write_json

EVERY = pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)


def contents(folder):
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@EVERY
def test_an_existing_target_is_refused_unless_overwriting(suffix, make_scene, pixels_in, tmp_path):
    path = tmp_path / f"a{suffix}"
    save_cube(make_scene(), path)
    before = contents(tmp_path)
    other = make_scene(pixels=np.zeros((5, 6, 7), np.float32))
    with pytest.raises(SceneError, match="exists already"):
        save_cube(other, path)
    assert contents(tmp_path) == before
    save_cube(other, path, overwrite=True)
    assert (pixels_in(path) == 0).all()


@EVERY
def test_a_failed_write_leaves_nothing_new(suffix, make_scene, tmp_path, monkeypatch):
    path = tmp_path / f"a{suffix}"
    save_cube(make_scene(), path)
    before = contents(tmp_path)

    def fail(*_args, **_kwargs):
        raise OSError("No space left on device")

    for sink in ("raw_write.RawFile", "block_buffer.BlockBuffer", "arrays.mat_npz_writer._ArrayCollector"):
        monkeypatch.setattr(f"shsrd.io.{sink}.write_block", fail)
    with pytest.raises(SceneError, match=r"could not be written.*No space left.*make free space"):
        save_cube(make_scene(), path, overwrite=True)
    assert contents(tmp_path) == before


@EVERY
def test_names_appear_only_when_complete(suffix, make_scene, tmp_path, monkeypatch):
    path = tmp_path / f"a{suffix}"
    seen = []
    replace = Path.replace

    def watch(self, target):
        seen.append([p.name for p in tmp_path.iterdir() if not p.name.startswith(".")])
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watch)
    save_cube(make_scene(), path)
    assert seen[0] == []
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_reading_leaves_the_input_alone(make_scene, tmp_path):
    for suffix in set(WRITABLE_SUFFIXES) - {".zarr"}:
        save_cube(make_scene(), tmp_path / f"in{suffix.strip('.')}{suffix}")
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in tmp_path.iterdir()}
    for path in before:
        path.chmod(0o444)
        open_cube(path)
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in tmp_path.iterdir()} == before


def test_both_envi_files_are_checked(make_scene, tmp_path):
    (tmp_path / "a.img").write_bytes(b"something else")
    with pytest.raises(SceneError, match=r"a\.img: exists"):
        check_target(tmp_path / "a.hdr")


def test_stale_statistics_go_with_the_file_they_describe(make_scene, tmp_path):
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset/>")
    with pytest.raises(SceneError, match=r"aux\.xml: exists"):
        save_cube(make_scene(), tmp_path / "a.tif")
    save_cube(make_scene(), tmp_path / "a.tif", overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize("name", ["a.png", "a.h5", "a", "no/a.tif", "no/a.zarr"])
def test_targets_that_cannot_be_written(name, tmp_path):
    with pytest.raises(SceneError, match=r"cannot write files ending|does not exist"):
        check_target(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(SceneError, match="cannot be written"):
        check_target(tmp_path / "a.tif")
    tmp_path.chmod(0o755)


@pytest.mark.parametrize("name", ["a.tif", "a.zarr"])
def test_a_folder_as_target(name, tmp_path):
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.doc").write_text("years of work")
    with pytest.raises(SceneError, match="this is a folder"):
        check_target(tmp_path / name, overwrite=True)


def test_a_store_that_replaces_a_file(make_scene, pixels_in, tmp_path):
    (tmp_path / "a.zarr").write_text("no folder")
    save_cube(make_scene(), tmp_path / "a.zarr", overwrite=True)
    assert np.array_equal(pixels_in(tmp_path / "a.zarr"), make_scene().pixels, equal_nan=True)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


@pytest.mark.parametrize(("suffix", "dtype"), [(".hdr", "int8"), (".tif", "float16")])
def test_types_a_format_does_not_know(suffix, dtype, tmp_path):
    scene = Cube(np.zeros((2, 2, 2), np.float32), storage=Storage(dtype))
    with pytest.raises(SceneError, match=f"cannot store {dtype}"):
        save_cube(scene, tmp_path / f"a{suffix}")
    assert not list(tmp_path.iterdir())


def test_nodata_without_a_number_for_it_is_refused(make_scene, tmp_path):
    with pytest.raises(SceneError, match="no-data"):
        save_cube(make_scene(storage=Storage("int16")), tmp_path / "a.tif")
    assert not list(tmp_path.iterdir())


def test_json_is_plain(tmp_path):
    write_json({"a": [1, 2]}, tmp_path / "a.json")
    write_json({"a": [3]}, tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text().split() == ["{", '"a":', "[", "3", "]", "}"]
    with pytest.raises(SceneError):
        write_json({"a": float("nan")}, tmp_path / "a.json")
    assert len(list(tmp_path.iterdir())) == 1
