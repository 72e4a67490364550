"""Killed at any moment, a run loses no more than the tile in flight, and leaves nothing half-written."""

import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace

import numpy as np
import pytest

from shsrd.cube import Storage
from shsrd.io import open_cube, save_cube
from shsrd.model import save_weights
from shsrd.upscaling import Job, UpscaleOptions, upscale_file
from shsrd.upscaling.jobs.tile_cache import TileCache

KILLS = 20
LONGEST_S = 120  # of a run that takes a second; a hang would show where it hangs
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")


def work(job):
    """A run in a process of its own."""
    import faulthandler

    import torch

    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    faulthandler.dump_traceback_later(LONGEST_S, exit=True)
    torch.set_num_threads(1)
    upscale_file(job)


@pytest.fixture(scope="module")
def processes():
    """Processes that start in no time: what they need is imported once, in the one they are copies of."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["shsrd.upscaling.jobs.upscale_file", "shsrd.io.geotiff.write", "shsrd.io.envi.read"]
    )
    return context


@pytest.fixture
def job(make_scene, make_model, tmp_path):
    scene = make_scene(bands=5, rows=50, columns=43)
    pixels = scene.pixels.copy()
    pixels[:, 20:24, 5:30] = np.nan
    save_cube(scene.replace(pixels=pixels, storage=Storage("int16", 1e-4, 0.0, -9999.0)), tmp_path / "scene.img")
    save_weights(tmp_path / "tiny.safetensors", make_model().network, {"stages": []})
    options = UpscaleOptions(
        model=str(tmp_path / "tiny.safetensors"), device="cpu", precision="fp32", block=16, tile=16
    )
    return Job(tmp_path / "scene.img", tmp_path / "fine.tif", 2, options, resume=True)


@pytest.mark.slow
def test_killed_at_twenty_moments(job, processes):
    for _ in range(2):  # the first one also starts the server
        started = time.perf_counter()
        run = processes.Process(target=work, args=(replace(job, overwrite=True),))
        run.start()
        run.join()
        took = time.perf_counter() - started
        assert run.exitcode == 0
    whole = job.target.read_bytes()
    job.target.unlink()

    moments, finished, kills = random.Random(0), 0, 0
    while kills < KILLS:
        run = processes.Process(target=work, args=(job,))
        run.start()
        run.join(moments.uniform(0, 1) * took)
        if run.exitcode is None:
            os.kill(run.pid, signal.SIGKILL)
            run.join()
            kills += 1
        if job.target.exists():  # complete: begin once more
            assert job.target.read_bytes() == whole
            job.target.unlink()
            finished = 0
            continue
        kept = len(TileCache.for_target(job.target).finished())
        assert kept >= finished  # nothing finished is ever lost
        finished = kept
    work(job)
    assert job.target.read_bytes() == whole
    left = {path.name for path in job.target.parent.iterdir()}
    assert left == {"scene.img", "scene.hdr", "tiny.safetensors", "fine.tif"}  # and nothing of the killed ones
    assert open_cube(job.target).shape == (5, 100, 86)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_leaves_no_output_and_goes_on_later(job, processes, number):
    run = processes.Process(target=work, args=(job,))
    run.start()
    spool = TileCache.for_target(job.target)
    while not (spool.is_started and spool.finished()):
        assert run.is_alive()
        time.sleep(0.005)
    os.kill(run.pid, number)
    run.join()
    assert run.exitcode != 0
    assert not job.target.exists()
    kept = len(spool.finished())
    assert kept > 0
    assert upscale_file(job).resumed == kept
