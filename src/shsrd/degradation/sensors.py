"""Point spread functions of sensors, from published modulation transfer functions (MTF).

A Gaussian point spread function of standard deviation ``sigma`` pixels has the transfer function

    m(f) = exp(-2 pi^2 sigma^2 f^2),    so    sigma = sqrt(-2 ln m) / pi    for m at Nyquist, f = 1/2 a pixel.

Every figure here is of the whole system, that is, with the detector's own pixel (by itself ``sinc``, 0.64 at Nyquist):
nothing has to be multiplied to it. It holds at one frequency; between, a Gaussian is an assumption. Where a source has
the full width at half maximum (FWHM) of the point or line spread function, that is the Gaussian's.

Sensors whose figures could not be read in a source are not here; ``docs/sensors.md`` lists those that were looked for.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError
from shsrd.degradation.kernels import FWHM_PER_SIGMA


@dataclass(frozen=True)
class SpectralRange:
    """Sharpness of a sensor in one part of the spectrum.

    Attributes:
        start_nm: shortest wavelength.
        stop_nm: longest wavelength.
        fwhm: full widths at half maximum of the Gaussian PSF along y and x, in pixels of the sensor.
    """

    start_nm: float
    stop_nm: float
    fwhm: tuple[float, float]

    def distance_nm(self, wavelength_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance of wavelengths to the range, 0 inside; like ``wavelength_nm``."""
        return np.maximum(np.maximum(self.start_nm - wavelength_nm, wavelength_nm - self.stop_nm), 0.0)


@dataclass(frozen=True)
class Sensor:
    """Point spread function of a sensor, and where it is published.

    Attributes:
        ranges: sharpness by spectral range, ascending; a single one where the source does not differ by wavelength.
        source: document and place, the figures as they stand there, and what was made of them.
    """

    ranges: tuple[SpectralRange, ...]
    source: str

    @property
    def fwhm(self) -> tuple[float, float]:
        """Full widths at half maximum along y and x in pixels of the sensor; the mean over its spectral ranges."""
        along_y, along_x = zip(*(part.fwhm for part in self.ranges), strict=True)
        return math.fsum(along_y) / len(along_y), math.fsum(along_x) / len(along_x)

    @property
    def mtf_along_track(self) -> float:
        """MTF at Nyquist in flight direction (y of a scene in the sensor's grid), of the mean width."""
        return gaussian_mtf(self.fwhm[0])

    @property
    def mtf_across_track(self) -> float:
        """MTF at Nyquist along the detector's line (x), of the mean width."""
        return gaussian_mtf(self.fwhm[1])

    def fwhm_at(self, wavelength_nm: NDArray[np.float64] | None, bands: int) -> NDArray[np.float64]:
        """Full widths at half maximum of every band.

        Args:
            wavelength_nm: centre wavelengths ``(bands,)``. None, or NaN of a band, takes the sensor's mean.
            bands: number of bands.

        Returns:
            ``(bands, 2)`` along y and x, in low-resolution pixels. A wavelength in no range takes the nearest one, one
            in two overlapping ranges the first.

        Raises:
            ValueError: not one wavelength a band.
        """
        widths = np.tile(np.array(self.fwhm), (bands, 1))
        if wavelength_nm is None:
            return widths
        centres = np.asarray(wavelength_nm, np.float64)
        if centres.shape != (bands,):
            raise ValueError(f"wavelengths {centres.shape} do not fit {bands} bands; give one for each")
        nearest = np.argmin([part.distance_nm(np.nan_to_num(centres)) for part in self.ranges], axis=0)
        known = np.isfinite(centres)
        widths[known] = np.array([part.fwhm for part in self.ranges])[nearest[known]]
        return widths


def gaussian_fwhm(mtf: float) -> float:
    """Full width at half maximum, in pixels, of the Gaussian whose MTF at Nyquist is ``mtf``.

    Raises:
        ValueError: ``mtf`` is not between 0 and 1.
    """
    if not 0 < mtf < 1:
        raise ValueError(f"an MTF of {mtf} belongs to no Gaussian; give a value between 0 and 1")
    return FWHM_PER_SIGMA * math.sqrt(-2 * math.log(mtf)) / math.pi


