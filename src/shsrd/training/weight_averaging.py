"""Between two weights there often lies a better one: averages of a transfer's start, best and last weights.

A network fine-tuned on few scenes and the one it started from are joined by a valley of low loss; points on the line
between them generalise better than either end (Wortsman et al. 2022, "WiSE-FT"). Validation decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from shsrd.model import Network
from shsrd.training.checkpoint import CHECKPOINT
from shsrd.training.validation import Validate

INTERPOLATION_WEIGHTS = (0.25, 0.5, 0.75)  # of the last weights
StateDict = Mapping[str, Tensor]


def select_weight_average(
    network: Network, ends: Mapping[str, StateDict], last: StateDict, validate: Validate
) -> tuple[str, dict[str, float]] | None:
    """Load the best mix of ``last`` with one of ``ends`` into the network, if it beats every end.

    Args:
        network: gets the weights.
        ends: by name, such as ``start`` and ``best``.
        last: averaged weights at the end of training.
        validate: judges a network.

    Returns:
        The mix's description and figures, or None (the network then holds the best of the ends).
    """
    found = [(weight_average_name(name, share), mix) for name, share, mix in _weight_averages(ends, last)]
    candidates = [(None, ends["best"]), (None, last), *found]
    judged = []
    for name, weights in candidates:
        network.load_state_dict(weights)
        judged.append((name, weights, validate(network)))
    name, weights, figures = max(judged, key=lambda candidate: score_db(candidate[2]))
    network.load_state_dict(weights)
    return None if name is None else (name, figures)


def mixed(start: StateDict, last: StateDict, share: float) -> dict[str, Tensor]:
    """The average of two weights, ``share`` of it from the last ones."""
    return {key: (1 - share) * start[key] + share * last[key] for key in last}


def weight_average_name(start: str, share: float) -> str:
    """Name of a weight average in the provenance."""
    return f"{start} {1 - share:g} + last {share:g}"


def score_db(figures: Mapping[str, float]) -> float:
    """Gain in MPSNR plus gain in spectral angle, both in dB over bicubic, of the better basis; least if not finite."""
    bases = [key.removesuffix("_sam_ratio") for key in figures if key.endswith("_sam_ratio")]
    pairs = [(figures[f"{name}_gain_db"], figures[f"{name}_sam_ratio"]) for name in bases]
    scores = [gain - 20 * math.log10(ratio) if ratio > 0 else math.nan for gain, ratio in pairs]
    return max([score for score in scores if math.isfinite(score)], default=-math.inf)


def load_ema_weights(folder: Path) -> dict[str, Tensor]:
    """The averaged weights of a run's last checkpoint."""
    prefix = "average.module."
    with safe_open(folder / CHECKPOINT, "pt") as file:
        return {key.removeprefix(prefix): file.get_tensor(key) for key in file.keys() if key.startswith(prefix)}  # noqa: SIM118


def _weight_averages(ends: Mapping[str, StateDict], last: StateDict) -> Iterator[tuple[str, float, dict[str, Tensor]]]:
    for name, end in ends.items():
        for share in INTERPOLATION_WEIGHTS:
            yield name, share, mixed(end, last, share)
