"""Reading ENVI: a header of keys, and an image of plain numbers.

Read here and not by a library: GDAL stops at header lines of 10 000 characters, and ``spectral`` maps the image, so
that a file that shrinks while it is read ends the process.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError, SceneMetadata
from shsrd.io.envi.header import integer, items, lookup, numbers_of, read_header, strip_braces
from shsrd.io.envi.metadata import field_values, header_metadata
from shsrd.io.file_checks import RAW_SUFFIXES, TIFF_SUFFIXES, geolocation_path
from shsrd.io.raw_read import read_block
from shsrd.io.sources import StoredSource, array_reader

BlockReader = Callable[[tuple[slice, ...]], NDArray[np.generic]]

DATA_TYPES = {1: "uint8", 2: "int16", 3: "int32", 4: "float32", 5: "float64",
              12: "uint16", 13: "uint32", 14: "int64", 15: "uint64"}  # fmt: skip
_NO_IMAGE = (".hdr", ".xml", ".txt", ".json", ".csv", ".png", ".jpg", ".jpeg", ".sta", ".enp", ".sli", ".shp", ".dbf",
             ".kml", ".zip", ".gz", ".md", ".ovr", ".part", *TIFF_SUFFIXES)  # fmt: skip
_TIFF_WORD = re.compile(r"(?<![a-z])(geo|big)?[-_ ]?tiff?(?![a-z])")
_LAYOUT = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (2, 0, 1)}  # at which axis of the file band, y, x lie


def find_header(data: Path) -> Path | None:
    """The header of a data file: ``x.img.hdr`` first, then ``x.hdr``; None where there is none."""
    for name in (data.name + ".hdr", data.name + ".HDR", data.stem + ".hdr", data.stem + ".HDR"):
        candidate = data.with_name(name)
        if candidate != data and candidate.is_file():
            return candidate
    return None


def describes_tiff(values: dict[str, str]) -> bool:
    """Return True if header keys describe a TIFF, which has a layout of its own."""
    return _TIFF_WORD.search((lookup(values, "file type") or "").lower()[:200]) is not None


def find_image(header: Path, values: dict[str, str]) -> Path:
    """The data file of a header: its name without ``.hdr``, or with another ending; the described size decides.

    Args:
        header: the ``.hdr`` file.
        values: its keys; they say whether a TIFF is meant, and the size.

    Raises:
        SceneError: none, or several that the header could mean.
    """
    exact = header.with_suffix("")
    if exact.suffix and exact.is_file():
        return exact
    beside = _beside(header)
    found = [path for path in beside if path.suffix.lower() in TIFF_SUFFIXES] if describes_tiff(values) else []
    found = found or _raw_images(beside, header, values)
    if not found:
        raise SceneError(
            f"{header}: the image of this header is missing (looked for {exact.name} with any ending and the size that "
            "the header describes); put it beside the header"
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise SceneError(f"{header}: several images could belong to this header ({names}); give the image itself")
    return found[0]


def _raw_images(beside: list[Path], header: Path, values: dict[str, str]) -> list[Path]:
    """Images that a header could mean: of the described size, else with a usual ending, else larger ones."""
    raw = [path for path in beside if path.suffix.lower() not in _NO_IMAGE]
    usual = [path for path in raw if path.suffix.lower() in RAW_SUFFIXES]
    if len(raw) == len(usual) < 2:
        return raw
    wanted = _image_layout(values, source=str(header)).bytes
    sizes = {path: path.stat().st_size for path in raw}
    exact = [path for path in raw if sizes[path] == wanted]
    larger = [path for path in raw if sizes[path] > wanted]
    return [path for path in exact if path in usual] or exact or usual or larger


def has_image(header: Path) -> bool:
    """Return True if a raw image with the name of a header is in its folder."""
    return any(path.suffix.lower() in RAW_SUFFIXES for path in _beside(header))


def _beside(header: Path) -> list[Path]:
    """Files named after a header, with any ending."""
    stem = header.stem.casefold()
    files = (path for path in sorted(header.parent.iterdir()) if path.stem.casefold() == stem and path != header)
    return [path for path in files if path.is_file()]


def open_envi(header: Path, data: Path) -> StoredSource:
    """Open one ENVI scene.

    Args:
        header: the ``.hdr`` file.
        data: the image.

    Raises:
        SceneError: a header that contradicts itself or the size of the image.
    """
    values = read_header(header)
    layout = _image_layout(values, source=str(header))
    beyond = _check_size(data, header, layout)
    parsed = header_metadata(values, bands=layout.bands, dtype=layout.kind.name, source=str(header))
    metadata = SceneMetadata(
        (layout.bands, layout.lines, layout.samples), **field_values(parsed), source=str(data)
    ).with_notes(*beyond)
    if metadata.transform is None and geolocation_path(data).is_file():
        from shsrd.io.geolocation_sidecar import open_geolocation_sidecar  # brings GDAL

        metadata = metadata.replace(geolocation=open_geolocation_sidecar(data, (layout.lines, layout.samples)))
    part: BlockReader = partial(_part, data, layout)
    if parsed.extra_nodata:
        first = (parsed.band_storage[0] if parsed.band_storage else metadata.storage).nodata
        part = partial(_one_nodata, part, first, parsed.extra_nodata)
    numbers = array_reader(part, _LAYOUT[layout.interleave], dtype=layout.kind, source=str(data))
    return StoredSource(metadata, numbers, band_storage=parsed.band_storage)


def _one_nodata(part: BlockReader, first: Any, more: tuple[float, ...], key: tuple[slice, ...]) -> NDArray[np.generic]:
    """A block of stored numbers in which one number says no-data where several do in the file."""
    stored = np.array(part(key))
    for number in more:
        stored[np.isnan(stored) if np.isnan(number) else stored == number] = first
    return stored


def _part(data: Path, layout: _ImageLayout, key: tuple[slice, ...]) -> NDArray[np.generic]:
    return read_block(data, layout.kind, key, offset=layout.offset, shape=layout.shape)


@dataclass(frozen=True)
class _ImageLayout:
    bands: int
    lines: int
    samples: int
    offset: int
    kind: np.dtype[np.generic]
    interleave: str

    @property
    def bytes(self) -> int:
        """Size of the image file."""
        return self.offset + self.bands * self.lines * self.samples * self.kind.itemsize

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents in the order of the file."""
        axes = _LAYOUT[self.interleave]
        extents = (self.bands, self.lines, self.samples)
        return tuple(extents[axes.index(position)] for position in range(3))


