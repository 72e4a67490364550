"""Bounds on the estimate: no value leaves the local range of the measurement by more than a stated share.

With ``lo`` and ``hi`` the smallest and largest measurement in the 5x5 low-resolution pixels around, and ``R`` the range
of the band in the scene, every value of the estimate ends up in

    [lo - a (hi - lo) - SLACK R,  hi + a (hi - lo) + SLACK R],

and no more than ``MAX_UNDERSHOOT R`` below the band's smallest value. What is cut off, ``e``, is given back to the
pixels around, as the sensor saw it (``x <- clip(x) + U C D e``, see ``composition``), a few times; what then leaves the
bounds is cut off for good.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from shsrd.degradation import Degradation, back_projection_reach, back_projection_update, bicubic_up, degrade

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]

REACH = 2  # low-resolution pixels around, on each side, whose range counts
MIN_REDISTRIBUTED = 1e-4  # RMS of what is cut off, as a share of the band's range: half of it shows in the consistency
ROUNDS = 4  # of giving back, at most
MAX_UNDERSHOOT = 0.1  # of a band's range below its smallest value
ROUNDING = 8 * 2.0**-23  # of the largest value of a band: sums in float32 are no surer
SLACK = 0.02  # of a band's range that may be left everywhere: flat places are quantised


@dataclass(frozen=True)
class Bounds:
    """Bounds on the values of every band of a scene.

    Attributes:
        overshoot: ``a``, in local ranges.
        slack: ``(B,)`` allowed everywhere, in cube units.
        floor: ``(B,)`` never below; minus infinity for none.
    """

    overshoot: float
    slack: Vector
    floor: Vector

    @classmethod
    def of(cls, overshoot: float, lowest: Vector, highest: Vector) -> Bounds:
        """From the smallest and largest value ``(B,)`` of every band in the scene; NaN where it has none."""
        rounding = ROUNDING * np.nan_to_num(np.maximum(np.abs(lowest), np.abs(highest)))
        return cls(overshoot, np.maximum(SLACK * np.nan_to_num(highest - lowest), rounding), _floor(lowest, highest))

    def chosen(self, bands: Flags) -> Bounds:
        """Those of some bands."""
        return Bounds(self.overshoot, self.slack[bands], self.floor[bands])

    def apply(
        self,
        estimate: Tensor,
        low: Tensor,
        degradation: Degradation | None,
        counted: tuple[slice, slice] = (slice(None), slice(None)),
    ) -> int:
        """Limit an estimate in place.

        Args:
            estimate: ``(B, s y, s x)``, consistent with the measurement or not.
            low: the measurement ``(B, y, x)``, finite.
            degradation: ``D``, to give back what is cut off; None to lose it.
            counted: rows and columns of the estimate in which limited values are counted.

        Returns:
            How many values were limited.
        """
        count = 0
        least, most = self._interval(low)
        for band in range(len(low)):
            pixels = estimate[band]
            limited = _between(pixels, least[band], most[band])
            if torch.equal(pixels, limited):
                continue
            count += int((limited != pixels)[counted].sum())
            for _ in range(ROUNDS if degradation is not None else 0):
                excess = pixels - limited
                if degradation is None or not _is_significant(excess, self.slack[band]):
                    break
                pixels.copy_(limited + _redistributed(excess, degradation))
                limited = _between(pixels, least[band], most[band])
            pixels.copy_(limited)
        return count

    def _interval(self, low: Tensor) -> tuple[Tensor, Tensor]:
        """Smallest and largest allowed value ``(B, y, x)`` of low-resolution pixels."""
        side = 2 * REACH + 1
        most, least = (sign * functional.max_pool2d(sign * low, side, 1, REACH) for sign in (1, -1))
        slack = torch.from_numpy(self.slack.astype(np.float32)).to(low.device)[:, None, None]
        margin = self.overshoot * (most - least) + slack
        floor = torch.from_numpy(self.floor.astype(np.float32)).to(low.device)[:, None, None]
        return torch.maximum(least - margin, floor), most + margin


def _floor(lowest: Vector, highest: Vector) -> Vector:
    """Not far below the smallest value; minus infinity where there is none."""
    rounding = ROUNDING * np.maximum(np.abs(lowest), np.abs(highest))
    return np.nan_to_num(lowest - np.maximum(MAX_UNDERSHOOT * (highest - lowest), rounding), nan=-np.inf)


def _between(pixels: Tensor, least: Tensor, most: Tensor) -> Tensor:
    """Pixels ``(s y, s x)`` limited by those of the low-resolution grid ``(y, x)``."""
    rows, columns = least.shape
    scale = pixels.shape[1] // columns
    limits = (limit.repeat_interleave(scale, dim=1)[:, None] for limit in (least, most))
    return torch.clamp(pixels.reshape(rows, scale, -1), *limits).reshape(pixels.shape)


def _is_significant(excess: Tensor, slack: float) -> bool:
    """Return True if clipping would show in the consistency."""
    return bool(excess.square().mean().sqrt() > slack * (MIN_REDISTRIBUTED / SLACK))


def _redistributed(excess: Tensor, degradation: Degradation) -> Tensor:
    """``U C D e`` of ``e`` ``(s y, s x)``, which is zero in most places: computed where it is not, and around."""
    s = degradation.scale
    reach = back_projection_reach(degradation) + 1
    found = torch.zeros_like(excess)
    where = excess != 0
    rows, columns = (_span(where.any(dim=1 - axis), s, reach, where.shape[axis] // s) for axis in (0, 1))
    box = (slice(rows.start * s, rows.stop * s), slice(columns.start * s, columns.stop * s))
    found[box] = bicubic_up(back_projection_update(degrade(excess[box].contiguous(), degradation), degradation), s)
    return found


def _span(where: Tensor, scale: int, reach: int, size: int) -> slice:
    """Low-resolution rows (or columns) with something in them, and ``reach`` more on each side."""
    numbers = torch.nonzero(where)[:, 0]
    return slice(max(0, int(numbers[0]) // scale - reach), min(size, int(numbers[-1]) // scale + 1 + reach))
