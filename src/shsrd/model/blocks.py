"""The convolutions all networks here are made of."""

from typing import TypeVar

import torch
from torch import Tensor, nn

from shsrd.model.layer_ops import residual


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    """3x3 convolution that keeps the size."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def zero_module(layer: Layer) -> Layer:
    """The same layer with all weights zero: whatever it feeds starts unchanged."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class ResidualBlock(nn.Module):
    """``h + conv(relu(conv(h)))``: no normalisation, so no statistics of the tile enter (Lim et al. 2017)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv3x3(width, width)
        self.second = conv3x3(width, width)
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, h: Tensor) -> Tensor:
        """``(n, width, y, x)`` to the same shape."""
        return residual(self.first, self.second, h)