def _image_layout(values: dict[str, str], *, source: str) -> _ImageLayout:
    numbers = {key: integer(values, key, source=source) for key in ("bands", "lines", "samples")}
    for key, value in numbers.items():
        if value < 1:
            raise SceneError(f"{source}: {key} = {value} leaves nothing to read; correct the header")
    offset = integer(values, "header offset", source=source, default=0)
    code = integer(values, "data type", source=source)
    order = integer(values, "byte order", source=source, default=0)  # missing means little endian
    interleave = strip_braces(lookup(values, "interleave") or "bsq").lower()
    if code in (6, 9):
        raise SceneError(f"{source}: complex pixels are not supported; give magnitude or reflectance")
    if code not in DATA_TYPES or order not in (0, 1) or interleave not in _LAYOUT or offset < 0:
        raise SceneError(
            f"{source}: data type {code}, byte order {order}, interleave {interleave!r}, header offset "
            f"{offset} is no ENVI layout we can read; correct the header"
        )
    if integer(values, "file compression", source=source, default=0):
        raise SceneError(f"{source}: the image is compressed; unpack it and set file compression = 0")
    for key in ("major frame offsets", "minor frame offsets"):
        if any(numbers_of(items(lookup(values, key) or "")) or ()):
            raise SceneError(f"{source}: '{key}' (bytes between pixels) cannot be read; convert it with gdal_translate")
    if "library" in (lookup(values, "file type") or "").lower():
        raise SceneError(f"{source}: this is a spectral library, not an image; give a scene")
    kind = np.dtype(DATA_TYPES[code]).newbyteorder("<" if order == 0 else ">")
    return _ImageLayout(numbers["bands"], numbers["lines"], numbers["samples"], offset, kind, interleave)


def _check_size(data: Path, header: Path, layout: _ImageLayout) -> tuple[str, ...]:
    """Refuse an image that is too short; a note on one that is too long."""
    wanted, size = layout.bytes, data.stat().st_size
    if size < wanted:
        raise SceneError(
            f"{data}: {size} bytes where {header.name} describes {wanted}; the image is truncated or not that of this "
            "header: copy it again, or correct samples, lines, bands, data type and header offset in the header"
        )
    if size == wanted:
        return ()
    return (f"The image has {size} bytes where the header describes {wanted}; the last {size - wanted} are not read.",)
