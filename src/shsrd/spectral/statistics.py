"""One streaming pass over a low-resolution cube: mean, covariance and noise covariance of its bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

MIN_NOISE_RATIO = 1e-3  # of a band's deviation
MIN_STD_RATIO = 1e-6  # in units of the scene's largest deviation: channels below carry nothing


@dataclass
class SceneStatistics:
    """First and second moments of the valid pixels of a scene, gathered block by block in float64.

    A pixel counts where every band is finite. Noise is read off the mixed second difference of 2x2 pixels,
    ``(a - b - c + d) / 2``, which has the variance of white noise and cancels planes and straight edges along
    the axes; texture makes it an upper bound.

    Attributes:
        bands: number of bands B.
    """

    bands: int
    _count: int = 0
    _noise_count: int = 0
    _shift: Matrix | None = None
    _sum: Matrix = field(init=False)
    _products: Matrix = field(init=False)
    _noise: Matrix = field(init=False)

    def __post_init__(self) -> None:
        self._sum = np.zeros(self.bands)
        self._products = np.zeros((self.bands, self.bands))
        self._noise = np.zeros((self.bands, self.bands))

    def add(self, block: NDArray[np.float32]) -> None:
        """Add a block of rows ``(band, y, x)``; NaN marks missing values."""
        valid = np.asarray(np.isfinite(block).all(axis=0))
        if not valid.any():
            return
        for of_before in ("principal_components", "noise_adjusted_components"):
            self.__dict__.pop(of_before, None)
        spectra = block[:, valid].astype(np.float64)
        if self._shift is None:
            self._shift = spectra.mean(axis=1)  # keeps the sums small: no cancellation in float64
        spectra -= self._shift[:, None]
        self._count += spectra.shape[1]
        self._sum += spectra.sum(axis=1)
        self._products += spectra @ spectra.T
        quads = valid[1:, 1:] & valid[:-1, 1:] & valid[1:, :-1] & valid[:-1, :-1]
        if quads.any():
            mixed = block[:, 1:, 1:] - block[:, :-1, 1:] - block[:, 1:, :-1] + block[:, :-1, :-1]
            differences = mixed[:, quads].astype(np.float64) / 2
            self._noise += differences @ differences.T
            self._noise_count += differences.shape[1]

    def state(self) -> dict[str, Matrix]:
        """All that was gathered, as arrays that ``from_state`` takes."""
        shift = np.zeros(self.bands) if self._shift is None else self._shift
        sums = {"shift": shift, "sum": self._sum, "products": self._products, "noise": self._noise}
        return sums | {"counts": np.array([self._count, self._noise_count, self._shift is not None], np.int64)}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]]) -> SceneStatistics:
        """Statistics as they were when ``state`` was called, to the last bit."""
        made = cls(len(state["sum"]))
        count, noise_count, shifted = state["counts"].tolist()
        made._count, made._noise_count, made._shift = count, noise_count, state["shift"] if shifted else None
        made._sum, made._products, made._noise = state["sum"], state["products"], state["noise"]
        return made

    @classmethod
    def from_moments(cls, mean: Matrix, covariance: Matrix, noise_covariance: Matrix) -> SceneStatistics:
        """Statistics of a scene of which only the moments are known: ``(B,)``, ``(B, B)`` and ``(B, B)``."""
        made = cls(len(mean))
        made._count = made._noise_count = 1
        made._shift, made._products, made._noise = mean, covariance, noise_covariance
        return made

    def select_bands(self, bands: NDArray[np.intp]) -> SceneStatistics:
        """Statistics of some of the bands ``(b,)``, over the same pixels."""
        chosen = np.ix_(bands, bands)
        made = SceneStatistics(len(bands))
        made._count, made._noise_count, made._shift = self._count, self._noise_count, self.mean[bands]
        made._products, made._noise = self.covariance[chosen] * self._count, self._noise[chosen]
        return made

    def with_noise(self, std: Matrix) -> SceneStatistics:
        """Statistics after adding white noise of these standard deviations ``(B,)`` to the bands."""
        added = np.diag(np.square(std))
        return SceneStatistics.from_moments(self.mean, self.covariance + added, self.noise_covariance + added)

    @property
    def count(self) -> int:
        """Number of valid pixels seen."""
        return self._count

    @property
    def differences(self) -> int:
        """Number of mixed second differences seen, from which noise is told."""
        return self._noise_count

    @property
    def mean(self) -> Matrix:
        """Band means ``(B,)``."""
        if self._shift is None:
            return np.zeros(self.bands)
        return self._shift + self._sum / self._count

    @property
    def covariance(self) -> Matrix:
        """Covariance of the bands ``(B, B)``, normalised by the number of pixels."""
        if self._count == 0:
            return np.zeros((self.bands, self.bands))
        centre = self._sum / self._count
        return self._products / self._count - np.outer(centre, centre)

    @cached_property
    def principal_components(self) -> tuple[Matrix, Matrix]:
        """Eigenvalues ``(B,)`` of the covariance, largest first and never negative, and eigenvectors ``(B, B)``."""
        values, vectors = np.linalg.eigh(self.covariance)
        return np.maximum(values[::-1], 0), vectors[:, ::-1]

    @cached_property
    def noise_adjusted_components(self) -> tuple[Matrix, Matrix]:
        """Noise of each band ``(B,)``, never zero, and eigenvectors ``(B, B)`` of bands in its units, leading first."""
        std, noise = (np.sqrt(np.maximum(np.diag(c), 0)) for c in (self.covariance, self.noise_covariance))
        unit = nonzero_std(np.maximum(noise, MIN_NOISE_RATIO * std), self.brightest)
        return unit, np.linalg.eigh(self.covariance / np.outer(unit, unit))[1][:, ::-1]

    @property
    def brightest(self) -> float:
        """Largest absolute mean of a band."""
        return float(np.abs(self.mean).max(initial=0.0))

    @property
    def noise_covariance(self) -> Matrix:
        """Covariance of the noise ``(B, B)``: an upper bound where the scene is finely textured."""
        return self._noise / max(self._noise_count, 1)


def nonzero_std(std: Matrix, brightest: float = 0.0) -> Matrix:
    """Deviations that can be divided by; a channel without variance gets one too small to show in the output."""
    largest = float(std.max(initial=0.0))
    return np.maximum(std, MIN_STD_RATIO * (largest or brightest or 1.0))


def scene_statistics(pixels: NDArray[np.float32]) -> SceneStatistics:
    """Statistics of a whole cube ``(band, y, x)`` in memory."""
    statistics = SceneStatistics(pixels.shape[0])
    rows = max(2, 2**22 // max(1, pixels.shape[0] * pixels.shape[2]))  # blocks of about 4 M values
    for top in range(0, pixels.shape[1], rows):
        statistics.add(pixels[:, top : top + rows])
    return statistics
