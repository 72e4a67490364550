"""Samplers of the probability-flow ODE ``dx = (x - D(x; sigma)) / sigma dsigma``, all of one signature.

``denoise(x, sigma)`` returns the estimate of the clean signal; ``sigmas`` decrease and end at 0; the start is the
noisy signal at ``sigmas[0]``. Nothing is clipped: residuals have no bounds.
"""

from collections.abc import Callable
from itertools import pairwise
from math import log

from torch import Tensor

Denoise = Callable[[Tensor, float], Tensor]
Callback = Callable[[int, float, Tensor], None]  # step number, sigma, estimate


def _ignore(step: int, sigma: float, estimate: Tensor) -> None:
    """The default callback."""


def euler(denoise: Denoise, start: Tensor, sigmas: Tensor, callback: Callback = _ignore) -> Tensor:
    """Euler steps, one evaluation each (Karras et al. 2022, algorithm 1 without correction)."""
    x = start
    levels = sigmas.tolist()
    for step, (here, there) in enumerate(pairwise(levels)):
        estimate = denoise(x, here)
        callback(step, here, estimate)
        x = x + (x - estimate) * ((there - here) / here)
    return x


def heun(denoise: Denoise, start: Tensor, sigmas: Tensor, callback: Callback = _ignore) -> Tensor:
    """Heun steps, two evaluations each but the last (Karras et al. 2022, algorithm 1)."""
    x = start
    levels = sigmas.tolist()
    for step, (here, there) in enumerate(pairwise(levels)):
        estimate = denoise(x, here)
        callback(step, here, estimate)
        slope = (x - estimate) / here
        ahead = x + slope * (there - here)
        if there > 0:
            ahead_slope = (ahead - denoise(ahead, there)) / there
            ahead = x + (slope + ahead_slope) * ((there - here) / 2)
        x = ahead
    return x


def dpmpp_2m(denoise: Denoise, start: Tensor, sigmas: Tensor, callback: Callback = _ignore) -> Tensor:
    """DPM-Solver++(2M) in the variance-exploding form, one evaluation each (Lu et al. 2022, algorithm 2).

    With ``lambda = -log(sigma)`` and ``h`` its step, ``x <- (sigma'/sigma) x + (1 - e^-h) D``, where D is
    extrapolated from the last two estimates; the first and the last step are of first order.
    """
    x = start
    levels = sigmas.tolist()
    previous: tuple[float, Tensor] | None = None
    for step, (here, there) in enumerate(pairwise(levels)):
        estimate = denoise(x, here)
        callback(step, here, estimate)
        direction = estimate
        if previous is not None and there > 0:
            before, old = previous
            ratio = _log_ratio(before, here) / _log_ratio(here, there)
            direction = estimate + (estimate - old) / (2 * ratio)
        x = x * (there / here) + direction * (1 - there / here)
        previous = (here, estimate)
    return x


def _log_ratio(high: float, low: float) -> float:
    """Step in ``lambda = -log(sigma)`` from one level to the next."""
    return log(high / low)
