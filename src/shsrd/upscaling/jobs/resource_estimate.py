"""Estimate of output size and memory of a run, made before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shsrd.cube import SceneMetadata
from shsrd.upscaling.jobs.job import Job
from shsrd.upscaling.tiles import plan_tiles

_BASE_BYTES = 450 * 2**20  # of a process with libraries and weights (benchmarks/memory.py)
_BYTES_PER_VALUE = 26  # of a tile's output (benchmarks/memory.py, benchmarks/streaming.py)
_BYTES_PER_STD = 8  # in addition, with an uncertainty
_UNCOMPRESSED = (".hdr", ".img", ".bsq", ".dat", ".npy")
_WRITTEN_FROM_MEMORY = (".mat", ".npz")  # at once, at the end


@dataclass(frozen=True)
class ResourceEstimate:
    """Size and memory of a run.

    Attributes:
        shape: ``(bands, rows, columns)`` of the output.
        tiles: number of tiles.
        size: bytes of all values of all outputs; compressed files are smaller.
        is_compressed: True if any output is compressed.
        memory: approximate bytes of this process.
        notes: sentences about the scene.
    """

    shape: tuple[int, int, int]
    tiles: int
    size: int
    is_compressed: bool
    memory: int
    notes: tuple[str, ...] = ()


def estimate_resources(job: Job, tile: int, outputs: Sequence[SceneMetadata]) -> ResourceEstimate:
    """Size and memory of a run.

    Args:
        job: the run.
        tile: side of a tile in low-resolution pixels.
        outputs: metadata of its targets.
    """
    bands, rows, columns = outputs[0].shape
    low = rows // job.scale, columns // job.scale
    size = sum(math.prod(metadata.shape) * np.dtype(metadata.storage.dtype).itemsize for metadata in outputs)
    suffixes = {target.suffix.lower() for target in job.targets}
    tile_values = bands * math.prod(min(tile, extent) * job.scale for extent in low)
    needed = _BASE_BYTES + tile_values * (_BYTES_PER_VALUE + (_BYTES_PER_STD if len(outputs) > 1 else 0))
    return ResourceEstimate(
        shape=outputs[0].shape,
        tiles=len(list(plan_tiles(*low, tile))),
        size=size,
        is_compressed=job.compress != "none" and not suffixes <= set(_UNCOMPRESSED),
        memory=needed + (size if suffixes & set(_WRITTEN_FROM_MEMORY) else 0),
        notes=tuple(dict.fromkeys(note for metadata in outputs for note in metadata.notes)),
    )
