"""Does the injection earn its place? Each kind of it, trained beside a frozen stage-1 network, on held-out scenes.

    python benchmarks/ablations.py --train PACK --validation PACK [--steps 250] [--seeds 0 1 2]

Every row begins with the same stage-1 weights and an untrained injection of its own kind (``restart_injection``),
trains nothing else (``trainable: injection``) and sees the same batches for the same seed; so the gain is its own.
Gain in MPSNR over bicubic and SAM as a share of bicubic's, before consistency, mean over scenes, both frames. The row
without injection is the stage-1 network itself. Packs are made by ``shsrd pack``.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from shsrd.model import NetworkConfig, load_weights
from shsrd.training import TrainConfig, run_training
from shsrd.training.validation import scene_validator
from shsrd.upscaling.options import choose_device, choose_precision

ROWS: dict[str, dict[str, Any]] = {
    "ungated": {"injection": "ungated"},
    "gated, no wavelengths": {"injection": "gated", "wavelengths": False},
    "gated": {"injection": "gated"},
}


@dataclass(frozen=True)
class Arguments:
    """Compare kinds of injection.

    Attributes:
        train: packed scenes.
        validation: packed scenes that are not among them.
        start_from: stage-1 weights.
        steps: of each run.
        seeds: one run each.
        lr: peak learning rate of Muon.
        batch: triplets a step.
        patch: side of a patch in low-resolution pixels.
    """

    train: Path
    validation: Path
    start_from: Path = Path("natural-x4")
    steps: int = 250
    seeds: tuple[int, ...] = (0,)
    lr: float = 2e-3
    batch: int = 12
    patch: int = 28


def figures(arguments: Arguments, seed: int, network: dict[str, Any]) -> dict[str, float]:
    """Validation figures at the end of one run."""
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            stage="transfer",
            train=arguments.train,
            validation=arguments.validation,
            start_from=arguments.start_from,
            out=Path(folder),
            trainable="injection",
            restart_injection=True,
            network=NetworkConfig(**network),
            optimizer="muon",
            steps=arguments.steps,
            lr=arguments.lr,
            batch=arguments.batch,
            patch=arguments.patch,
            seed=seed,
            warmup=20,
            ema=0.97,
            validate_every=arguments.steps,
            checkpoint_every=arguments.steps,
        )
        run_training(config)
        lines = [json.loads(line) for line in (Path(folder) / "log.jsonl").read_text().splitlines()]
        return {key: value for key, value in lines[-1].items() if key.startswith("val_")}


def without(arguments: Arguments) -> dict[str, float]:
    """Validation figures of the stage-1 network."""
    network = load_weights(arguments.start_from).network
    network.config = network.config.model_copy(update={"injection": "none"})
    network.encoder.injection = None
    precision = choose_precision("auto", choose_device("auto"))
    validate = scene_validator(arguments.validation, scale=network.config.scale, objective="mean", precision=precision)
    return {f"val_{key}": value for key, value in validate(network).items()}


def main() -> None:
    """Print one JSON line a run."""
    arguments = tyro.cli(Arguments)
    print(json.dumps({"row": "no injection", "steps": 0, **without(arguments)}), flush=True)
    for seed in arguments.seeds:
        for name, network in ROWS.items():
            row = {"row": name, "seed": seed, "steps": arguments.steps, **figures(arguments, seed, network)}
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
