"""Reflectance spectra of everyday surfaces, 350-2500 nm, from a few physical shapes.

None is a measurement: each is built from the features that make the real one recognisable, such as the red
edge of leaves, the water bands near 970, 1200, 1450 and 1940 nm, the iron-oxide edge of tiles, the clay
band at 2200 nm, the hydrocarbon bands of plastics near 1730 and 2310 nm.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Spectrum = NDArray[np.float64]
Shape = Callable[[Spectrum], Spectrum]


@dataclass(frozen=True)
class Material:
    """A surface: its typical spectrum, and what it turns into where it varies.

    Attributes:
        typical: reflectance as a function of wavelength in nm.
        altered: the same surface at the far end of its natural variation (drier, greener, rustier).
    """

    typical: Shape
    altered: Shape


def _bump(lam: Spectrum, centre: float, width: float) -> Spectrum:
    return np.exp(-0.5 * ((lam - centre) / width) ** 2)


def _step(lam: Spectrum, centre: float, width: float) -> Spectrum:
    return 1 / (1 + np.exp(-np.clip((lam - centre) / width, -60, 60)))


def liquid_water(lam: Spectrum) -> Spectrum:
    """Relative absorption of liquid water: bands at 970, 1200, 1450, 1940 and beyond 2400 nm."""
    weak = 0.06 * _bump(lam, 970, 28) + 0.22 * _bump(lam, 1200, 45) + 0.25 * _step(lam, 1330, 30)
    return (
        weak
        + 1.1 * _bump(lam, 1450, 48)
        + 0.45 * _step(lam, 1850, 30)
        + 1.6 * _bump(lam, 1945, 62)
        + 0.9 * _step(lam, 2440, 70)
    )


def vegetation(lam: Spectrum, *, chlorophyll: float, nir: float, water: float) -> Spectrum:
    """Green leaves: dark in blue and red, green peak, red edge near 715 nm, NIR plateau, leaf water."""
    pigment = 0.8 * _step(-lam, -515, 14) + 0.55 * _bump(lam, 640, 45) + 0.75 * _bump(lam, 676, 22)
    visible = 0.16 * np.exp(-chlorophyll * (0.72 + pigment))
    edge = _step(lam, 700 + 9 * chlorophyll, 13)
    plateau = nir * (1 - 0.00012 * np.abs(lam - 1080))
    return (visible + (plateau - visible) * edge) * np.exp(-water * liquid_water(lam))


def dry_plants(lam: Spectrum, *, brightness: float, green: float) -> Spectrum:
    """Straw and stubble: a smooth rise, cellulose bands at 2100 and 2300 nm, a rest of green."""
    rise = 0.10 + 0.33 * _step(lam, 640, 110)
    cellulose = 1 - 0.18 * _bump(lam, 2100, 55) - 0.16 * _bump(lam, 2310, 50) - 0.08 * _bump(lam, 1730, 35)
    straw = brightness * rise * cellulose * np.exp(-0.35 * liquid_water(lam))
    return (1 - green) * straw + green * vegetation(lam, chlorophyll=1.4, nir=0.4, water=0.8)


def flowers(lam: Spectrum, *, share: float) -> Spectrum:
    """Rapeseed in bloom: petals that absorb blue only, over green leaves."""
    petals = (0.05 + 0.27 * _step(lam, 512, 13) + 0.18 * _step(lam, 705, 18)) * np.exp(-0.6 * liquid_water(lam))
    return share * petals + (1 - share) * vegetation(lam, chlorophyll=1.2, nir=0.46, water=0.7)


def soil(lam: Spectrum, *, brightness: float, iron: float, moisture: float) -> Spectrum:
    """Mineral soil: concave rise, iron oxide near 500 and 880 nm, clay at 2200 nm; moisture darkens all."""
    rise = brightness * (0.06 + 0.40 * (1 - np.exp(-(lam - 330) / 560)))
    oxide = np.exp(-iron * (1.1 * _step(-lam, -545, 28) + 0.16 * _bump(lam, 885, 70)))
    clay = 1 - 0.11 * _bump(lam, 2205, 22) - 0.05 * _bump(lam, 1412, 18)
    return rise * oxide * clay * np.exp(-moisture * (0.55 + 1.1 * liquid_water(lam)))


def water(lam: Spectrum, *, sediment: float) -> Spectrum:
    """A water body: blue-green and dark when clear, a peak near 580 nm when turbid, black in the SWIR."""
    pure = np.exp(-6.5 * _step(lam, 730, 22) - 1.3 * _step(lam, 600, 12))
    clear = 0.035 * np.exp(-np.maximum(lam - 480, 0) / 120) * pure
    particles = sediment * (0.45 + 0.55 * _bump(lam, 585, 75)) * _step(lam, 430, 45)
    scattered = 0.13 * particles * np.exp(-2.0 * _step(lam, 718, 12) - 3.5 * _step(lam, 900, 40))
    glint = 0.004 * np.exp(-(lam - 400) / 2500)
    return clear + scattered + 0.12 * sediment * 0.13 * _bump(lam, 810, 25) + glint


def mineral(lam: Spectrum, *, level: float, rise: float, carbonate: float) -> Spectrum:
    """Concrete, stone, gravel: grey, rising into the SWIR, bound water and a carbonate band at 2340 nm."""
    grey = level * (1 + rise * (1 - np.exp(-(lam - 380) / 450)))
    return grey * (1 - carbonate * _bump(lam, 2340, 30)) * np.exp(-0.12 * liquid_water(lam))


def bitumen(lam: Spectrum, *, level: float, age: float) -> Spectrum:
    """Asphalt: dark, nearly flat when new, brighter with age, weak hydrocarbon bands."""
    base = level * (0.8 + age * (1 - np.exp(-(lam - 380) / 600)))
    return base * (1 - 0.06 * _bump(lam, 1730, 30) - 0.10 * _bump(lam, 2310, 40))


def tile(lam: Spectrum, *, level: float, age: float) -> Spectrum:
    """Fired clay: iron-oxide edge near 575 nm, shallow bands at 670 and 870 nm; darker with age."""
    red = 0.055 + level * _step(lam, 578, 24) + 0.06 * _step(lam, 760, 60)
    fired = red * (1 - 0.10 * _bump(lam, 665, 28) - 0.20 * _bump(lam, 870, 75) - 0.05 * _bump(lam, 2205, 25))
    return fired * (1 - age) * np.exp(-0.10 * liquid_water(lam))


def metal(lam: Spectrum, *, level: float, slope: float) -> Spectrum:
    """Coated sheet metal: bright, almost without features."""
    return level * (1 + slope * (lam - 1000) / 1000) * (0.75 + 0.25 * _step(lam, 420, 30))


def plastic(lam: Spectrum, *, level: float, colour_nm: float, purity: float) -> Spectrum:
    """Roof membrane or paint: one colour of some purity, ultraviolet edge, hydrocarbon bands."""
    dye = 1 - purity + purity * np.maximum(_bump(lam, colour_nm, 45), _step(lam, 760, 40))
    bands = 1 - 0.16 * _bump(lam, 1190, 22) - 0.30 * _bump(lam, 1725, 28) - 0.38 * _bump(lam, 2310, 38)
    return level * dye * bands * _step(lam, 408, 9) * (1 - 0.10 * _step(lam, 1500, 200)) + 0.02


def photovoltaic(lam: Spectrum, *, level: float) -> Spectrum:
    """Silicon cells: absorb below the band gap at 1100 nm, reflect beyond."""
    return 0.025 + 0.02 * _bump(lam, 440, 50) + level * _step(lam, 1110, 35) * np.exp(-(lam - 1100) / 3000)


def _pair(shape: Callable[..., Spectrum], typical: dict[str, float], altered: dict[str, float]) -> Material:
    return Material(partial(shape, **typical), partial(shape, **{**typical, **altered}))


MATERIALS: Mapping[str, Material] = MappingProxyType(
    {
        "cereal": _pair(
            vegetation, {"chlorophyll": 1.55, "nir": 0.50, "water": 0.75}, {"chlorophyll": 0.8, "nir": 0.38}
        ),
        "meadow": _pair(
            vegetation, {"chlorophyll": 1.05, "nir": 0.40, "water": 0.60}, {"chlorophyll": 0.6, "water": 0.3}
        ),
        "lawn": _pair(vegetation, {"chlorophyll": 1.25, "nir": 0.45, "water": 0.70}, {"nir": 0.34, "water": 0.4}),
        "broadleaf": _pair(
            vegetation, {"chlorophyll": 1.75, "nir": 0.44, "water": 0.90}, {"chlorophyll": 1.1, "nir": 0.56}
        ),
        "conifer": _pair(
            vegetation, {"chlorophyll": 2.2, "nir": 0.26, "water": 1.00}, {"chlorophyll": 1.6, "nir": 0.34}
        ),
        "rapeseed": _pair(flowers, {"share": 0.65}, {"share": 0.35}),
        "stubble": _pair(dry_plants, {"brightness": 1.0, "green": 0.06}, {"green": 0.35}),
        "dry_soil": _pair(soil, {"brightness": 0.85, "iron": 0.75, "moisture": 0.12}, {"moisture": 0.55}),
        "wet_soil": _pair(soil, {"brightness": 0.70, "iron": 0.65, "moisture": 0.80}, {"moisture": 0.40}),
        "sand": _pair(soil, {"brightness": 1.25, "iron": 0.35, "moisture": 0.05}, {"moisture": 0.60}),
        "clear_water": _pair(water, {"sediment": 0.04}, {"sediment": 0.25}),
        "turbid_water": _pair(water, {"sediment": 0.65}, {"sediment": 1.0}),
        "asphalt": _pair(bitumen, {"level": 0.085, "age": 0.75}, {"level": 0.07, "age": 0.2}),
        "concrete": _pair(mineral, {"level": 0.24, "rise": 0.45, "carbonate": 0.12}, {"level": 0.34}),
        "gravel": _pair(mineral, {"level": 0.19, "rise": 0.75, "carbonate": 0.20}, {"level": 0.26, "rise": 0.5}),
        "red_tile": _pair(tile, {"level": 0.22, "age": 0.0}, {"level": 0.15, "age": 0.35}),
        "brown_tile": _pair(tile, {"level": 0.09, "age": 0.2}, {"level": 0.14, "age": 0.1}),
        "metal": _pair(metal, {"level": 0.40, "slope": 0.10}, {"level": 0.30, "slope": -0.15}),
        "membrane": _pair(plastic, {"level": 0.62, "colour_nm": 550, "purity": 0.05}, {"level": 0.50}),
        "blue_paint": _pair(plastic, {"level": 0.22, "colour_nm": 470, "purity": 0.8}, {"purity": 0.5}),
        "photovoltaic": _pair(photovoltaic, {"level": 0.12}, {"level": 0.20}),
    }
)


def library(wavelength_nm: Spectrum, fwhm_nm: Spectrum) -> tuple[Spectrum, Spectrum]:
    """All materials as a sensor with Gaussian bands sees them.

    Args:
        wavelength_nm: ``(band,)`` centres.
        fwhm_nm: ``(band,)`` widths.

    Returns:
        Typical and altered spectra, each ``(material, band)`` in the order of ``MATERIALS``.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    lam = wavelength_nm[:, None] + fwhm_nm[:, None] / 2.3548 * nodes
    seen = weights / weights.sum()
    typical = np.stack([material.typical(lam) @ seen for material in MATERIALS.values()])
    altered = np.stack([material.altered(lam) @ seen for material in MATERIALS.values()])
    return typical, altered
