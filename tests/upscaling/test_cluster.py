"""Tiles computed by other processes: the same bytes, also when one of them dies."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from shsrd.cube import SceneError, Storage
from shsrd.io import save_cube
from shsrd.model import save_weights
from shsrd.upscaling import Job, UpscaleOptions, upscale_file

distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed (extra: cluster)")
pytestmark = pytest.mark.slow
WORKERS = 3


@pytest.fixture(scope="module")
def job(make_scene, make_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    scene = make_scene(bands=5, rows=50, columns=45, storage=Storage("int16", 1e-4, 0.0, -9999.0))
    save_cube(scene, folder / "scene.tif")
    save_weights(folder / "tiny.safetensors", make_model().network, {"stages": []})
    options = UpscaleOptions(model=str(folder / "tiny.safetensors"), device="cpu", precision="fp32", block=8, tile=8)
    return Job(folder / "scene.tif", folder / "fine.tif", 2, options)


@pytest.fixture(scope="module")
def whole(job):
    upscale_file(replace(job, target=job.target.with_name("whole.tif")))
    return job.target.with_name("whole.tif").read_bytes()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler and three workers as processes, as somebody would start them by hand."""
    folder = tmp_path_factory.mktemp("cluster")
    address = folder / "scheduler.json"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def start(*arguments):
        log = (folder / "log.txt").open("a")
        return subprocess.Popen([sys.executable, "-m", *map(str, arguments)], env=environment, stdout=log, stderr=log)

    scheduler = ("distributed.cli.dask_scheduler", "--port", 0, "--no-dashboard", "--scheduler-file", address)
    worker = (
        "distributed.cli.dask_worker",
        "--no-nanny",
        "--no-dashboard",
        "--nthreads",
        1,
        "--scheduler-file",
        address,
    )
    processes = [start(*scheduler), *(start(*worker) for _ in range(WORKERS))]
    with distributed.Client(scheduler_file=str(address), timeout="60s", set_as_default=False) as client:
        client.wait_for_workers(WORKERS, timeout=120)
    yield address, processes
    for process in processes:
        process.kill()
        process.wait()


def test_workers_of_a_scheduler_and_one_that_dies(job, whole, cluster):
    address, processes = cluster
    seen = []

    def killing(done, total):
        seen.append((done, total))
        if done == 5:
            os.kill(processes[1].pid, signal.SIGKILL)

    done = upscale_file(replace(job, scheduler=str(address), overwrite=True), progress=killing)
    assert processes[1].wait(10) == -signal.SIGKILL
    assert job.target.read_bytes() == whole
    assert seen == [(n, done.tiles) for n in range(1, done.tiles + 1)]


def test_what_a_worker_says_of_a_tile_reaches_the_user(job, cluster):
    """A worker that cannot read the scene any more."""
    address, _ = cluster
    moved = job.source.with_name("moved.tif")

    def moving(done, total):
        if done == 1:
            job.source.rename(moved)

    try:
        with pytest.raises(SceneError, match=r"scene\.tif"):
            upscale_file(replace(job, scheduler=str(address), overwrite=True), progress=moving)
    finally:
        moved.rename(job.source)


def test_workers_of_this_machine(job, whole):
    upscale_file(replace(job, workers=2, overwrite=True))
    assert job.target.read_bytes() == whole


def test_nobody_answers(job, monkeypatch):
    started = time.perf_counter()
    monkeypatch.setattr("shsrd.upscaling.jobs.dask_executor.CONNECT_TIMEOUT_S", 1)
    with pytest.raises(SceneError, match="no scheduler with workers answers"):
        upscale_file(replace(job, scheduler="tcp://127.0.0.1:9", overwrite=True))
    assert time.perf_counter() - started < 30


_COMMAND = """
import signal, sys
from shsrd.cli.main import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no such signals on this system")
def test_an_interrupt_from_the_keyboard_is_one_sentence(job, tmp_path):
    """A terminal sends it to all processes of a command; the workers' tracebacks took 70 lines."""
    (tmp_path / "command.py").write_text(_COMMAND)
    options = ["--scale", "2", "--model", job.options.model, "--device", "cpu", "--precision", "fp32", "--workers", "2"]
    arguments = ["upscale", job.source, tmp_path / "fine.tif", *options, "--block", "8", "--tile", "8"]
    command = [sys.executable, tmp_path / "command.py", *arguments]
    run = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while run.poll() is None and not list(tmp_path.glob("fine.tif.partial/tile*")):
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=60)
    before = ("tiles: ", "to be made: ", "the first of ")  # what was said before, depending on the machine's speed
    lines = [line for line in said.splitlines() if not line.startswith(before)]
    assert run.returncode == 130
    assert lines == ["shsrd: interrupted; nothing was left half-written"], said
    assert not (tmp_path / "fine.tif").exists()
