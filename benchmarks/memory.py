"""How much memory does one CAVE-sized scene need?

    python benchmarks/memory.py [--json] [--side 128] [--bands 31]

A synthetic scene of 128 x 128 x 31 pixels is written as ENVI, and processes of their own super-resolve it to a GeoTIFF
of 512 x 512 x 31:

* *command*: the peak resident memory of ``shsrd upscale``, as the operating system counts it, from the first import to
  the file written;
* *stages*: the peak when a stage ends, in a process that runs the same stages one by one: the interpreter with the
  imports of the command, the scene and the weights in memory, the scene super-resolved, the file written. Where a later
  stage shows the same peak, it needed no more than an earlier one.

Threads count (each has buffers of its own): set ``OMP_NUM_THREADS``. Linux only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from shsrd.cube import Storage
from shsrd.datasets import synthetic_scene
from shsrd.io import save_cube

MIB = 2**20
GOAL_MIB = 1.2 * 1024
CASES: dict[str, tuple[str, ...]] = {
    "bands": ("--basis", "bands"),
    "pca": ("--basis", "pca"),
    "bands, uncertainty": ("--basis", "bands", "--uncertainty"),
    "eigen, uncertainty": ("--basis", "pca", "--uncertainty"),
}
STAGES = """
import json, re, sys
from pathlib import Path
peaks = {}
def reached(stage):
    peaks[stage] = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
source, target, frame, deviation = sys.argv[1:]
import shsrd.cli.upscale, shsrd.io, shsrd.model, shsrd.upscaling
reached("imports")
cube = shsrd.io.open_cube(source)
model = shsrd.model.load_weights("cave-x4")
reached("load")
options = shsrd.upscaling.UpscaleOptions(frame=frame, uncertainty=bool(deviation), device="cpu")
result = shsrd.upscaling.upscale(cube, 4, options=options, model=model)
reached("upscale")
shsrd.io.save_cube(result.cube, target, overwrite=True)
reached("save")
print(json.dumps(peaks))
"""


@dataclass(frozen=True)
class Arguments:
    """Measure peak memory.

    Attributes:
        side: low-resolution pixels along each side.
        bands: number of bands.
        json: print JSON.
    """

    side: int = 128
    bands: int = 31
    json: bool = False


def peak_of(command: list[str]) -> int:
    """Peak resident memory of a process in bytes.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_maxrss * 1024


def command_peak(source: Path, asked: tuple[str, ...], folder: Path) -> int:
    """Peak of ``shsrd upscale`` with some options, in bytes."""
    run = "import sys; from shsrd.cli.main import main; sys.exit(main(sys.argv[1:]))"
    files = [str(folder / "sigma.tif")] if "--uncertainty" in asked else []
    places = [str(source), str(folder / "fine.tif")]
    return peak_of([sys.executable, "-c", run, "upscale", *places, "--overwrite", "--device", "cpu", *asked, *files])


def stage_peaks(source: Path, asked: tuple[str, ...], folder: Path) -> dict[str, int]:
    """Peaks in bytes at the end of each stage."""
    std = "yes" if "--uncertainty" in asked else ""
    command = [sys.executable, "-c", STAGES, str(source), str(folder / "fine.tif"), asked[1], std]
    return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def measure(arguments: Arguments) -> dict[str, dict[str, int]]:
    """Peaks in bytes, by case and stage."""
    lam = np.linspace(400, 700 if arguments.bands <= 31 else 2500, arguments.bands)
    made = synthetic_scene(rows=arguments.side, columns=arguments.side, wavelength_nm=lam, pixel_m=4)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "scene.hdr"
        save_cube(made.replace(storage=Storage(), good_bands=np.ones(arguments.bands, bool)), source)
        return {
            case: {"command": command_peak(source, asked, folder)} | stage_peaks(source, asked, folder)
            for case, asked in CASES.items()
        }


def show(found: dict[str, dict[str, int]]) -> None:
    """A table in MiB."""
    stages = list(next(iter(found.values())))
    table = Table("peak resident memory, MiB", *stages, title_justify="left")
    for case, peaks in found.items():
        table.add_row(case, *(f"{peaks[stage] / MIB:.0f}" for stage in stages))
    Console(width=120).print(table)
    worst = max(peaks["command"] for peaks in found.values()) / MIB
    Console(width=120).print(f"most: {worst:.0f} MiB; the goal is {GOAL_MIB:.0f} for 128 x 128 x 31")


def main() -> None:
    """Measure and print."""
    arguments = tyro.cli(Arguments, config=(tyro.conf.FlagCreatePairsOff,))
    found = measure(arguments)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)


if __name__ == "__main__":
    main()
