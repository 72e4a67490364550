"""Many scenes, stopped at any moment: the same command goes on and ends in the same bytes."""

import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from shsrd.datasets import synthetic_scene
from shsrd.io import save_cube
from shsrd.upscaling.jobs import batch as many
from shsrd.upscaling.jobs import upscale_file as stream


def results(table):
    return [row["result"] for row in table["scenes"]]


def states(folder):
    return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.iterdir() if p.name != "items.json"}


def stopping(monkeypatch, name, after):
    """An interrupt after so many tiles of a scene."""
    real = many.upscale_file

    def upscale_file(job, *, model, worker_pool, progress):
        def told(done, total):
            progress(done, total)
            if job.source.name == name and done == after:
                raise KeyboardInterrupt

        return real(job, model=model, worker_pool=worker_pool, progress=told)

    monkeypatch.setattr(many, "upscale_file", upscale_file)


def test_an_interrupt_stops_at_once_and_the_same_command_goes_on(
    upscale_all, shsrd, scenes, out, tiny, monkeypatch, tmp_path
):
    options = ["--tile", 8, "--block", 8]
    upscale_all(*options)
    whole = states(out)
    shutil.rmtree(out)
    with monkeypatch.context() as patched:
        stopping(patched, "b.tif", 2)
        done = shsrd("upscale-all", scenes, out, "--model", tiny, *options)
    assert (done.code, done.out) == (130, "")
    assert "stopped after 1 of 3 scenes; the same command goes on from here" in done.err
    assert sorted(p.name for p in out.iterdir()) == ["a_x4.tif", "a_x4.tif.json", "b_x4.tif.partial"]
    table, _ = upscale_all(*options)
    assert results(table) == ["skipped", "resumed", "done"]
    again = states(out)
    assert {name: content for name, (_, content) in again.items()} == {n: content for n, (_, content) in whole.items()}


@pytest.mark.parametrize("place", ["record", "spool"])
def test_killed_between_output_and_record(upscale_all, shsrd, scenes, out, tiny, monkeypatch, place):
    """The moment after the output took its name, and the one after its item did."""
    with monkeypatch.context() as patched:

        def killed(*_):
            raise KeyboardInterrupt

        if place == "record":
            patched.setattr(stream, "write_item", killed)
        else:
            patched.setattr("shsrd.upscaling.jobs.tile_cache.TileCache.remove", killed)
        assert shsrd("upscale-all", scenes, out, "--model", tiny).code == 130
    assert (out / "a_x4.tif").exists() and (out / "a_x4.tif.partial").exists()
    table, _ = upscale_all()
    assert results(table) == ["resumed" if place == "record" else "skipped", "done", "done"]
    assert not list(out.glob("*.partial"))


def test_an_interrupted_run_with_other_options(upscale_all, shsrd, scenes, out, tiny, monkeypatch):
    with monkeypatch.context() as patched:
        stopping(patched, "a.img", 2)
        assert shsrd("upscale-all", scenes, out, "--model", tiny, "--tile", 8, "--block", 8).code == 130
    table, _ = upscale_all(code=2)
    assert results(table) == ["failed", "done", "done"]
    assert "cannot resume: --block was 8 and is 128" in table["scenes"][0]["reason"]
    assert results(upscale_all("--overwrite")[0]) == ["done", "skipped", "skipped"]


def test_an_interrupted_run_on_another_array(upscale_all, shsrd, out, tiny, tmp_path, monkeypatch):
    cubes = {name: np.random.default_rng(seed).random((16, 16, 3), np.float32) for seed, name in enumerate("pq")}
    np.savez(tmp_path / "two.npz", **cubes)
    options = ["--tile", 8, "--block", 8, "--variable"]
    with monkeypatch.context() as patched:
        stopping(patched, "two.npz", 2)
        assert shsrd("upscale-all", tmp_path / "two.npz", out, "--model", tiny, *options, "p").code == 130
    table, _ = upscale_all(*options, "q", sources=[tmp_path / "two.npz"], code=2)
    assert "cannot resume: --variable was p and is q now" in table["scenes"][0]["reason"]
    assert results(upscale_all(*options, "p", sources=[tmp_path / "two.npz"])[0]) == ["resumed"]


PROGRAM = """
import signal, sys
from shsrd.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
sys.exit(main())
"""


@pytest.mark.slow
def test_control_c_on_a_process(scenes, out, tiny, tmp_path):
    """The real thing: a signal to a running program."""
    for name in ("x", "y", "z"):
        save_cube(synthetic_scene(rows=96, columns=96, wavelength_nm=np.linspace(420, 980, 40)), scenes / f"{name}.npz")
    command = [sys.executable, "-c", PROGRAM, "upscale-all", scenes, out, "--model", tiny, "--block", "8"]
    running = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
    wanted = out / "x_x4.tif.partial"
    deadline = time.monotonic() + 60
    while not list(wanted.glob("tile-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130, said
    assert time.monotonic() - started < 10
    assert "the same command goes on" in said and "Traceback" not in said
