"""Structural similarity (Wang et al., IEEE TIP 2004) as scikit-image computes it by default."""

import math

import numpy as np
from numpy.typing import NDArray

from shsrd.metrics.pair import Mask, Pixels, counted

WINDOW = 7
K1, K2 = 0.01, 0.03
Plane = NDArray[np.float64]


def mssim(estimate: Pixels, reference: Pixels, *, data_range: float = 1.0, mask: Mask | None = None) -> float:
    """Mean over bands of SSIM: 7x7 uniform window, sample covariance, mean over whole windows.

    Equal to ``skimage.metrics.structural_similarity`` of each band. A window counts when it lies wholly
    inside the image and holds no excluded pixel, so a hole removes its 7x7 surroundings, exactly as the
    image border does. Bands without any whole window are left out; NaN if none is left (an image below 7x7).

    Args:
        estimate: ``(band, y, x)``.
        reference: ``(band, y, x)``, the truth.
        data_range: largest minus smallest possible value.
        mask: ``(y, x)`` or ``(band, y, x)``, True where a pixel counts.

    Example:
        >>> image = np.random.default_rng(0).random((1, 9, 9))
        >>> mssim(image, image)
        1.0
    """
    valid = counted(estimate, reference, mask)
    if min(reference.shape[1:]) < WINDOW:
        return math.nan
    found = []
    for x, y, keep in zip(estimate, reference, valid, strict=True):
        whole = _whole_windows(keep)
        if whole.any():
            fill = [np.where(keep, band, 0).astype(np.float64) for band in (x, y)]
            found.append(float(ssim_map(*fill, data_range=data_range)[whole].mean()))
    return float(np.mean(found)) if found else math.nan


def ssim_map(x: Plane, y: Plane, *, data_range: float) -> Plane:
    """SSIM of every whole 7x7 window of two float64 planes: ``(rows - 6, columns - 6)``."""
    C1, C2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    mu_x, mu_y = _window_mean(x), _window_mean(y)
    sample = WINDOW**2 / (WINDOW**2 - 1)
    covariance = sample * (_window_mean(x * y) - mu_x * mu_y)
    variances = sample * (_window_mean(x * x + y * y) - mu_x**2 - mu_y**2)
    similar: Plane = ((2 * mu_x * mu_y + C1) * (2 * covariance + C2)) / ((mu_x**2 + mu_y**2 + C1) * (variances + C2))
    return similar


def _window_mean(plane: Plane) -> Plane:
    from scipy.ndimage import uniform_filter  # training judges by angle alone and does without scipy

    margin = WINDOW // 2
    mean: Plane = uniform_filter(plane, WINDOW)[margin:-margin, margin:-margin]
    return mean


def _whole_windows(keep: Mask) -> Mask:
    if keep.all():
        return np.ones((keep.shape[0] - WINDOW + 1, keep.shape[1] - WINDOW + 1), bool)
    whole: Mask = _window_mean(keep.astype(np.float64)) > 1 - 0.5 / WINDOW**2
    return whole
