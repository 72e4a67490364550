"""NumPy files: ``.npy`` is ``(band, y, x)`` by convention, ``.npz`` is ``(y, x, band)`` with metadata.

Opened here and not by ``numpy.load``, which maps ``.npy`` files and unpacks members of ``.npz`` whatever their size.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from shsrd.cube import SceneError, SceneMetadata, Storage
from shsrd.io.container.axes import find_axes
from shsrd.io.container.named_arrays import SIDE_LIMIT, choose_array, in_memory_source
from shsrd.io.container.squeeze import squeeze_to_3d
from shsrd.io.file_checks import MAX_COMPRESSION_RATIO, ZARR_FILES, check_size
from shsrd.io.raw_read import read_block
from shsrd.io.sources import StoredSource, array_reader

_MAX_UNPACKED_BYTES = 2**29  # bytes that any archive may need
_MAX_COMPRESSION_RATIO = 40  # beyond that, pixels hardly ever shrink


def open_npy(path: Path, *, axes: str | None) -> StoredSource:
    """Open a plain array, ``(band, y, x)`` unless ``axes`` or the shape says otherwise; NaN is no-data.

    Raises:
        SceneError: not three axes, not numbers, or fewer bytes than the array needs.
    """
    with path.open("rb") as file:
        header = _header(file, path.name, str(path))
        offset = file.tell()
    check_size(path, header.bytes, ratio=1)
    if len(header.shape) < 3:
        raise SceneError(
            f"{path}: the array has {len(header.shape)} axes, a scene has three (band, y, x); give a file with a scene"
        )
    kept = squeeze_to_3d(header.shape, (None,) * len(header.shape), name="the array", source=str(path), option="")
    header = replace(header, shape=tuple(header.shape[axis] for axis in kept))  # the same bytes
    found = find_axes(header.shape, bands=None, axes=axes, source=str(path), default="byx")
    bands, rows, columns = (header.shape[axis] for axis in found.order)
    metadata = SceneMetadata(
        (bands, rows, columns), storage=Storage(header.dtype.name), source=str(path), notes=found.notes
    )

    return StoredSource(
        metadata, array_reader(_reader(path, header, offset), found.order, dtype=header.dtype, source=str(path))
    )


def _reader(path: Path, header: _Header, offset: int) -> Callable[[tuple[slice, ...]], NDArray[np.generic]]:
    def part(key: tuple[slice, ...]) -> NDArray[np.generic]:
        if header.fortran_order:
            return read_block(path, header.dtype, key[::-1], offset=offset, shape=header.shape[::-1]).T
        return read_block(path, header.dtype, key, offset=offset, shape=header.shape)

    return part


@dataclass(frozen=True)
class _Header:
    """Header of an array file; ``fortran_order`` is True if its first axis varies fastest."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def _header(file: IO[bytes], name: str, source: str) -> _Header:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    header = _Header(*read(file))
    if header.dtype.hasobject:
        raise SceneError(f"{source}: {name} holds pickled objects, which are never loaded; save plain numbers")
    if any(extent < 0 for extent in header.shape):
        raise SceneError(f"{source}: {name} has the shape {header.shape}, which nothing has; copy the file again")
    return header


def open_npz(path: Path, *, variable: str | None, wavelengths: str | None, axes: str | None) -> StoredSource:
    """Read a scene and its metadata: ``cube``, ``wavelength_nm``, ``fwhm_nm``, ``nodata``, ``scale``, ...

    Args:
        path: the ``.npz`` file.
        variable: the array to read where several have three axes.
        wavelengths: the list of wavelengths, where its name is none of the usual ones.
        axes: order of the axes; see :mod:`shsrd.io.container.named_arrays`.

    Raises:
        SceneError: no scene, several scenes, pickled objects, or arrays that contradict each other.
    """
    with zipfile.ZipFile(path) as archive:
        members = _members(archive, path)
        if not members and any(Path(n).name in ZARR_FILES for n in archive.namelist()):
            raise SceneError(f"{path}: this is a zipped Zarr store; unpack it (unzip) and give the folder")
        shapes = {name: header.shape for name, (_, header) in members.items()}
        name = choose_array(shapes, wanted=variable, option="variable", source=str(path))
        _check_unpacked(path, name, *members[name])
        wanted = [n for n, s in shapes.items() if n == name or math.prod(s) <= SIDE_LIMIT]
        side = {n: _array(archive, members[n][0]) for n in wanted}
    return in_memory_source((name, side.pop(name)), side, wavelengths=wavelengths, axes=axes, source=str(path))


def _check_unpacked(path: Path, name: str, info: zipfile.ZipInfo, header: _Header) -> None:
    """Refuse a scene that needs far more memory than its file earns: a packed array is unpacked as a whole."""
    needed = header.bytes + 4 * math.prod(header.shape)
    if needed > max(_MAX_UNPACKED_BYTES, _MAX_COMPRESSION_RATIO * info.compress_size):
        raise SceneError(
            f"{path}: {name} needs {needed / 2**30:.1f} GiB of memory, {needed // max(1, info.compress_size)} times "
            "its packed size; save it with numpy.save as .npy, which is read in parts"
        )


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, tuple[zipfile.ZipInfo, _Header]]:
    """The headers alone, each checked against the bytes the archive really has.

    Members may share packed bytes, or be said to have more than there are: together they have no more than the file.
    """
    members: dict[str, tuple[zipfile.ZipInfo, _Header]] = {}
    packed = 0
    for info in archive.infolist():
        if not info.filename.endswith(".npy"):
            continue
        with archive.open(info) as member:
            header = _header(member, info.filename, str(path))
        packed += info.compress_size
        lies = header.bytes > info.file_size or info.file_size > info.compress_size * MAX_COMPRESSION_RATIO
        if lies or packed > path.stat().st_size:
            raise SceneError(f"{path}: {info.filename} promises more bytes than it has; copy the file again")
        name = info.filename.removesuffix(".npy")
        if name in members:
            raise SceneError(f"{path}: two arrays have the name {name!r}; save the file again")
        members[name] = (info, header)
    return members


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[np.generic]:
    with archive.open(info) as member:
        return np.asarray(npy.read_array(member, allow_pickle=False))
