"""Operations of the network's layers: plain PyTorch, unless a faster backend is installed.

The networks call these functions and know no backend. ``shsrd.model`` installs ``shsrd.model.backends.fused`` once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


def modulate(h: Tensor, scale_shift: Tensor) -> Tensor:
    """Feature-wise affine map ``h * (1 + scale) + shift`` (Perez et al. 2018), per pixel or per image."""
    scale, shift = scale_shift.chunk(2, dim=1)
    return torch.addcmul(shift + h, h, scale)


@dataclass(frozen=True)
class LayerOps:
    """Implementations of the operations; the defaults are the definition of each.

    Attributes:
        conv_relu: ``relu(layer(x))``.
        residual: ``h + second(relu(first(h)))``.
        affine: ``modulate(h, layer(x))``.
    """

    conv_relu: Callable[[nn.Conv2d, Tensor], Tensor] = lambda layer, x: torch.relu(layer(x))
    residual: Callable[[nn.Conv2d, nn.Conv2d, Tensor], Tensor] = lambda first, second, h: (
        h + second(torch.relu(first(h)))
    )
    affine: Callable[[nn.Conv2d, Tensor, Tensor], Tensor] = lambda layer, x, h: modulate(h, layer(x))


_installed = LayerOps()


def install(ops: LayerOps) -> None:
    """Let all networks of this process use ``ops``."""
    global _installed  # noqa: PLW0603
    _installed = ops


def conv_relu(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """``relu(layer(x))``."""
    return _installed.conv_relu(layer, x)


def residual(first: nn.Conv2d, second: nn.Conv2d, h: Tensor) -> Tensor:
    """``h + second(relu(first(h)))``."""
    return _installed.residual(first, second, h)


def affine(layer: nn.Conv2d, x: Tensor, h: Tensor) -> Tensor:
    """``h * (1 + scale) + shift``; ``layer(x)`` holds the scales in its first half, the shifts in its second."""
    return _installed.affine(layer, x, h)
