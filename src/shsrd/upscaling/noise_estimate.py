"""Noise of every band, from what its bands have not in common."""

import numpy as np
from numpy.typing import NDArray

from shsrd.spectral import SceneStatistics

SHARED = 2.25  # (sum of the squared autocorrelations of 1, -1/2 along each axis)
MIN_FREE_SHARE = 0.02  # share of the variance; below it nothing can be told
MIN_NOISE_RATIO = 1e-4  # of a band's deviation: numbers are not known better


def estimate_noise_std(statistics: SceneStatistics) -> NDArray[np.float64]:
    """Standard deviation of each band's noise ``(b,)``: what the other bands do not foretell of its finest detail.

    Texture is alike in all bands, noise is not (Roger and Arnold 1996). Detail is the mixed second difference of 2 x 2
    pixels, whose variance is that of white noise. Many bands foretell few pixels by chance: with ``b`` bands and ``n``
    differences the share ``(1 - (b - 1) / n) ** 2.25`` of the variance is left, which is given back. (2.25 differences
    hold the information of one: neighbouring ones share pixels. Agrees with simulations of white noise within 0.3 dB.)
    """
    covariance = statistics.noise_covariance
    detail = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    correlation = covariance / np.outer(detail, detail) + 1e-9 * np.eye(len(detail))
    unforeseen = detail / np.sqrt(np.maximum(np.diag(np.linalg.inv(correlation)), 1))
    seen = statistics.differences
    free = max(1 - (len(detail) - 1) / seen, 0.0) if seen > 1 else 1.0  # one: moments that are known, not counted
    return np.asarray(unforeseen / max(free**SHARED, MIN_FREE_SHARE) ** 0.5, np.float64)
