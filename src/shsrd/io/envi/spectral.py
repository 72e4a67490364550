"""Bands of an ENVI header: wavelengths, widths, good bands, names; what cannot be used is left out with a note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError
from shsrd.io.band_names import named_wavelengths
from shsrd.io.envi.header import items, strip_braces
from shsrd.io.wavelengths import NumberList, SpectralLists, spectral_lists

_FLAGS = {"true": True, "yes": True, "good": True, "ok": True, "t": True, "y": True,
          "false": False, "no": False, "bad": False, "f": False, "n": False}  # fmt: skip
_NEAR = 0.01  # share of a wavelength by which names may differ from the list: they are rounded


@dataclass(frozen=True)
class BandLists:
    """Lists of an ENVI header with one entry a band.

    Attributes:
        spectral: wavelengths, widths and notes on them.
        good: bool ``(band,)``.
        names: one a band, or none.
        unused: header keys that were not understood, and stay as text.
        notes: what was left out beside wavelengths and widths.
    """

    spectral: SpectralLists
    good: NDArray[np.bool_]
    names: tuple[str, ...]
    unused: frozenset[str]
    notes: tuple[str, ...] = ()


def read_band_lists(values: dict[str, str], *, bands: int, source: str) -> BandLists:
    """Lists of a header with one entry a band.

    Args:
        values: header keys.
        bands: how many there are.
        source: file name for messages.

    Raises:
        SceneError: a list of the wrong length.
    """
    unused, notes = set[str](), list[str]()
    names = tuple(items(values.get("band names") or ""))
    if len(names) != bands:  # names with commas in them cannot be told apart: they stay as text
        names, unused = (), {"band names"}
    good = _good_bands(values, bands, notes, source=source)
    spectral = _spectral(values, names, bands=bands, source=source)
    if spectral.wavelength_nm is None or not _listed(values):
        unused |= {"wavelength", "wavelength units", "fwhm"}
    return BandLists(spectral, good, names, frozenset(unused), tuple(notes))


def list_of(values: dict[str, str], key: str, *, bands: int, source: str) -> list[str]:
    """The items of a list; blanks separate them where there are no commas.

    Raises:
        SceneError: not one for each band.
    """
    parts = items(values.get(key) or "")
    if len(parts) == 1 < bands and len(parts[0].split()) == bands:
        parts = parts[0].split()
    if parts and len(parts) != bands:
        raise SceneError(f"{source}: {key} has {len(parts)} values for {bands} bands; correct the header")
    return parts


def _listed(values: dict[str, str]) -> bool:
    return bool(items(values.get("wavelength") or ""))


def _good_bands(values: dict[str, str], bands: int, notes: list[str], *, source: str) -> NDArray[np.bool_]:
    texts = list_of(values, "bbl", bands=bands, source=source)
    try:
        flags = [_FLAGS[text.lower()] if text.lower() in _FLAGS else float(text) > 0 for text in texts]
    except ValueError:
        odd = next(text for text in texts if text.lower() not in _FLAGS and not _is_number(text))
        notes.append(f"'bbl' holds {odd[:30]!r}, which is neither 1 nor 0; it is left out and all bands count as good.")
        flags = []
    return np.array(flags, bool) if flags else np.ones(bands, bool)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _spectral(values: dict[str, str], names: Sequence[str], *, bands: int, source: str) -> SpectralLists:
    texts = list_of(values, "wavelength", bands=bands, source=source)
    unit = strip_braces(values.get("wavelength units") or "")
    widths = list_of(values, "fwhm", bands=bands, source=source)
    if unit.lower() == "index":
        texts = []
    if not texts:
        return _by_names(names, widths, unit)
    texts, unit = split_unit(texts, unit)
    found = spectral_lists(NumberList(texts, unit, "wavelength"), NumberList(widths, None, "fwhm") if widths else None)
    return _compared(found, names)


def split_unit(texts: list[str], unit: str) -> tuple[list[str], str]:
    """A list whose items carry their unit (``450 nm``) as plain numbers and that unit."""
    if _is_number(texts[0]):
        return texts, unit
    named = named_wavelengths(texts)
    if not named.complete or named.unit is None:
        return texts, unit
    return [text or "" for text in named.texts], named.unit


def _by_names(names: Sequence[str], widths: Sequence[str], unit: str) -> SpectralLists:
    named = named_wavelengths(names)
    if not named.complete:
        return SpectralLists()
    texts = [text or "" for text in named.texts]
    return spectral_lists(
        NumberList(texts, named.unit, "the wavelength in band names", declared=False),
        NumberList(widths, unit or named.unit, "fwhm") if widths else None,
    )


def _compared(found: SpectralLists, names: Sequence[str]) -> SpectralLists:
    """Wavelengths with a note where names of bands tell others."""
    if found.wavelength_nm is None or named_wavelengths(names[:1]).unit is None:
        return found
    named = named_wavelengths(names)
    if named.unit is None or not named.complete:
        return found
    other = spectral_lists(NumberList([text or "" for text in named.texts], named.unit, "band names")).wavelength_nm
    if other is None:
        return found
    far = np.abs(other - found.wavelength_nm) > _NEAR * found.wavelength_nm
    if not far.any():
        return found
    band = int(np.argmax(far))
    note = (
        f"Band {band + 1} has {found.wavelength_nm[band]:g} nm in 'wavelength' and {other[band]:g} nm in "
        "'band names'; 'wavelength' is used."
    )
    return SpectralLists(found.wavelength_nm, found.fwhm_nm, (*found.notes, note))
