"""Wavelengths in names of bands: ``Band 1 (450.0 Nanometers)``, ``650.3 nm``, ``B12 (0.4567)``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from shsrd.cube.wavelength_units import is_wavelength_unit, normalize_unit, reciprocal_constant, unit_exponent

_TAIL = 80  # characters of a name that are looked at
_NUMBER = r"(?<![\d.,])(\d{1,6}(?:[.,]\d{0,12})?)"
_RANGE = r"(?:" + _NUMBER + r"\s?(?:-|–|to)\s?)?"
_WITH_UNIT = re.compile(_RANGE + _NUMBER + r"[\s._-]{0,3}(cm-1|[a-zµμåÅ]{1,14})(?![a-z\d])", re.IGNORECASE)
_UNIT_FIRST = re.compile(r"(?<![a-zµμ])([nuµμ]m)[\s._=:-]{0,3}" + _NUMBER, re.IGNORECASE)
_PLAIN = re.compile(
    r"(?:^|[(\[]|\b(?:wavelength|wvl|wl)\b[\s._=:]{0,3})\s*" + _NUMBER + r"\s*[)\]]?\s*$", re.IGNORECASE
)
_WIDTH = re.compile(r"(fwhm|width|bw|±|\+/?-)\W*$", re.IGNORECASE)
_GROUND = ("mm", "millimeter", "millimetre", "cm", "centimeter", "centimetre", "m", "meter", "metre")  # sizes of pixels
_FIRST_NM, _LAST_UM = 200.0, 15.0  # what optical sensors see, in nanometres or in micrometres


@dataclass(frozen=True)
class NamedWavelengths:
    """Wavelengths as names of bands tell them.

    Attributes:
        texts: a number for every band, None where its name tells none.
        unit: the unit that all of them have, or None where the names do not say it.
    """

    texts: tuple[str | None, ...]
    unit: str | None

    @property
    def complete(self) -> bool:
        """Return True if every band has a wavelength."""
        return bool(self.texts) and None not in self.texts


def named_wavelengths(names: Sequence[str]) -> NamedWavelengths:
    """Wavelengths in names of bands.

    A number with a unit counts wherever it stands; one without a unit only if it ends the name in brackets or is all of
    it, every band has such a number, and they rise or fall like wavelengths and not like the numbers of bands.
    """
    nothing = NamedWavelengths((None,) * len(names), None)
    found = [_with_unit(name[-_TAIL:]) for name in names]
    units = {(unit_exponent(unit), reciprocal_constant(unit)): unit for _, unit in filter(None, found)}
    if len(units) == 1:
        return NamedWavelengths(tuple(pair[0] if pair else None for pair in found), *units.values())
    if units:
        return nothing
    plain = [match[1].replace(",", ".") for name in names if (match := _PLAIN.search(name[-_TAIL:]))]
    return NamedWavelengths(tuple(plain), None) if len(plain) == len(names) and _plausible(plain) else nothing


def _with_unit(name: str) -> tuple[str, str] | None:
    """The first number (the middle of a range) with a unit of wavelength, and that unit."""
    for match in _WITH_UNIT.finditer(name):
        unit = normalize_unit(match[3])
        if is_wavelength_unit(unit) and unit not in _GROUND and not _WIDTH.search(name[: match.start()]):
            return _middle(match[1], match[2]), unit
    first = _UNIT_FIRST.search(name)
    return (_middle(None, first[2]), normalize_unit(first[1])) if first else None


def _middle(first: str | None, last: str) -> str:
    last = last.replace(",", ".")
    if first is None:
        return last
    low, high = float(first.replace(",", ".")), float(last)
    return f"{(low + high) / 2:.12g}" if high / 2 <= low < high else last  # "Band 1-450 nm" is no range


def _plausible(texts: Sequence[str]) -> bool:
    numbers = [float(text) for text in texts]
    steps = [after - before for before, after in pairwise(numbers)]
    if not steps or 0 in steps or set(steps) <= {1.0, -1.0}:
        return False
    if min(steps) < 0 < max(steps):
        return False
    fractions = all("." in text for text in texts)
    return min(numbers) >= _FIRST_NM or (fractions and min(numbers) > 0.1 and max(numbers) < _LAST_UM)
