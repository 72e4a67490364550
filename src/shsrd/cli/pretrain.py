"""``shsrd pretrain CONFIG`` (and, with the other stage, ``shsrd transfer CONFIG``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tyro

from shsrd.cli.console import log


def run(given: Sequence[str]) -> int:
    """Run the command."""
    return run_stage("pretrain", given)


def run_stage(stage: str, given: Sequence[str]) -> int:
    """Train one stage from a YAML file; any key can be overridden: ``--lr 1e-4 --network.width 64``."""
    from shsrd.training import TrainConfig, TrainingError, read_config

    asks_help = not given or given[0] in {"-h", "--help"}
    if asks_help:
        log(f"usage: shsrd {stage} CONFIG.yaml [--KEY VALUE …]; every key of the config can be overridden:")
        tyro.cli(TrainConfig, prog=f"shsrd {stage} CONFIG.yaml", args=["--help"])
    config = read_config(Path(given[0]))
    config = tyro.cli(TrainConfig, prog=f"shsrd {stage} {given[0]}", args=list(given[1:]), default=config)
    if config.stage != stage:
        raise TrainingError(f"{given[0]} is a config of stage {config.stage}; run `shsrd {config.stage} {given[0]}`")
    from shsrd.training import run_training  # needs the extra, unlike what is said above

    best = run_training(config)
    kept = "averaged weights at the end" if config.validation is None else "best weights on the validation set"
    log(f"{kept}: {best}")
    return 0
