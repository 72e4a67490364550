"""Writing ENVI: a header with every key, and band-sequential numbers.

Written here and not by a library: readers limit the length of a line, and neither GDAL nor ``spectral`` lets us choose
the order of keys and the wrapping of lists.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError, SceneMetadata, Storage
from shsrd.cube.grid_keys import normalize_key
from shsrd.io.envi.georeferencing import geo_points_text, rpc_info_text
from shsrd.io.envi.header import format_header, lookup
from shsrd.io.envi.map_info import esri_wkt, map_info_of
from shsrd.io.envi.read import DATA_TYPES
from shsrd.io.raw_write import RawFile

_CODES = {name: code for code, name in DATA_TYPES.items()}
_LINE = 1000  # characters of a list on one line
_LONG_LINE = 9000
_INSIDE_BRACES = str.maketrans("{}", "()")
_INSIDE_LIST = str.maketrans("{},\0", "(); ")


def envi_pair(path: Path) -> tuple[Path, Path]:
    """Data file and header that a target name means: ``x.hdr`` is written as ``x.img`` + ``x.hdr``."""
    if path.suffix.lower() == ".hdr":
        return path.with_suffix(".img"), path
    return path, path.with_suffix(".hdr")


class EnviSink:
    """Numbers band after band, and a header; the header takes its name last, so half a pair never opens."""

    def __init__(self, data_part: Path, header_part: Path, metadata: SceneMetadata) -> None:
        header_part.write_text(format_header(header_values(metadata)), encoding="utf-8", newline="\n")
        self._file = RawFile(data_part, shape=metadata.shape, dtype=metadata.storage.dtype)

    def write_block(self, stored: NDArray[np.generic], row: int, column: int) -> None:
        """Write a rectangle of stored numbers."""
        self._file.write_block(stored, row, column)

    def finish(self) -> None:
        """Close the file."""
        self._file.close()

    def abort(self) -> None:
        """Close the file."""
        self._file.close()


def check_envi(metadata: SceneMetadata) -> None:
    """Check that ENVI can hold a scene.

    Raises:
        SceneError: a stored type that ENVI does not know.
    """
    dtype, known = metadata.storage.dtype, ", ".join(sorted(_CODES))
    if dtype not in _CODES:
        raise SceneError(f"{metadata.source}: ENVI cannot store {dtype}; choose one of {known}")


def header_values(metadata: SceneMetadata) -> dict[str, str]:
    """Every key of the header of a scene that :func:`check_envi` lets pass.

    GDAL 3.10 stops reading at a line of 10 000 characters: lists are wrapped, what it needs comes first, unknown keys
    with long lines come last.
    """
    storage = metadata.storage
    bands, rows, columns = metadata.shape
    values = {
        "samples": str(columns),
        "lines": str(rows),
        "bands": str(bands),
        "header offset": "0",
        "file type": "ENVI Standard",
        "data type": str(_CODES[storage.dtype]),
        "interleave": "bsq",
        "byte order": "0",
        **_mapped(metadata),
        **_scaling(storage, bands),
        **_spectral(metadata),
        **_measured(metadata),
    }
    if metadata.crs is not None:
        values["coordinate system string"] = "{" + _crs_text(metadata.crs) + "}"
    if metadata.band_names:
        values["band names"] = _braces(map(_item, metadata.band_names))
    written = {normalize_key(key) for key in values}
    if metadata.transform is not None:
        written.add("map info")
    others = {key: _one_value(value) for key, value in metadata.headers.items() if normalize_key(key) not in written}
    last = sorted(others.items(), key=lambda item: max(map(len, item[1].split("\n"))) > _LONG_LINE)
    return {**values, **{_safe_key(key): value for key, value in last}}


def _mapped(metadata: SceneMetadata) -> dict[str, str]:
    """``map info``, or our own key for a transform that it cannot say."""
    if metadata.transform is None:
        return {}
    template = lookup(metadata.headers, "map info")
    map_info = map_info_of(metadata.transform, crs=metadata.crs, template=template)
    if map_info is not None:
        return {"map info": map_info}
    return {"affine transform": _braces(repr(float(v)) for v in metadata.transform[:6])}


def _measured(metadata: SceneMetadata) -> dict[str, str]:
    """``geo points`` (where there is no transform) and ``rpc info``."""
    points = None if metadata.control_points is None or metadata.transform is not None else metadata.control_points
    lists = {
        "geo points": None if points is None else geo_points_text(points),
        "rpc info": None if metadata.rpc is None else rpc_info_text(metadata.rpc),
    }
    return {key: _braces(texts) for key, texts in lists.items() if texts is not None}


def _crs_text(crs: str) -> str:
    plain = " ".join(crs.split())
    return plain if 'AUTHORITY["' not in plain and "ID[" not in plain else esri_wkt(plain)


def _spectral(metadata: SceneMetadata) -> dict[str, str]:
    values = {}
    if metadata.wavelength_nm is not None:
        values["wavelength units"] = "Nanometers"
        values["wavelength"] = _braces(repr(float(v)) for v in metadata.wavelength_nm)
    if metadata.fwhm_nm is not None:
        values["fwhm"] = _braces(repr(float(v)) for v in metadata.fwhm_nm)
    values["bbl"] = _braces("1" if good else "0" for good in metadata.good_bands)
    return values


def _scaling(storage: Storage, bands: int) -> dict[str, str]:
    values = {}
    if storage.nodata is not None:
        whole = math.isfinite(storage.nodata) and storage.nodata == int(storage.nodata)
        values["data ignore value"] = f"{storage.nodata:.0f}" if whole else repr(storage.nodata)
    factor = reflectance_factor(storage.scale) if storage.offset == 0 else None
    if factor is None:
        values["data gain values"] = _braces([repr(storage.scale)] * bands)
        values["data offset values"] = _braces([repr(storage.offset)] * bands)
    elif factor != 1:
        values["reflectance scale factor"] = repr(factor)
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
    """A list, on several lines where one would be long."""
    lines, length = [""], 0
    for text in texts:
        if length and length + len(text) > _LINE:
            lines, length = [*lines, ""], 0
        lines[-1] += f"{', ' if length else ''}{text}"
        length += len(text) + 2
    return "{" + ",\n ".join(lines) + "}"


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
