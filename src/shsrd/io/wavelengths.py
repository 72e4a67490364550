"""Wavelength numbers of a file to nanometres: units, lists, guesses that a format asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError
from shsrd.cube.metadata import MAX_BANDS
from shsrd.cube.wavelength_units import guess_unit_exponent, has_unit, in_nanometres, reciprocal_constant, unit_exponent

_MEASURABLE_NM = (50.0, 100_000.0)
_PLAUSIBLE_NM = (150.0, 20_000.0)
_USUAL_NM = (200.0, 3_000.0)  # ultraviolet to short-wave infrared: nanometres go without saying


@dataclass(frozen=True)
class SpectralLists:
    """Wavelengths and widths of a file, as far as they can be used.

    Attributes:
        wavelength_nm: float64 ``(band,)``, or None.
        fwhm_nm: float64 ``(band,)``, or None.
        notes: a sentence for whatever was guessed or left out.
    """

    wavelength_nm: NDArray[np.float64] | None = None
    fwhm_nm: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NumberList:
    """A list of numbers as a file has it.

    Attributes:
        texts: the numbers, each in its own digits.
        unit: as written in the file, or None.
        name: of the list, for notes.
        declared: True where the file calls the list wavelengths; False for numbers found in names of bands.
    """

    texts: Sequence[str]
    unit: str | None
    name: str
    declared: bool = True


def spectral_lists(centres: NumberList, widths: NumberList | None = None) -> SpectralLists:
    """Wavelengths and widths in nanometres; what cannot be read is left out with a note, never an error.

    A missing unit is read off the numbers (all below 100 means micrometres). That is a note, except for declared
    wavelengths between 200 and 3000 where the file says nothing at all: they are nanometres in every format. Widths
    without a unit have that of the wavelengths; widths in wavenumbers or frequencies are converted at their centre.
    """
    notes: list[str] = []
    numbers = _positive(centres, notes)
    if numbers is None:
        return SpectralLists(None, None, tuple(notes))
    nanometres = _converted(centres, numbers, notes)
    _unlikely_wavelength_note(centres, nanometres, notes)
    if nanometres is None or widths is None:
        return SpectralLists(nanometres, None, tuple(notes))
    spread = _positive(widths, notes)
    if spread is not None and spread.size != numbers.size:
        notes.append(f"{widths.name} has {spread.size} values for {numbers.size} wavelengths; it is left out.")
        spread = None
    if spread is None:
        return SpectralLists(nanometres, None, tuple(notes))
    return SpectralLists(nanometres, _widths(widths, spread, centres, numbers, notes), tuple(notes))


def _unlikely_wavelength_note(given: NumberList, nanometres: NDArray[np.float64] | None, notes: list[str]) -> None:
    """A note on wavelengths that no imaging spectrometer sees: the unit of the file may be wrong."""
    low, high = _MEASURABLE_NM
    if nanometres is None or nanometres.size == 0 or (nanometres.max() >= low and nanometres.min() <= high):
        return
    notes.append(
        f"{given.name} in {str(given.unit)[:40]!r} are {nanometres.min():g} to {nanometres.max():g} nm, "
        "which no imager sees; the unit may be wrong."
    )


def _positive(given: NumberList, notes: list[str]) -> NDArray[np.float64] | None:
    try:
        return to_nanometres(given.texts, 0, what=given.name, source="")
    except SceneError as error:
        reason = str(error).removeprefix(": ").partition(";")[0]
        notes.append(f"{reason}; {given.name} is left out.")
        return None


def _converted(given: NumberList, numbers: NDArray[np.float64], notes: list[str]) -> NDArray[np.float64] | None:
    if not has_unit(given.unit):
        power = guess_unit_exponent(numbers.tolist())
        if not _surely_nanometres(given, numbers):
            word = "micrometres" if power else "nanometres"
            unit = f"the unit {str(given.unit).strip()[:20]!r}" if str(given.unit or "").strip() else "no unit"
            notes.append(f"{given.name} ({numbers[0]:g} to {numbers[-1]:g}) has {unit}; {word} are assumed.")
        return to_nanometres(given.texts, power, what=given.name, source="")
    length = unit_exponent(given.unit)
    if length is not None:
        return to_nanometres(given.texts, length, what=given.name, source="")
    nanometres = in_nanometres(numbers, given.unit)
    if nanometres is None:
        notes.append(f"Unit {str(given.unit)[:40]!r} of {given.name} is no wavelength; {given.name} is left out.")
    return nanometres


def _surely_nanometres(given: NumberList, numbers: NDArray[np.float64]) -> bool:
    """Return True if numbers without a unit are nanometres by the convention of every format."""
    low, high = _USUAL_NM
    return given.declared and not given.unit and low <= numbers.min() and numbers.max() <= high


def _widths(
    given: NumberList,
    spread: NDArray[np.float64],
    centres: NumberList,
    numbers: NDArray[np.float64],
    notes: list[str],
) -> NDArray[np.float64] | None:
    unit = given.unit if has_unit(given.unit) else centres.unit
    constant = reciprocal_constant(unit)
    if constant is not None:
        middles = numbers if reciprocal_constant(centres.unit) == constant else None
        if middles is not None:
            return np.asarray(constant * spread / middles**2, np.float64)
        notes.append(f"Unit {str(unit)[:40]!r} of {given.name} is not that of the wavelengths; it is left out.")
        return None
    power = unit_exponent(unit) if has_unit(unit) else guess_unit_exponent(numbers.tolist())
    if power is None:
        notes.append(f"Unit {str(unit)[:40]!r} of {given.name} is no wavelength; {given.name} is left out.")
        return None
    return to_nanometres(given.texts, power, what=given.name, source="")


def are_nanometres(values: NDArray[np.generic]) -> bool:
    """Return True if a list can only be wavelengths in nanometres: in range, rising, and no count of bands."""
    numbers = np.asarray(values, np.float64).ravel()
    low, high = _PLAUSIBLE_NM
    steps = np.diff(numbers)
    if numbers.size < 2 or not np.isfinite(numbers).all() or not (steps > 0).all() or (steps == 1).all():
        return False
    return bool(low <= numbers[0] and numbers[-1] <= high)


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
    if values.size > MAX_BANDS:
        raise ValueError(f"{values.size} values are no list of bands")
    return [str(value) for value in np.asarray(values).ravel()]


def micrometres_text(nanometres: float) -> str:
    """A wavelength in micrometres, all digits, as GDAL's ``IMAGERY`` domain wants it."""
    return format(Decimal(repr(float(nanometres))).scaleb(-3).normalize(), "f")
