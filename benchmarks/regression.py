"""What filters across the spectrum are worth, against each band's own detail and against eigenimages.

    python benchmarks/regression.py PACK [--model cave-x4-dev] [--noise 0 0.03] [--seen 3 6 9 12 15 24]

Packs are made by ``shsrd prepare-data scenes``; the low resolution is simulated by ``D``. Gain in MPSNR over bicubic
and SAM as a share of bicubic's, before consistency, mean over scenes; passes are those of the network on a scene.
``noise`` is that of ``shsrd.training.validation.HeldOutScene``: white, the same in all bands, in bicubic's input and in
ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from shsrd.model import load_weights
from shsrd.spectral.regression import detail_regression
from shsrd.training.data.pack import load_scenes
from shsrd.training.validation import HeldOutScene
from shsrd.upscaling.bases import GuidedBasis
from shsrd.upscaling.inference import Engine
from shsrd.upscaling.options import choose_device, inference_precision


@dataclass(frozen=True)
class Arguments:
    """Compare what the network is shown.

    Attributes:
        pack: packed scenes.
        model: weights that have not seen them.
        noise: levels of noise in the low resolution.
        seen: numbers of evenly spaced bands to show.
    """

    pack: Annotated[Path, tyro.conf.Positional]
    model: str = "cave-x4-dev"
    noise: tuple[float, ...] = (0.0, 0.03)
    seen: tuple[int, ...] = (3, 6, 9, 12, 15, 24)


def each_for_itself(guided: GuidedBasis) -> GuidedBasis:
    """A frame of all bands whose detail is taken as it comes."""
    basis = guided.basis
    return replace(guided, basis=replace(basis, reconstruction_matrix=basis.vectors * basis.std, filter=None))


def one_filter(guided: GuidedBasis, scene: HeldOutScene) -> GuidedBasis:
    """The same with one filter for the whole scene, as it was before pixels had theirs."""
    basis = guided.basis
    weights = detail_regression(scene.statistics, np.arange(scene.statistics.bands))
    return replace(guided, basis=replace(basis, reconstruction_matrix=weights * basis.std, filter=None))


def looks(arguments: Arguments, scene: HeldOutScene, engine: Engine) -> Iterator[tuple[str, GuidedBasis]]:
    """What is compared on one scene."""
    bands = scene.statistics.bands
    everything = scene.guided(engine, "bands", bands)
    yield "pca", scene.guided(engine, "pca")
    yield "all bands, each for itself", each_for_itself(everything)
    yield "all bands, one filter for the scene", one_filter(everything, scene)
    for count in arguments.seen:
        if count < bands:
            yield f"{count} bands", scene.guided(engine, "bands", count)
    yield "all bands", everything


def judged(arguments: Arguments, noise: float, engine: Engine) -> dict[str, NDArray[np.float64]]:
    """Gain, share of the angle and passes of every look, mean over scenes."""
    found: dict[str, list[tuple[float, float, int]]] = {}
    for packed in load_scenes(arguments.pack):
        scene = HeldOutScene(packed, engine.scale, noise)
        for name, guided in looks(arguments, scene, engine):
            found.setdefault(name, []).append((*scene.judge(engine, guided), len(guided.triplets)))
    return {name: np.mean(rows, axis=0) for name, rows in found.items()}


def main() -> None:
    """Print the table."""
    arguments = tyro.cli(Arguments)
    device = choose_device("auto")
    network = load_weights(arguments.model).network
    engine = Engine(network, device=device, precision=inference_precision("auto", device))
    columns = {noise: judged(arguments, noise, engine) for noise in arguments.noise}
    headings = [f"noise {noise:g}: {what}" for noise in columns for what in ("gain, dB", "angle ratio")]
    table = Table("what the network sees", "passes", *headings)
    for name, (_, _, passes) in next(iter(columns.values())).items():
        figures = [f"{value:.{3 + place}f}" for rows in columns.values() for place, value in enumerate(rows[name][:2])]
        table.add_row(name, f"{passes:.0f}", *figures)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
