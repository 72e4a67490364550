"""Wavelength numbers of a file to nanometres: units, lists, guesses that a format asks for."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError
from shsrd.cube.facts import MOST_BANDS

_POWERS = {  # powers of ten from the unit to nanometres
    0: ("nanometers", "nanometer", "nanometres", "nanometre", "nm"),
    3: ("micrometers", "micrometer", "micrometres", "micrometre", "microns", "micron", "um", "µm", "μm"),
    -1: ("angstroms", "angstrom", "å"),
    6: ("millimeters", "millimeter", "mm"),
    9: ("meters", "meter", "m"),
}
_UNKNOWN = ("", "unknown", "none")


def unit_power(unit: str | None, numbers: Iterable[float], *, source: str) -> int:
    """The power of ten that turns numbers in ``unit`` into nanometres.

    A missing or ``Unknown`` unit is read off the numbers: all below 100 means micrometres.

    Args:
        unit: as written in the file, or None.
        numbers: the wavelengths themselves.
        source: file name for messages.

    Raises:
        SceneError: a unit that is no length.
    """
    name = (unit or "").strip().strip("{}").strip().lower()
    if name in _UNKNOWN:
        return 3 if max(numbers, default=np.inf) < 100 else 0
    for power, names in _POWERS.items():
        if name in names:
            return power
    raise SceneError(f"{source}: wavelength unit {unit!r} is not known; write Nanometers or Micrometers")


def to_nanometres(numbers: Iterable[str], power: int, *, what: str, source: str) -> NDArray[np.float64]:
    """Numbers as text times ``10**power``, correctly rounded (0.4174 µm is exactly 417.4 nm).

    Raises:
        SceneError: text that is no positive finite number.
    """
    values = []
    for text in numbers:
        try:
            value = float(Decimal(text.strip()).scaleb(power))
        except (InvalidOperation, ValueError, OverflowError):
            raise SceneError(f"{source}: {text.strip()[:40]!r} in {what} is no number; correct it") from None
        if not (np.isfinite(value) and value > 0):
            raise SceneError(f"{source}: {what} {value:g} is impossible; it must be above 0")
        values.append(value)
    return np.array(values, np.float64)


def shortest_text(values: NDArray[np.generic]) -> list[str]:
    """Each number in its own precision, so that float32 418.24 reads as 418.24, not 418.239990234375.

    Raises:
        ValueError: more numbers than any scene has bands.
    """
    if values.size > MOST_BANDS:
        raise ValueError(f"{values.size} values are no list of bands")
    return [str(value) for value in np.asarray(values).ravel()]


def micrometres_text(nanometres: float) -> str:
    """A wavelength in micrometres, all digits, as GDAL's ``IMAGERY`` domain wants it."""
    return format(Decimal(repr(float(nanometres))).scaleb(-3).normalize(), "f")