def gaussian_mtf(fwhm: float) -> float:
    """MTF at Nyquist of the Gaussian whose full width at half maximum is ``fwhm`` pixels."""
    return math.exp(-0.5 * (math.pi * fwhm / FWHM_PER_SIGMA) ** 2)


def _by_mtf(start_nm: float, stop_nm: float, *, along: float, across: float) -> SpectralRange:
    """A range by its MTF at Nyquist, along and across track."""
    return SpectralRange(start_nm, stop_nm, (gaussian_fwhm(along), gaussian_fwhm(across)))


SENSORS: Mapping[str, Sensor] = MappingProxyType(
    {
        "enmap": Sensor(
            ranges=(_by_mtf(420, 2450, along=0.16, across=0.25),),
            source="EnMAP HSI Instrument Specification (data sheet of the mission): MTF > 0.25 at 60 m across track, "
            "> 0.16 at 60 m along track, pixels of 30 m. Lower limits, taken as they stand: the instrument may be "
            "sharper. Along track the motion during the exposure is included (0.25 x 2/pi = 0.16).",
        ),
        "hyperion": Sensor(
            ranges=(
                _by_mtf(356, 564, along=0.27, across=0.27),
                _by_mtf(564, 768, along=0.28, across=0.28),
                _by_mtf(768, 920, along=0.26, across=0.26),
                _by_mtf(920, 1452, along=0.30, across=0.30),
                _by_mtf(1452, 2577, along=0.27, across=0.27),
            ),
            source="Second-hand: resize_images_mod.m, MATLAB code around Vivone et al., A Critical Comparison Among "
            "Pansharpening Algorithms. MTF at Nyquist by band number: 0.27 (bands 1 to 21), 0.28 (22 to 41), 0.26 (42 "
            "to 70), 0.30 (71 to 130), 0.27 (131 to 242), error 0.03. No direction is given; taken for both. Bands "
            "were turned into wavelengths by Hyperion's spacing of 10 nm, with 920 nm between its detectors.",
        ),
        "hypso-1": Sensor(
            ranges=(SpectralRange(430, 800, (2.2, 2.2)),),
            source="Bakken et al., HYPSO-1 CubeSat: First Images and In-Orbit Characterization (paper), Remote Sensing "
            "15 (2023) 755, abstract: in orbit below 2.2 pixels FWHM at 565 nm, which is 142 m across track. An upper "
            "limit, taken as it stands and for both directions (MTF of such a Gaussian at Nyquist: 0.013).",
        ),
        "hyspex-mjolnir": Sensor(
            ranges=(SpectralRange(400, 1000, (1.1, 1.1)),),
            source="HySpex, Scientific grade quality (web page of the maker): spatial resolution (FWHM) of the Mjolnir "
            "V-1240 as low as 1.1 times the spatial sampling. A lower limit, and no direction is given; taken as it "
            "stands and for both (MTF of such a Gaussian at Nyquist: 0.34). An aircraft's motion may add to it.",
        ),
        "prisma": Sensor(
            ranges=(_by_mtf(400, 2505, along=0.075, across=0.075),),
            source="System Characterization Report on PRISMA, USGS Open-File Report 2021-1030-K, Executive Summary: "
            "MTF at Nyquist 0.054 to 0.096, measured on edges in products, with all their processing. The middle; no "
            "direction is given. Its edge response (0.56 to 0.63) is sharper than such a Gaussian, its FWHM (1.84 to "
            "1.97 pixels) wider.",
        ),
        "tanager": Sensor(
            ranges=(_by_mtf(376, 2500, along=0.37, across=0.37),),
            source="System Characterization Report on Tanager, USGS Open-File Report 2021-1030-W, Executive Summary: "
            "MTF at Nyquist 0.253 to 0.488, measured on edges in products, with all their processing. The middle of a "
            "wide range; no direction is given. Its FWHM (1.27 to 1.75 pixels) is wider than such a Gaussian.",
        ),
    }
)


def get_sensor(name: str) -> Sensor:
    """A sensor of the table.

    Raises:
        SceneError: there is none of that name; the message lists those there are.
    """
    if name not in SENSORS:
        raise SceneError(f"no sensor {name!r}; choose one of {', '.join(SENSORS)}, or give a width (fwhm)")
    return SENSORS[name]
