"""Targets: the ending decides the format, and what cannot be written is refused before anything is computed."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from shsrd.cube import SceneError, SceneMetadata
from shsrd.io.atomic_write import check_not_existing
from shsrd.io.block_buffer import Sink
from shsrd.io.compression import DEFAULT, Compression, check_compression
from shsrd.io.encoding import check_storage
from shsrd.io.file_checks import TIFF_SUFFIXES, aux_xml_path, geolocation_path, is_tiff, is_zarr_store, sidecar_files

Identity = Path | tuple[int, int]  # a name without links, or device and inode
_ENVI = (".hdr", ".img", ".bsq", ".dat")
WRITABLE_SUFFIXES = (*_ENVI, *TIFF_SUFFIXES, ".nc", ".mat", ".npz", ".npy", ".zarr")
_KEEP_GEOLOCATION = (
    *TIFF_SUFFIXES,
    *_ENVI,
    ".nc",
    ".zarr",
)  # with latitude and longitude of every pixel, inside or beside
_KEEP_CONTROL_POINTS = _KEEP_RPC = (*TIFF_SUFFIXES, *_ENVI)
_LATLON_BYTES = 16  # bytes of one
_UNCOMPRESSED = (*_ENVI, ".npy")
_MIN_COMPRESSED_FRACTION = (
    0.1  # reflectance seldom shrinks more; compressed files are refused only where even this has no room
)


def check_target(
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    metadata: SceneMetadata | None = None,
    cog: bool = False,
    compress: Compression | None = None,
) -> Path:
    """Refuse a target that could not be written, before anything is computed.

    Free space is compared with the size of the numbers where they are not compressed (ENVI, ``.npy``), and
    with a tenth of it for the others, because nobody knows before how far a scene shrinks.

    Args:
        path: the file to be written.
        overwrite: whether an existing file may be replaced.
        metadata: what will be written, where it is known.
        cog: whether it is to be a cloud optimised GeoTIFF; on the way there are two files.
        compress: how a GeoTIFF is compressed; None where nobody said.

    Returns:
        The path.

    Raises:
        SceneError: unknown ending, missing or unwritable folder, an existing file, a scene that the format
            cannot hold, or too little free space.
    """
    target = Path(path)
    if target.suffix.lower() not in WRITABLE_SUFFIXES:
        endings = ", ".join(WRITABLE_SUFFIXES)
        raise SceneError(f"{target}: cannot write files ending in {target.suffix!r}; use one of {endings}")
    if cog and not is_tiff(target):
        raise SceneError(f"{target}: only a GeoTIFF can be cloud optimised; give a name ending in .tif")
    check_compression(target, compress)
    _check_folder(target)
    for file in files_of(target, metadata):
        if file.is_dir() and not (file.suffix.lower() == ".zarr" and is_zarr_store(file)):
            raise SceneError(f"{file}: this is a folder; give the name of a file in it")
    if not overwrite:
        check_not_existing(files_of(target, metadata))
    if metadata is not None:
        check_storage(metadata.storage, source=metadata.source)
        _check_format(target, metadata)
        _check_space(target, least_size(target, metadata, cog=cog, compress=compress))
    return target


def _check_folder(target: Path) -> None:
    if not target.parent.is_dir():
        raise SceneError(f"{target}: the folder {target.parent} does not exist; create it first")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise SceneError(f"{target}: the folder {target.parent} cannot be written; choose another")


def least_size(
    target: Path, metadata: SceneMetadata, *, cog: bool = False, compress: Compression | None = None
) -> float:
    """Bytes that a scene takes at least in a format; on the way to a COG there are two files."""
    whole = compress == "none" or target.suffix.lower() in _UNCOMPRESSED
    storage, a_number = metadata.storage, np.dtype(metadata.storage.dtype).itemsize
    if target.suffix.lower() == ".npy" and not (storage.scale == 1 and storage.offset == 0 and storage.nodata is None):
        a_number = 4  # decoded to float32
    a_pixel = metadata.shape[0] * a_number
    if metadata.geolocation is not None and keeps_geolocation(target):
        a_pixel += _LATLON_BYTES
    return (2 if cog else 1) * (1.0 if whole else _MIN_COMPRESSED_FRACTION) * math.prod(metadata.shape[1:]) * a_pixel


def keeps_geolocation(target: Path) -> bool:
    """Return True if a format keeps latitude and longitude of every pixel, in the file or beside it."""
    return target.suffix.lower() in _KEEP_GEOLOCATION


def lost_georeferencing(target: Path, metadata: SceneMetadata) -> str | None:
    """Sentence on the georeference that the format of a target loses, and the formats that keep it; None if kept.

    Args:
        target: the file that is written.
        metadata: of the scene that goes there.
    """
    suffix, lost, keeping = target.suffix.lower(), list[str](), set(WRITABLE_SUFFIXES)
    for held, what, endings in (
        (metadata.geolocation, "latitude and longitude of its pixels", _KEEP_GEOLOCATION),
        (metadata.control_points, "ground control points", _KEEP_CONTROL_POINTS),
        (metadata.rpc, "rational polynomials (RPC)", _KEEP_RPC),
    ):
        if held is not None and suffix not in endings:
            lost.append(what)
            keeping &= set(endings)
    if not lost:
        return None
    shown = [ending for ending in (".nc", ".zarr", ".tif", ".img") if ending in keeping]
    remedy = f"; a name ending in {' or '.join([', '.join(shown[:-1]), shown[-1]] if shown[1:] else shown)} keeps them"
    return f"{target}: {' and '.join(lost)} are lost in this format{remedy}"


def _check_space(target: Path, size: float) -> None:
    free = shutil.disk_usage(target.parent).free
    if free < size:
        needed, there = format_sizes(math.ceil(size), free)
        raise SceneError(
            f"{target}: needs at least {needed} but only {there} are free; make room or choose another disk"
        )


def format_sizes(needed: int, free: int) -> tuple[str, str]:
    """Two numbers of bytes in a unit that fits the first, with as many digits as tell them apart."""
    unit = min(3, int(math.log10(max(needed, 1))) // 3)
    name, digits = ("bytes", "kB", "MB", "GB")[unit], 1 if unit else 0
    while digits < 3 * unit and round(needed / 1000**unit, digits) <= round(free / 1000**unit, digits):
        digits += 1
    return f"{needed / 1000**unit:.{digits}f} {name}", f"{free / 1000**unit:.{digits}f} {name}"


def _check_format(target: Path, metadata: SceneMetadata) -> None:
    """Check that the format can hold a scene."""
    suffix = target.suffix.lower()
    if suffix in _ENVI:
        from shsrd.io.envi.write import check_envi

        check_envi(metadata)
    elif is_tiff(target):
        from shsrd.io.geotiff.write import check_geotiff

        check_geotiff(metadata)
    elif suffix == ".mat":
        from shsrd.io.arrays.mat_npz_writer import check_matlab

        check_matlab(target, metadata)
    elif suffix == ".nc" and metadata.storage.dtype == "float16":
        raise SceneError(f"{target}: NetCDF has no float16; write a .zarr or .npz, or give the scene as float32")


def written_files(target: Path, metadata: SceneMetadata | None = None) -> tuple[Path, ...]:
    """The files of a scene saved to ``target``, in the order in which they appear; the one with the pixels is first.

    Args:
        target: name that was given.
        metadata: of the scene, where they are known; without them, those files that every scene has.
    """
    from shsrd.io.envi.write import envi_pair

    located, suffix = metadata is not None and metadata.geolocation is not None, target.suffix.lower()
    if suffix in _ENVI:
        data, header = envi_pair(target)
        return (data, geolocation_path(data), aux_xml_path(data), header) if located else (data, header)
    return (target, geolocation_path(target)) if located and is_tiff(target) else (target,)


def files_of(target: Path, metadata: SceneMetadata | None = None) -> tuple[Path, ...]:
    """Every file that saving to ``target`` writes or replaces; arguments as for :func:`written_files`."""
    written = written_files(target, metadata)
    return (*written, *(companion for file in written for companion in sidecar_files(file)))


def check_distinct_targets(
    source: Path, targets: Sequence[Path], metadata: Sequence[SceneMetadata | None] = ()
) -> None:
    """Refuse targets whose files are the source's, or those of another target.

    Args:
        source: scene file or folder that is read.
        targets: files to be written.
        metadata: of the scene that goes to each target; without them, files that not every scene has are not looked at.

    Raises:
        SceneError: naming the target.
    """
    read, taken = file_identities(files_read(source)), set[Identity]()
    for target, known in zip(targets, metadata or [None] * len(targets), strict=True):
        ours = file_identities(files_of(target, known))
        if ours & read:
            raise SceneError(f"{target}: writing it would replace the source {source}; choose another destination")
        if ours & taken:
            raise SceneError(f"{target}: two results would be written to this file; choose different names")
        taken |= ours


def file_identities(files: Iterable[Path]) -> set[Identity]:
    """Identities of files: resolved paths, and device and inode of files that exist (hard links).

    Raises:
        SceneError: a symbolic link that leads to itself.
    """
    found: set[Identity] = set()
    for file in files:
        try:
            found.add(file.resolve())
        except (OSError, RuntimeError):  # the latter until Python 3.13
            raise SceneError(f"{file}: its symbolic links lead in a circle; give the file itself") from None
        with suppress(OSError):
            status = file.stat()
            found.add((status.st_dev, status.st_ino))
    return found


def open_sink(
    parts: tuple[Path, ...], metadata: SceneMetadata, *, cog: bool = False, compress: Compression | None = None
) -> Sink:
    """Begin the files of a scene, in the format of their ending.

    Args:
        parts: where :func:`written_files` come into being.
        metadata: of the scene; :func:`check_target` has passed.
        cog: whether it is to be a cloud optimised GeoTIFF.
        compress: how a GeoTIFF is compressed; None where nobody said.
    """
    first, suffix = parts[0], parts[0].suffix.lower()
    if len(parts) > 1 or is_tiff(first):
        return _open_with_sidecar(parts, metadata, cog=cog, compress=compress or DEFAULT)
    if suffix == ".nc":
        from shsrd.io.hdf5.netcdf_write import NetcdfSink

        return NetcdfSink(first, metadata)
    if suffix == ".npy":
        from shsrd.io.raw_write import NpySink

        return NpySink(first, metadata)
    if suffix == ".zarr":
        from shsrd.io.zarr.write import ZarrSink

        return ZarrSink(first, metadata)
    from shsrd.io.arrays.mat_npz_writer import MatlabSink, NpzSink

    return (MatlabSink if suffix == ".mat" else NpzSink)(first, metadata)


def _open_with_sidecar(parts: tuple[Path, ...], metadata: SceneMetadata, *, cog: bool, compress: Compression) -> Sink:
    """The formats that hold no latitude and longitude, and the files that do."""
    from shsrd.io.envi.write import EnviSink
    from shsrd.io.geotiff.cog import CogSink
    from shsrd.io.geotiff.geolocation_sidecar_write import (
        GeolocationSidecarSink,
        geolocation_tags,
        write_aux,
    )
    from shsrd.io.geotiff.write import GeotiffSink

    located, first, last = metadata.geolocation is not None, parts[0], parts[-1]
    sidecar = geolocation_path(first)
    tags = geolocation_tags(sidecar.name) if located else {}
    if is_tiff(first):
        sink: Sink = (CogSink if cog else GeotiffSink)(first, metadata, compress=compress, geolocation_tags=tags)
    else:
        sink = EnviSink(first, last, metadata)
        if located:
            write_aux(aux_xml_path(first), tags)
    return sink if metadata.geolocation is None else GeolocationSidecarSink(sink, sidecar, metadata.geolocation)


def files_read(source: Path) -> list[Path]:
    """The files that opening ``source`` reads: itself and what belongs to it; all files of a folder."""
    if source.is_dir():
        return sorted(path for path in source.rglob("*") if path.is_file())
    files = _pair_read(source)
    images = [file for file in files if geolocation_path(file).is_file()]
    if not images:
        return files
    from shsrd.io.geolocation_sidecar import find_geolocation_file

    try:
        found = [find_geolocation_file(image) for image in images]
    except (ValueError, OSError):  # opening the source will say what is wrong with it
        return files
    return files + sorted({sidecar for sidecar in found if sidecar is not None})


def _pair_read(source: Path) -> list[Path]:
    """A file and, for ENVI, its other half."""
    from shsrd.io.envi.header import read_header
    from shsrd.io.envi.read import find_header, find_image

    if not source.is_file():
        return [source]
    if source.suffix.lower() != ".hdr":
        header = find_header(source)
        return [source] if header is None else [source, header]
    try:
        return [source, find_image(source, read_header(source))]
    except (ValueError, OSError):  # opening the source will say what is wrong with it
        return [source]
