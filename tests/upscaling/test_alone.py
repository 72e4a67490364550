"""Two runs on one file, an input that changes, too little room: one sentence, nothing lost."""

import os
import shutil
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shsrd.cube import SceneError, Storage
from shsrd.io import save_cube
from shsrd.io.file_locks import lock_file, write_lock
from shsrd.upscaling import Job, UpscaleOptions, upscale_file
from shsrd.upscaling.jobs.tile_cache import TileCache

OPTIONS = UpscaleOptions(device="cpu", precision="fp32", block=8, tile=8, self_check=False)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no locks on files there")


@pytest.fixture
def job(make_scene, tmp_path):
    save_cube(make_scene(rows=19, columns=26).replace(storage=Storage("int16", 1e-4)), tmp_path / "scene.img")
    return Job(tmp_path / "scene.img", tmp_path / "fine.hdr", 2, OPTIONS)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({}, {"target": "fine.img"}),
        ({}, {"target": "fine.dat"}),
        ({"uncertainty": "u.tif"}, {"target": "other.tif", "uncertainty": "u.tif"}),
        ({"uncertainty": "u.tif"}, {"target": "u.tif"}),
        ({"uncertainty": "u.img"}, {"target": "u.hdr"}),
        ({"uncertainty": "u.nc"}, {"target": "other.nc", "uncertainty": "folder/../u.nc"}),
    ],
)
def test_two_runs_that_share_a_file(first, second, job, make_model, tmp_path):
    """The second is refused and takes nothing of the first's away."""
    (tmp_path / "folder").mkdir()
    one, two = (
        replace(job, **{name: tmp_path / path for name, path in changes.items()}) for changes in (first, second)
    )
    refusals = []

    def progress(done, total):
        if done == 3:
            with pytest.raises(SceneError, match="another run is at work") as caught:
                upscale_file(replace(two, overwrite=True), model=make_model())
            refusals.append(str(caught.value))

    upscale_file(one, model=make_model(), progress=progress)
    assert len(refusals) == 1
    assert all(target.exists() for target in one.targets)
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} == set()


def test_two_runs_that_share_nothing(job, make_model, tmp_path):
    def progress(done, total):
        if done == 3:
            upscale_file(replace(job, target=tmp_path / "other.img"), model=make_model())

    upscale_file(job, model=make_model(), progress=progress)
    assert (tmp_path / "other.img").read_bytes() == (tmp_path / "fine.img").read_bytes()


def test_a_lock_left_by_a_killed_run_is_taken_over_and_one_of_somebody_else_stays(tmp_path):
    for content in ("", "of somebody else"):
        place = lock_file(tmp_path / "a.tif")
        place.write_text(content)
        with (
            write_lock(tmp_path / "a.tif"),
            pytest.raises(SceneError, match="another run"),
            write_lock(tmp_path / "a.tif"),
        ):
            pass
        assert place.exists() == bool(content)


def change(path):
    """Other pixels in as many bytes, in place."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\x01\x02\x03\x04")


@pytest.mark.parametrize("how", ["in place", "times put back", "replaced", "shortened"])
@pytest.mark.parametrize("when", [1, 12])
def test_an_input_that_is_overwritten_during_the_run(when, how, job, make_model, tmp_path):
    save_cube_before = dict.fromkeys(("fine.img", "fine.hdr"), b"older")
    for name, content in save_cube_before.items():
        (tmp_path / name).write_bytes(content)
    status = job.source.stat()

    def progress(done, total):
        if done != when:
            return
        if how == "replaced":
            shutil.copy(job.source, tmp_path / "copy.img")
            change(tmp_path / "copy.img")
            (tmp_path / "copy.img").replace(job.source)
        elif how == "shortened":
            os.truncate(job.source, status.st_size - 2)
        else:
            change(job.source)
        if how == "times put back":
            os.utime(job.source, ns=(status.st_atime_ns, status.st_mtime_ns))

    with pytest.raises(SceneError, match=r"scene\.img") as caught:
        upscale_file(replace(job, overwrite=True), model=make_model(), progress=progress)
    assert "\n" not in str(caught.value)
    if when == 12:
        assert "was changed while it was read" in str(caught.value)
        assert not TileCache.for_target(job.target).folder.exists()
    assert {name: (tmp_path / name).read_bytes() for name in save_cube_before} == save_cube_before


def test_an_input_that_is_only_touched_moved_or_deleted_at_the_end(job, make_model, tmp_path):
    for number, act in enumerate((Path.touch, lambda path: path.chmod(0o600), Path.unlink)):
        run = replace(job, target=tmp_path / f"fine{number}.img")

        def progress(done, total, act=act):
            if done == total:
                act(job.source)

        upscale_file(run, model=make_model(), progress=progress)
        assert run.target.read_bytes() == (tmp_path / "fine0.img").read_bytes()


Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("name", "more", "times"),
    [("fine.img", {}, 2.0), ("fine.tif", {}, 1.1), ("fine.tif", {"cog": True}, 1.2), ("fine.npy", {}, 2.0)],
)
def test_room_for_tiles_and_output_together(name, more, times, make_scene, make_model, tmp_path, monkeypatch):
    """Known before the first pass where no pixel can be missing, and with an uncertainty of twice the bytes."""
    save_cube(make_scene(rows=19, columns=26).replace(storage=Storage("int16")), tmp_path / "scene.img")
    size = 5 * 38 * 52 * 2
    for uncertain in (False, True):
        path = Path(name)
        job = Job(tmp_path / "scene.img", tmp_path / path, 2, OPTIONS, **more)
        if uncertain:  # float32
            job = replace(job, uncertainty=tmp_path / f"u{path.suffix}")
        needed = size * times * (3 if uncertain else 1)
        for free, fits in ((int(needed) + 1, True), (int(needed) - 1, False)):
            monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(10**9, 0, free))
            if fits:
                upscale_file(replace(job, overwrite=True), model=make_model())
                continue
            before = sorted(tmp_path.iterdir())
            with pytest.raises(SceneError, match=r"tiles and the output together need at least [\d.]+ kB there"):
                upscale_file(replace(job, overwrite=True), model=make_model())
            assert sorted(tmp_path.iterdir()) == before


def test_pixels_without_data_take_no_room(make_scene, make_model, tmp_path, monkeypatch):
    scene = make_scene(rows=64, columns=64)
    pixels = scene.pixels.copy()
    pixels[:, 8:] = np.nan
    save_cube(scene.replace(pixels=pixels, storage=Storage("int16", 1e-4, 0.0, -1.0)), tmp_path / "scene.img")
    job = Job(tmp_path / "scene.img", tmp_path / "fine.tif", 2, OPTIONS)
    size = 5 * 128 * 128 * 2
    for free, fits in ((size * (0.125 + 0.1) - 1, False), (size * (0.125 + 0.1) + 1, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(10**9, 0, int(free)))
        if fits:
            upscale_file(job, model=make_model())
        else:
            with pytest.raises(SceneError, match="together need at least"):
                upscale_file(job, model=make_model())
