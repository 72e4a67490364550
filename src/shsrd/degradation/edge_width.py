"""Width of a point spread function from the edges of a scene: the frontier below which no edge is.

Edges of a scene are as wide as the point spread function or wider: shadows and soil are no steps. With normal
``(ny, nx)``, variance ``w^2`` and its error ``v`` from the fit (``edges``),

    w^2 = ny^2 sy^2 + nx^2 sx^2 + excess + error,    excess ~ exponential of mean tau,    error ~ N(0, v),

which is the stochastic frontier of Aigner, Lovell and Schmidt (1977) and Meeusen and van den Broeck (1977). ``sy``,
``sx`` and ``tau`` are those of greatest likelihood. Where a scene has no sharp edge at all, the frontier is that of the
scene, not of the sensor: **the estimate is an upper bound**, blur of the scene included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shsrd.degradation.edges import Edges
from shsrd.degradation.kernels import FWHM_PER_SIGMA

FEWEST = 12  # edges
MIN_EDGE_CELLS = 5  # squares of PLACE pixels that hold an edge
PLACE = 16  # pixels: edges within it are one edge seen several times
MODEL_ERROR = 0.02  # of a width: what a Gaussian step does not describe
OUTLIER_FRACTION = 0.02  # share of edges that follow no model
ALIKE = 0.3  # standard deviation of log(sy / sx), before anything is seen
TAU_PRIOR = 0.15, 1.5  # square pixels that tau is likely near, and the standard deviation of its logarithm
BIAS = 0.06  # of a width, standard deviation: from scene to scene, seen in simulations; the bootstrap cannot see it
BOOTSTRAP_SAMPLES = 16  # times that edges are drawn anew
MAX_RELATIVE_ERROR = 0.2  # of a width: above it, the scene does not tell

Values = NDArray[np.float64]


@dataclass(frozen=True)
class PsfEstimate:
    """Estimated full widths at half maximum of a point spread function.

    Attributes:
        fwhm: along y and x, pixels.
        error: standard errors of them.
        edges: number of edges they are from.
    """

    fwhm: tuple[float, float]
    error: tuple[float, float]
    edges: int

    @property
    def lower(self) -> tuple[float, float]:
        """One standard error below: a width too large harms more than one too small."""
        (along_y, along_x), (error_y, error_x) = self.fwhm, self.error
        return along_y - error_y, along_x - error_x


def edge_width(edges: Edges) -> PsfEstimate | None:
    """Width that the edges of a scene tell; None where they do not."""
    if len(edges) < FEWEST:
        return None
    _, place = np.unique(np.stack([edges.row // PLACE, edges.column // PLACE]), axis=1, return_inverse=True)
    places = int(place.max()) + 1
    if places < MIN_EDGE_CELLS:
        return None
    every = np.ones(len(edges))
    found = _frontier(edges, every, _start(edges))
    rng = np.random.default_rng(0)
    resampled = list[Values]()
    for _ in range(BOOTSTRAP_SAMPLES):
        times = np.bincount(rng.integers(0, places, places), minlength=places)
        resampled.append(_frontier(edges, times[place.ravel()].astype(np.float64), found))
    relative = np.hypot(np.std(np.array(resampled)[:, :2], axis=0) / 2, BIAS)
    if relative.max() > MAX_RELATIVE_ERROR:
        return None
    along_y, along_x = (FWHM_PER_SIGMA * np.exp(found[:2] / 2)).tolist()
    return PsfEstimate((along_y, along_x), (along_y * float(relative[0]), along_x * float(relative[1])), len(edges))


def _start(edges: Edges) -> Values:
    variance = np.square(edges.width)
    low = float(np.quantile(variance, 0.2))
    return np.log([low, low, max(float(np.median(variance)) - low, 0.01)])


def _frontier(edges: Edges, times: Values, start: Values) -> Values:
    """Logarithms of ``sy^2``, ``sx^2`` and ``tau``, with every edge taken as often as ``times`` says."""
    from scipy.optimize import minimize
    from scipy.special import log_ndtr

    chosen = times > 0
    share, times = edges.along_y[chosen], times[chosen]
    variance, error = np.square(edges.width[chosen]), 2 * edges.width[chosen] * edges.error[chosen]

    def cost(logarithms: Values) -> float:
        along_y, along_x, tau = np.exp(logarithms)
        frontier = share * along_y + (1 - share) * along_x
        std = np.hypot(error, 2 * MODEL_ERROR * frontier)
        x, ratio = (variance - frontier) / std, std / tau
        density = -logarithms[2] - x * ratio + ratio**2 / 2 + log_ndtr(x - ratio)
        density = np.logaddexp(
            density + np.log1p(-OUTLIER_FRACTION), np.log(OUTLIER_FRACTION / 4)
        )  # a stray one is anywhere in 0 to 4
        alike, usual = (
            (logarithms[0] - logarithms[1]) / 2 / ALIKE,
            (logarithms[2] - np.log(TAU_PRIOR[0])) / TAU_PRIOR[1],
        )
        return float(-(times * density).sum() + (alike**2 + usual**2) / 2)

    simplex = np.vstack([start, start + 0.15 * np.eye(3)])
    options = {"maxiter": 300, "xatol": 3e-3, "fatol": 1e-3, "initial_simplex": simplex}
    best: Values = minimize(cost, start, method="Nelder-Mead", options=options).x
    return best
