"""The detail of every band from estimates of the detail of some: a Wiener filter across the spectrum.

Neighbouring bands show the same edges, so what the network found in one band says much about the others, and where its
estimates disagree, most of it is error. How bands' detail goes together is read off the low-resolution scene: the
covariance ``C`` of mixed second differences of 2x2 pixels, the finest detail that the sensor resolved. With ``C`` in
units of the bands' own deviations, the detail of all bands follows from estimates of the bands ``a`` by

    A = (C - N)[:, a] (C[a, a] + RIDGE I)^-1.

``RIDGE`` stands for the network's error; ``N``, on the diagonal, is the part of each band that the others do not
foretell, which in a scene of many bands is mostly noise (Roger and Arnold 1996). The few bands of an ordinary camera
say too little about each other: seen by the network, each is taken as it comes.

Where there are many bands, the estimates are filtered pixel by pixel first (``shsrd.spectral.filter``). What is left to
do, in scenes of more bands than that filter gives, is the bands not seen (``DetailStatistics.missing_band_weights``);
``A`` still says what a band's uncertainty is made of.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shsrd.spectral.statistics import SceneStatistics, nonzero_std

Matrix = NDArray[np.float64]

RIDGE = 0.02  # error of the network's estimates in shares of a band's detail; measured in docs/results.md
FILTERED_RIDGE = 0.002  # of estimates that were filtered before
MIN_FILTERED_BANDS = (
    12  # from here on, what the other bands do not foretell is taken for noise, and all bands are filtered
)
_LOADING = 1e-4  # keeps the inverse finite where bands are copies of each other


def evenly_spaced_bands(bands: int, count: int) -> NDArray[np.intp]:
    """Numbers of ``count`` bands spread over all of them.

    From ``MIN_FILTERED_BANDS`` on from the first to the last. Fewer are in the middle of equal parts, each nearest to
    the bands that it speaks for; the outermost, often the worst, would speak for few. (Measured in docs/results.md.)
    """
    kept = min(count, bands)
    if kept == bands or kept >= MIN_FILTERED_BANDS:
        return np.rint(np.linspace(0, bands - 1, kept)).astype(np.intp)
    return np.floor((np.arange(kept) + 0.5) * bands / kept).astype(np.intp)


@dataclass(frozen=True)
class DetailStatistics:
    """Second moments of the bands' finest detail in a low-resolution scene.

    Attributes:
        covariance: C ``(B, B)``, in units of the bands' own deviations.
        std: of each band's detail ``(B,)``, never zero.
        noise: N ``(B,)``, the share of each band that the others do not foretell; zero where there are few bands.
    """

    covariance: Matrix
    std: Matrix
    noise: Matrix

    @property
    def filtered(self) -> bool:
        """True if there are enough bands, and detail, to separate the noise."""
        return len(self.noise) >= MIN_FILTERED_BANDS and bool(self.covariance.any())

    def regression(self, chosen: NDArray[np.intp], ridge: float) -> Matrix:
        """Weights ``(B, K)`` by which estimates of the chosen bands' detail give that of all bands, in bands' units."""
        predicted = self.covariance - np.diag(self.noise)
        ridged = self.covariance[np.ix_(chosen, chosen)] + ridge * np.eye(len(chosen))
        weights = np.linalg.solve(ridged, predicted[chosen]).T
        return np.asarray(weights * self.std[:, None] / self.std[chosen])

    def regression_weights(self, chosen: NDArray[np.intp]) -> Matrix:
        """The regression with the network's ``RIDGE``; bands as they are where there are too few, or no detail."""
        bands = len(self.noise)
        too_few = bands < MIN_FILTERED_BANDS and len(chosen) == bands
        if too_few or not self.covariance.any():
            return np.eye(bands)[:, chosen]
        return self.regression(chosen, RIDGE)

    def missing_band_weights(self, chosen: NDArray[np.intp]) -> Matrix:
        """The same from detail of the chosen bands that was filtered before; these stay as they are."""
        weights = self.regression(chosen, FILTERED_RIDGE)
        weights[chosen] = np.eye(len(chosen))
        return weights


def detail_statistics(statistics: SceneStatistics) -> DetailStatistics:
    """Detail statistics from the mixed second differences of a scene's pixels."""
    covariance = _detail(statistics)
    std = nonzero_std(np.sqrt(np.maximum(np.diag(covariance), 0)))
    correlation = covariance / np.outer(std, std)
    noise = np.zeros(len(correlation))
    if len(correlation) >= MIN_FILTERED_BANDS:
        own = 1 / np.diag(np.linalg.inv(correlation + _LOADING * np.eye(len(correlation))))
        noise = np.minimum(own, np.diag(correlation))
    return DetailStatistics(correlation, std, noise)


def detail_regression(statistics: SceneStatistics, chosen: NDArray[np.intp]) -> Matrix:
    """Weights ``(B, K)`` by which estimates of the chosen bands' detail give that of all bands, in the bands' units."""
    return detail_statistics(statistics).regression_weights(chosen)


def _detail(statistics: SceneStatistics) -> Matrix:
    """Covariance of the finest detail; of the pixels themselves where a scene is too small to have any."""
    found = statistics.noise_covariance
    return found if found.any() else statistics.covariance
