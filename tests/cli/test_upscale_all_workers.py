"""Many scenes computed by other processes: hired once, let go of however it ends, the same bytes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from shsrd.io import save_cube

distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed (extra: cluster)")
pytestmark = pytest.mark.slow
WORKERS = 2
OPTIONS = ("--tile", 8, "--block", 8, "--device", "cpu", "--precision", "fp32")
COUNTING = """
import os
from pathlib import Path
from shsrd.upscaling.jobs import worker as bench

def loaded(place, real=bench.load_weights):
    with Path(os.environ["LOADED"]).open("a") as log:
        print(os.getpid(), file=log)
    return real(place)

if bench.load_weights.__name__ != "loaded":  # dask runs this file more than once
    bench.load_weights = loaded
"""


def results(table):
    return [row["result"] for row in table["scenes"]]


def pictures(folder):
    return {p.name: p.read_bytes() for p in folder.glob("*.tif")}


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and workers as somebody would start them by hand; the workers note when they load weights."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    told, loads = folder / "scheduler.json", folder / "loads.txt"
    (folder / "counting.py").write_text(COUNTING)
    loads.touch()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "LOADED": str(loads)}

    def start(*arguments):
        log = (folder / "log.txt").open("a")
        return subprocess.Popen([sys.executable, "-m", *map(str, arguments)], env=environment, stdout=log, stderr=log)

    plain = ("--no-dashboard", "--scheduler-file", told)
    worker = ("distributed.cli.dask_worker", "--no-nanny", "--nthreads", 1, "--preload", folder / "counting.py", *plain)
    processes = [
        start("distributed.cli.dask_scheduler", "--port", 0, *plain),
        *(start(*worker) for _ in range(WORKERS)),
    ]
    with distributed.Client(scheduler_file=str(told), timeout="60s", set_as_default=False) as client:
        client.wait_for_workers(WORKERS, timeout=120)
    yield told, loads, processes
    for process in processes:
        process.kill()
        process.wait()


def _left_behind(told):
    """Connections and plugins that a scheduler still has, but for the one that asks."""
    with distributed.Client(scheduler_file=str(told), timeout="60s", set_as_default=False) as client:
        deadline = time.monotonic() + 10
        while True:
            left = client.run_on_scheduler(
                lambda dask_scheduler: (
                    [name for name in dask_scheduler.clients if name.startswith("Client-")],
                    [name for name in dask_scheduler.worker_plugins if name.startswith("shsrd-")],
                )
            )
            if (len(left[0]) == 1 and not left[1]) or time.monotonic() > deadline:
                return len(left[0]) - 1, left[1]
            time.sleep(0.1)


def test_the_same_bytes_by_workers_who_load_the_weights_once(upscale_all, scenes, out, cluster, tmp_path):
    """A bad file in between keeps nobody from anything."""
    told, loads, _ = cluster
    assert results(upscale_all(*OPTIONS)[0]) == ["done"] * 3
    alone = pictures(out)
    out.rename(tmp_path / "alone")
    (scenes / "aa.npy").write_bytes(b"no scene")
    table, _ = upscale_all(*OPTIONS, "--scheduler", told, code=2)
    assert results(table) == ["done", "failed", "done", "done"]
    assert pictures(out) == alone
    pids = loads.read_text().split()
    assert len(pids) == len(set(pids)) == WORKERS
    assert _left_behind(told) == (0, [])
    table, _ = upscale_all(*OPTIONS, "--scheduler", told, code=2)
    assert results(table) == ["skipped", "failed", "skipped", "skipped"]


def test_an_interrupt_lets_go_and_the_same_command_goes_on(upscale_all, shsrd, scenes, tiny, out, cluster, monkeypatch):
    told, _, _ = cluster
    from shsrd.upscaling.jobs import batch as many

    real = many.upscale_file

    def stopped(job, *, model, worker_pool, progress):
        def counted(done, total):
            progress(done, total)
            if job.source.name == "b.tif" and done == 2:
                raise KeyboardInterrupt

        return real(job, model=model, worker_pool=worker_pool, progress=counted)

    with monkeypatch.context() as patched:
        patched.setattr(many, "upscale_file", stopped)
        done = shsrd("upscale-all", scenes, out, "--model", tiny, *OPTIONS, "--scheduler", told)
    assert done.code == 130
    assert "stopped after 1 of 3 scenes" in done.err
    assert _left_behind(told) == (0, [])
    table, _ = upscale_all(*OPTIONS)  # who computes may change
    assert results(table) == ["skipped", "resumed", "done"]


def test_a_lost_cluster_ends_it_in_one_sentence(shsrd, upscale_all, scenes, tiny, out, cluster, monkeypatch):
    """Every other scene would fail as well."""
    told, _, processes = cluster
    from shsrd.upscaling.jobs import batch as many

    real = many.upscale_file

    def losing(job, *, model, worker_pool, progress):
        def counted(done, total):
            if job.source.name == "b.tif" and done == 1:
                for process in processes:
                    os.kill(process.pid, signal.SIGKILL)

        return real(job, model=model, worker_pool=worker_pool, progress=counted)

    with monkeypatch.context() as patched:
        patched.setattr(many, "upscale_file", losing)
        done = shsrd("upscale-all", scenes, out, "--model", tiny, *OPTIONS, "--scheduler", told)
    assert done.code == 2, done.err
    assert "shsrd: the cluster was lost" in done.err and "stopped after 1 of 3 scenes" in done.err
    assert results(upscale_all(*OPTIONS)[0]) == ["skipped", "resumed", "done"]


def test_processes_of_this_machine_are_gone_afterwards(upscale_all, scenes, scene, out, tmp_path):
    save_cube(scene, scenes / "d.npz")
    upscale_all(*OPTIONS)
    alone = pictures(out)
    out.rename(tmp_path / "alone")
    before = _children()
    assert results(upscale_all(*OPTIONS, "--workers", 2)[0]) == ["done"] * 4
    assert pictures(out) == alone
    assert _children() <= before


def _children():
    import multiprocessing

    return {child.pid for child in multiprocessing.active_children()}


def test_nobody_answers(refuses, scenes, out, tiny, monkeypatch):
    monkeypatch.setattr("shsrd.upscaling.jobs.dask_executor.CONNECT_TIMEOUT_S", 1)
    out.mkdir()
    said = refuses(["upscale-all", scenes, out, "--model", tiny, "--scheduler", "tcp://127.0.0.1:9"])
    assert "no scheduler with workers answers" in said
