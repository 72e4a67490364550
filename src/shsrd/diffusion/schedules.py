"""Noise schedules: decreasing noise levels that end at zero."""

import torch
from torch import Tensor


def sigmas_karras(steps: int, *, sigma_max: float, sigma_min: float, rho: float = 7.0) -> Tensor:
    """``(steps + 1,)`` levels, equally spaced in ``sigma^(1/rho)``, then 0 (Karras et al. 2022, eq. 5)."""
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return _append_zero((high + ramp * (low - high)) ** rho)


def log_uniform(steps: int, *, sigma_max: float, sigma_min: float) -> Tensor:
    """``(steps + 1,)`` levels equally spaced in ``log(sigma)``, then 0: even steps for multistep solvers."""
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    return _append_zero(sigma_max * (sigma_min / sigma_max) ** ramp)


def _append_zero(levels: Tensor) -> Tensor:
    return torch.cat([levels, levels.new_zeros(1)])
