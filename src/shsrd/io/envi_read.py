"""Reading ENVI: the header says everything, the image is plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Facts, SceneError
from shsrd.io.blocks import read_block
from shsrd.io.envi_facts import header_facts, shallow
from shsrd.io.envi_header import integer, lookup, read_header
from shsrd.io.files import place_file
from shsrd.io.sources import StoredSource, array_numbers

DATA_TYPES = {1: "uint8", 2: "int16", 3: "int32", 4: "float32", 5: "float64",
              12: "uint16", 13: "uint32", 14: "int64", 15: "uint64"}  # fmt: skip
_RAW_SUFFIXES = ("", ".img", ".bsq", ".bil", ".bip", ".dat", ".raw", ".bin", ".cube", ".envi")
_TIFF_SUFFIXES = (".tif", ".tiff")
_LAYOUT = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (2, 0, 1)}  # at which axis of the file band, y, x lie


def header_beside(data: Path) -> Path | None:
    """The header of a data file: ``x.img.hdr`` first, then ``x.hdr``; None where there is none."""
    for name in (data.name + ".hdr", data.name + ".HDR", data.stem + ".hdr", data.stem + ".HDR"):
        candidate = data.with_name(name)
        if candidate != data and candidate.is_file():
            return candidate
    return None


def describes_tiff(values: dict[str, str]) -> bool:
    """Whether header keys belong to a TIFF, which has its own layout."""
    return "tif" in (lookup(values, "file type") or "").lower()


def data_beside(header: Path, values: dict[str, str]) -> Path:
    """The data file of a header: its name without ``.hdr``, or with a usual ending instead.

    Args:
        header: the ``.hdr`` file.
        values: its keys; they say whether a TIFF is meant, and the size where several files could be.

    Raises:
        SceneError: none, or several that the header could mean.
    """
    exact = header.with_suffix("")
    if exact.suffix and exact.is_file():
        return exact
    suffixes = _TIFF_SUFFIXES if describes_tiff(values) else _RAW_SUFFIXES
    found = _beside(header, suffixes)
    if not found:
        raise SceneError(
            f"{header}: the image of this header is missing (looked for {exact.name} with endings such as "
            f"{', '.join(suffixes[:4]).strip(', ')}); put it beside the header"
        )
    if len(found) > 1 and not describes_tiff(values):
        wanted = _frame(values, source=str(header)).bytes
        found = [p for p in found if p.stat().st_size == wanted] or found
    if len(found) > 1:
        names = ", ".join(p.name for p in found)
        raise SceneError(f"{header}: several images could belong to this header ({names}); give the image itself")
    return found[0]


def image_beside(header: Path) -> bool:
    """Whether a raw image of this header lies beside it."""
    return bool(_beside(header, _RAW_SUFFIXES))


def _beside(header: Path, suffixes: tuple[str, ...]) -> list[Path]:
    files = (p for p in sorted(header.parent.iterdir()) if p.is_file() and p != header)
    return [p for p in files if p.stem == header.stem and p.suffix.lower() in suffixes]


def open_envi(header: Path, data: Path) -> StoredSource:
    """Open one ENVI scene.

    Args:
        header: the ``.hdr`` file.
        data: the image.

    Raises:
        SceneError: a header that contradicts itself or the size of the image.
    """
    values = read_header(header)
    frame = _frame(values, source=str(header))
    _check_size(data, header, frame)
    told = header_facts(values, bands=frame.bands, dtype=frame.kind.name, source=str(header))
    facts = Facts((frame.bands, frame.lines, frame.samples), **shallow(told), source=str(data))
    if facts.transform is None and place_file(data).is_file():
        from shsrd.io.place_files import geolocation_beside  # brings GDAL

        facts = facts.replace(geolocation=geolocation_beside(data, (frame.lines, frame.samples)))
    axes = _LAYOUT[frame.interleave]
    return StoredSource(facts, array_numbers(partial(_part, data, frame), axes, dtype=frame.kind, source=str(data)))


def _part(data: Path, frame: _Frame, key: tuple[slice, ...]) -> NDArray[np.generic]:
    return read_block(data, frame.kind, key, offset=frame.offset, shape=frame.shape)


@dataclass(frozen=True)
class _Frame:
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


def _frame(values: dict[str, str], *, source: str) -> _Frame:
    numbers = {key: integer(values, key, source=source) for key in ("bands", "lines", "samples")}
    for key, value in numbers.items():
        if value < 1:
            raise SceneError(f"{source}: {key} = {value} leaves nothing to read; correct the header")
    offset = integer(values, "header offset", source=source, default=0)
    code = integer(values, "data type", source=source)
    order = integer(values, "byte order", source=source, default=0)  # missing means little endian
    interleave = (lookup(values, "interleave") or "bsq").lower()
    if code in (6, 9):
        raise SceneError(f"{source}: complex pixels are not supported; give magnitude or reflectance")
    if code not in DATA_TYPES or order not in (0, 1) or interleave not in _LAYOUT or offset < 0:
        raise SceneError(
            f"{source}: data type {code}, byte order {order}, interleave {interleave!r}, header offset "
            f"{offset} is no ENVI layout we can read; correct the header"
        )
    if integer(values, "file compression", source=source, default=0):
        raise SceneError(f"{source}: the image is compressed; unpack it and set file compression = 0")
    if "library" in (lookup(values, "file type") or "").lower():
        raise SceneError(f"{source}: this is a spectral library, not an image; give a scene")
    kind = np.dtype(DATA_TYPES[code]).newbyteorder("<" if order == 0 else ">")
    return _Frame(numbers["bands"], numbers["lines"], numbers["samples"], offset, kind, interleave)


def _check_size(data: Path, header: Path, frame: _Frame) -> None:
    wanted, size = frame.bytes, data.stat().st_size
    if size != wanted:
        fault = "truncated or" if size < wanted else "longer than described:"
        raise SceneError(
            f"{data}: {size} bytes where {header.name} describes {wanted}; the image is {fault} not the one "
            "of this header, copy both again"
        )
