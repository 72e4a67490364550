"""Does the self-check of ``upscale`` tell right from wrong weights? Its score against the gain that truth shows.

    python benchmarks/self_check.py PACK [PACK ...] [--models natural-x4 cave-x4] [--damaged PACK] [--side 256]

Packs are made by ``shsrd prepare-data scenes``. Every scene is the truth once: its low resolution is simulated by
``D``, the self-check sees that alone (and may be asked of scenes smaller than ``upscale`` would), and the gain over
bicubic of the posterior mean, before consistency, is measured against the truth. ``clean``: weights as they come, both
frames. ``damaged``: the encoder's last layer replaced or multiplied, all harm that weights can do short of noise.
``noise``: white noise in the low resolution, as a share of the bands' typical deviation, which the check is known not
to see.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from shsrd.cube import Cube, MemorySource
from shsrd.model import Network, load_weights
from shsrd.spectral import BasisName
from shsrd.training.data.pack import PackedScene, load_scenes
from shsrd.training.validation import HeldOutScene
from shsrd.upscaling.inference import Engine
from shsrd.upscaling.options import choose_device, inference_precision
from shsrd.upscaling.self_check import SELF_CHECK_THRESHOLD_DB, run_self_check
from shsrd.upscaling.tiles import Window

DAMAGE: dict[str, float | None] = {"as it is": 1.0, "x -1": -1.0, "x 2": 2.0, "x 3": 3.0, "random": None}
FRAMES: tuple[BasisName, ...] = ("bands", "pca")


@dataclass(frozen=True)
class Arguments:
    """Judge the self-check.

    Attributes:
        packs: scenes for the clean cases, a group each.
        damaged: scenes for damaged weights and for noise.
        models: weights.
        noise: levels.
        side: pixels of the truths' sides, cropped at the upper left.
        json: print a JSON line for every case.
    """

    packs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    damaged: Path | None = None
    models: tuple[str, ...] = ("natural-x4", "cave-x4")
    noise: tuple[float, ...] = (0.01, 0.03, 0.1)
    side: int = 256
    json: bool = False


@dataclass(frozen=True)
class Case:
    """One scene, one network.

    Attributes:
        group: row of the table.
        scene: name.
        basis: of the posterior mean.
        model: weights, before any damage.
        score_db: of the self-check.
        gain_db: against the truth.
    """

    group: str
    scene: str
    basis: BasisName
    model: str
    score_db: float
    gain_db: float

    @property
    def right(self) -> bool:
        """Whether the verdict is what the truth says."""
        return (self.score_db < SELF_CHECK_THRESHOLD_DB) == (self.gain_db < 0)


def cropped(packed: PackedScene, side: int) -> PackedScene:
    """The upper left corner of a scene."""
    return PackedScene(packed.name, packed.stored[:, :side, :side], packed.step, packed.wavelength_nm)


def engine_of(network: Network) -> Engine:
    """As ``upscale`` would run it."""
    device = choose_device("auto")
    return Engine(network, device=device, precision=inference_precision("auto", device))


def damaged(network: Network, factor: float | None) -> Network:
    """A network whose estimate is multiplied, or comes from a random layer of the same size."""
    harmed, head = copy.deepcopy(network), network.encoder.head.weight
    noise = torch.randn(head.shape, generator=torch.Generator().manual_seed(0)) * head.std()
    with torch.no_grad():
        harmed.encoder.head.weight.copy_(noise if factor is None else head * factor)
        assert harmed.encoder.head.bias is not None
        harmed.encoder.head.bias.mul_(0.0 if factor is None else factor)
    return harmed


@dataclass(frozen=True)
class Judge:
    """Weights at work in a frame."""

    model: str
    engine: Engine
    basis: BasisName


def judged(group: str, scene: HeldOutScene, name: str, judge: Judge) -> Case | None:
    """Score and gain; None where the check says nothing."""
    engine, basis = judge.engine, judge.basis
    rows, columns = (size // engine.scale * engine.scale for size in scene.low.shape[1:])
    source = MemorySource(Cube(scene.low, wavelength_nm=scene.wavelength_nm))
    usable, windows = np.ones(len(scene.low), bool), [Window(0, 0, rows, columns)]
    score = run_self_check(source, engine, basis, usable=usable, windows=windows).score_db
    gain, _ = scene.judge(engine, scene.guided(engine, basis))
    return None if score is None else Case(group, name, basis, judge.model, score, gain)


def cases(arguments: Arguments) -> Iterator[Case | None]:
    """Every case."""
    networks = {name: load_weights(name).network for name in arguments.models}
    engines = {name: engine_of(network) for name, network in networks.items()}
    for pack in arguments.packs:
        for packed in load_scenes(pack):
            scene = HeldOutScene(cropped(packed, arguments.side), 4)
            for model, engine in engines.items():
                for basis in FRAMES:
                    yield judged(f"{pack.name}, clean", scene, packed.name, Judge(model, engine, basis))
    if arguments.damaged is None:
        return
    scenes, model = load_scenes(arguments.damaged), arguments.models[-1]
    harmed = {
        name: Judge(model, engine_of(damaged(networks[model], factor)), "bands") for name, factor in DAMAGE.items()
    }
    for packed in scenes:
        small = cropped(packed, arguments.side)
        scene = HeldOutScene(small, 4)
        for name, judge in harmed.items():
            yield judged(f"estimate {name}", scene, packed.name, judge)
        for noise in arguments.noise:
            noisy = HeldOutScene(small, 4, noise)
            yield judged(f"noise {noise:g}", noisy, packed.name, harmed["as it is"])


def main() -> None:
    """Print the table."""
    arguments = tyro.cli(Arguments, config=(tyro.conf.FlagCreatePairsOff,))
    groups: dict[str, list[Case]] = {}
    for case in cases(arguments):
        if case is not None:
            groups.setdefault(case.group, []).append(case)
            if arguments.json:
                print(json.dumps(asdict(case)), flush=True)
    table = Table("", "cases", "score, dB", "gain, dB", "right", "score below gain")
    for group, found in groups.items():
        scores, gains = ([getattr(case, name) for case in found] for name in ("score_db", "gain_db"))
        below = sum(case.score_db < case.gain_db for case in found)
        spans = [f"{min(values):.2f} to {max(values):.2f}" for values in (scores, gains)]
        table.add_row(group, str(len(found)), *spans, str(sum(case.right for case in found)), str(below))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
