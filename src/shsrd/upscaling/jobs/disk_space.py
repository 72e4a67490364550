"""Room on the disk: finished tiles and the output lie there together before the output is complete."""

from __future__ import annotations

import math
import shutil
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shsrd.cube import SceneError, SceneMetadata
from shsrd.io.targets import format_sizes, least_size
from shsrd.upscaling.jobs.tile_cache import TileCache
from shsrd.upscaling.scan import SceneScan

if TYPE_CHECKING:
    from shsrd.upscaling.jobs.upscale_file import Job


def min_valid_fraction(low: SceneMetadata, seen: SceneScan | None = None) -> float:
    """Least share of a scene's pixels that hold data; tiles without any take no room.

    Args:
        low: of the scene that is read.
        seen: what the first pass found, once that is over.
    """
    if low.storage.nodata is None and np.issubdtype(np.dtype(low.storage.dtype), np.integer):
        return 1.0
    return 0.0 if seen is None else min(1.0, seen.statistics.count / math.prod(low.shape[1:]))


def check_disk_space(job: Job, outputs: tuple[SceneMetadata, ...], spool: TileCache, *, valid: float) -> None:
    """Refuse a run whose tiles and outputs do not fit on the disk together, before it computes.

    Tiles are kept as they will be stored, without compression, until the output is complete: a run that is killed goes
    on with them. Of compressed outputs only a tenth is counted, since nobody knows how far a scene shrinks.

    Args:
        job: names the outputs.
        outputs: facts of each.
        spool: holds the tiles, perhaps already some of them.
        valid: least share of the pixels that hold data.

    Raises:
        SceneError: at least this much is needed and is not free.
    """
    sizes = [math.prod(metadata.shape) * np.dtype(metadata.storage.dtype).itemsize for metadata in outputs]
    needed: dict[int, float] = defaultdict(float)
    folders: dict[int, Path] = {}
    cache = max(0.0, valid * sum(sizes) - spool.size())
    written = [
        least_size(target, metadata, cog=job.cog, compress=job.compress)
        for target, metadata in zip(job.targets, outputs, strict=True)
    ]
    for folder, size in zip((job.target.parent, *(t.parent for t in job.targets)), (cache, *written), strict=True):
        disk = folder.stat().st_dev
        needed[disk] += size
        folders.setdefault(disk, folder)
    for disk, size in needed.items():
        free = shutil.disk_usage(folders[disk]).free
        if free < size:
            wanted, there = format_sizes(math.ceil(size), free)
            raise SceneError(
                f"{folders[disk]}: finished tiles and the output together need at least {wanted} there, but only "
                f"{there} are free; make room or choose another disk"
            )
