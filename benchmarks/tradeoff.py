"""The line from mean to sample: what texture costs in distortion, and what samples cost in time.

    python benchmarks/tradeoff.py [SCENE ...] [--cave FOLDER --split validation] [--figure tradeoff.png] [--json]

For ``--detail`` 0, 0.25, 0.5, 0.75 and 1, mean over scenes:

* *MPSNR*, the distortion;
* *spectrum distance*, the lack of realism: mean of ``|log2(power / truth's power)|`` over the octaves above the
  low-resolution Nyquist frequency and the truth's three leading eigenimages (``shsrd.metrics.octave_power``). 0 is as
  textured as the truth, 1 is half or twice the power in every octave.

No method can be good at both (Blau and Michaeli 2018); the straight line from mean to sample is the best there is for
a perfect sampler (Freirich et al. 2021). Since ``detail`` moves along a straight line to rounding, mean and sample are
computed once and the points between are interpolated.

*Time* is processor time of all threads on the first scene, warm: one posterior mean, one sample, eight samples. Goal:
eight samples below six times the mean. Without scenes, two synthetic ones are used; they say whether the program works,
not how well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from shsrd.cube import Cube, Storage, fill_nodata
from shsrd.datasets import cave_scenes, synthetic_scene
from shsrd.degradation import Degradation, degrade_cube
from shsrd.io import open_cube
from shsrd.metrics import mpsnr, octave_power
from shsrd.model import Model, load_weights
from shsrd.spectral import SpectralBasis, pca_basis, scene_statistics
from shsrd.upscaling import UpscaleOptions, upscale

SCALE = 4
DETAILS = (0.0, 0.25, 0.5, 0.75, 1.0)
EIGENIMAGES = 3
Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class Arguments:
    """Measure the distortion-perception line.

    Attributes:
        scenes: truths, scene files.
        cave: folder of the CAVE archive.
        split: of the archive.
        model: weights.
        basis: of the posterior mean; the default is the model's.
        steps: diffusion steps of the sample.
        seed: of the sample.
        side: pixels of the truths' sides, cropped at the upper left.
        figure: PNG to write.
        json: print JSON.
    """

    scenes: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    cave: Path | None = None
    split: Literal["validation", "test", "train"] = "validation"
    model: str = "cave-x4"
    basis: Literal["pca", "bands"] | None = None
    steps: int = 4
    seed: int = 0
    side: int = 512
    figure: Path = Path("tradeoff.png")
    json: bool = False


def truths(arguments: Arguments) -> Iterator[tuple[str, Cube]]:
    """Names and scenes, cropped to whole low-resolution pixels."""
    paths = [*arguments.scenes]
    if arguments.cave is not None:
        paths += cave_scenes(arguments.cave, arguments.split)
    scenes: Iterator[tuple[str, Cube]] = ((path.stem, open_cube(path)) for path in paths)
    if not paths:
        lam = np.linspace(400, 700, 31)
        scenes = (
            (f"phantom {seed}", synthetic_scene(rows=512, columns=512, wavelength_nm=lam, seed=seed)) for seed in (0, 1)
        )
    for name, scene in scenes:
        rows, columns = (min(size, arguments.side) // SCALE * SCALE for size in scene.shape[1:])
        yield name, scene.crop(rows=rows, columns=columns)


def spectrum_distance(estimate: Pixels, truth: Pixels, basis: SpectralBasis) -> float:
    """Mean ``|log2|`` ratio of power above the low-resolution Nyquist frequency, over eigenimages and octaves."""
    octaves = int(np.log2(SCALE))
    ours, theirs = (
        octave_power(basis.project(torch.from_numpy(pixels)).numpy(), octaves=octaves) for pixels in (estimate, truth)
    )
    return float(np.abs(np.log2(ours / theirs)).mean())


def options_of(arguments: Arguments, *, steps: int, samples: int = 1) -> UpscaleOptions:
    """Options of one run."""
    return UpscaleOptions(basis=arguments.basis, steps=steps, samples=samples, seed=arguments.seed)


def curve(truth: Cube, model: Model, arguments: Arguments) -> list[tuple[float, float]]:
    """MPSNR and spectrum distance for every detail."""
    low = degrade_cube(truth, Degradation(scale=SCALE)).replace(storage=Storage())
    good = truth.usable_bands
    mean, sample = (
        fill_nodata(upscale(low, SCALE, options=options_of(arguments, steps=n), model=model).cube.pixels[good])
        for n in (0, arguments.steps)
    )
    reference = fill_nodata(truth.pixels[good])
    peak = float(reference.max())
    basis = pca_basis(scene_statistics(reference), EIGENIMAGES)
    points = []
    for detail in DETAILS:
        estimate = mean + np.float32(detail) * (sample - mean)
        psnr = mpsnr(estimate, reference, data_range=1.0 if peak <= 1.5 else peak)
        points.append((psnr, spectrum_distance(estimate, reference, basis)))
    return points


def times(truth: Cube, model: Model, arguments: Arguments) -> dict[str, float]:
    """Processor seconds, the better of two warm runs."""
    low = degrade_cube(truth, Degradation(scale=SCALE)).replace(storage=Storage())
    runs = {
        "mean": options_of(arguments, steps=0),
        "one sample": options_of(arguments, steps=arguments.steps),
        "eight samples": options_of(arguments, steps=arguments.steps, samples=8),
    }

    def seconds(options: UpscaleOptions) -> float:
        start = time.process_time()
        upscale(low, SCALE, options=options, model=model)
        return time.process_time() - start

    return {name: min(seconds(options) for _ in range(2)) for name, options in runs.items()}


def measure(arguments: Arguments) -> dict[str, Any]:
    """Curves by scene and in the mean, and times."""
    model = load_weights(arguments.model)
    scenes = dict(truths(arguments))
    curves = {name: curve(truth, model, arguments) for name, truth in scenes.items()}
    curves["mean"] = np.mean(list(curves.values()), axis=0).tolist()
    return {"details": DETAILS, "curves": curves, "seconds": times(next(iter(scenes.values())), model, arguments)}


def draw(found: dict[str, Any], path: Path) -> None:
    """The curves: thin by scene, thick in the mean, each point with its detail."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4.5), layout="constrained")
    for name, points in found["curves"].items():
        psnr, distance = zip(*points, strict=True)
        whole = name == "mean"
        axes.plot(
            distance, psnr, "o-" if whole else ".-", lw=2 if whole else 0.8, alpha=1 if whole else 0.5, label=name
        )
        if whole:
            for detail, x, y in zip(found["details"], distance, psnr, strict=True):
                axes.annotate(f"{detail:g}", (x, y), textcoords="offset points", xytext=(5, 5))
    axes.set_xlabel("spectrum distance above the low-resolution Nyquist, octaves of power")
    axes.set_ylabel("MPSNR, dB")
    axes.set_title("from posterior mean (detail 0) to sample (1)")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=150)


def main() -> None:
    """Print the figures and write the picture."""
    arguments = tyro.cli(Arguments, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,))
    found = measure(arguments)
    draw(found, arguments.figure)
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    table = Table(
        "scene", title=f"{arguments.model}, {arguments.steps} steps: MPSNR in dB / spectrum distance in octaves"
    )
    for detail in DETAILS:
        table.add_column(f"detail {detail:g}", justify="right")
    for name, points in found["curves"].items():
        table.add_row(name, *(f"{psnr:.2f} / {distance:.3f}" for psnr, distance in points))
    console, seconds = Console(width=120), found["seconds"]
    console.print(table)
    ratios = ", ".join(f"{name} {value:.2f} s ({value / seconds['mean']:.2f} x)" for name, value in seconds.items())
    console.print(f"processor time: {ratios}; figure: {arguments.figure}")


if __name__ == "__main__":
    main()
