"""How large the encoder's features get: what its integer version takes its scales from (``shsrd.model.int8``)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from shsrd.model import Network, largest_feature
from shsrd.training.batch import Batch

SHARE = 0.95  # of the triplets, whose features stay within the limits


@torch.no_grad()
def measure_limits(network: Network, batches: Iterable[Batch], *, mixed: bool = False) -> None:
    """Write into the network what ``Encoder.limits`` holds: how large features get beside the stem's.

    Args:
        network: whose weights are final; whatever was measured before is forgotten.
        batches: that it was trained on, or the like.
        mixed: whether the network computes in bf16 (autocast); never the batches.
    """
    encoder, seen = network.encoder, list[Tensor]()
    layers = [layer for block in encoder.blocks for layer in (block.first, block.second)]
    hooks = [layer.register_forward_pre_hook(partial(_keep, seen)) for layer in layers]  # type: ignore[union-attr]
    relative = []
    try:
        for batch in batches:
            there = batch.to(encoder.limits.device)
            with torch.autocast(there.low.device.type, torch.bfloat16, enabled=mixed):
                network.encode(there.low, there.information)
            sizes = torch.stack(seen, dim=1).reshape(-1, *encoder.limits.shape)  # (n, blocks, 2, width)
            relative.append(sizes / largest_feature(sizes[:, 0, 0]).reshape(-1, 1, 1, 1))
            seen.clear()
    finally:
        for hook in hooks:
            hook.remove()
    encoder.limits.copy_(torch.cat(relative).quantile(SHARE, dim=0))


def _keep(seen: list[Tensor], _: nn.Module, given: tuple[Any, ...]) -> None:
    """Note the largest absolute value ``(n, width)`` of every channel that comes in."""
    seen.append(given[0].float().abs().amax(dim=(2, 3)))
