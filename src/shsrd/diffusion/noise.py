"""White noise as a pure function of (seed, absolute pixel, channel): tiles agree on it, whatever their order."""

import math

import torch
from torch import Tensor

_MIX_1 = -0x40A7B892E31B1A47  # 0xBF58476D1CE4E5B9, splitmix64's multipliers as signed 64-bit numbers
_MIX_2 = -0x6B2FB644ECCEEE15  # 0x94D049BB133111EB
_GOLDEN = -0x61C8864680B583EB  # 0x9E3779B97F4A7C15
_ROWS = 64  # computed at a time, in place: what stays in the cache is several times faster


def _bits(x: Tensor, shift: int) -> Tensor:
    """A new tensor: logical right shift of signed 64-bit integers."""
    return (x >> shift).bitwise_and_((1 << (64 - shift)) - 1)


def _mix(x: Tensor) -> Tensor:
    """Finaliser of splitmix64 (Steele et al. 2014), in place: every input bit reaches every output bit."""
    x = x.bitwise_xor_(_bits(x, 30)).mul_(_MIX_1)
    x = x.bitwise_xor_(_bits(x, 27)).mul_(_MIX_2)
    return x.bitwise_xor_(_bits(x, 31))


def _normal(state: Tensor) -> Tensor:
    """Standard normal numbers from the upper and the lower 24 of 64 random bits (Box and Muller 1958)."""
    first = _bits(state, 40).float().add_(0.5).mul_(2.0**-24)
    second = (state & 0xFFFFFF).float().add_(0.5).mul_(2.0**-24)
    return first.log_().mul_(-2).sqrt_().mul_(second.mul_(2 * math.pi).cos_())


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
    lines = _mix(_mix(key ^ channels[:, None, None]) + rows[None, :, None] * _GOLDEN)
    across = columns * _GOLDEN
    noise = torch.empty(len(channels), len(rows), len(columns), device=rows.device)
    for plane, starts in zip(noise, lines, strict=True):
        for part, start in zip(plane.split(_ROWS), starts.split(_ROWS), strict=True):
            part.copy_(_normal(_mix(start + across)))
    return noise
