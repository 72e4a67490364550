"""Compression of GeoTIFF: the choices, and GDAL's creation options for them.

Levels are the fastest ones. On 16-bit scenes deflate 1 takes half the time of deflate 4 for files that are 1 to 3 %
larger; zstd 1 is faster again by half, 2 to 10 % larger than deflate 1; from level 3 on zstd is slower than deflate 1
(docs/large-scenes.md).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, get_args

from shsrd.cube import SceneError
from shsrd.io.file_checks import is_tiff

Compression = Literal["deflate", "zstd", "none"]
DEFAULT: Compression = "deflate"  # every TIFF reader knows it; zstd is not in the standard and many builds lack it
LEVEL = 1
OVERVIEW_LEVELS = {"ZLEVEL_OVERVIEW": str(LEVEL), "ZSTD_LEVEL_OVERVIEW": str(LEVEL)}  # settings of GDAL
_MAX_THREADS = 4


def check_compression(target: Path, compress: Compression | None) -> None:
    """Check that a target can be compressed as requested.

    Args:
        target: the file to be written.
        compress: what was asked for; None where nothing was.

    Raises:
        SceneError: the format has a compression of its own, or this GDAL cannot write the one that was asked for.
    """
    if compress is None:
        return
    if compress not in get_args(Compression):
        raise SceneError(f"{target}: cannot compress by {compress}; choose one of {', '.join(get_args(Compression))}")
    if not is_tiff(target):
        raise SceneError(f"{target}: only a GeoTIFF's compression can be chosen; give a name ending in .tif")
    if not _written_here(compress):
        raise SceneError(f"{target}: GDAL was built without {compress} here; choose --compress {DEFAULT}")


def _written_here(compress: Compression) -> bool:
    """Return True if this build of GDAL can write a compression; found by trying."""
    from affine import Affine
    from rasterio.errors import RasterioError
    from rasterio.io import MemoryFile

    place = Affine.scale(2)  # GDAL warns of pictures without any
    try:
        with (
            MemoryFile() as memory,
            memory.open(driver="GTiff", width=1, height=1, count=1, dtype="uint8", transform=place, compress=compress),
        ):
            return True
    except RasterioError:
        return False


def tiff_options(compress: Compression, dtype: str) -> dict[str, Any]:
    """Creation options of GDAL's driver GTiff."""
    if compress == "none":
        return {}
    level = {"deflate": "zlevel", "zstd": "zstd_level"}[compress]
    return {"compress": compress, level: LEVEL, "predictor": 3 if dtype.startswith("float") else 2}


def cog_options(compress: Compression) -> dict[str, Any]:
    """Creation options of GDAL's driver COG."""
    return {"compress": "none"} if compress == "none" else {"compress": compress, "level": LEVEL, "predictor": "yes"}


def threads() -> int:
    """Threads that compress: half of the processors, since a network may be at work; bytes do not depend on it."""
    known = hasattr(os, "sched_getaffinity")
    processors = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
    return max(1, min(_MAX_THREADS, processors // 2))
