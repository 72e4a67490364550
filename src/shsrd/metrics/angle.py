"""The spectral angle."""

import math

import numpy as np

from shsrd.metrics.pair import Mask, Pixels, counted


def sam_deg(estimate: Pixels, reference: Pixels, *, mask: Mask | None = None) -> float:
    """Spectral angle in degrees: mean over pixels of ``arccos(<x, y> / (|x| |y|))``.

    Float64, cosine clamped to [-1, 1]. Pixels where either spectrum has norm zero are left out (their angle
    has no meaning); a pixel that lacks some bands is compared in the bands both cubes have. NaN if no pixel
    is left.

    Args:
        estimate: ``(band, y, x)``.
        reference: ``(band, y, x)``, the truth.
        mask: ``(y, x)`` or ``(band, y, x)``, True where a pixel counts.

    Example:
        >>> x, y = np.zeros((2, 2, 4, 4))
        >>> x[0], y[0], y[1] = 1, 1, 1
        >>> round(sam_deg(x, y), 6)
        45.0
    """
    valid = counted(estimate, reference, mask)
    dot, xx, yy = np.zeros((3, *reference.shape[1:]))
    for x_band, y_band, keep in zip(estimate, reference, valid, strict=True):
        x = np.where(keep, x_band, 0).astype(np.float64)
        y = np.where(keep, y_band, 0).astype(np.float64)
        dot += x * y
        xx += x * x
        yy += y * y
    norms = np.sqrt(xx) * np.sqrt(yy)
    usable = norms > 0
    if not usable.any():
        return math.nan
    cosine = np.clip(dot[usable] / norms[usable], -1, 1)
    return float(np.degrees(np.arccos(cosine)).mean())
