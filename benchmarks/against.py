"""Today's build against an older commit: both in turn, in processes of their own; used by ``speed.py --against``.

The commit gets a work tree in a temporary folder, and runs with the libraries of this environment. Of some pairs of
runs the least wall time, the least processor time and the largest peak memory of each build count.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from shsrd.cube import Storage
from shsrd.datasets import synthetic_scene
from shsrd.io import save_cube

HERE = Path(__file__).resolve().parents[1]
_IN_MEMORY = """
import numpy as np, time
from shsrd import load_weights, open_cube, upscale
model, low = load_weights({model!r}), open_cube({scene!r})
upscale(low, 4, model=model)
wall, cpu = time.perf_counter(), time.process_time()
upscale(low, 4, model=model)
print(time.perf_counter() - wall, time.process_time() - cpu)
"""


@dataclass(frozen=True)
class Run:
    """What one run took: seconds on the clock, processor seconds, peak memory in MiB."""

    wall: float
    cpu: float
    peak: float

    def best(self, other: Run) -> Run:
        """The least times of two, and the larger peak."""
        return Run(min(self.wall, other.wall), min(self.cpu, other.cpu), max(self.peak, other.peak))


@dataclass(frozen=True)
class Case:
    """A scene and how it is super-resolved: from file to file by the command line, or in memory, weights loaded."""

    name: str
    shape: tuple[int, int, int]
    in_memory: bool = False


CASES = (
    Case("64 x 64 x 30 from the shell", (30, 64, 64)),
    Case("128 x 128 x 31 in memory, warm", (31, 128, 128), in_memory=True),
    Case("300 x 300 x 200 from file to file", (200, 300, 300)),
)


def compare(commit: str, *, model: str, pairs: int, cases: tuple[Case, ...] = CASES) -> None:
    """Run every case in both builds and print a table."""
    console = Console(width=120)
    table = Table("scene (int16 ENVI to GeoTIFF)", "", "wall, s", "cpu, s", "peak, MiB", "wall before / now")
    with tempfile.TemporaryDirectory() as name, older(commit, Path(name)) as tree:
        for case in cases:
            scene = made(case, Path(name))
            before, now = in_turn([tree, HERE], case, scene, model, pairs)
            for label, run in ((commit, before), ("now", now)):
                ratio = f"{before.wall / now.wall:.2f}" if label == "now" else ""
                table.add_row(case.name, label, f"{run.wall:.2f}", f"{run.cpu:.2f}", f"{run.peak:.0f}", ratio)
    console.print(table)
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    console.print(
        f"{pairs} pairs, {commit} first; {os.cpu_count()} processors, OMP_NUM_THREADS {threads}; model {model}"
    )
    console.print(
        f"ran: {' '.join(command(CASES[0], Path('SCENE.hdr'), Path('DST.tif'), model))}, and upscale() in memory"
    )


@contextmanager
def older(commit: str, folder: Path) -> Iterator[Path]:
    """A work tree of a commit, for as long as it is needed."""
    tree = folder / "older"
    git = ["git", "-C", str(HERE), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
    try:
        yield tree
    finally:
        subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def made(case: Case, folder: Path) -> Path:
    """A synthetic scene of the case's shape as a file."""
    bands, rows, columns = case.shape
    lam = np.linspace(400, 700 if bands <= 31 else 2500, bands)
    cube = synthetic_scene(rows=rows, columns=columns, wavelength_nm=lam, pixel_m=4)
    place = folder / f"scene-{bands}-{rows}.hdr"
    save_cube(cube.replace(storage=Storage("int16", 1e-4), good_bands=np.ones(bands, bool)), place)
    return place


def in_turn(trees: list[Path], case: Case, scene: Path, model: str, pairs: int) -> list[Run]:
    """The best of several runs of each tree."""
    found: list[Run | None] = [None] * len(trees)
    for _ in range(pairs):
        for number, tree in enumerate(trees):
            run, best = run_in(tree, case, scene, model), found[number]
            found[number] = run if best is None else best.best(run)
    return [run for run in found if run is not None]


def command(case: Case, scene: Path, target: Path, model: str) -> list[str]:
    """The command line of a case."""
    if case.in_memory:
        return [sys.executable, "-c", _IN_MEMORY.format(model=model, scene=str(scene))]
    asked = ["upscale", str(scene), str(target), "--model", model, "--overwrite"]
    return [sys.executable, "-m", "shsrd.cli.main", *asked]


def run_in(tree: Path, case: Case, scene: Path, model: str) -> Run:
    """One run in a process of its own, with the sources of a tree."""
    environment = os.environ | {"PYTHONPATH": str(tree / "src")}
    given, started = command(case, scene, scene.with_suffix(".tif"), model), time.perf_counter()
    process = subprocess.Popen(given, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status:
        raise SystemExit(f"{tree}: {' '.join(given[:6])} failed with status {status}")
    cpu = usage.ru_utime + usage.ru_stime
    if case.in_memory:
        wall, cpu = (float(value) for value in said.split())
    return Run(wall, cpu, usage.ru_maxrss / 1024)
