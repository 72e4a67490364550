"""Many scenes with the same weights: what is done is skipped, what was interrupted goes on, what fails is named."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from shsrd.cube import SceneError
from shsrd.io import write_json
from shsrd.io.compression import Compression, check_compression
from shsrd.io.scene_discovery import SceneFile
from shsrd.io.targets import files_read, written_files
from shsrd.model import Model
from shsrd.upscaling.jobs.output_names import check_apart, output_paths, uncertainty_path
from shsrd.upscaling.jobs.provenance import StacItem, is_shsrd_item, item_path, mismatch_reason, read_item
from shsrd.upscaling.jobs.tile_cache import MANIFEST, NotResumableError, TileCache
from shsrd.upscaling.jobs.upscale_file import Job, upscale_file
from shsrd.upscaling.options import UpscaleOptions, choose_device, inference_precision
from shsrd.upscaling.plan import select_model
from shsrd.upscaling.upscale import Progress

if TYPE_CHECKING:
    from shsrd.upscaling.jobs.dask_executor import WorkerPool

ITEMS = "items.json"
Result = Literal["done", "skipped", "resumed", "failed"]


@dataclass(frozen=True)
class BatchOptions:
    """What is to be made of many scenes.

    Attributes:
        folder: where outputs go; made if it is not there.
        scale: factor.
        options: of each scene; whether an uncertainty is computed is the next.
        uncertainty: also write one standard deviation, beside each output.
        opening: further arguments of ``open_source``.
        suffix: ending of the outputs, which decides their format.
        compress: how GeoTIFF is compressed; None where nobody said.
        overwrite: replace outputs that were made of another input, by other weights or with other options.
        workers: processes to start on this machine for the tiles of all scenes; 0 computes them in this one.
        scheduler: address of a running dask scheduler, or the file that it wrote; its workers compute the tiles.
    """

    folder: Path
    scale: int = 4
    options: UpscaleOptions = field(default_factory=UpscaleOptions)
    uncertainty: bool = False
    opening: dict[str, Any] = field(default_factory=dict)
    suffix: str = "tif"
    compress: Compression | None = None
    overwrite: bool = False
    workers: int = 0
    scheduler: str | None = None

    def job(self, scene: SceneFile, target: Path) -> Job:
        """What is to be made of one of them."""
        return Job(
            source=scene.path,
            target=target,
            scale=self.scale,
            options=self.options,
            uncertainty=uncertainty_path(target) if self.uncertainty else None,
            opening=self.opening,
            overwrite=self.overwrite,
            compress=self.compress,
            origin=scene.origin,
        )


@dataclass(frozen=True)
class Outcome:
    """What became of a scene.

    Attributes:
        source: the scene.
        target: its output, whether or not it is there.
        result: ``done``; ``skipped``: it had been done before; ``resumed``: an interrupted run was finished;
            ``failed``.
        seconds: that it took now.
        record: the STAC item of the output; None where it failed.
        error: why it failed.
        georeferencing_note: what its format cannot keep of the scene's place, in one sentence; None if it can, or was
            skipped.
    """

    source: Path
    target: Path
    result: Result
    seconds: float
    record: StacItem | None = None
    error: Exception | None = None
    georeferencing_note: str | None = None


def planned(scenes: Sequence[SceneFile], order: BatchOptions) -> list[tuple[SceneFile, Job]]:
    """The jobs of an order, after checks that need no pixels; makes the folder.

    Raises:
        SceneError: outputs that cannot be named, cannot be compressed as asked, or would replace an input.
    """
    targets = output_paths(scenes, order.folder, scale=order.scale, suffix=order.suffix)
    jobs = [order.job(scene, target) for scene, target in zip(scenes, targets, strict=True)]
    for target in targets[:1]:  # all have one ending
        check_compression(target, order.compress)
    read = [file for scene in scenes if scene.fault is None for file in _files(scene.path)]
    check_apart(read, [target for job in jobs for target in job.targets])
    _check_collection(order.folder / ITEMS)
    order.folder.mkdir(parents=True, exist_ok=True)
    return list(zip(scenes, jobs, strict=True))


def _files(path: Path) -> list[Path]:
    """A folder stands for all in it: an output has the name of a scene file, never of a file inside one."""
    return [path] if path.is_dir() else files_read(path)


def upscale_batch(
    scenes: Sequence[SceneFile], order: BatchOptions, *, watched: Callable[[int, SceneFile], Progress] | None = None
) -> Generator[Outcome, None, None]:
    """Super-resolve scene after scene; weights are loaded once here, and once by each worker.

    A scene that fails, for whatever reason, does not keep the others from being done. An interrupt (Ctrl-C) does, and
    so does the loss of all who compute. Workers are let go of however it ends.

    Args:
        scenes: what to work on.
        order: what to make of it.
        watched: gives the callback for the tiles of a scene, by its number from 0.

    Yields:
        What became of each scene, in order.

    Raises:
        SceneError: an order that fits no scene, a device or precision that is not to be had, or workers that do not
            answer, before the first is touched.
        shsrd.upscaling.jobs.dask_executor.ClusterLostError: the scheduler is gone.
        shsrd.model.WeightsError: the weights cannot be used.
    """
    asked = order.options.model_copy(update={"uncertainty": order.uncertainty})
    model = select_model(asked, order.scale)
    inference_precision(asked.precision, choose_device(asked.device))  # refuses what no scene could have
    jobs = planned(scenes, order)
    with _worker_pool(order, asked, model) as worker_pool:
        for number, (scene, job) in enumerate(jobs):
            told = watched(number, scene) if watched is not None else None
            started = time.perf_counter()
            try:
                if scene.fault is not None:
                    raise scene.fault
                result, lost = _upscale_one(job, model, worker_pool, told)
            except Exception as error:  # one file's fault, even if it is ours, must not cost the night's work
                if worker_pool is not None and _lost(error):
                    raise
                yield Outcome(scene.path, job.target, "failed", _since(started), error=error)
            else:
                record = read_item(job.target)
                yield Outcome(scene.path, job.target, result, _since(started), record, georeferencing_note=lost)


@contextmanager
def _worker_pool(order: BatchOptions, asked: UpscaleOptions, model: Model) -> Iterator[WorkerPool | None]:
    """The workers for all scenes, where there are to be any."""
    if order.workers == 0 and order.scheduler is None:
        yield None
        return
    from shsrd.upscaling.jobs.dask_executor import connect_workers

    with connect_workers(model.network, asked.device, workers=order.workers, scheduler=order.scheduler) as worker_pool:
        yield worker_pool


def _lost(error: Exception) -> bool:
    from shsrd.upscaling.jobs.dask_executor import ClusterLostError

    return isinstance(error, ClusterLostError)


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 3)


def _upscale_one(
    job: Job, model: Model, worker_pool: WorkerPool | None, told: Progress | None
) -> tuple[Result, str | None]:
    """Do one scene, unless it is done; gives also what is lost of its place."""
    there = [file for target in job.targets for file in written_files(target) if file.exists()]
    if there:
        fault = _redo_reason(job, model)
        cut_short = _finished_before_cleanup(job)
        if fault is None:
            if cut_short:
                _remove_cache(job)
            return "skipped", None
        if not job.overwrite and not (cut_short and read_item(job.target) is None):
            raise SceneError(f"{there[0]}: exists already, but {fault}; --overwrite makes it again")
        job = replace(job, overwrite=True)
    try:
        done = upscale_file(replace(job, resume=True), model=model, worker_pool=worker_pool, progress=told)
    except NotResumableError:
        if not job.overwrite:
            raise
        done = upscale_file(job, model=model, worker_pool=worker_pool, progress=told)
    return "resumed" if done.resumed else "done", done.georeferencing_note


def _redo_reason(job: Job, model: Model) -> str | None:
    record = read_item(job.target)
    if record is None:
        return "nothing tells what it was made of"
    return mismatch_reason(record, job, model)


def _finished_before_cleanup(job: Job) -> bool:
    """Whether a run was killed after its output had taken its name: its folder is there, the output younger."""
    spool = TileCache.beside(job.target)
    if not spool.begun:
        return False
    begun = (spool.folder / MANIFEST).stat().st_mtime_ns
    files = [file for target in job.targets for file in written_files(target) if file.exists()]
    return all(file.stat().st_mtime_ns >= begun for file in files)


def _remove_cache(job: Job) -> None:
    spool = TileCache.beside(job.target)
    with spool.held():
        spool.remove()


def _check_collection(place: Path) -> None:
    """Refuse to replace somebody else's ``items.json``."""
    if not place.exists():
        return
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
        ours = found["type"] == "FeatureCollection" and all(is_shsrd_item(item) for item in found["features"])
    except (OSError, ValueError, TypeError, KeyError):
        ours = False
    if not ours:
        raise SceneError(
            f"{place}: is no collection of shsrd and would be replaced; choose another folder for the outputs"
        )


def write_collection(folder: Path) -> Path | None:
    """Write ``items.json``, an ItemCollection of all finished outputs in a folder; None where there are none."""
    from shsrd.io.stac.write import collection_of

    items = []
    for place in sorted(folder.glob("*.json")):
        target = place.with_suffix("")
        record = read_item(target) if target.exists() and item_path(target) == place else None
        if record is not None:
            items.append(record)
    if not items:
        return None
    write_json(collection_of(items), folder / ITEMS)
    return folder / ITEMS
