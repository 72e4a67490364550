"""White noise as a pure function of (seed, absolute pixel, channel): tiles agree on it, whatever their order."""

import math

import torch
from torch import Tensor

_MIX_1 = -0x40A7B892E31B1A47  # 0xBF58476D1CE4E5B9, splitmix64's multipliers as signed 64-bit numbers
_MIX_2 = -0x6B2FB644ECCEEE15  # 0x94D049BB133111EB
_GOLDEN = -0x61C8864680B583EB  # 0x9E3779B97F4A7C15


def _shift(x: Tensor, bits: int) -> Tensor:
    """Logical right shift of signed 64-bit integers."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    """Finaliser of splitmix64 (Steele et al. 2014): every input bit reaches every output bit."""
    x = (x ^ _shift(x, 30)) * _MIX_1
    x = (x ^ _shift(x, 27)) * _MIX_2
    return x ^ _shift(x, 31)


def pixel_noise(seed: int, rows: Tensor, columns: Tensor, channels: Tensor) -> Tensor:
    """Standard normal noise.

    Args:
        seed: any integer of 63 bits; one seed a sample.
        rows: int64 ``(y,)`` absolute high-resolution row numbers.
        columns: int64 ``(x,)`` absolute high-resolution column numbers.
        channels: int64 ``(c,)`` channel numbers.

    Returns:
        float32 ``(c, y, x)``, the same for a pixel whatever block it is asked in.
    """
    key = _mix(torch.tensor(seed, dtype=torch.int64, device=rows.device) + _GOLDEN)
    state = _mix(key ^ channels[:, None, None])
    state = _mix(state + rows[None, :, None] * _GOLDEN)
    state = _mix(state + columns[None, None, :] * _GOLDEN)
    first = (_shift(state, 40).float() + 0.5) * 2.0**-24
    second = ((state & 0xFFFFFF).float() + 0.5) * 2.0**-24
    radius = torch.sqrt(-2 * torch.log(first))  # Box and Muller 1958
    return radius * torch.cos(2 * math.pi * second)
