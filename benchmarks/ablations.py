"""What each choice in training is worth: rows that differ in one thing, trained alike, judged on held-out scenes.

    python benchmarks/ablations.py cubes --train PHOTOS --validation SCENES --noise 0 0.03 [--seeds 0 1 2]
    python benchmarks/ablations.py injection --train PACK --validation PACK [--seeds 0 1 2]
    python benchmarks/ablations.py sensors --train PACK --validation PACK --optimizer adamw --lr 3e-4 [--seeds 0 1 2]
    python benchmarks/ablations.py transfer --train PACK --validation PACK --optimizer adamw --lr 3e-4 [--seeds 0 1 2]

``cubes``: stage 1 goes on with cubes made of photos, everything is trained; rows differ in the injection.

``injection``: every row begins with the same stage-1 weights and an untrained injection of its own kind, and trains
nothing else, so the gain is its own. The row without one is the stage-1 network itself.

``sensors``: the same on scenes that random sensors measured and that were corrected for them. ``sensors_gain_db`` is
the mean over three pairs of sensor and noise (``training/validation.py``), ``exchanged_gain_db`` the same with every
scene told the sensor of another.

``transfer``: stage 2 as it is; with no more than the adapters or the injection to train; without balanced patches;
without injection; and without stage 1, from random weights.

Rows with the same seed see the same patches. Gain in MPSNR over bicubic and SAM as a share of bicubic's, before
consistency, mean over scenes, both frames, at the end of the run. Packs are made by ``shsrd prepare-data``.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import tyro

from shsrd.model import Network, NetworkConfig, load_weights, save_weights
from shsrd.training import TrainConfig, run_training
from shsrd.training.validation import SENSOR_CHANNELS, held_out_by_sensor, scene_validator
from shsrd.upscaling.inference import Engine, Precision
from shsrd.upscaling.options import choose_device, choose_precision

CUBES = {"stage": "pretrain", "photos": {"cubes": 1.0}, "restart_injection": True}
FRESH = {"trainable": "injection", "restart_injection": True}
SENSORS = FRESH | {"scenes": {"sensors": 0.8, "sensor_count": 4}}
UNTRAINED: dict[str, Any] = {}  # no run: the weights as they come
TABLES: dict[str, dict[str, dict[str, Any]]] = {
    "cubes": {
        "stage 1 alone": UNTRAINED,
        "none": CUBES | {"network": NetworkConfig(injection="none")},
        "ungated": CUBES | {"network": NetworkConfig(injection="ungated", guides="mnf")},
        "gated, no wavelengths": CUBES | {"network": NetworkConfig(wavelengths=False, guides="mnf")},
        "gated, principal components": CUBES | {"network": NetworkConfig(guides="pca")},
        "gated": CUBES | {"network": NetworkConfig(guides="mnf")},
    },
    "injection": {
        "stage 1 alone": UNTRAINED,
        "ungated": FRESH | {"network": NetworkConfig(injection="ungated")},
        "gated, no wavelengths": FRESH | {"network": NetworkConfig(injection="gated", wavelengths=False)},
        "gated": FRESH | {"network": NetworkConfig(injection="gated")},
    },
    "sensors": {
        "stage 1 alone": UNTRAINED,
        "ungated": SENSORS | {"network": NetworkConfig(injection="ungated", guides="mnf")},
        "gated, acquisition not told": SENSORS | {"network": NetworkConfig(guides="mnf")},
        "gated": SENSORS | {"network": NetworkConfig(guides="mnf"), "acquisition": True},
    },
    "transfer": {
        "stage 1 alone": UNTRAINED,
        "all": {},
        "adapters": {"trainable": "adapters"},
        "injection": {"trainable": "injection"},
        "all, patches not balanced": {"scenes": {"balanced": 0.0}},
        "all, no injection": {"restart_injection": True, "network": NetworkConfig(injection="none")},
        "all, no stage 1": {"start_from": None},
    },
}


@dataclass(frozen=True)
class Arguments:
    """Compare choices of stage 2.

    Attributes:
        table: which rows.
        train: packed scenes, or packed photos for ``cubes``.
        validation: packed scenes that are not among them.
        noise: levels of white noise in the low resolution, each judged by itself; shares of the bands' typical
            standard deviation.
        start_from: stage-1 weights.
        rows: only these rows; all of them if none is named.
        steps: of each run.
        seeds: one run each.
        optimizer: muon learns faster from scratch; trained weights (``transfer``) it damages first, adamw does not.
        lr: peak learning rate.
        batch: triplets a step.
        patch: side of a patch in low-resolution pixels.
    """

    table: Annotated[Literal["cubes", "injection", "sensors", "transfer"], tyro.conf.Positional]
    train: Path
    validation: Path
    noise: tuple[float, ...] = (0.0,)
    start_from: Path = Path("natural-x4")
    rows: tuple[str, ...] = ()
    steps: int = 250
    seeds: tuple[int, ...] = (0,)
    optimizer: Literal["muon", "adamw"] = "muon"
    lr: float = 2e-3
    batch: int = 12
    patch: int = 28


def figures(arguments: Arguments, seed: int, changes: dict[str, Any]) -> dict[str, float]:
    """Figures of the weights at the end of one run."""
    with tempfile.TemporaryDirectory() as folder:
        common = {
            "stage": "transfer",
            "train": arguments.train,
            "validation": None,
            "start_from": arguments.start_from,
            "out": Path(folder) / "run",
            "optimizer": arguments.optimizer,
            "steps": arguments.steps,
            "lr": arguments.lr,
            "batch": arguments.batch,
            "patch": arguments.patch,
            "seed": seed,
            "warmup": 20,
            "ema": 0.97,
            "checkpoint_every": arguments.steps,
            "mix": False,
        }
        config = TrainConfig.model_validate(common | changes)
        if config.start_from is None:
            config = config.model_copy(update={"start_from": random_weights(Path(folder), arguments.start_from, seed)})
        return judged(arguments, load_weights(run_training(config)).network)


def random_weights(folder: Path, like: Path, seed: int) -> Path:
    """A file of untrained weights of the same widths and depths."""
    torch.manual_seed(seed)
    path = folder / "random.safetensors"
    save_weights(path, Network(load_weights(like).network.config), {"stages": []})
    return path


def judged(arguments: Arguments, network: Network) -> dict[str, float]:
    """Figures of weights on the validation scenes at every level of noise."""
    precision = choose_precision("auto", choose_device("auto"))
    if arguments.table == "sensors":
        return judged_by_sensors(arguments.validation, network, precision)
    found = {}
    for noise in arguments.noise:
        validate = scene_validator(
            arguments.validation, network=network.config, objective="mean", precision=precision, noise=noise
        )
        suffix = f"_noise_{noise:g}" if noise else ""
        found |= {f"{key}{suffix}": value for key, value in validate(network).items()}
    return found


def judged_by_sensors(folder: Path, network: Network, precision: Precision) -> dict[str, float]:
    """Figures of weights on scenes measured by sensors; also with every scene told the acquisition of another."""
    validate = scene_validator(folder, network=network.config, objective="mean", precision=precision, sensors=True)
    found = validate(network)
    if network.config.acquisition:
        found["exchanged_gain_db"] = exchanged_gain(folder, network, precision)
    return found


def exchanged_gain(folder: Path, network: Network, precision: Precision) -> float:
    """Mean gain over sensors where each scene's acquisition is that of the next scene and sensor."""
    engine = Engine(network, precision=precision)
    scenes = [scene for seen in held_out_by_sensor(folder, network.config.scale).values() for scene in seen]
    acquisitions = [scene.acquisition for scene in scenes]
    gains = []
    for number, scene in enumerate(scenes):
        scene.acquisition = acquisitions[(number + len(scenes) // 3 + 1) % len(scenes)]
        gains.append(scene.judge(engine, scene.guided(engine, "bands", SENSOR_CHANNELS))[0])
    return float(np.mean(gains))


def main() -> None:
    """Print one JSON line a run."""
    arguments = tyro.cli(Arguments)
    wanted = {
        name: row for name, row in TABLES[arguments.table].items() if not arguments.rows or name in arguments.rows
    }
    for name, changes in wanted.items():
        if changes is UNTRAINED:
            start = load_weights(arguments.start_from).network
            print(json.dumps({"row": name, "steps": 0, **judged(arguments, start)}), flush=True)
            continue
        for seed in arguments.seeds:
            row = {"row": name, "seed": seed, "steps": arguments.steps, **figures(arguments, seed, changes)}
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
