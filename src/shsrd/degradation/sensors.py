"""How sharp sensors are, by published figures of their modulation transfer function (MTF).

A Gaussian point spread function of standard deviation ``sigma`` pixels has the transfer function

    m(f) = exp(-2 pi^2 sigma^2 f^2),    so    sigma = sqrt(-2 ln m) / pi    for m at Nyquist, f = 1/2 a pixel.

Every figure here is of the whole system, that is, with the detector's own pixel (by itself ``sinc``, 0.64 at Nyquist):
nothing has to be multiplied to it. It holds at one frequency; between, a Gaussian is an assumption.

Sensors whose figures could not be read in a source are not here.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from shsrd.cube import SceneError
from shsrd.degradation.kernels import FWHM_PER_SIGMA


@dataclass(frozen=True)
class Sensor:
    """MTF of a sensor at the Nyquist frequency of its own pixel, and where that is written.

    Attributes:
        mtf_along: in flight direction (y of a scene in the sensor's grid).
        mtf_across: along the detector's line (x).
        source: document and place, the figures as they stand there, and what was made of them.
    """

    mtf_along: float
    mtf_across: float
    source: str

    @property
    def fwhm(self) -> tuple[float, float]:
        """Full widths at half maximum of the Gaussian PSF along y and x, in pixels of the sensor."""
        return gaussian_fwhm(self.mtf_along), gaussian_fwhm(self.mtf_across)


def gaussian_fwhm(mtf: float) -> float:
    """Full width at half maximum, in pixels, of the Gaussian whose MTF at Nyquist is ``mtf``.

    Raises:
        ValueError: ``mtf`` is not between 0 and 1.
    """
    if not 0 < mtf < 1:
        raise ValueError(f"an MTF of {mtf} belongs to no Gaussian; give a value between 0 and 1")
    return FWHM_PER_SIGMA * math.sqrt(-2 * math.log(mtf)) / math.pi


SENSORS: Mapping[str, Sensor] = MappingProxyType(
    {
        "enmap": Sensor(
            mtf_along=0.16,
            mtf_across=0.25,
            source="EnMAP HSI Instrument Specification (data sheet of the mission): MTF > 0.25 at 60 m across track, "
            "> 0.16 at 60 m along track, pixels of 30 m. Lower limits, taken as they stand: the instrument may be "
            "sharper. Along track the motion during the exposure is included (0.25 x 2/pi = 0.16).",
        ),
        "prisma": Sensor(
            mtf_along=0.075,
            mtf_across=0.075,
            source="System Characterization Report on PRISMA, USGS Open-File Report 2021-1030-K, Executive Summary: "
            "MTF at Nyquist 0.054 to 0.096, measured on edges in products, with all their processing. The middle; no "
            "direction is given. Its edge response (0.56 to 0.63) is sharper than such a Gaussian, its FWHM (1.84 to "
            "1.97 pixels) wider.",
        ),
        "tanager": Sensor(
            mtf_along=0.37,
            mtf_across=0.37,
            source="System Characterization Report on Tanager, USGS Open-File Report 2021-1030-W, Executive Summary: "
            "MTF at Nyquist 0.253 to 0.488, measured on edges in products, with all their processing. The middle of a "
            "wide range; no direction is given. Its FWHM (1.27 to 1.75 pixels) is wider than such a Gaussian.",
        ),
    }
)


def sensor_named(name: str) -> Sensor:
    """A sensor of the table.

    Raises:
        SceneError: there is none of that name; the message lists those there are.
    """
    if name not in SENSORS:
        raise SceneError(f"no sensor {name!r}; choose one of {', '.join(SENSORS)}, or give a width (fwhm)")
    return SENSORS[name]
