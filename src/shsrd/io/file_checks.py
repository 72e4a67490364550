"""Files in general: errors as one sentence, endings and marks of formats, names of files that belong together."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shsrd.cube import SceneError

TIFF_SUFFIXES = (".tif", ".tiff")
RAW_SUFFIXES = ("", ".img", ".bsq", ".bil", ".bip", ".dat", ".raw", ".bin", ".cube", ".envi")  # ENVI images
ZARR_FILES = (".zgroup", ".zarray", "zarr.json", ".zmetadata")
MAX_COMPRESSION_RATIO = 1100  # deflate reaches 1032:1 at most; a header that promises more than this is wrong
_NO_ROOM = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)}
GEOLOCATION_SUFFIX = "_loc.tif"  # ending of the file with latitude and longitude of the scene beside it
_NO_SPACE = 2**20  # bytes left on a disk that is full: less than one block of a scene
_FULL = "the disk or quota is full, make free space or choose another disk"


def is_tiff(path: Path) -> bool:
    """Return True if the name has the ending of a GeoTIFF."""
    return path.suffix.lower() in TIFF_SUFFIXES


def is_zarr_store(folder: Path) -> bool:
    """Return True if a folder is a Zarr store, or an array or group in one."""
    return any((folder / name).is_file() for name in ZARR_FILES)


@contextmanager
def read_errors(path: Path, kind: str) -> Iterator[None]:
    """Convert any error while reading a damaged file into a :class:`SceneError` of one sentence.

    Args:
        path: the file being read.
        kind: the format in words, for the message.

    Raises:
        SceneError: for any failure inside the block.
    """
    try:
        yield
    except SceneError:
        raise
    except Exception as error:  # parsers of foreign formats raise anything on damaged bytes
        raise SceneError(
            f"{path}: not a readable {kind} file ({_one_line(error)}); copy or download it again"
        ) from error


def check_size(path: Path, claimed: int, *, ratio: float = MAX_COMPRESSION_RATIO) -> None:
    """Refuse a header that promises more bytes than the file can hold, before anything is allocated.

    Raises:
        SceneError: ``claimed`` bytes cannot come out of this file.
    """
    size = path.stat().st_size
    if claimed > size * ratio:
        raise SceneError(
            f"{path}: the header promises {claimed} bytes of pixels but the file has only {size}; "
            "it is truncated or its header is wrong, copy it again"
        )


@contextmanager
def write_errors(target: Path) -> Iterator[None]:
    """Convert any error while writing into a :class:`SceneError` of one sentence.

    Raises:
        SceneError: for any failure inside the block.
    """
    try:
        yield
    except SceneError:
        raise
    except Exception as error:  # GDAL, HDF5 and the file system each have their own family of errors
        remedy = _FULL if _is_full(error, target.parent) else "check free space and permissions"
        raise SceneError(f"{target}: could not be written ({_one_line(_root(error))}); {remedy}") from error


def _root(error: Exception) -> Exception:
    """GDAL's own words where rasterio only points at them."""
    cause = error.__cause__ or error.__context__
    return cause if "previous exception" in str(error) and isinstance(cause, Exception) else error


def _is_full(error: BaseException | None, folder: Path) -> bool:
    """Return True if the disk is full; HDF5 puts the error number into the message, GDAL leaves it out."""
    if folder.is_dir() and shutil.disk_usage(folder).free < _NO_SPACE:
        return True
    while error is not None:
        if getattr(error, "errno", None) in _NO_ROOM or "no space left" in str(error).lower():
            return True
        error = error.__cause__ or error.__context__
    return False


def sidecar_files(target: Path) -> tuple[Path, ...]:
    """Files of GDAL that would shadow or outlive a replaced target: statistics and outside overviews."""
    return tuple(target.with_name(target.name + ending) for ending in (".aux.xml", ".ovr", ".msk"))


def geolocation_path(target: Path) -> Path:
    """Path of the latitudes and longitudes of a GeoTIFF or ENVI scene, which cannot hold them itself."""
    return target.with_name(target.stem + GEOLOCATION_SUFFIX)


def aux_xml_path(data: Path) -> Path:
    """Path of GDAL's file with metadata that an ENVI header cannot hold."""
    return data.with_name(data.name + ".aux.xml")


def _one_line(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "lists nested too deeply"
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
