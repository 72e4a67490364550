"""Scene metadata from the keys of an ENVI header; also for headers and tags of a GeoTIFF."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from shsrd.cube import ControlPoints, RationalPolynomials, Storage
from shsrd.cube.grid_keys import normalize_key
from shsrd.io.envi.georeferencing import Georeference, read_georeference
from shsrd.io.envi.header import check_keys
from shsrd.io.envi.map_info import map_info_of
from shsrd.io.envi.spectral import read_band_lists
from shsrd.io.envi.storage import output_storage, read_pixel_encoding

_LAYOUT = ("samples", "lines", "bands", "header offset", "file type", "data type", "interleave", "byte order",
           "major frame offsets", "minor frame offsets", "file compression")  # fmt: skip
_CONSUMED = {
    *_LAYOUT,
    *("coordinate system string", "affine transform", "geo points", "rpc info"),
    *("wavelength", "wavelength units", "fwhm", "bbl", "band names"),
    *("reflectance scale factor", "data gain values", "data offset values", "data ignore value"),
}
_STORED_KEYS = ("wavelength", "fwhm", "bbl", "band names", "map info", "data ignore value")  # a value is missed
_ALIASES = {  # spellings of people, to ENVI's own; keys with blanks, underscores and hyphens left out
    "wavelengths": "wavelength",
    "wavelengthunit": "wavelength units",
    "wavelengthsunits": "wavelength units",
    "bandname": "band names",
    "badbandlist": "bbl",
    "badbandslist": "bbl",
    "nodata": "data ignore value",
    "nodatavalue": "data ignore value",
    "dataignorevalues": "data ignore value",
    "ignorevalue": "data ignore value",
    "coordinatesystem": "coordinate system string",
    "geopoint": "geo points",
    "rpc": "rpc info",
}
_KNOWN = {"".join(key.split()): key for key in (*_CONSUMED, "map info", "projection info")} | _ALIASES


@dataclass(frozen=True)
class HeaderMetadata:
    """Metadata of a scene from an ENVI header, without its layout.

    Attributes:
        band_storage: what the numbers of each band mean where that differs between bands (``storage`` is then float32).
        extra_nodata: further no-data numbers of all bands.
        spectral_notes: notes on wavelengths and widths; ``notes`` has those on all else but the place.
        georeference_notes: notes on the place.

    The others are those of ``SceneMetadata``.
    """

    storage: Storage
    wavelength_nm: NDArray[np.float64] | None
    fwhm_nm: NDArray[np.float64] | None
    good_bands: NDArray[np.bool_]
    band_names: tuple[str, ...]
    crs: str | None
    transform: Affine | None
    control_points: ControlPoints | None
    rpc: RationalPolynomials | None
    headers: dict[str, str]
    notes: tuple[str, ...]
    band_storage: tuple[Storage, ...] | None = None
    extra_nodata: tuple[float, ...] = ()
    spectral_notes: tuple[str, ...] = ()
    georeference_notes: tuple[str, ...] = ()


def field_values(header: HeaderMetadata) -> dict[str, Any]:
    """The fields by name, as ``SceneMetadata`` and ``Cube`` take them."""
    names = {name.name for name in fields(header)} - {
        "band_storage",
        "extra_nodata",
        "spectral_notes",
        "georeference_notes",
    }
    values = {name: getattr(header, name) for name in names}
    return values | {"notes": (*header.notes, *header.spectral_notes, *header.georeference_notes)}


def header_metadata(values: dict[str, str], *, bands: int, dtype: str, source: str) -> HeaderMetadata:
    """Interpret the keys of an ENVI header (GDAL's spelling with underscores included).

    Metadata that cannot be used is left out with a note; its key stays among the headers.

    Raises:
        SceneError: a list of the wrong length, or a scale that makes no pixels.
    """
    check_keys(values, source=source)
    plain = _plain(values)
    empty = [key for key in _STORED_KEYS if key in plain and not plain[key].strip()]
    missing = [f"{key!r} has no value." for key in empty]
    lists = read_band_lists(plain, bands=bands, source=source)
    meaning = read_pixel_encoding(plain, dtype=dtype, bands=bands, source=source)
    georeference = read_georeference(plain)
    consumed = _CONSUMED - lists.unused - meaning.unused - georeference.unused | _reproducible(plain, georeference)
    return HeaderMetadata(
        storage=output_storage(meaning),
        wavelength_nm=lists.spectral.wavelength_nm,
        fwhm_nm=lists.spectral.fwhm_nm,
        good_bands=lists.good,
        band_names=lists.names,
        crs=georeference.crs,
        transform=georeference.transform,
        control_points=georeference.control_points,
        rpc=georeference.rpc,
        headers={k: v for k, v in values.items() if _known(k) not in consumed and _known(k) not in empty},
        notes=(*getattr(values, "notes", ()), *missing, *lists.notes, *meaning.notes),
        band_storage=meaning.band_storage,
        extra_nodata=meaning.nodata,
        spectral_notes=lists.spectral.notes,
        georeference_notes=georeference.notes,
    )


def _reproducible(plain: dict[str, str], georeference: Georeference) -> set[str]:
    """The key ``map info`` if the writer makes the same text from transform and CRS; else nothing."""
    if georeference.transform is None:
        return set()
    text = map_info_of(georeference.transform, crs=georeference.crs)
    return {"map info"} if plain.get("map info") == text else set()


def _known(key: str) -> str:
    """ENVI's own spelling of a key, or the key in plain spelling."""
    plain = normalize_key(key)
    return _KNOWN.get(plain.replace(" ", "").replace("-", ""), plain)


def _plain(values: dict[str, str]) -> dict[str, str]:
    """Header keys in ENVI's own spelling; of two spellings its own comes first."""
    plain = {_known(key): value for key, value in reversed(values.items())}
    return plain | {key: text for name, text in values.items() if (key := normalize_key(name)) in plain}
