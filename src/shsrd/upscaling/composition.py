"""Interpolation, detail and consistency as one linear map, so that few images are ever made at high resolution.

With ``U`` the interpolation, ``D`` the degradation and ``C`` the low-resolution part of back-projection
(``x <- x + U C (y - D x)``), the consistent estimate with detail ``E d z`` is

    x = U y + E d z + U C (y - D (U y + E d z)).

All four are linear; ``U``, ``C`` and ``D`` act on each band alike, so they commute with ``E d``. Hence

    x = U (y + C (y - M y) - E d C D z) + E d z,    M = D U.

``M`` and ``C`` live on the low-resolution grid, and ``D`` sees the K channels of ``z`` instead of B bands: the only
work on B bands at high resolution is one interpolation and the synthesis.

A scene ``y'`` that was corrected for its sensor takes the place of ``y`` in ``U y``, and the measurement ``y`` itself
is what the estimate has to agree with, down to its noise (``shsrd.degradation.noise_limited``, ``C = P W``):

    x = U (y' + C (y - M y' - E d D z)) + E d z.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from shsrd.degradation import (
    Degradation,
    NoisyMeasurement,
    back_projection_update,
    bicubic_up,
    degrade,
    degrade_upsampled,
)
from shsrd.spectral import SpectralBasis

Block = NDArray[np.float32]


def compose_estimate(
    low: Block, detail: Block, basis: SpectralBasis, *, scale: int, degradation: Degradation | None
) -> Block:
    """The estimate with some detail, consistent with the measurement.

    Args:
        low: ``y``, the measurement ``(B, y, x)``.
        detail: ``z``, the residual's channels as ``basis.reconstruction_matrix`` takes them, ``(F, s y, s x)`` in
            standard units.
        basis: ``E``, ``d``.
        scale: factor of ``U``.
        degradation: ``D``, or None to leave consistency out.

    Returns:
        ``x`` ``(B, s y, s x)``.
    """
    base = torch.from_numpy(low)
    if degradation is not None:
        base = base + back_projection_update(base - degrade_upsampled(base, degradation), degradation)
        basis.add_detail(base.numpy(), -_range_space_correction(detail, degradation))
    estimate: Block = bicubic_up(base, scale).numpy()
    basis.add_detail(estimate, detail)
    return estimate


def compose_noise_limited(
    corrected: Block,
    detail: Block,
    basis: SpectralBasis,
    *,
    scale: int,
    measured: Block,
    measurements: Sequence[NoisyMeasurement],
) -> Block:
    """The estimate with some detail, consistent with what a sensor measured as far as that is not noise.

    Args:
        corrected: ``y'``, as the bicubic kernel would have given it, ``(B, y, x)``.
        detail: ``z``, as for ``compose_estimate``.
        basis: ``E``, ``d``.
        scale: factor of ``U``.
        measured: ``y``, ``(B, y, x)``; NaN where nothing was measured.
        measurements: of bands that were measured alike.

    Returns:
        ``x`` ``(B, s y, s x)``.
    """
    base = corrected.copy()
    for part in measurements:
        base[part.bands] += part.correction(_residual(corrected, detail, basis, measured, part))
    estimate: Block = bicubic_up(torch.from_numpy(base), scale).numpy()
    basis.add_detail(estimate, detail)
    return estimate


def _residual(corrected: Block, detail: Block, basis: SpectralBasis, measured: Block, part: NoisyMeasurement) -> Block:
    """``y - M y' - E d D z`` of some bands ``(b, y, x)``; zero where ``D`` sees pixels that nobody measured."""
    degradation = part.degradation
    again = degrade_upsampled(torch.from_numpy(corrected), degradation).numpy()
    basis.add_detail(again, degrade(torch.from_numpy(detail), degradation).numpy())
    residual: Block = measured[part.bands] - again[part.bands]
    missing = ~np.isfinite(residual)
    if missing.any():
        residual[_grown(missing, degradation.reach)] = 0
    return residual


def _grown(flags: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Pixels ``(b, y, x)`` within ``reach`` rows and columns of a flagged one."""
    side = 2 * reach + 1
    spread = functional.max_pool2d(torch.from_numpy(flags).float(), side, 1, reach)
    return spread.numpy() > 0


def null_space_component(detail: Block, degradation: Degradation | None) -> Block:
    """The part of channels ``(K, s y, s x)`` that the sensor cannot see: ``z - U C D z``.

    Added to a consistent estimate it leaves it consistent. Without a degradation all of it is unseen.
    """
    if degradation is None:
        return detail
    seen = torch.from_numpy(_range_space_correction(detail, degradation))
    left: Block = detail - bicubic_up(seen, degradation.scale).numpy()
    return left


def _range_space_correction(detail: Block, degradation: Degradation) -> Block:
    corrected: Block = back_projection_update(degrade(torch.from_numpy(detail), degradation), degradation).numpy()
    return corrected
