"""How fast is a scene written in each format, beside numpy writing the same numbers to the same disk?

    python benchmarks/writers.py [--bands 60] [--side 1024] [--only tif zstd.tif] [--folder DISK]

Numbers are int16 reflectance: a synthetic scene enlarged four times by bicubic interpolation, which is what
``upscale`` starts from, with noise of one stored unit. The scene has noise of its own, so these
numbers shrink less than most. They go through ``open_writer`` in squares of 512 pixels, all bands at once, as tiles do.

* *MB/s*: stored numbers over the clock, with everything it takes until the file has its name (overviews, checks).
* *cpu MB/s*: over processor time of all threads; on a busy machine believe this one.
* *of tofile*: the clock's rate as a share of ``numpy.tofile``; neither waits for the disk to have it all.
* *size*: the file as a share of the numbers.

Formats that cannot be written in pieces (.mat, .npz) hold the scene in memory meanwhile.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch
import tyro
from numpy.typing import NDArray

from shsrd.cube import SceneMetadata, Storage
from shsrd.datasets import synthetic_scene
from shsrd.degradation import bicubic_up
from shsrd.io import open_writer
from shsrd.io.compression import Compression

BLOCK = 512
STORAGE = Storage("int16", 1e-4, 0.0, -9999.0)
CODECS = get_args(Compression)
FORMATS = (*(f"{c}.tif" for c in CODECS), *(f"{c}.cog.tif" for c in CODECS), "img", "nc", "zarr", "npy", "npz", "mat")


@dataclass(frozen=True)
class Arguments:
    """Measure writers.

    Attributes:
        bands: number of bands.
        side: rows and columns, a multiple of 4.
        only: formats, by their names in the table; all without.
        empty: share of the rows that hold no data.
        repeat: the fastest of this many.
        folder: where files go; needs room for three of them.
    """

    bands: int = 60
    side: int = 1024
    only: tuple[str, ...] = ()
    empty: float = 0.0
    repeat: int = 3
    folder: Path | None = None


def numbers(arguments: Arguments) -> NDArray[np.int16]:
    """What is written, ``(band, y, x)``."""
    low = synthetic_scene(
        rows=arguments.side // 4, columns=arguments.side // 4, wavelength_nm=np.linspace(420, 2400, arguments.bands)
    )
    rng, made = np.random.default_rng(0), np.empty((arguments.bands, arguments.side, arguments.side), np.int16)
    for band, pixels in enumerate(low.pixels):
        fine = bicubic_up(torch.from_numpy(pixels)[None], 4)[0].numpy()
        made[band] = np.rint(fine / STORAGE.scale + rng.normal(size=fine.shape))
    made[:, : round(arguments.empty * arguments.side)] = -9999
    return made


def write(path: Path, stored: NDArray[np.int16], form: str) -> None:
    """One file, piece by piece."""
    metadata = SceneMetadata(stored.shape, wavelength_nm=np.linspace(420, 2400, len(stored)), storage=STORAGE)
    compress = next((codec for codec in CODECS if form.startswith(f"{codec}.")), None)
    with open_writer(path, metadata, overwrite=True, cog=".cog" in form, compress=compress) as writer:
        for row in range(0, stored.shape[1], BLOCK):
            for column in range(0, stored.shape[2], BLOCK):
                writer.write_stored(stored[:, row : row + BLOCK, column : column + BLOCK], row, column)


def plainly(path: Path, stored: NDArray[np.int16]) -> None:
    """The same numbers in one go."""
    with path.open("wb") as file:
        stored.tofile(file)


def seconds(repeat: int, work: Callable[[], None]) -> tuple[float, float]:
    """Wall and processor time, the least of each."""
    took = []
    for _ in range(repeat):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        took.append((time.perf_counter() - wall, time.process_time() - processor))
    return min(wall for wall, _ in took), min(processor for _, processor in took)


def size_of(path: Path) -> int:
    """Bytes of a file or a folder."""
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.is_dir() else path.stat().st_size


def main() -> None:
    """One line a format."""
    arguments = tyro.cli(Arguments, description=__doc__)
    stored = numbers(arguments)
    million = stored.nbytes / 1e6
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        plain, _ = seconds(arguments.repeat, lambda: plainly(Path(folder) / "plain", stored))
        (Path(folder) / "plain").unlink()
        print(f"{stored.shape} int16, {million:.0f} MB; tofile {million / plain:.0f} MB/s")
        print(f"{'format':<16}{'MB/s':>8}{'cpu MB/s':>10}{'of tofile':>11}{'size':>8}")
        for form in arguments.only or FORMATS:
            path = Path(folder) / f"scene.{form}"
            wall, processor = seconds(arguments.repeat, lambda path=path, form=form: write(path, stored, form))
            rates = f"{million / wall:>8.0f}{million / processor:>10.0f}{plain / wall:>11.3f}"
            print(f"{form:<16}{rates}{size_of(path) / stored.nbytes:>8.3f}", flush=True)


if __name__ == "__main__":
    main()
