"""Spectral frames: linear maps from B bands to K channels, which the network sees three at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from shsrd.spectral.statistics import SceneStatistics

FrameName = Literal["eigen", "bands"]
Matrix = NDArray[np.float64]

MAX_EIGEN_CHANNELS = 12
ENERGY_LEFT_OUT = 1e-5  # share of the variance that may stay bicubic
SMALLEST_DEVIATION = 1e-6  # in units of the scene's largest deviation: channels below carry nothing


@dataclass(frozen=True)
class Frame:
    """A linear map ``z = E^T (y - mu) / d`` and its synthesis ``y = mu + E d z``.

    Attributes:
        name: ``"eigen"`` or ``"bands"``.
        mean: mu ``(B,)``, the band means.
        basis: E ``(B, K)``, orthonormal columns.
        deviation: d ``(K,)``, standard deviation of each channel, never zero.
        energy: ``(K,)`` share of the scene's variance in each channel.
        noise: ``(K,)`` noise standard deviation of each channel in units of its deviation.
    """

    name: FrameName
    mean: Matrix
    basis: Matrix
    deviation: Matrix
    energy: Matrix
    noise: Matrix

    @property
    def channels(self) -> int:
        """K, the number of channels."""
        return int(self.basis.shape[1])

    def triplets(self, stride: int = 3) -> NDArray[np.intp]:
        """Channel numbers ``(T, 3)`` covering every channel; the last triplet steps back, so some come twice.

        With fewer than three channels, channels are repeated.

        Args:
            stride: channels from the start of one triplet to the start of the next, 1 to 3; below 3 they overlap.

        Raises:
            ValueError: a stride that would leave channels out or never get anywhere.
        """
        if not 1 <= stride <= 3:
            raise ValueError(f"stride {stride} of triplets is out of range; choose 1, 2 or 3")
        count = self.channels
        if count < 3:
            return np.resize(np.arange(count), 3)[None]
        starts = [min(start, count - 3) for start in range(0, count - 3 + stride, stride)]
        return np.array([[start, start + 1, start + 2] for start in starts])

    def analyse(self, cube: NDArray[np.float32]) -> NDArray[np.float32]:
        """Channels ``(K, y, x)`` in standard units of a cube ``(B, y, x)`` without missing values."""
        return _project((self.basis / self.deviation).T, cube, -(self.mean @ self.basis) / self.deviation)

    def add_detail(self, cube: NDArray[np.float32], channels: NDArray[np.float32]) -> None:
        """Add channel differences ``(K, y, x)`` to a cube ``(B, y, x)`` in place: ``y += E d z``."""
        if self.name == "bands":
            for band, deviation in enumerate(self.deviation.astype(np.float32)):
                cube[band] += channels[band] * deviation
            return
        matrix = torch.from_numpy((self.basis * self.deviation).astype(np.float32))
        torch.from_numpy(cube).view(len(cube), -1).addmm_(matrix, torch.from_numpy(channels).flatten(1))

    def synthesise(self, channels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cube ``(B, y, x)`` of channel *differences* ``(K, y, x)``: ``E d z``, without the mean."""
        if self.name == "bands":
            return channels * self.deviation.astype(np.float32)[:, None, None]
        return _project(self.basis * self.deviation, channels, np.zeros(self.basis.shape[0]))

    def synthesise_deviation(self, deviation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standard deviations ``(B, y, x)`` of a cube whose *uncorrelated* channels have these, ``(K, y, x)``.

        ``sqrt(sum over k of (E d)^2 deviation^2)``; what the frame leaves out counts as known.
        """
        if self.name == "bands":
            return self.synthesise(deviation)
        weights = np.square(self.basis * self.deviation)
        return np.sqrt(_project(weights, np.square(deviation), np.zeros(len(weights))))


def _project(matrix: Matrix, stack: NDArray[np.float32], offset: Matrix) -> NDArray[np.float32]:
    flat = matrix.astype(np.float32) @ stack.reshape(stack.shape[0], -1)
    flat += offset.astype(np.float32)[:, None]
    return flat.reshape(-1, *stack.shape[1:])


def _clamped(deviation: Matrix, brightest: float) -> Matrix:
    """Deviations that can be divided by; a channel without variance gets one too small to show in the output."""
    largest = float(deviation.max(initial=0.0))
    return np.maximum(deviation, SMALLEST_DEVIATION * (largest or brightest or 1.0))


def bands_frame(statistics: SceneStatistics) -> Frame:
    """The bands themselves, standardised: triplets are neighbours in the spectrum, like the R, G, B of a photo."""
    return linear_frame(statistics, np.eye(statistics.bands), "bands")


def eigen_frame(statistics: SceneStatistics, channels: int | None = None) -> Frame:
    """The K leading principal components of the cube (its eigenimages).

    Args:
        statistics: of the low-resolution cube.
        channels: K; None chooses the smallest multiple of 3 that leaves out less than ``ENERGY_LEFT_OUT`` of the
            variance, at most ``MAX_EIGEN_CHANNELS`` (and at most B).

    Returns:
        A frame whose columns have their largest entry positive, so signs are reproducible.
    """
    values, vectors = statistics.principal_components
    energy = values / max(values.sum(), np.finfo(float).tiny)
    if channels is None:
        needed = int(np.searchsorted(np.cumsum(energy), 1 - ENERGY_LEFT_OUT)) + 1
        channels = min(MAX_EIGEN_CHANNELS, 3 * -(-needed // 3))
    basis = vectors[:, : min(channels, statistics.bands)]
    largest = basis[np.abs(basis).argmax(axis=0), np.arange(basis.shape[1])]
    return linear_frame(statistics, basis * np.sign(largest), "eigen")


def linear_frame(statistics: SceneStatistics, basis: Matrix, name: FrameName) -> Frame:
    """The frame of any unit columns ``basis`` ``(B, K)``: deviations, energies and noise of its channels.

    Only orthonormal columns (or single bands) can be synthesised; training also analyses with others.
    """
    variance = np.maximum(_quadratic(statistics.covariance, basis), 0)
    deviation = _clamped(np.sqrt(variance), float(np.abs(statistics.mean).max(initial=0.0)))
    noise = np.sqrt(np.maximum(_quadratic(statistics.noise_covariance, basis), 0)) / deviation
    energy = variance / max(float(np.trace(statistics.covariance)), np.finfo(float).tiny)
    return Frame(name, statistics.mean, basis, deviation, energy, noise)


def _quadratic(matrix: Matrix, basis: Matrix) -> Matrix:
    """``e^T M e`` of every column e."""
    return np.asarray(((matrix @ basis) * basis).sum(axis=0))
