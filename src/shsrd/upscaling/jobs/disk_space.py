"""Check of free disk space: tile cache and outputs exist together until the outputs are complete."""

from __future__ import annotations

import math
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np

from shsrd.cube import SceneError, SceneMetadata
from shsrd.io.targets import format_sizes, least_size
from shsrd.upscaling.jobs.job import Job
from shsrd.upscaling.jobs.tile_cache import TileCache
from shsrd.upscaling.scan import SceneScan


def min_valid_fraction(low: SceneMetadata, scan: SceneScan | None = None) -> float:
    """Lower bound for the share of pixels with data; tiles without any take no space.

    Args:
        low: metadata of the source.
        scan: result of the first pass, if it is done.
    """
    if low.storage.nodata is None and np.issubdtype(np.dtype(low.storage.dtype), np.integer):
        return 1.0
    return 0.0 if scan is None else min(1.0, scan.statistics.count / math.prod(low.shape[1:]))


def check_disk_space(job: Job, outputs: tuple[SceneMetadata, ...], cache: TileCache, *, valid: float) -> None:
    """Refuse a run whose tiles and outputs do not fit on the disk together.

    Tiles are stored without compression until the output is complete, so that a killed run can continue. Of compressed
    outputs a tenth is counted, since their size is not known in advance.

    Args:
        job: names the targets.
        outputs: metadata of each.
        cache: holds the tiles; those in it already need no further space.
        valid: lower bound for the share of pixels with data.

    Raises:
        SceneError: less is free than the least that is needed.
    """
    for folder, needed in _needed_by_folder(job, outputs, cache, valid=valid):
        free = shutil.disk_usage(folder).free
        if free < needed:
            wanted, there = format_sizes(math.ceil(needed), free)
            raise SceneError(
                f"{folder}: finished tiles and the output together need at least {wanted} there, but only "
                f"{there} are free; make room or choose another disk"
            )


def _needed_by_folder(
    job: Job, outputs: tuple[SceneMetadata, ...], cache: TileCache, *, valid: float
) -> list[tuple[Path, float]]:
    """Bytes needed on every disk, with the first folder on it."""
    values = sum(math.prod(metadata.shape) * np.dtype(metadata.storage.dtype).itemsize for metadata in outputs)
    sizes = [(job.target.parent, max(0.0, valid * values - cache.size()))]
    for target, metadata in zip(job.targets, outputs, strict=True):
        sizes.append((target.parent, least_size(target, metadata, cog=job.cog, compress=job.compress)))
    needed: dict[int, float] = defaultdict(float)
    folders: dict[int, Path] = {}
    for folder, size in sizes:
        disk = folder.stat().st_dev
        needed[disk] += size
        folders.setdefault(disk, folder)
    return [(folders[disk], size) for disk, size in needed.items()]
