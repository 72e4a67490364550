"""The detail of every band from estimates of the detail of some: a Wiener filter across the spectrum.

Neighbouring bands show the same edges, so what the network found in one band says much about the others, and where its
estimates disagree, most of it is error. How bands' detail goes together is read off the low-resolution scene: the
covariance ``C`` of mixed second differences of 2x2 pixels, the finest detail that the sensor resolved. With ``C`` in
units of the bands' own deviations, the detail of all bands follows from estimates of the bands ``a`` by

    A = (C - N)[:, a] (C[a, a] + RIDGE I)^-1.

``RIDGE`` stands for the network's error; ``N``, on the diagonal, is the part of each band that the others do not
foretell, which in a scene of many bands is mostly noise (Roger and Arnold 1996). The few bands of an ordinary camera
say too little about each other: seen by the network, each is taken as it comes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shsrd.spectral.statistics import SceneStatistics, clamped

Matrix = NDArray[np.float64]

RIDGE = 0.02  # error of the network's estimates in shares of a band's detail; measured in docs/results.md
MANY_BANDS = 12  # from here on, what the other bands do not foretell is taken for noise, and all bands are filtered
_LOADING = 1e-4  # keeps the inverse finite where bands are copies of each other


def evenly_spaced(bands: int, count: int) -> NDArray[np.intp]:
    """Numbers of ``count`` bands spread over all of them."""
    return np.rint(np.linspace(0, bands - 1, min(count, bands))).astype(np.intp)


def detail_regression(statistics: SceneStatistics, chosen: NDArray[np.intp]) -> Matrix:
    """Weights ``(B, K)`` by which estimates of the chosen bands' detail give that of all bands, in the bands' units."""
    detail = _detail(statistics)
    deviation = clamped(np.sqrt(np.maximum(np.diag(detail), 0)))
    correlation = detail / np.outer(deviation, deviation)
    bands = len(correlation)
    too_few = bands < MANY_BANDS and len(chosen) == bands
    if too_few or not correlation.any():  # or a scene without detail
        return np.eye(bands)[:, chosen]
    foretold = correlation.copy()
    if bands >= MANY_BANDS:
        own = 1 / np.diag(np.linalg.inv(correlation + _LOADING * np.eye(bands)))
        foretold[np.diag_indices(bands)] -= np.minimum(own, np.diag(correlation))
    ridged = correlation[np.ix_(chosen, chosen)] + RIDGE * np.eye(len(chosen))
    weights = np.linalg.solve(ridged, foretold[chosen]).T
    return np.asarray(weights * deviation[:, None] / deviation[chosen])


def _detail(statistics: SceneStatistics) -> Matrix:
    """Covariance of the finest detail; of the pixels themselves where a scene is too small to have any."""
    found = statistics.noise_covariance
    return found if found.any() else statistics.covariance
