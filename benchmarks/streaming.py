"""Peak memory and time of ``shsrd upscale`` on a flight line: a long scene, mostly without data, from file to file.

    python benchmarks/streaming.py [--rows 1536 3072] [--columns 1024] [--bands 200]

Makes an int16 GeoTIFF with a square of data in its middle, super-resolves it to a GeoTIFF in a process of its own with
the bundled weights, and prints that process's peak resident memory (imports included) and where the time went. Memory
must not grow with the number of rows.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from affine import Affine

from shsrd.cube import SceneMetadata, Storage
from shsrd.io import open_writer

BLOCK = 512
NODATA = -9999.0


@dataclass(frozen=True)
class Arguments:
    """Measure streaming.

    Attributes:
        rows: heights of the scenes, one run each.
        columns: width.
        bands: number of bands.
        data: pixels on a side of the square with data, in the middle of the scene.
        basis: spectral frame.
        folder: where scenes and results go; needs room for 16 times the scene.
    """

    rows: tuple[int, ...] = (1536, 3072)
    columns: int = 1024
    bands: int = 200
    data: int = 256
    basis: str = "bands"
    folder: Path | None = None


def make_scene(path: Path, shape: tuple[int, int, int], data: int) -> None:
    """A scene of smooth spectra in a square, no-data around it, written piece by piece."""
    bands, rows, columns = shape
    place = Affine(5, 0, 691000, 0, -5, 5335000)
    wavelength = np.linspace(400, 2500, bands)
    metadata = SceneMetadata(
        shape, wavelength_nm=wavelength, transform=place, storage=Storage("int16", 1e-4, 0.0, NODATA)
    )
    top, left = (rows - data) // 2, (columns - data) // 2
    with open_writer(path, metadata) as writer:
        for row in range(0, rows, BLOCK):
            for column in range(0, columns, BLOCK):
                y, x = np.mgrid[row : min(row + BLOCK, rows), column : min(column + BLOCK, columns)]
                inside = (y >= top) & (y < top + data) & (x >= left) & (x < left + data)
                wave = 0.3 + 0.1 * np.sin(y / 3) * np.cos(x / 5)
                pixels = wave[None] * np.linspace(0.5, 1, bands)[:, None, None]
                writer.write(np.where(inside, pixels, np.nan).astype(np.float32), row, column)


RUN = """
import resource, sys
from shsrd.cli.main import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def measured(source: Path, target: Path, basis: str) -> tuple[float, dict[str, float]]:
    """Peak MiB of the process, and its seconds."""
    command = ["upscale", str(source), str(target), "--basis", basis, "--json"]
    done = subprocess.run([sys.executable, "-c", RUN, *command], capture_output=True, text=True, check=True)
    return int(done.stderr.split()[-1]) / 1024, json.loads(done.stdout)["seconds"]


def main() -> None:
    """One line a scene."""
    arguments = tyro.cli(Arguments)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        source, target = Path(folder) / "line.tif", Path(folder) / "line_x4.tif"
        for rows in arguments.rows:
            make_scene(source, (arguments.bands, rows, arguments.columns), arguments.data)
            peak, seconds = measured(source, target, arguments.basis)
            size = target.stat().st_size / 2**20
            what = f"{rows} x {arguments.columns} x {arguments.bands}"
            print(f"{what}: peak {peak:.0f} MiB, output {size:.0f} MiB, {seconds}", flush=True)
            source.unlink()
            target.unlink()
    peak_of_all = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest: {peak_of_all:.0f} MiB")


if __name__ == "__main__":
    main()
