"""Wavelengths of a GeoTIFF: tags of its bands, IMAGERY, dimensions of a NetCDF before, names; disagreement is noted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError
from shsrd.cube.grid_keys import normalize_key
from shsrd.cube.wavelength_units import has_unit, in_nanometres, is_wavelength_unit, unit_exponent
from shsrd.io.band_names import named_wavelengths
from shsrd.io.envi.header import items, lookup
from shsrd.io.envi.metadata import HeaderMetadata
from shsrd.io.envi.spectral import split_unit
from shsrd.io.geotiff.bands import Bands
from shsrd.io.wavelengths import NumberList, SpectralLists, spectral_lists, to_nanometres

_DIMENSION = "netcdf dim "  # GDAL's tags of bands that were slices of a NetCDF variable
_SPECTRAL = ("wavelength", "wavelengths", "wavelength nm", "wavelength um", "wvl", "wl", "lambda")
_UNIT_KEYS = ("wavelength units", "wavelength unit", "wavelengths units")
_NEAR = 0.01  # share of a wavelength by which two sources may differ: names and IMAGERY are rounded


@dataclass(frozen=True)
class _Source:
    """Source of wavelengths: its name, texts per band (None where missing) and their unit."""

    where: str
    wavelength: list[str | None]
    fwhm: list[str | None]
    unit: str | None
    notes: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str]:
        """The texts that are there."""
        return [text for text in self.wavelength if text]


def spectral_of(
    bands: Bands, metadata: HeaderMetadata, *, source: str
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None, tuple[str, ...]]:
    """Wavelengths, widths and notes on them: of the bands' own tags or names, else of lists for all bands.

    Args:
        bands: those of the scene.
        metadata: of tags and headers for all bands.
        source: file name for messages.

    Raises:
        SceneError: tags of some bands only.
    """
    notes: tuple[str, ...] = ()
    candidates = _sources(bands)
    for candidate in candidates:
        if not candidate.texts:
            notes = (*notes, *candidate.notes)
            continue
        if len(candidate.texts) != bands.count:
            shortfall = f"only {len(candidate.texts)} of {bands.count} bands have a wavelength"
            if candidate.where != "band names":
                raise SceneError(f"{source}: {shortfall}; complete the tags")
            notes = (*notes, f"{shortfall} in their names: none is used.")
            continue
        found = _found(candidate, metadata)
        notes = (*notes, *candidate.notes, *found.notes)
        if found.wavelength_nm is not None:
            compared = [
                (other.where, _found(other, metadata).wavelength_nm) for other in candidates if other is not candidate
            ]
            compared.append(("the list for all bands", metadata.wavelength_nm))
            notes = (*notes, *_contradicted(candidate.where, found.wavelength_nm, compared))
            return found.wavelength_nm, metadata.fwhm_nm if found.fwhm_nm is None else found.fwhm_nm, notes
    return metadata.wavelength_nm, metadata.fwhm_nm, (*notes, *metadata.spectral_notes)


def named_bands(dataset: Any) -> list[bool]:
    """True for each band of the file that is spectral by tags, IMAGERY, its name, or a list of all bands."""
    every = Bands(dataset, tuple(dataset.indexes))
    candidates, tags = _sources(every), every.tags
    own = dataset.tags(ns="ENVI") | dataset.tags()
    listed = len(items(lookup(own, "wavelength") or "")) == dataset.count
    return [
        listed or "bbl" in tags[band - 1] or any(candidate.wavelength[band - 1] for candidate in candidates)
        for band in dataset.indexes
    ]


def _found(candidate: _Source, metadata: HeaderMetadata) -> SpectralLists:
    """Wavelengths and widths of one source; none unless it has all of them."""
    count = len(candidate.wavelength)
    if len(candidate.texts) != count:
        return SpectralLists()
    widths = [text for text in candidate.fwhm if text]
    fwhm = NumberList(widths, None, "fwhm") if len(widths) == count else None
    texts, unit = split_unit(candidate.texts, candidate.unit or lookup(metadata.headers, "wavelength units") or "")
    return spectral_lists(NumberList(texts, unit, "wavelength", candidate.where != "band names"), fwhm)


def _contradicted(
    where: str, used: NDArray[np.float64], others: Sequence[tuple[str, NDArray[np.float64] | None]]
) -> list[str]:
    """Note on every other source with different wavelengths."""
    notes = []
    for name, nm in others:
        far = np.zeros(used.size, bool) if nm is None else np.abs(nm - used) > _NEAR * used
        if nm is not None and far.any():
            band = int(np.argmax(far))
            notes.append(
                f"Band {band + 1} has {used[band]:g} nm in {where} and {nm[band]:g} nm in {name}; {where} are used."
            )
    return notes


def _sources(bands: Bands) -> list[_Source]:
    """Sources of wavelengths, those with all bands first."""
    imagery, named = bands.imagery, named_wavelengths(bands.descriptions)
    candidates = [
        _of_tags(bands.tags),
        _Source(
            "IMAGERY tags",
            [t.get("central wavelength um") for t in imagery],
            [t.get("fwhm um") for t in imagery],
            "um",
        ),
        _of_dimension(bands),
        _Source("band names", list(named.texts), [None] * bands.count, named.unit),
    ]
    return sorted(candidates, key=lambda candidate: not all(candidate.wavelength))


def _of_tags(tags: Sequence[dict[str, str]]) -> _Source:
    """Tags of the bands; where their units differ, all become nanometres."""
    name = "tags of the bands"
    texts, widths = [t.get("wavelength") for t in tags], [t.get("fwhm") for t in tags]
    units = [next((t[key] for key in _UNIT_KEYS if has_unit(t.get(key))), None) for t in tags]
    units_found = {unit for unit, text in zip(units, texts, strict=True) if text}
    if len(units_found) <= 1:
        return _Source(name, texts, widths, units_found.pop() if units_found else None)
    known = units_found - {None}
    if len(known) == 1:
        unit = known.pop()
        missing = sum(unit_ is None for unit_ in units)
        note = f"{missing} of {len(tags)} bands name no unit of wavelength; that of the others ({unit}) is assumed."
        return _Source(name, texts, widths, unit, (note,))
    if None in units_found or not all(is_wavelength_unit(unit) for unit in units_found):
        listed = ", ".join(sorted(map(str, units_found)))[:60]
        note = f"Units of wavelength differ between bands ({listed}): they are left out."
        return _Source(name, [None] * len(tags), [None] * len(tags), None, (note,))
    centres = [_nanometres(text, unit) for text, unit in zip(texts, units, strict=True)]
    lengths = all(unit_exponent(unit) is not None for unit in units_found)
    spread = [_nanometres(text, unit) if lengths else None for text, unit in zip(widths, units, strict=True)]
    return _Source(name, centres, spread, "nm")


def _nanometres(text: str | None, unit: str | None) -> str | None:
    """A number in its unit as text in nanometres; the text itself where it is no number."""
    power = unit_exponent(unit)
    try:
        if text is None or power is not None:
            return None if text is None else repr(float(to_nanometres([text], power or 0, what="", source="")[0]))
        converted = in_nanometres(np.array([float(text)]), unit)
    except (SceneError, ValueError):
        return text
    return text if converted is None else repr(float(converted[0]))


def _of_dimension(bands: Bands) -> _Source:
    """The dimension that GDAL wrote to every band (``NETCDF_DIM_wavelength``) or to the file (``…_VALUES``)."""
    nothing: list[str | None] = [None] * bands.count
    common = {normalize_key(key): text for key, text in bands.dataset.tags().items()}
    names = {key.removeprefix(_DIMENSION) for tags in bands.tags for key in tags if key.startswith(_DIMENSION)}
    names |= {match[1] for key in common if (match := re.fullmatch(_DIMENSION + "(.+) values", key))}
    for name in sorted(names):
        unit = common.get(f"{name}#units")
        if name not in _SPECTRAL and not (is_wavelength_unit(unit) and unit_exponent(unit) != 9):
            continue
        texts = [tags.get(_DIMENSION + name) for tags in bands.tags]
        listed = items(common.get(f"{_DIMENSION}{name} values", ""))
        if not any(texts) and len(listed) == bands.dataset.count:
            texts = [listed[band - 1] for band in bands.indexes]
        if any(texts):
            return _Source(f"NETCDF_DIM_{name.replace(' ', '_')} tags", texts, nothing, unit)
    return _Source("NETCDF_DIM tags", nothing, nothing, None)
