"""Scenes as random sensors measured them, corrected for what is believed of the sensor.

What a network sees in use is a scene that was corrected by ``shsrd.upscaling.correction``: for a width that somebody
gave or that was published, and for a noise that was estimated. So training scenes go through the same step, with widths
and noise that are now and then wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from shsrd.cube import Cube, MemorySource
from shsrd.degradation import Degradation, NoiseModel, ObservationModel, observe, random_observation
from shsrd.spectral import Acquisition
from shsrd.upscaling.correction import CorrectedSource, PSFCorrection

EXACT_FWHM_SHARE = 0.6  # share of the sensors whose width is believed as it is
MAX_FWHM_FACTOR = 1.25  # the others' is believed up to this factor too small or too large
KNOWN_SNR_SHARE, MAX_SNR_ERROR_DB = 0.25, 3.0  # share of the noise that is given, and by how much that may be wrong

Block = NDArray[np.float32]


@dataclass(frozen=True)
class SimulatedSensor:
    """A sensor, and what is believed of it.

    Attributes:
        model: point spread function and noise.
        believed: kernel that its scenes are corrected for; None leaves them as they are.
        snr_db: signal-to-noise ratio that the correction is told; None: it estimates the noise.
    """

    model: ObservationModel
    believed: Degradation | None
    snr_db: float | None = None

    @classmethod
    def by_sensor(cls, name: str, snr_db: float | None, *, scale: int) -> Self:
        """A sensor of the table with white noise, whose width is known and whose noise is estimated."""
        noise = None if snr_db is None else NoiseModel(snr_db=snr_db)
        model = ObservationModel.of_sensor(name, scale=scale, noise=noise)
        return cls(model, model.mean)

    @classmethod
    def random(cls, rng: np.random.Generator, *, bands: int, scale: int) -> Self:
        """Any sensor, as well known as users know theirs."""
        model = random_observation(rng, bands=bands, scale=scale)
        error = 1.0 if rng.random() < EXACT_FWHM_SHARE else MAX_FWHM_FACTOR ** rng.uniform(-1, 1)
        given, wrong_db = rng.random() < KNOWN_SNR_SHARE, rng.uniform(-MAX_SNR_ERROR_DB, MAX_SNR_ERROR_DB)
        if model.kernel == "bicubic":
            return cls(model, None)
        ratio = None if model.noise is None or not given else float(np.mean(model.noise.snr_db)) + wrong_db
        gaussian = model.mean.model_copy(update={"kernel": "gaussian"})  # as corrections take every kernel for one
        return cls(model, gaussian.widened(error), ratio)

    def measured(self, high: Block, *, seed: int) -> Block:
        """The low resolution ``(B, y, x)`` of a scene ``(B, s y, s x)``, noise included."""
        generator = torch.Generator().manual_seed(seed)
        low: Block = observe(torch.from_numpy(np.ascontiguousarray(high)), self.model, generator=generator).numpy()
        return low

    def corrected(self, measured: Block) -> tuple[Block, Acquisition | None]:
        """A scene without missing pixels ``(B, y, x)``, corrected for what is believed of its sensor.

        Returns:
            The scene as the bicubic kernel would have given it, and what a network is told of its bands.
        """
        if self.believed is None:
            return measured, None
        source = MemorySource(Cube(measured))
        correction = PSFCorrection.of_scene(source, self.believed, self.snr_db)
        seen = CorrectedSource(source, correction).read(*(slice(0, size) for size in measured.shape[1:]))
        return np.ascontiguousarray(seen), _all_bands(correction)


def _all_bands(correction: PSFCorrection) -> Acquisition:
    """Acquisition of all bands; of those that cannot be corrected, without noise and of the mean width."""
    bands, told = correction.usable, correction.acquisition
    fwhm, noise = np.tile(told.fwhm.mean(axis=0), (len(bands), 1)), np.zeros(len(bands))
    fwhm[bands], noise[bands] = told.fwhm, told.noise
    return Acquisition(fwhm, noise)
