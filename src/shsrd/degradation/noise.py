"""Noise of a push-broom sensor: what the electronics add, what photons add, and stripes along the flight.

With signal ``s``, the variance of a pixel is ``a + b s``: ``a`` from reading out, ``b s`` from photons (Poisson's
variance with a Gaussian's shape; Foi et al. 2008). Both are given by a signal-to-noise ratio at a level ``L`` of the
signal and the share ``p`` of photons there:

    sigma^2 = L^2 / 10^(snr/10),    a = (1 - p) sigma^2,    b = p sigma^2 / L.

Every column of the image has its own detector. An offset or gain that its calibration left is the same in all rows.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from shsrd.cube import SceneError

Array = TypeVar("Array", NDArray[np.float32], Tensor)


class NoiseModel(BaseModel):
    """Noise of every band, relative to the signal.

    Attributes:
        snr_db: signal-to-noise ratio in dB at the signal's level (the root mean square of a band): one for all bands,
            or one for each.
        photon_share: share of the variance, at that level, that grows with the signal; 0 is white noise.
        stripe_offset: standard deviation of the columns' offsets, as a share of the noise's standard deviation.
        stripe_gain: standard deviation of the columns' gains around 1, as a share of the signal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    snr_db: float | tuple[float, ...]
    photon_share: float = Field(default=0.0, ge=0, le=1)
    stripe_offset: float = Field(default=0.0, ge=0)
    stripe_gain: float = Field(default=0.0, ge=0)

    def ratios(self, bands: int, source: str = "the scene") -> NDArray[np.float32]:
        """Standard deviation of the noise over the signal's level ``(bands,)``.

        Raises:
            SceneError: as many ratios as bands are needed, and there are others.
        """
        given = np.atleast_1d(np.asarray(self.snr_db, np.float64))
        if given.size not in (1, bands):
            raise SceneError(f"{source}: {given.size} signal-to-noise ratios for {bands} bands; give one, or one each")
        return np.broadcast_to(10 ** (-given / 20), (bands,)).astype(np.float32)

    def variance(self, level: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``a`` and ``b`` of the variance ``a + b s``, each ``(bands,)``, at signal levels ``(bands,)``."""
        total = np.square(level * self.ratios(len(level)))
        slope = np.divide(self.photon_share * total, level, out=np.zeros_like(total), where=level > 0)
        return (1 - self.photon_share) * total, slope


def noise_sample(
    signal: Array, white: Array, columns: Array, gains: Array, *, sigma: Array, level: Array, of: NoiseModel
) -> Array:
    """Noise that a sensor adds to a signal, from given standard normal numbers.

    Args:
        signal: ``(..., y, x)`` without noise.
        white: like ``signal``.
        columns: offsets ``(..., x)`` or ``(..., 1, x)``, the same in every row.
        gains: likewise.
        sigma: standard deviation of the noise at the signal's level; a number, or ``(..., 1, 1)``.
        level: of the signal, likewise.
        of: shares of photons and stripes.
    """
    added = sigma * white
    if of.photon_share > 0:
        bright = signal.clip(min=0) / (level + (level == 0))
        added = sigma * (1 - of.photon_share + of.photon_share * bright) ** 0.5 * white
    if of.stripe_offset > 0:
        added = added + of.stripe_offset * sigma * columns
    if of.stripe_gain > 0:
        added = added + of.stripe_gain * signal * gains
    return added
