"""Consistency with the measurement: what the sensor saw is never contradicted.

Plain back-projection ``x <- x + U(y - D x)`` multiplies the residual by ``I - DU`` a step. ``M = DU`` is a
small symmetric, separable filter on the LR grid, so its inverse is one too, with exponentially falling
weights. Correcting by

    x <- x + U P (y - D x),    P = M^-1 cut to a few taps,

leaves ``(I - M P)(y - D x)``, below 5e-4 of the residual in one step for every kernel up to a Gaussian of
1.5 LR pixels FWHM. A wider PSF suppresses the finest waves of the LR grid; there P is damped (its gain is
limited) and steps are repeated.

How many steps are taken depends on the degradation alone, never on pixels, so tiles agree with the whole.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shsrd.degradation.degradation import Degradation, degrade
from shsrd.degradation.kernels import decimate
from shsrd.degradation.resample import MAX_DENSE_SIZE, SUPPORT, bicubic_round_trip, bicubic_up

TOLERANCE_RMSE = 5e-5  # of the data range
MAX_ITERATIONS = 6
INITIAL_RMSE = 0.1  # of the data range; no useful estimate is farther from its measurement
INVERSE_TOLERANCE = TOLERANCE_RMSE / INITIAL_RMSE  # cutting the inverse may leave this share: one step is then enough
MAX_RADIUS = 16  # taps of P on each side, at most
MAX_GAIN = 12.0  # of P along one axis
PERIOD = 128  # samples of the frequency response


class Prefilter(NamedTuple):
    """The cut inverse of ``M = DU``.

    Attributes:
        taps: symmetric weights on the LR grid along y.
        taps_x: the same along x, as many.
        contraction: the largest factor by which a step multiplies any wave of the residual (two axes
            together).
    """

    taps: tuple[float, ...]
    taps_x: tuple[float, ...]
    contraction: float


@lru_cache(maxsize=64)
def prefilter(degradation: Degradation) -> Prefilter:
    """The inverse filter P of a degradation, by its frequency response on a period of 128 LR pixels."""
    responses = [_round_trip_response(along) for along in (degradation, degradation.turned)]
    inverses = [_inverse(M) for M in responses]
    for radius in range(1, MAX_RADIUS + 1):
        cut = [_cut(inverse, radius) for inverse in inverses]
        left_y, left_x = (M * P for M, (_, P) in zip(responses, cut, strict=True))
        contraction = float(np.abs(1 - np.outer(left_y, left_x)).max())
        if contraction <= INVERSE_TOLERANCE:
            break
    taps_y, taps_x = (tuple(float(weight) for weight in (*weights[:0:-1], *weights)) for weights, _ in cut)
    return Prefilter(taps_y, taps_x, contraction)


def damped_prefilter(degradation: Degradation, damping: float, radius: int) -> tuple[float, ...]:
    """Symmetric taps of ``M / (M^2 + damping)``, the inverse of ``M = DU`` along y, ``radius`` on each side."""
    weights, _ = _cut(_inverse(_round_trip_response(degradation), damping), radius)
    return tuple(float(weight) for weight in (*weights[:0:-1], *weights))


def _inverse(M: NDArray[np.float64], damping: float | None = None) -> NDArray[np.float64]:
    """Weights of ``M^-1`` along one axis, damped where ``M`` all but suppresses a wave (None), or everywhere."""
    if damping is None:
        damping = 0.0 if 1 / M.min() <= MAX_GAIN and M.min() > 0 else (0.5 / MAX_GAIN) ** 2
    inverse: NDArray[np.float64] = np.fft.fft(M / (M * M + damping)).real / PERIOD  # symmetric: ifft but for 1/N
    return inverse


def _cut(inverse: NDArray[np.float64], radius: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights 0 to ``radius`` with gain 1 at the mean, and their frequency response."""
    omega = 2 * np.pi * np.arange(PERIOD) / PERIOD
    weights = inverse[: radius + 1] / (inverse[0] + 2 * inverse[1 : radius + 1].sum())
    P = weights[0] + 2 * np.cos(np.outer(omega, np.arange(1, radius + 1))) @ weights[1:]
    return weights, P


