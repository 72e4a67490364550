"""Detectors of a scene: the assignment of bands, from the file or from the wavelengths.

A pixel of one detector lies a fraction of a pixel beside that of another and is blurred differently, so bands of two
detectors are not mixed. A seam that is none costs little, one that is missed costs sharpness; so the signs are taken
broadly. A gap in the wavelengths is no sign: as a rule it is a water band that was left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from shsrd.cube.grid_keys import normalize_key

HEADER = "detector names"  # header key: a list with the name of every band's detector
VNIR, SWIR = "VNIR", "SWIR"
MAX_DETECTORS = 8  # more are bands in an order of somebody's own
MIN_DETECTOR_BANDS = 3  # of a detector that only wavelengths tell of
SILICON_NM = (850.0, 1100.0)  # where silicon grows blind and another detector takes over
SHORT = 0.75  # of the steps before: such a step is no dispersion's
NEAR = 0.3  # of a step by which a band may miss the place where its detector's next one should be
FINE_NM = 25.0  # steps of an imaging spectrometer
STEP_JUMP, WIDTH_JUMP = 1.2, 1.08  # from band to band, near the end of silicon: another instrument
_TRIES = 32  # short steps that are looked at
_MAX_LENGTH = 32  # characters of a name
_NAMED = re.compile(r"\W*(VNIR|SWIR|MWIR|LWIR|TIR)(?:[\s_.:-]*(?:band|b)?[\s_.:-]*\d+)?\b", re.IGNORECASE)
_HYPERION = re.compile(r"hyperion|\bEO1H\d", re.IGNORECASE)
_HYPERION_BANDS = (70, 172)  # VNIR, SWIR
Vector = NDArray[np.float64]


def infer_detectors(
    bands: int,
    *,
    wavelength_nm: Vector | None = None,
    fwhm_nm: Vector | None = None,
    band_names: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
    source: str = "",
) -> tuple[str, ...]:
    """Name of every band's detector; empty where there is only one as far as can be told.

    Sources, in this order: the header key ``detector names``, band names such as "SWIR 12", the 242 bands of Hyperion,
    wavelengths (``detector_index``).
    """
    headers = headers or {}
    found = _listed(headers, bands) or _named(band_names, bands)
    if found is None and bands == sum(_HYPERION_BANDS) and _HYPERION.search(" ".join((source, *headers.values()))):
        found = (VNIR,) * _HYPERION_BANDS[0] + (SWIR,) * _HYPERION_BANDS[1]
    if found is None and wavelength_nm is not None:
        found = _detector_names(detector_index(wavelength_nm, fwhm_nm), wavelength_nm)
    return found if found is not None and len(set(found)) > 1 else ()


def format_detector_names(detectors: Sequence[str]) -> str:
    """The value of the header key for these detectors, one name a band."""
    return "{" + ", ".join(detectors) + "}"


def detector_groups(detectors: Sequence[str], bands: int) -> list[NDArray[np.intp]]:
    """Numbers of every detector's bands, in the order of their first ones; all bands where nothing is known."""
    if not detectors:
        return [np.arange(bands)]
    names = np.asarray(detectors)
    return [np.flatnonzero(names == name) for name in dict.fromkeys(detectors)]


def _listed(headers: Mapping[str, str], bands: int) -> tuple[str, ...] | None:
    value = next((text for key, text in headers.items() if normalize_key(key) == HEADER), None)
    if value is None:
        return None
    names = tuple(name.strip() for name in value.strip().strip("{}").split(","))
    good = len(names) == bands and all(0 < len(name) <= _MAX_LENGTH for name in names)
    return names if good and len(set(names)) <= MAX_DETECTORS else None


def _named(band_names: Sequence[str], bands: int) -> tuple[str, ...] | None:
    found = [_NAMED.match(name[:_MAX_LENGTH]) for name in band_names]
    names = tuple(match[1].upper() for match in found if match)
    return names if len(names) == bands and len(set(names)) > 1 else None


def _detector_names(numbers: NDArray[np.intp], wavelength_nm: Vector) -> tuple[str, ...]:
    """Names for numbered detectors: VNIR and SWIR where two of them meet at the end of silicon."""
    count = int(numbers.max()) + 1
    if count == 2:
        first = int(wavelength_nm[numbers == 1].min() < wavelength_nm[numbers == 0].min())  # which one is VNIR
        ends, starts = wavelength_nm[numbers == first].max(), wavelength_nm[numbers != first].min()
        low, high = SILICON_NM
        if low <= ends <= high and low - 50 <= starts <= high:
            return tuple(VNIR if number == first else SWIR for number in numbers)
    return tuple(f"detector {number + 1}" for number in numbers)


