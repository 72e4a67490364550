"""Interpolation, detail and consistency as one linear map, so that few images are ever made at high resolution.

With ``U`` the interpolation, ``D`` the degradation and ``C`` the low-resolution part of back-projection
(``x <- x + U C (y - D x)``), the consistent estimate with detail ``E d z`` is

    x = U y + E d z + U C (y - D (U y + E d z)).

All four are linear; ``U``, ``C`` and ``D`` act on each band alike, so they commute with ``E d``. Hence

    x = U (y + C (y - M y) - E d C D z) + E d z,    M = D U.

``M`` and ``C`` live on the low-resolution grid, and ``D`` sees the K channels of ``z`` instead of B bands: the only
work on B bands at high resolution is one interpolation and the synthesis.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from shsrd.degradation import Degradation, bicubic_up, degrade, interpolated_again, low_correction
from shsrd.spectral import Frame

Block = NDArray[np.float32]


def composed(low: Block, detail: Block, frame: Frame, *, scale: int, degradation: Degradation | None) -> Block:
    """The estimate with some detail, consistent with the measurement.

    Args:
        low: ``y``, the measurement ``(B, y, x)``.
        detail: ``z``, the residual's channels as ``frame.synthesis`` takes them, ``(F, s y, s x)`` in standard units.
        frame: ``E``, ``d``.
        scale: factor of ``U``.
        degradation: ``D``, or None to leave consistency out.

    Returns:
        ``x`` ``(B, s y, s x)``.
    """
    base = torch.from_numpy(low)
    if degradation is not None:
        base = base + low_correction(base - interpolated_again(base, degradation), degradation)
        frame.add_detail(base.numpy(), -_seen_correction(detail, degradation))
    estimate: Block = bicubic_up(base, scale).numpy()
    frame.add_detail(estimate, detail)
    return estimate


def unseen(detail: Block, degradation: Degradation | None) -> Block:
    """The part of channels ``(K, s y, s x)`` that the sensor cannot see: ``z - U C D z``.

    Added to a consistent estimate it leaves it consistent. Without a degradation all of it is unseen.
    """
    if degradation is None:
        return detail
    seen = torch.from_numpy(_seen_correction(detail, degradation))
    left: Block = detail - bicubic_up(seen, degradation.scale).numpy()
    return left


def _seen_correction(detail: Block, degradation: Degradation) -> Block:
    corrected: Block = low_correction(degrade(torch.from_numpy(detail), degradation), degradation).numpy()
    return corrected
