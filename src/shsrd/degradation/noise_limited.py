"""Consistency with a noisy measurement: what noise cannot explain is corrected, and no noise is put back.

The estimate of a scene that was corrected for its sensor need not agree with the measurement ``y``: the correction
smooths noise away, and the network adds what it likes. Plain back-projection ``x <- x + U P (y - D x)`` would bring all
of the noise back. Here the residual ``r = y - D x`` is taken in components of bands in units of their noise, whose
variance is then 1, and is let through at every pixel as far as its power ``p`` in 5 x 5 pixels exceeds the noise's:

    x <- x + U P W (y - D x),    W = max(0, 1 - 3 / p)  in components,    P = M / (M^2 + 0.01),    M = D U.

Where noise explains the residual, nothing is done; without noise all of it is taken, and one step leaves what ``D``
all but suppresses (``P`` is damped there).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from shsrd.cube.linear import matrix_product
from shsrd.degradation.consistency import damped_prefilter
from shsrd.degradation.degradation import Degradation
from shsrd.degradation.kernels import decimate
from shsrd.degradation.resample import SUPPORT

WINDOW = 5  # low-resolution pixels on a side of the square whose power decides
NOISE_THRESHOLD = 3.0  # times the noise's power: what the power has to exceed
DAMPING = 0.01  # of P: the gain of a wave that D U keeps a tenth of is halved
RADIUS = 8  # taps of P on each side


@dataclass(frozen=True, eq=False)
class NoisyMeasurement:
    """Point spread function and noise of some bands of a scene.

    Attributes:
        bands: ``(b,)`` their numbers.
        degradation: ``D``, the same for all of them.
        noise: ``(b,)`` standard deviation of their noise.
        basis: ``(b, b)``, orthonormal components of bands in units of noise, in columns.
    """

    bands: NDArray[np.intp]
    degradation: Degradation
    noise: NDArray[np.float64]
    basis: NDArray[np.float64]

    @property
    def reach(self) -> int:
        """Radius, in low-resolution pixels, of the input that a consistent estimate depends on."""
        return self.degradation.reach + WINDOW // 2 + RADIUS + SUPPORT

    def correction(self, residual: Tensor) -> Tensor:
        """``P W r`` of a residual ``(b, y, x)``: what has to be added to an estimate, once it is enlarged."""
        taps, taps_x = _prefilter(self.degradation)
        return decimate(self.significant_residual(residual), taps, 1, taps_x=taps_x)

    def significant_residual(self, residual: Tensor) -> Tensor:
        """``W r``: the part of a residual ``(b, y, x)`` that is more than noise."""
        noise = torch.from_numpy(self.noise[:, None].astype(np.float32)).to(residual.device)
        components = matrix_product(self.basis.T, residual.flatten(1) / noise).reshape(residual.shape)
        power = _local_power(components).clamp_min(1e-12)
        components = components * (1 - torch.tensor(NOISE_THRESHOLD) / power).clamp_min(0)
        return (matrix_product(self.basis, components.flatten(1)) * noise).reshape(residual.shape)


def _local_power(components: Tensor) -> Tensor:
    """Mean square ``(b, y, x)`` over the window around every pixel, mirrored at the border."""
    squares = components.square()
    if components.device.type == "cpu":
        from scipy.ndimage import uniform_filter

        return torch.from_numpy(np.stack([uniform_filter(each, WINDOW) for each in squares.numpy()]))
    rows, columns = (torch.from_numpy(_mirrored(size)).to(squares.device) for size in squares.shape[1:])
    return functional.avg_pool2d(squares[:, rows[:, None], columns], WINDOW, 1)


def _mirrored(size: int) -> NDArray[np.intp]:
    """Pixel numbers of one axis with those of half a window mirrored on both sides."""
    return np.pad(np.arange(size), WINDOW // 2, mode="symmetric")


@lru_cache(maxsize=64)
def _prefilter(degradation: Degradation) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Taps of ``P`` along y and x."""
    return damped_prefilter(degradation, DAMPING, RADIUS), damped_prefilter(degradation.turned, DAMPING, RADIUS)
