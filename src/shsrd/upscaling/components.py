"""Bands that one detector measured through one point spread function, corrected by their components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shsrd.degradation import FWHM_PER_SIGMA, Degradation, corrected, residual_noise
from shsrd.spectral import SceneStatistics

FWHM_TOLERANCE = 0.06  # share by which widths of bands that are corrected together may differ at most
Block = NDArray[np.float32]
Vector = NDArray[np.float64]
Bands = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class MNFTransform:
    """Minimum noise fraction of some bands, and the point spread function that they are corrected for.

    Attributes:
        bands: ``(b,)`` their numbers among the usable bands, rising.
        sensor: point spread function, and the scale factor of the super-resolution.
        mean: ``(b,)`` of the bands.
        noise: ``(b,)`` standard deviation of their noise.
        basis: ``(b, b)``, components of bands in units of noise, in columns.
        variance: ``(b,)`` of the components.
        requested: point spread function that was asked for, where ``sensor`` is a narrower one; the scene rang with it.
    """

    bands: Bands
    sensor: Degradation
    mean: Vector
    noise: Vector
    basis: Vector
    variance: Vector
    requested: Degradation | None = None

    @classmethod
    def of(cls, bands: Bands, sensor: Degradation, statistics: SceneStatistics, noise: Vector) -> MNFTransform:
        """Components of some bands.

        Args:
            bands: numbers among the usable bands.
            sensor: what they were measured through.
            statistics: of the usable bands.
            noise: ``(B,)`` of the usable bands.
        """
        own, unit = statistics.select_bands(bands), noise[bands]
        variance, basis = np.linalg.eigh(own.covariance / np.outer(unit, unit))
        return cls(bands, sensor, own.mean, unit, basis, variance)

    def only(self, bands: Bands) -> MNFTransform:
        """Components of some of the bands, in the order given."""
        if np.array_equal(bands, self.bands):
            return self
        places = np.searchsorted(self.bands, bands)
        covariance = (self.basis * self.variance) @ self.basis.T
        variance, basis = np.linalg.eigh(covariance[np.ix_(places, places)])
        return replace(
            self, bands=bands, mean=self.mean[places], noise=self.noise[places], basis=basis, variance=variance
        )

    @property
    def signal(self) -> Vector:
        """Root mean square of every band ``(b,)``."""
        spread = self.noise * np.sqrt(np.maximum(np.square(self.basis) @ self.variance, 0))
        return np.asarray(np.hypot(self.mean, spread))

    @cached_property
    def residual_noise(self) -> Vector:
        """Standard deviation ``(b,)`` of the noise that correction leaves in every band, typically."""
        left = residual_noise(self.variance, self.sensor)
        return np.asarray(self.noise * np.sqrt(np.square(self.basis) @ left))

    def apply(self, block: Block) -> Block:
        """Correct a square ``(b, side, side)`` of these bands, without missing pixels."""
        bands, mean = len(block), self.mean[:, None].astype(np.float32)
        out = corrected(self.project(block), self.variance, self.sensor).reshape(bands, -1)
        pixels: Block = np.matmul((self.noise[:, None] * self.basis).astype(np.float32), out) + mean
        return pixels.reshape(block.shape)

    def project(self, block: Block, chosen: slice = slice(None)) -> Block:
        """Some components ``(k, y, x)`` of pixels ``(b, y, x)``, in units of noise; the last one is the leading one."""
        units = block.reshape(len(block), -1) - self.mean[:, None].astype(np.float32)
        units /= self.noise[:, None].astype(np.float32)
        found: Block = np.matmul(self.basis[:, chosen].T.astype(np.float32), units).reshape(-1, *block.shape[1:])
        return found


def fwhm_of(sensor: Degradation) -> tuple[float, float]:
    """Full widths at half maximum along y and x, in low-resolution pixels."""
    along_y, along_x = (sigma * FWHM_PER_SIGMA / sensor.scale for sigma in (sensor.sigma, sensor.sigma_x))
    return along_y, along_x


def group_by_fwhm(fwhm: Vector, parts: Sequence[Bands]) -> list[Bands]:
    """Parts of the bands that have one width, from parts that have one detector.

    Args:
        fwhm: ``(B, 2)`` of every band along y and x.
        parts: numbers of every detector's bands.

    Returns:
        Numbers of bands whose widths differ by ``FWHM_TOLERANCE`` at most along each axis, in rising order.
    """
    found = list[Bands]()
    for bands in parts:
        left = bands[np.argsort(fwhm[bands].prod(axis=1), kind="stable")]
        while left.size:
            near = (fwhm[left] / fwhm[left[0]]).max(axis=1) <= 1 + FWHM_TOLERANCE
            near &= (fwhm[left[0]] / fwhm[left]).max(axis=1) <= 1 + FWHM_TOLERANCE
            found.append(np.sort(left[near]))
            left = left[~near]
    return found
