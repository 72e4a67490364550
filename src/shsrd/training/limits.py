"""How large the encoder's features get: what its integer version takes its scales from (``shsrd.model.int8``)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from shsrd.model import Network
from shsrd.training.batch import Batch


@torch.no_grad()
def measure_limits(network: Network, batches: Iterable[Batch]) -> None:
    """Write the largest absolute feature before either convolution of every block into the network.

    Args:
        network: whose weights are final; whatever was measured before is forgotten.
        batches: that it was trained on, or the like.
    """
    encoder = network.encoder
    limits = torch.zeros_like(encoder.limits)
    hooks = [
        layer.register_forward_pre_hook(partial(_keep, limits[number, place]))
        for number, block in enumerate(encoder.blocks)
        for place, layer in enumerate((block.first, block.second))  # type: ignore[arg-type]
    ]
    try:
        for batch in batches:
            there = batch.to(limits.device)
            network.encode(there.low, there.information)
    finally:
        for hook in hooks:
            hook.remove()
    encoder.limits.copy_(limits)


def _keep(limit: Tensor, _: nn.Module, given: tuple[Any, ...]) -> None:
    """Raise a channel's limit to what comes in."""
    torch.maximum(limit, given[0].float().abs().amax(dim=(0, 2, 3)), out=limit)
