"""Figures made of squared errors and means: RMSE, two kinds of PSNR, ERGAS, correlation.

All sums are float64. Pixels that either cube lacks (NaN) or the mask excludes are left out band by band;
bands without any counted pixel are left out of means over bands.
"""

import math

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError
from shsrd.metrics.pair import Mask, Pixels, counted

Float64s = NDArray[np.float64]
MIN_MEAN_RATIO = 1e-6  # of the largest band mean; below it ERGAS has no meaning for a band


def _band_mse(estimate: Pixels, reference: Pixels, valid: Mask) -> tuple[Float64s, Float64s]:
    """Mean squared error and number of counted pixels of each band that has any."""
    errors, counts = [], []
    for x, y, keep in zip(estimate, reference, valid, strict=True):
        if count := np.count_nonzero(keep):
            difference = np.subtract(x, y, dtype=np.float64)[keep]
            errors.append(float(difference @ difference) / count)
            counts.append(count)
    return np.array(errors), np.array(counts, float)


def _psnr(mse: float, data_range: float) -> float:
    if not data_range > 0:
        raise SceneError(f"data_range {data_range} must be above 0; give the largest possible value")
    return 10 * math.log10(data_range**2 / mse) if mse > 0 else math.inf


def rmse(estimate: Pixels, reference: Pixels, *, mask: Mask | None = None) -> float:
    """Root mean square error over the whole cube, in the unit of the pixels.

    Args:
        estimate: ``(band, y, x)``.
        reference: ``(band, y, x)``, the truth.
        mask: ``(y, x)`` or ``(band, y, x)``, True where a pixel counts.

    Example:
        >>> rmse(np.full((2, 4, 4), 0.75), np.full((2, 4, 4), 0.5))
        0.25
    """
    mse, counts = _band_mse(estimate, reference, counted(estimate, reference, mask))
    return math.sqrt(float(np.average(mse, weights=counts)))


def consistency(degraded_estimate: Pixels, low: Pixels, *, data_range: float = 1.0) -> float:
    """RMSE between the degraded estimate and the measurement, divided by the range: ``RMSE(D x, y) / range``.

    Args:
        degraded_estimate: ``D x``, the estimate as the sensor would have seen it, ``(band, y, x)``.
        low: ``y``, what the sensor saw, ``(band, y, x)``.
        data_range: largest minus smallest possible value.

    Example:
        >>> consistency(np.full((1, 2, 2), 0.5), np.full((1, 2, 2), 0.25), data_range=0.5)
        0.5
    """
    return rmse(degraded_estimate, low) / data_range


def mpsnr(estimate: Pixels, reference: Pixels, *, data_range: float = 1.0, mask: Mask | None = None) -> float:
    """Mean over bands of ``10 log10(range^2 / MSE_band)`` in dB.

    A band that is identical in both cubes has no finite PSNR and is left out of the mean; the figure is infinite
    where every band is identical. (Tables of the field hold no such band, so their figures are the same.)

    Args:
        estimate: ``(band, y, x)``.
        reference: ``(band, y, x)``, the truth.
        data_range: largest minus smallest possible value.
        mask: ``(y, x)`` or ``(band, y, x)``, True where a pixel counts.

    Example:
        >>> reference = np.zeros((2, 4, 4))
        >>> round(mpsnr(reference + np.array([0.1, 0.01])[:, None, None], reference), 6)
        30.0
    """
    mse, _ = _band_mse(estimate, reference, counted(estimate, reference, mask))
    found = [_psnr(error, data_range) for error in mse.tolist()]
    finite = [psnr for psnr in found if math.isfinite(psnr)]
    return float(np.mean(finite)) if finite else math.inf


def psnr_cube(estimate: Pixels, reference: Pixels, *, data_range: float = 1.0, mask: Mask | None = None) -> float:
    """``10 log10(range^2 / MSE)`` in dB with one MSE over the whole cube (what the MCNet family prints).

    Args:
        estimate: ``(band, y, x)``.
        reference: ``(band, y, x)``, the truth.
        data_range: largest minus smallest possible value.
        mask: ``(y, x)`` or ``(band, y, x)``, True where a pixel counts.

    Example:
        >>> reference = np.zeros((2, 4, 4))
        >>> round(psnr_cube(reference + 0.1, reference), 6)
        20.0
    """
    return _psnr(rmse(estimate, reference, mask=mask) ** 2, data_range)


def ergas(estimate: Pixels, reference: Pixels, *, scale: int, mask: Mask | None = None) -> float:
    """``(100 / s) sqrt(mean over bands of MSE / mean^2)``, ``mean`` of the reference band (Wald 2000).

    Bands whose reference mean is zero (below 1e-6 of the largest) are left out, as the ratio has no meaning
    there; NaN if no band is left.

    Args:
        estimate: ``(band, y, x)``.
        reference: ``(band, y, x)``, the truth.
        scale: ``s``, the true scale factor (some x8 tables hard-code 4).
        mask: ``(y, x)`` or ``(band, y, x)``, True where a pixel counts.

    Example:
        >>> ergas(np.full((1, 4, 4), 1.5), np.full((1, 4, 4), 1.0), scale=4)
        12.5
    """
    valid = counted(estimate, reference, mask)
    mse, _ = _band_mse(estimate, reference, valid)
    pairs = zip(reference, valid, strict=True)
    mean = np.array([band[keep].mean(dtype=np.float64) for band, keep in pairs if keep.any()])
    usable = np.abs(mean) > MIN_MEAN_RATIO * np.abs(mean).max()
    if not usable.any():
        return math.nan
    return 100 / scale * math.sqrt(float(np.mean(mse[usable] / mean[usable] ** 2)))


def cc(estimate: Pixels, reference: Pixels, *, mask: Mask | None = None) -> float:
    """Mean over bands of Pearson's correlation; constant bands are left out, NaN if no band is left.

    Args:
        estimate: ``(band, y, x)``.
        reference: ``(band, y, x)``, the truth.
        mask: ``(y, x)`` or ``(band, y, x)``, True where a pixel counts.

    Example:
        >>> ramp = np.arange(16.0).reshape(1, 4, 4)
        >>> round(cc(3 * ramp + 1, ramp), 6)
        1.0
    """
    found = []
    for x, y, keep in zip(estimate, reference, counted(estimate, reference, mask), strict=True):
        a, b = x[keep].astype(np.float64), y[keep].astype(np.float64)
        if not a.size or np.ptp(a) == 0 or np.ptp(b) == 0:
            continue
        a, b = a - a.mean(), b - b.mean()
        found.append(float(a @ b) / math.sqrt(float(a @ a) * float(b @ b)))
    return float(np.mean(found)) if found else math.nan
