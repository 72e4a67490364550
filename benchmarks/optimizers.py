"""Which optimiser learns faster from scratch? A small encoder, a few steps on photos, the gain on held-out photos.

    python benchmarks/optimizers.py --train PACK --validation PACK [--steps 200]

Packs are made by ``shsrd prepare-data photos``. Every row is one run: the same network, seed, batches and schedule
(linear warm-up, cosine to zero), averaged weights judged. A short run says which learns faster, not which ends higher.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from shsrd.model import NetworkConfig, read_header
from shsrd.training import TrainConfig, run_training

RUNS: tuple[tuple[Literal["adamw", "muon"], float], ...] = (
    ("adamw", 1e-3),
    ("adamw", 2e-3),
    ("muon", 2e-3),
    ("muon", 5e-3),
)


@dataclass(frozen=True)
class Arguments:
    """Compare optimisers.

    Attributes:
        train: packed photos.
        validation: packed photos that are not among them.
        steps: of each run.
        width: feature channels of the encoder.
        blocks: of the encoder.
        patch: side of a patch in low-resolution pixels.
    """

    train: Path
    validation: Path
    steps: int = 200
    width: int = 48
    blocks: int = 6
    patch: int = 40


def main() -> None:
    """Print one JSON line a run."""
    arguments = tyro.cli(Arguments)
    for optimizer, lr in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            config = TrainConfig(
                stage="pretrain",
                train=arguments.train,
                validation=arguments.validation,
                out=Path(folder),
                network=NetworkConfig(width=arguments.width, blocks=arguments.blocks),
                optimizer=optimizer,
                steps=arguments.steps,
                batch=12,
                patch=arguments.patch,
                lr=lr,
                warmup=30,
                ema=0.98,
                validate_every=arguments.steps,
            )
            stage = read_header(run_training(config))["provenance"]["stages"][-1]
        print(json.dumps({"optimizer": optimizer, "lr": lr, "steps": arguments.steps, "seed": 0, **stage["figures"]}))


if __name__ == "__main__":
    main()
