"""Writing ENVI: a hand-written header with every key, and band-sequential numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from shsrd.cube import Cube, SceneError, Storage
from shsrd.io.codec import encode
from shsrd.io.envi_header import format_header, lookup, plain_key
from shsrd.io.envi_read import DATA_TYPES
from shsrd.io.files import replacing
from shsrd.io.map_info import esri_wkt, map_info_of

_CODES = {name: code for code, name in DATA_TYPES.items()}
_INSIDE_BRACES = str.maketrans("{}", "()")
_INSIDE_LIST = str.maketrans("{},\0", "(); ")


def envi_pair(path: Path) -> tuple[Path, Path]:
    """Data file and header that a target name means: ``x.hdr`` is written as ``x.img`` + ``x.hdr``."""
    if path.suffix.lower() == ".hdr":
        return path.with_suffix(".img"), path
    return path, path.with_suffix(".hdr")


def write_envi(cube: Cube, path: Path) -> None:
    """Write ``path`` as ENVI; the header takes its name last, so a half-written pair never opens.

    Raises:
        SceneError: a stored type that ENVI does not know.
    """
    header = format_header(header_values(cube))
    data_path, header_path = envi_pair(path)
    with replacing(data_path, header_path) as (data_part, header_part):
        with data_part.open("wb") as file:
            for band in cube.pixels:
                stored = encode(band, cube.storage)
                file.write(stored.astype(stored.dtype.newbyteorder("<")).tobytes())
        header_part.write_text(header, encoding="utf-8", newline="\n")


def header_values(cube: Cube) -> dict[str, str]:
    """Every key of the header of a cube, in ENVI's order, unknown keys last.

    Raises:
        SceneError: a stored type that ENVI does not know.
    """
    storage = cube.storage
    if storage.dtype not in _CODES:
        raise SceneError(f"{cube.source}: ENVI cannot store {storage.dtype}; choose one of {', '.join(sorted(_CODES))}")
    bands, rows, columns = cube.shape
    values = {
        "samples": str(columns),
        "lines": str(rows),
        "bands": str(bands),
        "header offset": "0",
        "file type": "ENVI Standard",
        "data type": str(_CODES[storage.dtype]),
        "interleave": "bsq",
        "byte order": "0",
        **_placed(cube),
        **_spectral(cube),
        **_scaling(storage, bands),
    }
    written = {plain_key(key) for key in values}
    if cube.transform is not None:
        written.add("map info")
    others = {key: _one_value(value) for key, value in cube.headers.items() if plain_key(key) not in written}
    return {**values, **{_safe_key(key): value for key, value in others.items()}}


def _placed(cube: Cube) -> dict[str, str]:
    values = {}
    if cube.transform is not None:
        template = lookup(cube.headers, "map info")
        map_info = map_info_of(cube.transform, crs=cube.crs, template=template)
        if map_info is None:
            values["affine transform"] = _braces(repr(float(v)) for v in cube.transform[:6])
        else:
            values["map info"] = map_info
    if cube.crs is not None:
        values["coordinate system string"] = "{" + _crs_text(cube.crs) + "}"
    return values


def _crs_text(crs: str) -> str:
    plain = " ".join(crs.split())
    return plain if 'AUTHORITY["' not in plain and "ID[" not in plain else esri_wkt(plain)


def _spectral(cube: Cube) -> dict[str, str]:
    values = {}
    if cube.wavelength_nm is not None:
        values["wavelength units"] = "Nanometers"
        values["wavelength"] = _braces(repr(float(v)) for v in cube.wavelength_nm)
    if cube.fwhm_nm is not None:
        values["fwhm"] = _braces(repr(float(v)) for v in cube.fwhm_nm)
    values["bbl"] = _braces("1" if good else "0" for good in cube.good_bands)
    if cube.band_names:
        values["band names"] = _braces(map(_item, cube.band_names))
    return values


def _scaling(storage: Storage, bands: int) -> dict[str, str]:
    values = {}
    factor = reflectance_factor(storage.scale) if storage.offset == 0 else None
    if factor is None:
        values["data gain values"] = _braces([repr(storage.scale)] * bands)
        values["data offset values"] = _braces([repr(storage.offset)] * bands)
    elif factor != 1:
        values["reflectance scale factor"] = repr(factor)
    if storage.nodata is not None:
        whole = math.isfinite(storage.nodata) and storage.nodata == int(storage.nodata)
        values["data ignore value"] = f"{storage.nodata:.0f}" if whole else repr(storage.nodata)
    return values


def reflectance_factor(scale: float) -> float | None:
    """The ``reflectance scale factor`` whose reciprocal is exactly ``scale``, or None where no float is."""
    if scale <= 0:
        return None
    near = 1 / scale
    candidates = (
        float(f"{near:.12g}"),
        near,
        float(np.nextafter(near, 0)),
        float(np.nextafter(near, np.inf)),
    )
    return next((c for c in candidates if np.isfinite(c) and 1 / c == scale), None)


def _braces(texts: Iterable[str]) -> str:
    return "{" + ", ".join(texts) + "}"


def _item(name: str) -> str:
    """A band name that stays one item of a list."""
    return " ".join(name.translate(_INSIDE_LIST).split()) or "unnamed"


def _one_value(value: str) -> str:
    """A value that reads back as one: line breaks only inside one pair of braces."""
    value = value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip()
    *first, last = value.split("\n")
    if not first:
        return value + "}" if value.startswith("{") and "}" not in value else value
    if value.startswith("{") and "}" in last and "}" not in "".join(first):
        return value
    return "{" + value.translate(_INSIDE_BRACES) + "}"


def _safe_key(key: str) -> str:
    plain = key.replace("=", "-").replace("\0", "").translate(_INSIDE_BRACES)
    return " ".join(plain.split()).lstrip("; ") or "unnamed"
