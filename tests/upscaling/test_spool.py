"""The folder of an unfinished run: whatever lies there instead, one sentence, and nothing of anybody's is lost."""

import json
import random
import shutil
from dataclasses import replace

import numpy as np
import pytest

from shsrd.cube import SceneError, Storage
from shsrd.io import save_cube
from shsrd.upscaling import Job, UpscaleOptions, upscale_file
from shsrd.upscaling.jobs.tile_cache import TileCache


class InterruptionError(Exception):
    """Not one of ours."""


@pytest.fixture
def job(make_scene, tmp_path):
    save_cube(make_scene(rows=19, columns=26).replace(storage=Storage("int16", 1e-4)), tmp_path / "scene.img")
    options = UpscaleOptions(device="cpu", precision="fp32", block=8, tile=8, self_check=False)
    return Job(tmp_path / "scene.img", tmp_path / "fine.tif", 2, options, resume=True)


@pytest.fixture
def interrupted(job, make_model):
    """A run stopped after five of twelve tiles; gives its folder and the bytes that it would have ended in."""
    upscale_file(job, model=make_model())
    whole = job.target.read_bytes()
    job.target.unlink()

    def stop(done, total):
        if done == 5:
            raise InterruptionError

    with pytest.raises(InterruptionError):
        upscale_file(job, model=make_model(), progress=stop)
    return TileCache.for_target(job.target).folder, whole


def refused(job, model, *words):
    with pytest.raises(SceneError) as caught:
        upscale_file(job, model=model)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("names", [["thesis.txt"], ["lock"], ["manifest.json"], ["scan.npz", "deep/er.txt"]])
def test_a_folder_of_somebody_else_is_not_emptied(names, job, make_model):
    folder = job.target.with_name("fine.tif.partial")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("years of work")
    before = contents(folder.parent)
    refused(job, make_model(), "fine.tif.partial", "somebody else's", "rename it")
    assert contents(folder.parent) == before


def test_a_file_of_that_name(job, make_model):
    job.target.with_name("fine.tif.partial").write_text("years of work")
    refused(job, make_model(), "fine.tif.partial", "a folder of this name")


def test_what_else_was_put_into_our_folder_stays(interrupted, job, make_model):
    folder, whole = interrupted
    (folder / "notes.txt").write_text("why I stopped it")
    (folder / "tile-abc.npz").write_text("nothing of ours")
    (folder / "tile-000999.npz").write_bytes((folder / "tile-000000.npz").read_bytes())
    (folder / "more").mkdir()
    assert upscale_file(job, model=make_model()).resumed == 5
    assert job.target.read_bytes() == whole
    assert contents(folder) == {"notes.txt": b"why I stopped it", "tile-abc.npz": b"nothing of ours"}


@pytest.mark.parametrize(
    "text",
    [
        '{"version": 5}',
        '{"version": 1}',
        "{}",
        "[]",
        "",
        "{",
        '{"version": 5, "model": 3}',
        "[" * 9999,
        "9" * 9999,
        '{"version": 5, "input": {}, "scale": 2, "model": "", "options": {}, "opening": {}, "targets": []}',
    ],
)
def test_a_damaged_manifest(text, interrupted, job, make_model):
    folder, _ = interrupted
    (folder / "manifest.json").write_text(text)
    refused(job, make_model(), "--overwrite")


@pytest.mark.parametrize(
    "arrays",
    [
        {"consistency": np.zeros(2), "output0": np.zeros((5, 3, 3), np.int16)},
        {"consistency": np.zeros(2), "output0": np.zeros((5, 16, 16), np.float32)},
        {"consistency": np.zeros(2), "output0": np.zeros((0,), np.int16)},
        {"consistency": np.zeros(3), "output0": np.zeros((5, 16, 16), np.int16)},
        {"consistency": np.full(2, np.nan), "output0": np.zeros((5, 16, 16), np.int16)},
        {"output0": np.zeros((5, 16, 16), np.int16)},
        {"consistency": np.zeros(2)},
    ],
)
def test_a_tile_of_another_kind(arrays, interrupted, job, make_model):
    folder, _ = interrupted
    np.savez(folder / "tile-000001.npz", **arrays)
    refused(job, make_model(), "tile-000001.npz: damaged", "--resume")
    (folder / "tile-000001.npz").unlink()
    upscale_file(job, model=make_model())


@pytest.mark.parametrize("name", ["scan.npz", "tile-000000.npz", "manifest.json"])
def test_spoiled_bytes_anywhere(name, interrupted, job, make_model, tmp_path):
    """A flipped, missing or added byte: the same result, or one sentence."""
    folder, whole = interrupted
    shutil.copytree(folder, tmp_path / "kept")
    content, choose = (folder / name).read_bytes(), random.Random(0)
    for trial in range(12):
        spoiled = bytearray(content)
        place = choose.randrange(len(content))
        if trial % 3 == 0:
            spoiled[place] ^= 1 << choose.randrange(8)
        elif trial % 3 == 1:
            del spoiled[place:]
        else:
            spoiled[place:place] = choose.randbytes(5)
        (folder / name).write_bytes(spoiled)
        try:
            upscale_file(job, model=make_model())
        except SceneError as error:
            assert "\n" not in str(error)
        else:
            assert job.target.read_bytes() == whole
            job.target.unlink()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "kept", folder)


def test_another_scan_is_not_believed(interrupted, job, make_model):
    folder, _ = interrupted
    with np.load(folder / "scan.npz") as arrays:
        changed = dict(arrays) | {"range": np.array([0.0, 9.0])}
    np.savez(folder / "scan.npz", **changed)
    refused(job, make_model(), "scan.npz: damaged", "--overwrite")


def test_the_manifest_is_written_last_and_holds_what_was_asked(interrupted):
    folder, _ = interrupted
    kept = json.loads((folder / "manifest.json").read_text())
    assert kept["scale"] == 2
    assert len(kept["scan"]) == 32


def test_a_run_of_an_earlier_version_starts_again(interrupted, job, make_model):
    folder, whole = interrupted
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "scan.npz").rename(folder / "survey.npz")
    (folder / "manifest.json").write_text(json.dumps(manifest | {"version": 4, "survey": manifest["scan"]}))
    refused(job, make_model(), "not a manifest of this version", "--overwrite")
    assert upscale_file(replace(job, resume=False, overwrite=True), model=make_model()).resumed == 0
    assert job.target.read_bytes() == whole
    assert not folder.exists()
