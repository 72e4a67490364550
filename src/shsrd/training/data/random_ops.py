"""Random choices of training, each a pure function of the generator handed in."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def uniform(generator: torch.Generator) -> float:
    """A random number from 0 to 1."""
    return float(torch.rand((), generator=generator))


def bernoulli(share: float, generator: torch.Generator) -> bool:
    """True in this share of the draws."""
    return uniform(generator) < share


def integer(below: int, generator: torch.Generator) -> int:
    """A random whole number from 0 to ``below - 1``."""
    return int(torch.randint(below, (), generator=generator))


def log_uniform(low: float, high: float, generator: torch.Generator) -> float:
    """A random number, uniform in its logarithm."""
    return float(low * (high / low) ** uniform(generator))


def signs(count: int, generator: torch.Generator) -> Tensor:
    """Ones and minus ones ``(count,)``."""
    return torch.randint(2, (count,), generator=generator) * 2.0 - 1


def white_noise(shape: Sequence[int], generator: torch.Generator, device: torch.device) -> Tensor:
    """Standard normal noise, drawn on the device itself: another kind of device gives other noise."""
    seed = integer(2**62, generator)
    return torch.randn(tuple(shape), generator=torch.Generator(device).manual_seed(seed), device=device)


def random_crop(image: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A square ``(c, side, side)`` of an image ``(c, y, x)``."""
    top, left = (integer(size - side + 1, generator) for size in image.shape[1:])
    return image[:, top : top + side, left : left + side]


def dihedral(x: Tensor, symmetry: int) -> Tensor:
    """One of the eight flips and turns of ``(..., y, x)``."""
    x = x.flip(-1) if symmetry & 1 else x
    x = x.flip(-2) if symmetry & 2 else x
    return x.transpose(-1, -2) if symmetry & 4 else x
