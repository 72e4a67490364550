"""``upscale_batch``: many scenes with the same weights; finished ones are skipped, interrupted ones resumed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from shsrd.cube import SceneError
from shsrd.io import write_json
from shsrd.io.compression import Compression, check_compression
from shsrd.io.scene_discovery import SceneFile
from shsrd.io.targets import files_read, written_files
from shsrd.model import Model
from shsrd.upscaling.jobs.dask_executor import ClusterLostError, WorkerPool, connect_workers
from shsrd.upscaling.jobs.job import Job
from shsrd.upscaling.jobs.output_names import check_inputs_kept, output_paths, uncertainty_path
from shsrd.upscaling.jobs.provenance import StacItem, is_shsrd_item, item_path, mismatch_reason, read_item
from shsrd.upscaling.jobs.tile_cache import MANIFEST, NotResumableError, TileCache
from shsrd.upscaling.jobs.upscale_file import upscale_file
from shsrd.upscaling.options import UpscaleOptions, choose_device, inference_precision
from shsrd.upscaling.plan import select_model
from shsrd.upscaling.upscale import Progress

ITEMS = "items.json"
SceneStatus = Literal["done", "skipped", "resumed", "failed"]


@dataclass(frozen=True)
class BatchOptions:
    """Options of ``upscale_batch``, the same for all scenes.

    Attributes:
        folder: of the outputs; created if necessary.
        scale: super-resolution factor.
        options: of the computation; ``uncertainty`` there follows from the next attribute.
        uncertainty: also write one standard deviation per pixel and band, beside each output.
        opening: further arguments of ``open_source``.
        suffix: ending of the outputs, which decides their format.
        compress: compression of GeoTIFF; None for the default.
        overwrite: replace outputs of another input, other weights or other options.
        workers: number of worker processes to start on this machine; 0 runs tiles in the current process.
        scheduler: address of a running dask scheduler, or the file that it wrote; its workers run the tiles.
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
        """Job for one scene."""
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
class SceneResult:
    """Result of one scene of a batch.

    Attributes:
        source: the scene.
        target: its output, which does not exist if the scene failed.
        status: ``done``, ``skipped`` (finished before), ``resumed`` (an interrupted run was finished) or ``failed``.
        seconds: wall time.
        record: STAC item of the output; None if the scene failed.
        error: cause of the failure.
        georeferencing_note: sentence on georeferencing that the format of the output cannot hold; None if it holds all,
            or the scene was skipped.
    """

    source: Path
    target: Path
    status: SceneStatus
    seconds: float
    record: StacItem | None = None
    error: Exception | None = None
    georeferencing_note: str | None = None


def plan_jobs(scenes: Sequence[SceneFile], options: BatchOptions) -> list[tuple[SceneFile, Job]]:
    """Scenes with their jobs, after checks that need no pixels; creates the folder of the outputs.

    Raises:
        SceneError: outputs without distinct names, with an unsupported compression, or that would replace an input.
    """
    targets = output_paths(scenes, options.folder, scale=options.scale, suffix=options.suffix)
    jobs = [options.job(scene, target) for scene, target in zip(scenes, targets, strict=True)]
    for target in targets[:1]:  # all have one ending
        check_compression(target, options.compress)
    sources = [file for scene in scenes if scene.error is None for file in _source_files(scene.path)]
    check_inputs_kept(sources, [target for job in jobs for target in job.targets])
    _check_collection(options.folder / ITEMS)
    options.folder.mkdir(parents=True, exist_ok=True)
    return list(zip(scenes, jobs, strict=True))


def _source_files(path: Path) -> list[Path]:
    """Files of a scene; a folder stands for all in it, since no output can have the name of a file inside one."""
    return [path] if path.is_dir() else files_read(path)


def upscale_batch(
    scenes: Sequence[SceneFile],
    options: BatchOptions,
    *,
    progress_for: Callable[[int, SceneFile], Progress] | None = None,
) -> Generator[SceneResult, None, None]:
    """Super-resolve many scenes; weights are loaded once, also by each worker.

    A scene that fails does not stop the others. An interrupt (Ctrl-C) and the loss of the workers do.

    Args:
        scenes: to super-resolve.
        options: of all of them.
        progress_for: returns the progress callback of a scene, given its number from 0.

    Yields:
        Result of each scene, in order.

    Raises:
        SceneError: options that fit no scene, a device or precision that is not available, or workers that do not
            answer; raised before the first scene.
        shsrd.upscaling.jobs.dask_executor.ClusterLostError: the connection to the workers is lost.
        shsrd.model.WeightsError: the weights cannot be used.
    """
    effective = options.options.model_copy(update={"uncertainty": options.uncertainty})
    model = select_model(effective, options.scale)
    inference_precision(effective.precision, choose_device(effective.device))  # refuses what fits no scene
    jobs = plan_jobs(scenes, options)
    with _worker_pool(options, model) as worker_pool:
        for number, (scene, job) in enumerate(jobs):
            progress = None if progress_for is None else progress_for(number, scene)
            yield _scene_result(scene, job, partial(_upscale_one, job, model, worker_pool, progress))


