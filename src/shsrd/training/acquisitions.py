"""Scenes as random sensors would have measured them, corrected for what is believed of the sensor.

What a network sees in use is a scene that was corrected by ``shsrd.upscaling.correction``: by a width that somebody
gave or that was published, and by a noise that was estimated. So training scenes go through the same step, with widths
and noise that are now and then wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from shsrd.cube import Cube, MemorySource
from shsrd.degradation import Degradation, degrade
from shsrd.spectral import Acquisition
from shsrd.upscaling.correction import CorrectedSource, Correction

NARROWEST, WIDEST = 0.7, 2.1  # full widths at half maximum, low-resolution pixels
ANISOTROPY = 0.12  # standard deviation of the logarithm of the ratio of the two widths
LEAST_SNR_DB, MOST_SNR_DB = 25.0, 60.0
NOISE_FREE, WHITE = 0.25, 0.5  # shares of the sensors; the others' noise grows with the signal
UNEVEN = 0.3  # standard deviation of the logarithm of bands' noise
WELL_KNOWN = 0.6  # share of the sensors whose width is believed as it is
WIDTH_ERROR = 1.25  # the others' is believed up to this factor too small or too large
NOISE_GIVEN, NOISE_ERROR_DB = 0.25, 3.0  # share of the noise that is given, and by how much that may be wrong

Block = NDArray[np.float32]


@dataclass(frozen=True)
class Sensor:
    """Point spread function and noise of a sensor, and what is believed of them.

    Attributes:
        degradation: the true kernel.
        believed: the kernel that a scene is corrected for.
        snr_db: root mean square of a band over its noise; None: no noise.
        believed_snr_db: what the correction is told; None: it estimates the noise.
        photons: share of the noise's variance that grows with the signal.
        uneven: standard deviation over bands of the logarithm of the noise.
    """

    degradation: Degradation
    believed: Degradation
    snr_db: float | None = None
    believed_snr_db: float | None = None
    photons: float = 0.0
    uneven: float = 0.0

    @classmethod
    def known(cls, degradation: Degradation, snr_db: float | None = None) -> Self:
        """A sensor whose width is known and whose noise, white and alike in all bands, is estimated."""
        return cls(degradation, degradation, snr_db)

    @classmethod
    def random(cls, scale: int, rng: np.random.Generator) -> Self:
        """Any sensor, as well known as users know theirs."""
        along_y = rng.uniform(NARROWEST, WIDEST)
        along_x = np.clip(along_y * np.exp(ANISOTROPY * rng.standard_normal()), NARROWEST, WIDEST)
        error = 1.0 if rng.random() < WELL_KNOWN else WIDTH_ERROR ** rng.uniform(-1, 1)
        kind, snr_db = rng.random(), rng.uniform(LEAST_SNR_DB, MOST_SNR_DB)
        given = rng.random() < NOISE_GIVEN
        return cls(
            _gaussian(scale, along_y, along_x),
            _gaussian(scale, error * along_y, error * along_x),
            None if kind < NOISE_FREE else snr_db,
            snr_db + rng.uniform(-NOISE_ERROR_DB, NOISE_ERROR_DB) if given and kind >= NOISE_FREE else None,
            rng.random() if kind >= NOISE_FREE + WHITE else 0.0,
            UNEVEN,
        )

    def measured(self, high: Block, rng: np.random.Generator) -> Block:
        """The low resolution ``(B, y, x)`` of a scene ``(B, s y, s x)``, noise included."""
        low: Block = degrade(torch.from_numpy(np.ascontiguousarray(high)), self.degradation).numpy()
        if self.snr_db is None:
            return low
        power = np.square(low, dtype=np.float64).mean(axis=(1, 2), keepdims=True)
        unevenness = np.exp(self.uneven * rng.standard_normal((len(low), 1, 1)))
        brightness = low / np.maximum(low.mean(axis=(1, 2), keepdims=True, dtype=np.float64), 1e-12)
        variance = power / 10 ** (self.snr_db / 10) * unevenness**2
        variance = variance * (1 - self.photons + self.photons * np.maximum(brightness, 0))
        noise: Block = np.sqrt(variance).astype(np.float32) * rng.standard_normal(low.shape, np.float32)
        return low + noise


def _gaussian(scale: int, along_y: float, along_x: float) -> Degradation:
    widths = {"fwhm_pixels": float(scale * along_y), "fwhm_x_pixels": float(scale * along_x)}
    return Degradation(kernel="gaussian", scale=scale, **widths)


def corrected_scene(measured: Block, sensor: Sensor) -> tuple[Block, Acquisition]:
    """A scene without missing pixels ``(B, y, x)``, corrected by what is believed of its sensor.

    Returns:
        The scene as the bicubic kernel would have given it, and what a network is told of its bands; bands that cannot
        be corrected stay as they are.
    """
    source = MemorySource(Cube(measured))
    correction = Correction.of_scene(source, sensor.believed, sensor.believed_snr_db)
    seen = CorrectedSource(source, correction).read(*(slice(0, size) for size in measured.shape[1:]))
    bands = correction.usable
    told = correction.acquisition
    fwhm, noise = np.empty((len(bands), 2)), np.zeros(len(bands))
    fwhm[bands], noise[bands] = told.fwhm, told.noise
    fwhm[~bands] = told.fwhm.mean(axis=0)
    return np.ascontiguousarray(seen), Acquisition(fwhm, noise)