def _round_trip_response(degradation: Degradation) -> NDArray[np.float64]:
    """Real frequency response of ``DU`` along y, from its answer to a line on the LR grid."""
    line = torch.zeros(PERIOD, degradation.scale, dtype=torch.float64)
    line[PERIOD // 2] = 1
    answer = degrade(bicubic_up(line, degradation.scale), degradation)[:, 0].numpy()
    response: NDArray[np.float64] = np.fft.fft(np.roll(answer, -(PERIOD // 2))).real
    return response


def steps_needed(
    degradation: Degradation, *, tolerance_rmse: float = TOLERANCE_RMSE, max_iterations: int = MAX_ITERATIONS
) -> int:
    """Steps that bring any residual of 0.1 of the range below the tolerance, or ``max_iterations``."""
    contraction = prefilter(degradation).contraction
    if contraction >= 1:
        return max_iterations
    enough = math.ceil(math.log(tolerance_rmse / INITIAL_RMSE) / math.log(contraction))
    return min(max(enough, 1), max_iterations)


def back_projection_reach(
    degradation: Degradation, *, tolerance_rmse: float = TOLERANCE_RMSE, max_iterations: int = MAX_ITERATIONS
) -> int:
    """Radius, in LR pixels, of the input that a result of ``back_project`` depends on: a tile's halo."""
    steps = steps_needed(degradation, tolerance_rmse=tolerance_rmse, max_iterations=max_iterations)
    radius = len(prefilter(degradation).taps) // 2
    return steps * (degradation.reach + radius + SUPPORT)


def back_project(
    estimate: Tensor,
    low: Tensor,
    degradation: Degradation,
    *,
    tolerance_rmse: float = TOLERANCE_RMSE,
    max_iterations: int = MAX_ITERATIONS,
) -> Tensor:
    """Correct an estimate until the sensor model gives the measurement back.

    Args:
        estimate: ``(..., scale * y, scale * x)``, finite.
        low: the measurement, ``(..., y, x)``, finite.
        degradation: how ``low`` was made.
        tolerance_rmse: RMSE of ``D x - y`` to reach, as a share of a data range of 1.
        max_iterations: never more steps than this. Only Gaussian PSFs wider than 1.5 LR pixels take more
            than one step; at 2 LR pixels six steps leave about 5e-5 on natural scenes and 2e-2 on white
            noise, because such a sensor barely sees the finest waves of its own grid.

    Returns:
        A new tensor like ``estimate``. It depends on pixels no farther than ``back_projection_reach``.

    Raises:
        ValueError: shapes that do not belong together.
    """
    _check_shapes(estimate, low, degradation.scale)
    steps = steps_needed(degradation, tolerance_rmse=tolerance_rmse, max_iterations=max_iterations)
    correction = _correction(low - degrade(estimate, degradation), degradation, steps)
    return estimate + bicubic_up(correction, degradation.scale)


def back_projection_update(residual: Tensor, degradation: Degradation) -> Tensor:
    """Low-resolution update ``C r`` of back-projection: ``x + U C (y - D x)`` agrees with the measurement.

    ``C`` is linear and acts on each band by itself, so it commutes with spectral frames.

    Args:
        residual: ``r = y - D x``, ``(..., y, x)``.
        degradation: how the measurement was made.

    Returns:
        ``(..., y, x)``.
    """
    return _correction(residual, degradation, steps_needed(degradation))


def _correction(residual: Tensor, degradation: Degradation, steps: int) -> Tensor:
    """``P r + P (I - M P) r + …``: as many terms as there are steps."""
    P = prefilter(degradation)
    total = term = decimate(residual, P.taps, 1, taps_x=P.taps_x)
    for _ in range(1, steps):
        residual = residual - degrade_upsampled(term, degradation)
        term = decimate(residual, P.taps, 1, taps_x=P.taps_x)
        total = total + term
    return total


def degrade_upsampled(low: Tensor, degradation: Degradation) -> Tensor:
    """``M y = D U y``: what the sensor would see of an interpolated measurement ``(..., y, x)``."""
    if degradation.kernel == "bicubic":
        return bicubic_round_trip(low, degradation.scale)
    if max(low.shape[-2:]) * degradation.scale > MAX_DENSE_SIZE:
        return degrade(bicubic_up(low, degradation.scale), degradation)
    with torch.autocast(low.device.type, enabled=False):
        along_y, along_x = (
            _round_trip(int(size), axis, low.dtype).to(low.device)
            for size, axis in zip(low.shape[-2:], (degradation, degradation.turned), strict=True)
        )
        return along_y @ (low @ along_x.T)


@lru_cache(maxsize=64)
def _round_trip(size: int, degradation: Degradation, dtype: torch.dtype) -> Tensor:
    """``DU`` along y as a matrix ``(size, size)``; every kernel is separable."""
    units = torch.eye(size, dtype=torch.float64)[:, :, None].expand(size, size, degradation.scale)
    return degrade(bicubic_up(units, degradation.scale), degradation)[:, :, 0].T.to(dtype)


def consistency_rmse(estimate: Tensor, low: Tensor, degradation: Degradation, *, data_range: float = 1.0) -> float:
    """Root mean square of ``D x - y`` over all bands and pixels, divided by the data range.

    Args:
        estimate: ``(..., scale * y, scale * x)``, finite.
        low: the measurement, ``(..., y, x)``.
        degradation: how ``low`` was made.
        data_range: largest minus smallest possible value.
    """
    _check_shapes(estimate, low, degradation.scale)
    residual = degrade(estimate, degradation).double() - low.double()
    return float(residual.square().mean().sqrt()) / data_range


def _check_shapes(estimate: Tensor, low: Tensor, scale: int) -> None:
    expected = (*low.shape[:-2], low.shape[-2] * scale, low.shape[-1] * scale)
    if tuple(estimate.shape) != expected:
        raise ValueError(f"estimate {tuple(estimate.shape)} does not fit low at scale {scale}: expected {expected}")
