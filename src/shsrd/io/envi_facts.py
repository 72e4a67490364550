"""What the keys of an ENVI header mean; also used for headers and tags of a GeoTIFF."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from shsrd.cube import SceneError, Storage
from shsrd.io.codec import fits
from shsrd.io.envi_header import check_keys, items, lookup, number, plain_key, strip_braces
from shsrd.io.map_info import checked_wkt, crs_of, map_info_of, transform_of
from shsrd.io.wavelengths import to_nanometres, unit_power

_CONSUMED = {
    *("samples", "lines", "bands", "header offset", "file type", "data type", "interleave", "byte order"),
    *("coordinate system string", "affine transform", "wavelength", "wavelength units", "fwhm", "bbl"),
    *(
        "band names",
        "reflectance scale factor",
        "data gain values",
        "data offset values",
        "data ignore value",
    ),
}


@dataclass(frozen=True)
class HeaderFacts:
    """What an ENVI header says about a scene beyond its layout."""

    storage: Storage
    wavelength_nm: NDArray[np.float64] | None
    fwhm_nm: NDArray[np.float64] | None
    good_bands: NDArray[np.bool_]
    band_names: tuple[str, ...]
    crs: str | None
    transform: Affine | None
    headers: dict[str, str]


def shallow(told: HeaderFacts) -> dict[str, Any]:
    """The fields by name, as ``Facts`` and ``Cube`` take them."""
    return {name.name: getattr(told, name.name) for name in fields(told)}


def header_facts(values: dict[str, str], *, bands: int, dtype: str, source: str) -> HeaderFacts:
    """Interpret the keys of an ENVI header (GDAL's spelling with underscores included).

    The scale is decided here and only here: ``data gain values`` and ``data offset values`` where they are
    the same for every band, else 1 / ``reflectance scale factor``. A no-data value that the type cannot
    hold, and gains that differ between bands, stay untouched among the headers.

    Raises:
        SceneError: a list of the wrong length, or numbers that are none.
    """
    check_keys(values, source=source)
    wavelength, fwhm = _spectral(values, bands=bands, source=source)
    storage, untold = _storage(values, dtype=dtype, bands=bands, source=source)
    if wavelength is None:
        untold |= {"wavelength", "wavelength units", "fwhm"}
    names = items(lookup(values, "band names") or "")
    if len(names) != bands:  # names with commas in them cannot be told apart: they stay as text
        names, untold = [], untold | {"band names"}
    crs, transform = _place(values, source=source)
    told = _CONSUMED - untold
    map_info = lookup(values, "map info")
    if transform is not None and map_info == map_info_of(transform, crs=crs):
        told |= {"map info"}  # the writer finds the same words itself
    return HeaderFacts(
        storage=storage,
        wavelength_nm=wavelength,
        fwhm_nm=fwhm,
        good_bands=_good_bands(values, bands=bands, source=source),
        band_names=tuple(names),
        crs=crs,
        transform=transform,
        headers={key: value for key, value in values.items() if plain_key(key) not in told},
    )


def _list(values: dict[str, str], key: str, *, bands: int, source: str) -> list[str]:
    parts = items(lookup(values, key) or "")
    if parts and len(parts) != bands:
        raise SceneError(f"{source}: {key} has {len(parts)} values for {bands} bands; correct the header")
    return parts


def _good_bands(values: dict[str, str], *, bands: int, source: str) -> NDArray[np.bool_]:
    flags = _numbers(values, "bbl", bands=bands, source=source)
    return np.array(flags) > 0 if flags else np.ones(bands, bool)


def _spectral(
    values: dict[str, str], *, bands: int, source: str
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    texts = _list(values, "wavelength", bands=bands, source=source)
    unit = strip_braces(lookup(values, "wavelength units") or "")
    if not texts or unit.lower() == "index":
        return None, None
    plain = to_nanometres(texts, 0, what="wavelength", source=source)
    power = unit_power(unit, plain.tolist(), source=source)
    fwhm = _list(values, "fwhm", bands=bands, source=source)
    return (
        to_nanometres(texts, power, what="wavelength", source=source),
        to_nanometres(fwhm, power, what="fwhm", source=source) if fwhm else None,
    )


def _storage(values: dict[str, str], *, dtype: str, bands: int, source: str) -> tuple[Storage, set[str]]:
    """Storage, and the keys that stay among the headers because a Storage cannot say them."""
    kept: set[str] = set()
    nodata = number(values, "data ignore value", source=source)
    if nodata is not None and not fits(nodata, dtype):
        nodata, kept = None, {"data ignore value"}
    gains = _numbers(values, "data gain values", bands=bands, source=source)
    offsets = _numbers(values, "data offset values", bands=bands, source=source)
    if len(set(gains)) > 1 or len(set(offsets)) > 1:
        return Storage(dtype, nodata=nodata), kept | {
            "data gain values",
            "data offset values",
            "reflectance scale factor",
        }
    factor = number(values, "reflectance scale factor", source=source)
    if factor is not None and not (np.isfinite(factor) and factor > 0):
        raise SceneError(f"{source}: reflectance scale factor {factor:g} must be above 0; correct the header")
    if gains or offsets:
        kept |= {"reflectance scale factor"}
        return Storage(dtype, (gains or [1.0])[0], (offsets or [0.0])[0], nodata), kept
    return Storage(dtype, 1.0 if factor is None else 1 / factor, 0.0, nodata), kept


def _numbers(values: dict[str, str], key: str, *, bands: int, source: str) -> list[float]:
    texts = _list(values, key, bands=bands, source=source)
    try:
        return [float(text) for text in texts]
    except ValueError:
        raise SceneError(f"{source}: {key} holds text that is no number; correct the header") from None


def _place(values: dict[str, str], *, source: str) -> tuple[str | None, Affine | None]:
    """CRS and transform; our own exact key comes before ``map info``, which cannot say shear."""
    text = strip_braces(lookup(values, "coordinate system string") or "")
    map_info = lookup(values, "map info") or ""
    exact = lookup(values, "affine transform")
    transform = None
    if exact:
        try:
            transform = Affine(*(float(part) for part in items(exact)))
        except (TypeError, ValueError):
            raise SceneError(f"{source}: affine transform needs six numbers; correct the header") from None
    elif items(map_info):
        transform = transform_of(map_info, source=source)
    if text:
        return checked_wkt(text, source=source), transform
    return crs_of(map_info) if items(map_info) else None, transform
