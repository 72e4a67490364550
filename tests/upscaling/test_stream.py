"""From file to file: the same bytes whatever the tile, and whatever happened on the way."""

import errno
import json
import os
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shsrd.cube import Cube, SceneError, Storage
from shsrd.io import open_cube, save_cube
from shsrd.upscaling import Job, UpscaleOptions, upscale, upscale_file
from shsrd.upscaling.block import upscale_block
from shsrd.upscaling.jobs import upscale_file as stream
from shsrd.upscaling.jobs.tile_cache import TileCache

OPTIONS = {"device": "cpu", "precision": "fp32", "block": 8, "tile": 8}


@pytest.fixture
def scene(make_scene):
    """Integers with a hole, a bad band and a place on the map."""
    cube = make_scene(bands=5, rows=19, columns=26, transform=Affine(30, 0, 5e5, 0, -30, 6e6))
    pixels = cube.pixels.copy()
    pixels[:, 9:12, 3:20] = np.nan
    good = np.array([True, True, False, True, True])
    return cube.replace(pixels=pixels, good_bands=good, storage=Storage("int16", 1e-4, 0.0, -9999.0))


@pytest.fixture
def source(scene, tmp_path):
    save_cube(scene, tmp_path / "scene.img")
    return tmp_path / "scene.img"


@pytest.fixture
def go(source, make_model):
    """``upscale_file`` of the scene to a file beside it."""

    def go(name="fine.tif", *, progress=None, job=None, **asked):
        wanted = Job(source, source.with_name(name), 2, UpscaleOptions(**OPTIONS | asked))
        return upscale_file(replace(wanted, **(job or {})), model=make_model(), progress=progress)

    return go


def bytes_of(path):
    if path.is_dir():
        return {file.relative_to(path): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}
    return path.read_bytes()


@pytest.mark.parametrize("ending", ["tif", "img", "nc", "npy", "npz", "mat", "zarr"])
def test_the_file_is_that_of_the_scene_in_memory(source, go, make_model, ending):
    options = UpscaleOptions(**OPTIONS, uncertainty=True)
    whole = upscale(open_cube(source), 2, options=options, model=make_model())
    save_cube(whole.cube, source.with_name(f"whole.{ending}"))
    save_cube(whole.uncertainty, source.with_name(f"whole_u.{ending}"))
    done = go(f"streamed.{ending}", job={"uncertainty": source.with_name(f"streamed_u.{ending}")})
    for name in ("", "_u"):
        first, second = (source.with_name(f"{kind}{name}.{ending}") for kind in ("whole", "streamed"))
        assert bytes_of(first) == bytes_of(second)
    assert done.report == whole.report
    assert done.shape == whole.cube.shape
    assert not TileCache.for_target(source.with_name(f"streamed.{ending}")).folder.exists()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60), st.integers(0, 2), st.integers(0, 3))
def test_any_tile_gives_the_same_bytes(tmp_path, make_scene, make_model, rows, columns, tile, steps, hole):
    """Sizes, tiles and missing rows at random."""
    cube = make_scene(bands=4, rows=rows, columns=columns)
    pixels = cube.pixels.copy()
    pixels[:, 1 : 1 + hole] = np.nan
    if not np.isfinite(pixels).any():
        return
    save_cube(cube.replace(pixels=pixels), tmp_path / "scene.img", overwrite=True)
    made = []
    for side in (8, tile):
        options = UpscaleOptions(**OPTIONS | {"tile": side}, steps=steps)
        target = tmp_path / "fine.img"
        upscale_file(Job(tmp_path / "scene.img", target, 2, options, overwrite=True), model=make_model())
        made.append(target.read_bytes())
    assert made[0] == made[1]


def test_cloud_optimised(source, go):
    import rasterio

    go("cloud.tif", job={"cog": True})
    go("plain.tif")
    with rasterio.open(source.with_name("cloud.tif")) as cloud, rasterio.open(source.with_name("plain.tif")) as plain:
        assert cloud.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert "LAYOUT" not in plain.tags(ns="IMAGE_STRUCTURE")
        np.testing.assert_array_equal(cloud.read(), plain.read())
    with pytest.raises(SceneError, match="cloud"):
        go("cloud.img", job={"cog": True})


class InterruptionError(Exception):
    """Not one of ours."""


def stop_after(count):
    def progress(done, total):
        if done == count:
            raise InterruptionError

    return progress


@pytest.mark.parametrize("after", [1, 5, 12])
def test_resumed_work_ends_in_the_same_bytes(source, go, after):
    target, tiles = source.with_name("fine.tif"), Mock()
    go()
    whole = target.read_bytes()
    target.unlink()
    with pytest.raises(InterruptionError):
        go(progress=stop_after(after))
    assert not target.exists()
    assert not list(source.parent.glob(".fine*"))
    done = go(progress=tiles, job={"resume": True})
    assert done.resumed == after
    assert [call.args for call in tiles.call_args_list] == [(n, 12) for n in range(after + 1, 13)]
    assert target.read_bytes() == whole
    assert not TileCache.for_target(target).folder.exists()


def test_an_interrupted_run_is_not_passed_over(source, go):
    with pytest.raises(InterruptionError):
        go(progress=stop_after(2))
    with pytest.raises(SceneError, match=r"fine\.tif\.partial.*--resume.*--overwrite"):
        go()
    assert go(job={"overwrite": True}).resumed == 0
    with pytest.raises(SceneError, match=r"fine\.tif: exists already"):
        go()


