"""How much texture is there, octave by octave, in the truth, the posterior mean and a posterior sample?

    python benchmarks/spectrum.py [--cave FOLDER --split validation] [--steps 8] [--json]

Each column is the power of the scene's leading eigenimages in one octave of spatial frequency, as a share of the
truth's (``shsrd.metrics.octave_power``), geometric mean over scenes and eigenimages. 1 is as textured as the truth,
below 1 is smoother, above 1 is rougher. The low-resolution pixels end at 0.5 / scale cycles per pixel: octaves below
are measured and should read 1 (bicubic damps the last of them, consistency restores it); octaves above are what
super-resolution adds. A posterior mean must fall off there (it is the average over all that could be); a sample at
detail 1 should stay near 1. The truth's own sensor noise counts as power and nobody should invent it: in the finest
octave a little below 1 is right for a noisy scene.

The eigenimages are those of the truth: they serve to look, nothing is estimated from them. Without ``--cave``, two
synthetic scenes are used; they say whether the program works, not how well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from shsrd.cube import Cube, Storage, fill_nodata
from shsrd.datasets import cave_scenes, synthetic_scene
from shsrd.degradation import Degradation, bicubic_up, degrade_cube
from shsrd.io import open_cube
from shsrd.metrics import octave_edges, octave_power
from shsrd.model import Model, load_weights
from shsrd.spectral import pca_basis, scene_statistics
from shsrd.upscaling import UpscaleOptions, upscale

Power = NDArray[np.float64]
SCALE = 4
PHANTOMS = 2


@dataclass(frozen=True)
class Arguments:
    """Compare power spectra.

    Attributes:
        cave: folder of the CAVE archive; without it, synthetic scenes.
        split: of the archive.
        model: weights.
        steps: diffusion steps of the sample.
        detail: of the sample.
        seed: of the sample.
        basis: of the posterior mean; the default is the model's.
        octaves: how many, down from Nyquist.
        eigenimages: how many leading ones are looked at.
        side: pixels of the truth's side, cropped at the upper left.
        json: print JSON.
    """

    cave: Path | None = None
    split: Literal["validation", "test", "train"] = "validation"
    model: str = "cave-x4"
    steps: int = 8
    detail: float = 1.0
    seed: int = 0
    basis: Literal["pca", "bands"] | None = None
    octaves: int = 5
    eigenimages: int = 3
    side: int = 512
    json: bool = False


def scenes(arguments: Arguments) -> Iterator[tuple[str, Cube]]:
    """Names and truths."""
    if arguments.cave is not None:
        for folder in cave_scenes(arguments.cave, arguments.split):
            yield folder.name, open_cube(folder)
        return
    for seed in range(PHANTOMS):
        lam = np.linspace(400, 700, 31)
        yield (
            f"phantom {seed}",
            synthetic_scene(rows=arguments.side, columns=arguments.side, wavelength_nm=lam, seed=seed),
        )


def spectra(truth: Cube, model: Model, arguments: Arguments) -> dict[str, Power]:
    """Power ``(eigenimage, octave)`` of truth, bicubic, posterior mean and sample."""
    low = degrade_cube(truth, Degradation(scale=SCALE)).replace(storage=Storage())
    mean = UpscaleOptions(basis=arguments.basis)
    sample = UpscaleOptions(basis=arguments.basis, steps=arguments.steps, detail=arguments.detail, seed=arguments.seed)
    pixels = {
        "truth": truth.pixels,
        "bicubic": bicubic_up(torch.from_numpy(fill_nodata(low.pixels)), SCALE).numpy(),
        "posterior mean": upscale(low, SCALE, options=mean, model=model).cube.pixels,
        f"sample, {arguments.steps} steps, detail {arguments.detail:g}": upscale(
            low, SCALE, options=sample, model=model
        ).cube.pixels,
    }
    good = truth.usable_bands
    basis = pca_basis(scene_statistics(fill_nodata(truth.pixels[good])), arguments.eigenimages)
    images = {name: basis.project(torch.from_numpy(fill_nodata(cube[good]))).numpy() for name, cube in pixels.items()}
    return {name: octave_power(image, octaves=arguments.octaves) for name, image in images.items()}


def measure(arguments: Arguments) -> dict[str, dict[str, list[float]]]:
    """Ratio of power to the truth's, by scene (and ``all``) and estimate, coarse to fine."""
    model = load_weights(arguments.model)
    ratios: dict[str, dict[str, Power]] = {}
    for name, scene in scenes(arguments):
        truth = scene.crop(rows=arguments.side, columns=arguments.side)
        whole = truth.crop(rows=truth.shape[1] // SCALE * SCALE, columns=truth.shape[2] // SCALE * SCALE)
        power = spectra(whole, model, arguments)
        reference = power.pop("truth")
        ratios[name] = {estimate: np.log(values / reference).mean(axis=0) for estimate, values in power.items()}
    estimates = next(iter(ratios.values()))
    ratios["all"] = {e: np.mean([scene[e] for scene in ratios.values()], axis=0) for e in estimates}
    return {name: {e: np.exp(values).tolist() for e, values in scene.items()} for name, scene in ratios.items()}


def main() -> None:
    """Print the ratios."""
    arguments = tyro.cli(Arguments, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,))
    edges = octave_edges(arguments.octaves)
    ratios = measure(arguments)
    if arguments.json:
        print(json.dumps({"edges_cycles_per_pixel": edges.tolist(), "power_over_truth": ratios}, indent=2))
        return
    title = f"power as a share of the truth's; measured up to {0.5 / SCALE:g} cycles per pixel, synthesised above"
    table = Table("scene", "estimate", title=title, title_justify="left")
    for low, high in pairwise(edges):
        table.add_column(f"{low:.3g} to {high:.3g}", justify="right")
    for name, scene in ratios.items():
        for number, (estimate, values) in enumerate(scene.items()):
            table.add_row("" if number else name, estimate, *(f"{value:.3f}" for value in values))
        table.add_section()
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
