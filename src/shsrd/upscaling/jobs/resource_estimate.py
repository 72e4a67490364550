"""What a job will make and need, told before anything is computed, and who is told."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shsrd.cube import SceneMetadata
from shsrd.upscaling.tiles import plan_tiles

if TYPE_CHECKING:
    from shsrd.upscaling.jobs.upscale_file import Job

_BASE = 450 * 2**20  # bytes of a process with libraries and weights (benchmarks/memory.py)
_PER_VALUE = 26  # bytes for every output value of a tile (benchmarks/memory.py, benchmarks/streaming.py)
_PER_DEVIATION = 8  # more with an uncertainty
_EXACT = (".hdr", ".img", ".bsq", ".dat", ".npy")  # not compressed
_COLLECTED = (".mat", ".npz")  # written at once, from memory


@dataclass(frozen=True)
class ResourceEstimate:
    """What a job will make and need.

    Attributes:
        shape: ``(bands, rows, columns)`` of the output.
        tiles: how many.
        size: bytes of all numbers of all outputs; compressed files are smaller.
        compressed: whether any output is.
        memory: bytes of this process, roughly.
        notes: about the scene, one sentence each.
    """

    shape: tuple[int, int, int]
    tiles: int
    size: int
    compressed: bool
    memory: int
    notes: tuple[str, ...] = ()


class Observer:
    """Is told how a job goes. Nothing happens here; override what is wanted."""

    def planned(self, forecast: ResourceEstimate) -> None:
        """Everything was checked, nothing is computed."""

    def examined(self, notes: tuple[str, ...]) -> None:
        """The first pass is over; a sentence for every kind of suspicious value that it found."""

    def begun(self, done: int, total: int) -> None:
        """The first pass is over; ``done`` tiles were finished by an earlier run."""

    def __call__(self, done: int, total: int) -> None:
        """Another tile is finished."""


class _CallbackObserver(Observer):
    """An observer who only counts tiles."""

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self._progress = progress

    def __call__(self, done: int, total: int) -> None:
        self._progress(done, total)


def as_observer(progress: Callable[[int, int], None] | None) -> Observer:
    """The observer that a caller gave, or one for a plain callback, or one who does nothing."""
    if isinstance(progress, Observer):
        return progress
    return Observer() if progress is None else _CallbackObserver(progress)


def forecast(job: Job, tile: int, outputs: Sequence[SceneMetadata]) -> ResourceEstimate:
    """What a job will make and need.

    Args:
        job: the job.
        tile: side of a tile in low-resolution pixels.
        outputs: facts of its outputs.
    """
    bands, rows, columns = outputs[0].shape
    low = rows // job.scale, columns // job.scale
    size = sum(math.prod(metadata.shape) * np.dtype(metadata.storage.dtype).itemsize for metadata in outputs)
    suffixes = {target.suffix.lower() for target in job.targets}
    values = bands * math.prod(min(tile, extent) * job.scale for extent in low)
    needed = _BASE + values * (_PER_VALUE + (_PER_DEVIATION if len(outputs) > 1 else 0))
    return ResourceEstimate(
        shape=outputs[0].shape,
        tiles=len(list(plan_tiles(*low, tile))),
        size=size,
        compressed=job.compress != "none" and not suffixes <= set(_EXACT),
        memory=needed + (size if suffixes & set(_COLLECTED) else 0),
        notes=tuple(dict.fromkeys(note for metadata in outputs for note in metadata.notes)),
    )