def detector_index(wavelength_nm: Vector, fwhm_nm: Vector | None = None) -> NDArray[np.intp]:
    """Number of every band's detector ``(B,)``, from 0, as the wavelengths alone tell it.

    Signs of a second detector: wavelengths that step back in a list that rises; two rising sequences that are sorted
    into each other; a step much shorter than those before; where silicon ends, a sudden change of step or width.
    """
    one = np.zeros(len(wavelength_nm), np.intp)
    steps = np.diff(wavelength_nm)
    if len(steps) < 2 * MIN_DETECTOR_BANDS - 1 or not np.isfinite(wavelength_nm).all():
        return one
    if np.median(steps) < 0:
        turned = detector_index(wavelength_nm[::-1], None if fwhm_nm is None else fwhm_nm[::-1])[::-1]
        return np.asarray(turned.max() - turned, np.intp)
    back = np.flatnonzero(steps < 0) + 1
    if back.size:
        parts = np.diff([0, *back, len(one)])
        if back.size >= MAX_DETECTORS or parts.min() < MIN_DETECTOR_BANDS:
            return one
        return np.repeat(np.arange(len(parts)), parts)
    found = _interleaved_detectors(wavelength_nm)
    if found is not None:
        return found
    at = _first_band_after_change(wavelength_nm, fwhm_nm)
    return one if at is None else np.asarray(np.arange(len(one)) >= at, np.intp)


def _interleaved_detectors(w: Vector) -> NDArray[np.intp] | None:
    """Two detectors whose bands were sorted into each other, or of which one goes on where the other was cut."""
    steps = np.diff(w)
    usual = np.array([np.median(steps[max(0, at - 4) : at]) for at in range(1, len(steps))])
    for at in (np.flatnonzero(steps[1:] < SHORT * usual) + 1)[:_TRIES].tolist():
        pairs = [(start, start + more) for start in (at, at + 1) for more in (1, 2, 3)]
        tried = [_assign_detectors(w, *pair) for pair in pairs if pair[0] >= MIN_DETECTOR_BANDS and pair[1] < len(w)]
        good = [found for found in tried if found is not None]
        if good:
            return min(good, key=lambda found: found[0])[1]
    return None


def _assign_detectors(w: Vector, start: int, second: int) -> tuple[float, NDArray[np.intp]] | None:
    """Give every band to the detector whose next band it is, until the first detector has ended.

    Args:
        w: wavelengths, rising.
        start: the second detector's first band.
        second: its second band.

    Returns:
        Mean square of the misses in steps, and the numbers; None where some band is neither's next.
    """
    numbers = np.zeros(len(w), np.intp)
    numbers[[start, *range(second, len(w))]] = 1
    ours, theirs = w[:start].tolist(), [float(w[start])]
    pace, misses = float(w[second] - w[start]), list[float]()
    for at in range(start + 1, len(w)):
        here, step = float(w[at]), ours[-1] - ours[-2]
        over = here > ours[-1] + (1 + NEAR) * step
        if over and len(theirs) > MIN_DETECTOR_BANDS:
            goes_on = np.abs(np.diff([theirs[-1], *w[at : at + MIN_DETECTOR_BANDS]]) - pace) <= NEAR * pace
            mixed = len(ours) > start or w[start] - ours[-1] < SHORT * step
            return (float(np.mean(np.square(misses))), numbers) if mixed and goes_on.all() else None
        miss = np.inf if over else abs(here - ours[-1] - step) / step
        other = abs(here - theirs[-1] - pace) / pace if pace > 0 else np.inf
        if min(miss, other) > NEAR or (at == second and miss < other):
            return None
        misses.append(min(miss, other))
        if miss < other:
            numbers[at] = 0
            ours.append(here)
        else:
            pace = here - theirs[-1]
            theirs.append(here)
            numbers[at] = 1
    return None


def _first_band_after_change(w: Vector, fwhm: Vector | None) -> int | None:
    """The first band behind a sudden change of step or width near the end of silicon, in a list that is smooth else."""
    inside = np.flatnonzero((w >= SILICON_NM[0]) & (w <= SILICON_NM[1]))
    inside = inside[(inside >= MIN_DETECTOR_BANDS) & (inside <= len(w) - MIN_DETECTOR_BANDS)]
    for at in inside.tolist():
        around = np.diff(w[at - MIN_DETECTOR_BANDS : at + MIN_DETECTOR_BANDS])
        before, after = around[: MIN_DETECTOR_BANDS - 1], around[MIN_DETECTOR_BANDS:]
        if np.median(around) < FINE_NM and _has_jump(before, after, STEP_JUMP):
            return at
        if fwhm is not None and _has_jump(
            fwhm[at - MIN_DETECTOR_BANDS : at], fwhm[at : at + MIN_DETECTOR_BANDS], WIDTH_JUMP
        ):
            return at
    return None


def _has_jump(before: Vector, after: Vector, least: float) -> bool:
    """Return True if two groups of numbers differ by a factor of ``least``, and within each by less than half of it."""
    if min(before.min(), after.min()) <= 0:
        return False
    change = abs(np.log(np.median(after) / np.median(before)))
    within = max(np.ptp(np.log(before)), np.ptp(np.log(after)))
    return bool(change > np.log(least) and within < change / 2)
