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

import torch
from torch import Tensor
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


def compose_estimate(
    low: Tensor, detail: Tensor, basis: SpectralBasis, *, scale: int, degradation: Degradation | None
) -> Tensor:
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
    base = low
    if degradation is not None:
        base = base + back_projection_update(base - degrade_upsampled(base, degradation), degradation)
        basis.add_detail(base, -_range_space_correction(detail, degradation))
    estimate = bicubic_up(base, scale)
    basis.add_detail(estimate, detail)
    return estimate


def compose_noise_limited(
    corrected: Tensor,
    detail: Tensor,
    basis: SpectralBasis,
    *,
    scale: int,
    measured: Tensor,
    measurements: Sequence[NoisyMeasurement],
) -> Tensor:
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
    base = corrected.clone()
    for part in measurements:
        base[torch.from_numpy(part.bands)] += part.correction(_residual(corrected, detail, basis, measured, part))
    estimate = bicubic_up(base, scale)
    basis.add_detail(estimate, detail)
    return estimate


def _residual(
    corrected: Tensor, detail: Tensor, basis: SpectralBasis, measured: Tensor, part: NoisyMeasurement
) -> Tensor:
    """``y - M y' - E d D z`` of some bands ``(b, y, x)``; zero where ``D`` sees pixels that nobody measured."""
    degradation, bands = part.degradation, torch.from_numpy(part.bands)
    again = degrade_upsampled(corrected, degradation)
    basis.add_detail(again, degrade(detail, degradation))
    residual = measured[bands] - again[bands]
    missing = ~residual.isfinite()
    if missing.any():
        residual[_grown(missing, degradation.reach)] = 0
    return residual


def _grown(flags: Tensor, reach: int) -> Tensor:
    """Pixels ``(b, y, x)`` within ``reach`` rows and columns of a flagged one."""
    side = 2 * reach + 1
    return functional.max_pool2d(flags.float(), side, 1, reach) > 0


def null_space_component(detail: Tensor, degradation: Degradation | None) -> Tensor:
    """The part of channels ``(K, s y, s x)`` that the sensor cannot see: ``z - U C D z``.

    Added to a consistent estimate it leaves it consistent. Without a degradation all of it is unseen.
    """
    if degradation is None:
        return detail
    return detail - bicubic_up(_range_space_correction(detail, degradation), degradation.scale)


def _range_space_correction(detail: Tensor, degradation: Degradation) -> Tensor:
    return back_projection_update(degrade(detail, degradation), degradation)
