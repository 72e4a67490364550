"""Checkpoints that resume to the last bit: raw and averaged weights, optimiser moments, counters; no pickle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from shsrd.model.tensor_files import replacing
from shsrd.training.config import TrainingError

CHECKPOINT = "checkpoint.safetensors"
BEST = "best.safetensors"
LAST = "last.safetensors"


@dataclass
class Progress:
    """Counters of a run.

    Attributes:
        step: optimiser steps done.
        seconds: wall time spent so far, over all resumptions.
        best: best validation gain so far in dB.
        best_step: step of that best.
        stale: validations since then.
    """

    step: int = 0
    seconds: float = 0.0
    best: float = float("-inf")
    best_step: int = 0
    stale: int = 0


def save_checkpoint(
    folder: Path, network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write everything needed to go on; replaces the last checkpoint only when complete."""
    tensors = {f"raw.{key}": value for key, value in network.state_dict().items()}
    tensors |= {f"average.{key}": value for key, value in average.state_dict().items()}
    for number, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{key}": value for key, value in moments.items()}
    contiguous = {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}
    with replacing(folder / CHECKPOINT) as partial:
        save_file(contiguous, partial, metadata={"progress": json.dumps(asdict(progress))})


def load_checkpoint(
    folder: Path, network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> Progress | None:
    """Restore a run in place; None where there is nothing to resume."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            progress = Progress(**json.loads(file.metadata()["progress"]))
    except SafetensorError:
        raise TrainingError(f"{path}: damaged checkpoint; remove it to start this run again") from None
    network.load_state_dict(_with_prefix(tensors, "raw."))
    average.load_state_dict(_with_prefix(tensors, "average."))
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in _with_prefix(tensors, "optimizer.").items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return progress


def read_progress(folder: Path) -> Progress:
    """Counters of the checkpoint in a run folder.

    Raises:
        TrainingError: it is damaged.
    """
    path = folder / CHECKPOINT
    try:
        with safe_open(path, "pt") as file:
            return Progress(**json.loads(file.metadata()["progress"]))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        raise TrainingError(f"{path}: damaged checkpoint; remove it to start this run again") from None


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
