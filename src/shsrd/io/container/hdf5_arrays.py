"""Datasets of an open HDF5 file as arrays that are read block by block."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from shsrd.cube import SceneError
from shsrd.io.container.group import NO_COORDINATE, Array, Container
from shsrd.io.container.hdf5_heaps import check_heaps
from shsrd.io.file_checks import check_size

_CHUNK = 2**26  # bytes that are stored together in a file of any size; the library unpacks whole chunks

_FILTERS = {307: "bzip2", 32000: "lzf", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32013: "zfp",
            32015: "zstd", 32026: "blosc2", 32018: "fpzip", 32017: "sz"}  # fmt: skip
_PIECES, _PLACE = 1000, 8  # pieces any dataset may have; bytes that tell the place of one


def open_file(path: Path) -> h5py.File:
    """An HDF5 file, once it is known that nothing in it makes the library open another one.

    Looking up a name opens what an external link on the way names, and asking a virtual dataset for its shape opens
    its sources; so these, and numbers in raw files, are looked for without following them.

    Raises:
        SceneError: there is one.
    """
    file = h5py.File(path, "r")
    try:
        check_heaps(path, width=file.id.get_create_plist().get_sizes()[1])
        foreign = file.id.links.visit(_foreign_link, info=True) or file.visititems(_foreign_numbers)
        if foreign is not None:
            name = foreign.decode("utf-8", "replace") if isinstance(foreign, bytes) else foreign
            raise SceneError(
                f"{path}: {name[:60]!r} is kept in other files; give a file that holds all its data itself"
            )
    except Exception:
        file.close()
        raise
    return file


def _foreign_link(name: bytes, info: Any) -> bytes | None:
    return None if info.type in (h5py.h5l.TYPE_HARD, h5py.h5l.TYPE_SOFT) else name


def _foreign_numbers(name: str, item: Any) -> str | None:
    return name if isinstance(item, h5py.Dataset) and (item.is_virtual or item.external) else None


def container_of(file: h5py.File, path: Path) -> Container:
    """An open HDF5 file as named arrays that are read when asked for."""
    return Container(_arrays(file, path), attributes_of(file.attrs), str(path))


def _arrays(file: h5py.File, path: Path) -> dict[str, Array]:
    found: dict[str, Array] = {}

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or item.shape is None or item.dtype.kind not in "iufbcVSO":
            return
        if NO_COORDINATE in str(item.attrs.get("NAME", b"")):
            return  # a bare NetCDF axis: a name without coordinates
        found[name] = dataset_array(item, path)

    file.visititems(visit)  # follows no links to other files
    return found


def dataset_array(item: h5py.Dataset, path: Path) -> Array:
    """One dataset of an open file."""
    return Array(
        item.shape,
        _dims(item),
        attributes_of(item.attrs),
        item.dtype,
        lambda key: np.asarray(item[key]),
        lambda: check_numbers(item, path),
        item.chunks,
    )


def check_numbers(item: h5py.Dataset, path: Path) -> None:
    """Refuse a dataset whose numbers cannot be in the file, or are none.

    Raises:
        SceneError: no real numbers, or a size or a block of storage that the file cannot fill.
    """
    if item.dtype.kind in "cV":
        raise SceneError(f"{path}: {item.name} is complex or compound; give magnitude or reflectance")
    check_filters(item, path)
    check_size(path, item.size * item.dtype.itemsize)
    if item.chunks is not None:
        check_size(path, math.prod(item.chunks) * item.dtype.itemsize - _CHUNK)
        pieces = math.prod(-(-extent // side) for extent, side in zip(item.shape, item.chunks, strict=True))
        if pieces > max(_PIECES, path.stat().st_size // _PLACE):  # the library needs kilobytes for each it looks for
            raise SceneError(f"{path}: {item.name} is cut into {pieces} pieces, more than the file has; copy it again")


def check_filters(item: h5py.Dataset, path: Path) -> None:
    """Refuse a packing that this HDF5 library does not know.

    Raises:
        SceneError: there is one, such as zstd or blosc of NetCDF 4.
    """
    created = item.id.get_create_plist()
    for place in range(created.get_nfilters()):
        number = created.get_filter(place)[0]
        if not h5py.h5z.filter_avail(number):
            method = _FILTERS.get(number, f"HDF5 filter {number}")
            raise SceneError(
                f"{path}: {item.name} is packed with {method}, which is not read; pack it anew with "
                "nccopy -F none -d 4 OLD.nc NEW.nc, or h5repack -f GZIP=4 OLD NEW"
            )


def _dims(item: h5py.Dataset) -> tuple[str | None, ...]:
    """Names of the axes; references are followed by hand, HDF5's own search can crash on damaged files."""
    listed = item.attrs.get("DIMENSION_LIST")
    if listed is None or len(listed) != item.ndim:
        return tuple(None for _ in item.shape)
    names = [str(item.file[axis[0]].name).strip("/") if len(axis) else None for axis in listed]
    return tuple(names)


def attributes_of(attributes: Any) -> dict[str, Any]:
    """Attributes as plain values: bytes become text, arrays of one become their element."""
    values: dict[str, Any] = {}
    for key in attributes:
        try:
            value = attributes[key]
        except (OSError, TypeError):
            continue  # a type h5py cannot express; nothing we read has one
        values[key] = plain(value)
    return values


def plain(value: Any) -> Any:
    """An attribute as a plain Python value where it has one element."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.ravel()[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if isinstance(value, np.generic) else value
