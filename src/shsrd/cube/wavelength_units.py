"""Units of wavelength in any spelling: the one table for files, headers and xarray coordinates."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_LENGTHS = {  # powers of ten from the unit to nanometres
    0: ("nanometer", "nanometre", "nm"),
    3: ("micrometer", "micrometre", "micron", "um", "µm", "μm", "mum", "mkm"),
    -1: ("angstrom", "ångström", "ångstrom", "å"),
    6: ("millimeter", "millimetre", "mm"),
    7: ("centimeter", "centimetre", "cm"),
    9: ("meter", "metre", "m"),
}
_WAVENUMBERS = (
    "wavenumber",
    "cm-1",
    "1/cm",
    "cm^-1",
    "cm**-1",
    "percm",
    "kayser",
    "inversecentimeter",
    "reciprocalcentimeter",
)
_FREQUENCIES = {"ghz": 299792458.0, "gigahertz": 299792458.0, "mhz": 299792458.0e3, "megahertz": 299792458.0e3,
                "thz": 299792.458, "terahertz": 299792.458}  # fmt: skip
_UNKNOWN = ("", "unknown", "none", "n/a", "na", "1", "dimensionless", "unitless")
_LARGEST_UM = 100.0  # numbers below this without a unit are micrometres


def normalize_unit(unit: str | None) -> str:
    """A unit in lower case without braces, brackets, quotes, blanks and the plural ``s``."""
    text = "".join((unit or "").split()).strip("{}[]()\"'").lower().replace("_", "")
    return text[:-1] if len(text) > 3 and text.endswith("s") else text


def has_unit(unit: str | None) -> bool:
    """Return True if a text names a unit; ``Unknown`` and empty text name none."""
    return normalize_unit(unit) not in _UNKNOWN


def unit_exponent(unit: str | None) -> int | None:
    """The power of ten from a unit of length to nanometres, or None where it is no length we know."""
    name = normalize_unit(unit)
    return next((power for power, names in _LENGTHS.items() if name in names), None)


def reciprocal_constant(unit: str | None) -> float | None:
    """The number that, divided by a value in this unit, gives nanometres (wavenumber, frequency); None for others."""
    name = normalize_unit(unit)
    return 1e7 if name in _WAVENUMBERS else _FREQUENCIES.get(name)


def is_wavelength_unit(unit: str | None) -> bool:
    """Return True if wavelengths can be given in a unit."""
    return unit_exponent(unit) is not None or reciprocal_constant(unit) is not None


def guess_unit_exponent(numbers: Iterable[float]) -> int:
    """The power of ten to nanometres of numbers without a unit: all below 100 means micrometres."""
    return 3 if max(numbers, default=np.inf) < _LARGEST_UM else 0


def in_nanometres(numbers: NDArray[np.float64], unit: str | None) -> NDArray[np.float64] | None:
    """Wavelengths in nanometres; without a unit it is read off the numbers. None for a unit that is not known."""
    constant = reciprocal_constant(unit)
    if constant is not None:
        with np.errstate(divide="ignore"):
            return constant / numbers
    power = unit_exponent(unit) if has_unit(unit) else guess_unit_exponent(numbers.tolist())
    return None if power is None else numbers * 10.0**power
