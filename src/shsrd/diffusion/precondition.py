"""Preconditioning and loss weight of a denoiser (Karras et al. 2022, "EDM", table 1)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Precondition(NamedTuple):
    """Factors of ``D(x; sigma) = c_skip x + c_out F(c_in x; c_noise)`` (eq. 7)."""

    c_skip: Tensor
    c_out: Tensor
    c_in: Tensor
    c_noise: Tensor


def precondition(sigma: Tensor, sigma_data: float) -> Precondition:
    """Factors for noise levels ``sigma``, data of standard deviation ``sigma_data``."""
    total = sigma**2 + sigma_data**2
    return Precondition(
        c_skip=sigma_data**2 / total,
        c_out=sigma * sigma_data / total.sqrt(),
        c_in=total.rsqrt(),
        c_noise=sigma.log() / 4,
    )


def loss_weight(sigma: Tensor, sigma_data: float) -> Tensor:
    """``lambda(sigma) = 1 / c_out^2``: the network's own target has unit variance at every level."""
    return (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2


def sample_sigma(count: int, sigma_data: float, generator: torch.Generator) -> Tensor:
    """Training noise levels ``(count,)``: log-normal, EDM's values scaled from its data of deviation 0.5."""
    normal = torch.randn(count, generator=generator)
    return sigma_data * 0.6 * torch.exp(1.2 * normal)