def _scene_result(scene: SceneFile, job: Job, run: Callable[[], tuple[SceneStatus, str | None]]) -> SceneResult:
    """Run one scene; its errors become a result, except the loss of the workers."""
    started = time.perf_counter()
    try:
        if scene.error is not None:
            raise scene.error
        status, note = run()
    except ClusterLostError:
        raise
    except Exception as error:  # even an error of shsrd itself must not stop the other scenes
        return SceneResult(scene.path, job.target, "failed", _seconds_since(started), error=error)
    record = read_item(job.target)
    return SceneResult(scene.path, job.target, status, _seconds_since(started), record, georeferencing_note=note)


@contextmanager
def _worker_pool(options: BatchOptions, model: Model) -> Iterator[WorkerPool | None]:
    """Workers for all scenes; None to run tiles in the current process."""
    if options.workers == 0 and options.scheduler is None:
        yield None
        return
    device = options.options.device
    with connect_workers(model.network, device, workers=options.workers, scheduler=options.scheduler) as worker_pool:
        yield worker_pool


def _seconds_since(started: float) -> float:
    return round(time.perf_counter() - started, 3)


def _upscale_one(
    job: Job, model: Model, worker_pool: WorkerPool | None, progress: Progress | None
) -> tuple[SceneStatus, str | None]:
    """Super-resolve a scene unless its output is finished; returns status and note on georeferencing."""
    existing = [file for target in job.targets for file in written_files(target) if file.exists()]
    if existing:
        reason = _redo_reason(job, model)
        interrupted = _finished_before_cleanup(job)
        if reason is None:
            if interrupted:
                _remove_cache(job)
            return "skipped", None
        if not job.overwrite and not (interrupted and read_item(job.target) is None):
            raise SceneError(f"{existing[0]}: exists already, but {reason}; --overwrite makes it again")
        job = replace(job, overwrite=True)
    try:
        done = upscale_file(replace(job, resume=True), model=model, worker_pool=worker_pool, progress=progress)
    except NotResumableError:
        if not job.overwrite:
            raise
        done = upscale_file(job, model=model, worker_pool=worker_pool, progress=progress)
    return "resumed" if done.resumed else "done", done.georeferencing_note


def _redo_reason(job: Job, model: Model) -> str | None:
    record = read_item(job.target)
    if record is None:
        return "nothing tells what it was made of"
    return mismatch_reason(record, job, model)


def _finished_before_cleanup(job: Job) -> bool:
    """True if a run was killed after its outputs were complete: its cache exists, and the outputs are younger."""
    cache = TileCache.for_target(job.target)
    if not cache.is_started:
        return False
    started = (cache.folder / MANIFEST).stat().st_mtime_ns
    files = [file for target in job.targets for file in written_files(target) if file.exists()]
    return all(file.stat().st_mtime_ns >= started for file in files)


def _remove_cache(job: Job) -> None:
    cache = TileCache.for_target(job.target)
    with cache.locked():
        cache.remove()


def _check_collection(path: Path) -> None:
    """Refuse to replace an ``items.json`` that shsrd did not write."""
    if not path.exists():
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        ours = found["type"] == "FeatureCollection" and all(is_shsrd_item(item) for item in found["features"])
    except (OSError, ValueError, TypeError, KeyError):
        ours = False
    if not ours:
        raise SceneError(
            f"{path}: is no collection of shsrd and would be replaced; choose another folder for the outputs"
        )


def write_collection(folder: Path) -> Path | None:
    """Write ``items.json``, an ItemCollection of all finished outputs in a folder; None if there are none."""
    from shsrd.io.stac.write import collection_of

    items = []
    for path in sorted(folder.glob("*.json")):
        target = path.with_suffix("")
        record = read_item(target) if target.exists() and item_path(target) == path else None
        if record is not None:
            items.append(record)
    if not items:
        return None
    write_json(collection_of(items), folder / ITEMS)
    return folder / ITEMS
