"""Does an uncertainty mean what it says? Coverage, CRPS, and whether errors are where it is large.

All functions take ``error`` (estimate minus truth) and ``std`` (one predicted standard deviation, above 0) of the
same shape, finite. Whatever the shape, every element counts alike.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def coverage(error: Array, std: Array, factor: float) -> float:
    """Share of truths inside the central interval ``estimate +- factor * std``.

    Example:
        >>> coverage(np.array([-2.0, 0.5, 1.0, 3.0]), np.ones(4), 1.0)
        0.5
    """
    return float(np.mean(np.abs(error) <= factor * np.asarray(std)))


def crps_gaussian(error: Array, std: Array) -> float:
    """Mean continuous ranked probability score of ``N(estimate, std^2)``, in units of the pixels; less is better.

    ``sigma (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi))`` with ``z = error / sigma`` (Gneiting et al. 2005, eq. 5). For
    a deviation near 0 it is the mean absolute error.

    Example:
        >>> round(crps_gaussian(np.zeros(1), np.ones(1)), 4)
        0.2337
    """
    from scipy.special import erf  # training imports this room and has no scipy

    sigma = np.asarray(std, np.float64)
    z = np.asarray(error, np.float64) / sigma
    density = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return float(np.mean(sigma * (z * erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi))))


def best_constant_std(error: Array) -> float:
    """The one standard deviation for all pixels that has the smallest ``crps_gaussian`` on these very errors.

    It knows the truth, so no constant does better: the strongest baseline of its kind. Where the derivative
    ``mean(2 phi(error / sigma)) - 1 / sqrt(pi)`` is zero; 0 where so many errors vanish that less is always better.

    Example:
        >>> errors = np.array([-1.0, 1.0])
        >>> sigma = best_constant_deviation(errors)
        >>> crps_gaussian(errors, np.full(2, sigma)) < crps_gaussian(errors, np.full(2, 1.1 * sigma))
        True
    """
    from scipy.optimize import brentq

    squares = np.square(np.asarray(error, np.float64)).ravel()
    if np.mean(squares == 0) >= 1 / math.sqrt(2):
        return 0.0

    def slope(log_sigma: float) -> float:
        density = np.exp(-0.5 * squares / math.exp(2 * log_sigma)) / math.sqrt(2 * math.pi)
        return float(np.mean(2 * density)) - 1 / math.sqrt(math.pi)

    smallest, largest = float(squares[squares > 0].min()), float(squares.max())
    return math.exp(brentq(slope, 0.5 * math.log(smallest) - 10, 0.5 * math.log(largest) + 10))


def error_ratio(error: Array, std: Array, *, share: float = 0.1, power: int = 2) -> float:
    """Mean ``|error|^power`` among the most uncertain pixels, over the same among the rest.

    Args:
        error: estimate minus truth.
        std: predicted.
        share: of the pixels that count as most uncertain, the larger deviations first; ties in the order of pixels.
        power: 2 compares mean squared errors, 1 mean absolute ones.

    Returns:
        1 for an uncertainty that knows nothing; infinite where the rest has no error.

    Raises:
        ValueError: a share that leaves nothing on one side.

    Example:
        >>> error_ratio(np.array([1.0, 1.0, 1.0, 3.0]), np.array([0.1, 0.2, 0.1, 0.7]), share=0.25)
        9.0
    """
    sizes = np.abs(np.asarray(error, np.float64)).ravel() ** power
    count = round(share * sizes.size)
    if not 0 < count < sizes.size:
        raise ValueError(f"a share of {share:g} of {sizes.size} pixels leaves one side empty; choose another share")
    order = np.argsort(-np.asarray(std).ravel(), kind="stable")
    rest = float(sizes[order[count:]].mean())
    most = float(sizes[order[:count]].mean())
    return most / rest if rest > 0 else math.inf
