"""Sensors drawn at random, for training a network that is told how each band was measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from shsrd.degradation.degradation import Kernel
from shsrd.degradation.kernels import FWHM_PER_SIGMA, detector_sigma
from shsrd.degradation.noise import NoiseModel
from shsrd.degradation.observation import ObservationModel


class ObservationRanges(BaseModel):
    """Ranges of random sensors, each uniform.

    Attributes:
        fwhm: full width at half maximum of each axis in low-resolution pixels.
        fwhm_drift: largest difference of a width from the mean over bands, as a share of it; it grows linearly from the
            first band to the last.
        snr_db: signal-to-noise ratio of a band.
        snr_spread_db: largest difference of a band's ratio from that.
        photon_share: share of the noise's variance that grows with the signal.
        stripe_offset: of sensors with stripes, in units of the noise's deviation.
        bicubic: share of sensors with the bicubic kernel of the benchmarks.
        detector: share of sensors with Gaussian optics and a detector, where they are wide enough for it.
        noiseless: share without noise.
        striped: share with stripes, of those with noise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fwhm: tuple[float, float] = (0.6, 2.2)
    fwhm_drift: float = Field(default=0.05, ge=0, lt=1)
    snr_db: tuple[float, float] = (20.0, 60.0)
    snr_spread_db: float = Field(default=3.0, ge=0)
    photon_share: tuple[float, float] = (0.0, 1.0)
    stripe_offset: tuple[float, float] = (0.1, 1.0)
    bicubic: float = Field(default=0.2, ge=0, le=1)
    detector: float = Field(default=0.2, ge=0, le=1)
    noiseless: float = Field(default=0.2, ge=0, le=1)
    striped: float = Field(default=0.1, ge=0, le=1)


RANGES = ObservationRanges()


def random_observation(
    rng: np.random.Generator, *, bands: int, scale: int = 4, ranges: ObservationRanges = RANGES
) -> ObservationModel:
    """A sensor at random; the same generator state gives the same sensor.

    Args:
        rng: seeded generator. As many numbers are taken from it whatever comes out.
        bands: number of bands, at least 1.
        scale: integer factor.
        ranges: what is drawn.
    """
    draws, spread = rng.random(10), rng.random(bands)
    place = np.linspace(-1, 1, bands) if bands > 1 else np.zeros(1)
    fwhm = np.stack([_drifting(draws[axis], draws[axis + 2], place, ranges) for axis in (0, 1)], axis=1)
    kernel = _kernel(draws[4], float(fwhm.min()), scale, ranges)
    noise = None if draws[5] < ranges.noiseless else _noise(draws[6:], spread, ranges)
    widths = None if kernel == "bicubic" else tuple((float(y), float(x)) for y, x in fwhm)
    return ObservationModel(kernel=kernel, scale=scale, fwhm=widths, noise=noise)


def _between(limits: tuple[float, float], share: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * share


def _drifting(mean: float, drift: float, place: NDArray[np.float64], ranges: ObservationRanges) -> NDArray[np.float64]:
    """Widths ``(bands,)`` of one axis; none leaves the range."""
    widths = _between(ranges.fwhm, mean) * (1 + ranges.fwhm_drift * (2 * drift - 1) * place)
    return np.asarray(np.clip(widths, *ranges.fwhm), np.float64)


def _kernel(draw: float, narrowest: float, scale: int, ranges: ObservationRanges) -> Kernel:
    if draw < ranges.bicubic:
        return "bicubic"
    wide = narrowest > 1.01 * detector_sigma(scale) * FWHM_PER_SIGMA / scale
    return "detector" if wide and draw < ranges.bicubic + ranges.detector else "gaussian"


def _noise(draws: NDArray[np.float64], spread: NDArray[np.float64], ranges: ObservationRanges) -> NoiseModel:
    ratio = _between(ranges.snr_db, draws[0])
    by_band = np.clip(ratio + ranges.snr_spread_db * (2 * spread - 1), *ranges.snr_db)
    stripes = _between(ranges.stripe_offset, draws[3]) if draws[2] < ranges.striped else 0.0
    return NoiseModel(
        snr_db=tuple(by_band.tolist()), photon_share=_between(ranges.photon_share, draws[1]), stripe_offset=stripes
    )