@pytest.mark.parametrize(
    ("asked", "word"), [({"tile": 16}, "--tile was 8 and is 16"), ({"seed": 3}, "--seed"), ({"halo": 20}, "--halo")]
)
def test_other_options_are_refused(source, go, asked, word):
    with pytest.raises(InterruptionError):
        go(progress=stop_after(2))
    with pytest.raises(SceneError, match=word):
        go(job={"resume": True}, **asked)
    assert go(job={"resume": True}).resumed == 2  # the refusal took nothing away


def test_another_compression_is_refused(source, go):
    with pytest.raises(InterruptionError):
        go(progress=stop_after(2))
    with pytest.raises(SceneError, match="--compress was deflate and is zstd"):
        go(job={"resume": True, "compress": "zstd"})
    assert go(job={"resume": True, "compress": "deflate"}).resumed == 2  # said or not, it is the same
    with pytest.raises(InterruptionError):
        go("other.tif", progress=stop_after(2), job={"compress": "zstd"})
    with pytest.raises(SceneError, match="--compress was zstd and is deflate"):
        go("other.tif", job={"resume": True})
    assert go("other.tif", job={"resume": True, "compress": "zstd"}).resumed == 2
    first, second = (open_cube(source.with_name(name)).pixels for name in ("fine.tif", "other.tif"))
    assert np.array_equal(first, second, equal_nan=True)


def test_other_weights_are_refused(source, go, make_model):
    with pytest.raises(InterruptionError):
        go(progress=stop_after(2))
    other = replace(make_model(seed=1), fingerprint="1" * 16)
    job = Job(source, source.with_name("fine.tif"), 2, UpscaleOptions(**OPTIONS), resume=True)
    with pytest.raises(SceneError, match="other weights"):
        upscale_file(job, model=other)


def test_a_changed_input_is_refused_and_a_touched_one_is_not(source, scene, go):
    with pytest.raises(InterruptionError):
        go(progress=stop_after(2))
    os.utime(source)
    with pytest.raises(InterruptionError):
        go(progress=stop_after(3), job={"resume": True})
    save_cube(scene.replace(pixels=scene.pixels + 1e-3), source, overwrite=True)
    with pytest.raises(SceneError, match=r"scene\.img has changed"):
        go(job={"resume": True})


def test_a_second_run_on_the_same_destination_waits_outside(source, go):
    def progress(done, total):
        if done == 2:
            with pytest.raises(SceneError, match="another run is at work"):
                go(job={"overwrite": True})

    assert go(progress=progress).tiles == 12


def test_a_second_run_leaves_the_first_its_folder(source, go, monkeypatch):
    """Even in the first pass, before there is anything to go on with."""
    seen = []

    def make_plan(*given):
        if not seen:
            seen.append(1)
            with pytest.raises(SceneError, match="another run is at work"):
                go()
        return real(*given)

    real = stream.make_plan
    monkeypatch.setattr(stream, "make_plan", make_plan)
    assert go().tiles == 12


def test_an_input_that_vanishes_midway(source, go):
    def progress(done, total):
        source.unlink(missing_ok=True)

    with pytest.raises(SceneError, match=r"scene\.img"):
        go(progress=progress)
    assert not source.with_name("fine.tif").exists()


@pytest.mark.parametrize("place", ["spool", "writer"])
def test_a_full_disk_keeps_what_is_finished(source, go, monkeypatch, place):
    """Wherever the disk fills up, one sentence, no output; after making room, the run goes on."""
    full = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
    with monkeypatch.context() as patched:
        if place == "spool":
            patched.setattr("shsrd.upscaling.jobs.tile_cache.np.savez", _full_after(2, full))
        else:
            patched.setattr("shsrd.io.geotiff.write.GeotiffSink.write_block", full)
        with pytest.raises(SceneError, match="disk or quota is full"):
            go()
    assert not source.with_name("fine.tif").exists()
    assert go(job={"resume": True}).tiles == 12


def _full_after(count, full):
    calls, real = [], np.savez

    def savez(*given, **arrays):
        calls.append(1)
        return full() if len(calls) > count else real(*given, **arrays)

    return savez


def test_damaged_tiles_are_named(source, go):
    with pytest.raises(InterruptionError):
        go(progress=stop_after(3))
    tile = source.with_name("fine.tif.partial") / "tile-000001.npz"
    tile.write_bytes(tile.read_bytes()[:100])
    with pytest.raises(SceneError, match=r"tile-000001\.npz: damaged"):
        go(job={"resume": True})


def test_a_foreign_folder_is_left_alone(source, go):
    folder = source.with_name("fine.tif.partial")
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"version": 99}))
    with pytest.raises(SceneError, match="not a manifest of this version"):
        go(job={"resume": True})
    assert (folder / "manifest.json").exists()


def test_empty_parts_cost_nothing(make_scene, make_model, tmp_path, monkeypatch):
    """A flight line is mostly no-data: such cells never reach the network."""
    cube = make_scene(bands=3, rows=64, columns=64)
    pixels = np.full_like(cube.pixels, np.nan)
    pixels[:, :8, :8] = cube.pixels[:, :8, :8]
    save_cube(Cube(pixels, storage=Storage(nodata=-1.0)), tmp_path / "scene.tif")
    calls = Mock(side_effect=upscale_block)
    monkeypatch.setattr("shsrd.upscaling.detectors.upscale_block", calls)
    job = Job(tmp_path / "scene.tif", tmp_path / "fine.tif", 2, UpscaleOptions(**OPTIONS))
    assert upscale_file(job, model=make_model()).tiles == 64
    assert calls.call_count == 1
    fine = open_cube(tmp_path / "fine.tif").pixels
    assert np.isfinite(fine).sum() == 3 * 16 * 16


def test_times_are_told(go):
    done = go()
    assert [*done.timings] == ["first pass", "waiting for input", "computing", "keeping tiles", "completing the output"]
    assert all(seconds >= 0 for seconds in done.timings.values())
