"""``upscale_file``: super-resolve a scene of any size, from file to file, in two passes.

The first pass gathers statistics, the second computes tiles. Finished tiles are stored in a cache beside the target, so
that an interrupted run can be resumed. One thread writes them row by row, so the bytes of the output do not depend on
the order in which tiles were finished. The output appears under its name when it is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

from shsrd.cube import SceneError, SceneMetadata, Source
from shsrd.io import Writer, open_source, open_writer
from shsrd.io.atomic_write import check_not_existing, recover
from shsrd.io.file_locks import write_lock
from shsrd.io.opening import check_strict
from shsrd.io.targets import check_distinct_targets, check_target, files_of, lost_georeferencing, written_files
from shsrd.model import Model
from shsrd.upscaling.correction import match_bicubic_psf
from shsrd.upscaling.inference import Engine
from shsrd.upscaling.jobs.dask_executor import DaskExecutor, WorkerPool, connect_workers
from shsrd.upscaling.jobs.disk_space import check_disk_space, min_valid_fraction
from shsrd.upscaling.jobs.executors import LocalExecutor, TileExecutor
from shsrd.upscaling.jobs.job import Job
from shsrd.upscaling.jobs.manifest import InputChangedError, InputState, check_manifest, files_unchanged, manifest_of
from shsrd.upscaling.jobs.observer import Observer, as_observer
from shsrd.upscaling.jobs.provenance import check_item, item_path, write_item
from shsrd.upscaling.jobs.resource_estimate import estimate_resources
from shsrd.upscaling.jobs.tile_cache import NotResumableError, TileCache
from shsrd.upscaling.jobs.tile_writer import OrderedTileWriter
from shsrd.upscaling.jobs.timings import Timings
from shsrd.upscaling.jobs.worker import ScenePayload
from shsrd.upscaling.plan import Plan, make_engine, make_plan, select_model, tile_side
from shsrd.upscaling.reconstruction import ConsistencyStats
from shsrd.upscaling.report import Report
from shsrd.upscaling.scan import SceneScan, scan_scene
from shsrd.upscaling.upscale import Progress


@dataclass(frozen=True)
class UpscaleFileResult:
    """Result of ``upscale_file``.

    Attributes:
        report: settings and quality measures.
        shape: ``(bands, rows, columns)`` of the output.
        timings: wall time in seconds by activity, without reading and writing that overlap with computing.
        resumed: number of tiles finished by an earlier run.
        tiles: number of all tiles.
        georeferencing_note: sentence on georeferencing that the format of the output cannot hold; None if it holds all.
    """

    report: Report
    shape: tuple[int, int, int]
    timings: dict[str, float]
    resumed: int
    tiles: int
    georeferencing_note: str | None = None

    @property
    def georeferencing_lost(self) -> bool:
        """True if the output lacks some of the scene's georeferencing."""
        return self.georeferencing_note is not None


def upscale_file(
    job: Job,
    *,
    model: Model | None = None,
    worker_pool: WorkerPool | None = None,
    progress: Progress | None = None,
) -> UpscaleFileResult:
    """Super-resolve a scene from file to file.

    Args:
        job: source, target and options.
        model: weights already loaded, in place of ``job.options.model``.
        worker_pool: workers that have loaded these weights, in place of ``job.workers`` and ``job.scheduler``.
        progress: called after every tile; an ``Observer`` also before and after the first pass.

    Returns:
        Report and timings; the outputs are the files ``job.targets``.

    Raises:
        SceneError: bad input, bad options, a target that cannot be written, or an interrupted run of another job.
            Tiles finished before the error are kept.
        shsrd.model.WeightsError: the weights cannot be used.
    """
    from shsrd.io.geotiff.write import gdal_limits  # training shares this room and needs no GDAL

    model = select_model(job.effective_options, job.scale, model)
    check_item(job)
    before = InputState.of(job.source)
    with gdal_limits(), closing(open_source(job.source, **job.opening)) as measured:
        engine = make_engine(model, job.effective_options, measured.metadata.shape)
        outputs, cache = job.output_metadata(measured.metadata, model), TileCache.for_target(job.target)
        _check_outputs(job, outputs, cache, measured.metadata)
        run = _Run(job, model, engine, measured, outputs, cache, Timings(), before)
        with _locked_outputs(job, outputs), cache.locked():
            return run.complete(worker_pool, as_observer(progress))


def _check_outputs(job: Job, outputs: tuple[SceneMetadata, ...], cache: TileCache, low: SceneMetadata) -> None:
    """Refuse, before a pixel is read, targets that cannot be written, and notes with the option ``strict``.

    Existing files are refused by ``_locked_outputs``.

    Raises:
        SceneError: such a target or note.
    """
    for target, metadata in zip(job.targets, outputs, strict=True):
        check_target(target, overwrite=True, metadata=metadata, cog=job.cog, compress=job.compress)
    check_distinct_targets(job.source, job.targets, outputs)
    cache.check_ownership()
    check_disk_space(job, outputs, cache, valid=min_valid_fraction(low))
    if job.opening.get("strict"):
        check_strict(outputs[0], known=low.notes)


@contextmanager
def _locked_outputs(job: Job, outputs: tuple[SceneMetadata, ...]) -> Iterator[None]:
    """Lock the outputs against other runs, and put back files that a killed run had set aside.

    Raises:
        SceneError: another run has the lock, or a file exists and may not be replaced.
    """
    pairs = list(zip(job.targets, outputs, strict=True))
    written = [file for target, metadata in pairs for file in written_files(target, metadata)]
    with write_lock(*written, *([] if job.origin is None else [item_path(job.target)])):
        recover(*written)
        if not job.overwrite:
            check_not_existing(file for target, metadata in pairs for file in files_of(target, metadata))
        yield


@dataclass(frozen=True)
class _Run:
    """One run of ``upscale_file``, after its checks."""

    job: Job
    model: Model
    engine: Engine
    measured: Source
    outputs: tuple[SceneMetadata, ...]
    cache: TileCache
    timings: Timings
    before: InputState

    def complete(self, worker_pool: WorkerPool | None, observer: Observer) -> UpscaleFileResult:
        """Scan, compute the missing tiles, write outputs and item, delete the cache."""
        job = self.job
        observer.on_plan(estimate_resources(job, tile_side(job.options), self.outputs))
        source, plan, manifest = self._planned()
        observer.on_scan(plan.scan.notes)
        finished = self.cache.finished() & set(range(len(plan.tiles())))
        with self._executor(source, plan, worker_pool) as executor:
            observer.on_start(len(finished), len(plan.tiles()))
            consistency = self._write_tiles(executor, plan, finished, observer)
        report = plan.report(self.model, self.engine, consistency)
        write_item(job, self.outputs, manifest, report)
        self.cache.remove()
        note = lost_georeferencing(job.target, self.outputs[0])
        shape, timings = self.outputs[0].shape, self.timings.rounded()
        return UpscaleFileResult(report, shape, timings, len(finished), len(plan.tiles()), note)

    def _planned(self) -> tuple[Source, Plan, dict[str, Any]]:
        """Corrected source, plan and manifest; the cache is started unless an interrupted run is resumed."""
        job = self.job
        with self.timings.measure("first pass"):
            source = match_bicubic_psf(self.measured, job.effective_options, job.scale)
            scan = self._resumed_scan(source)
            plan = make_plan(source, self.engine, job.effective_options, scan)
        valid = min_valid_fraction(self.measured.metadata, plan.scan)
        check_disk_space(job, self.outputs, self.cache, valid=valid)
        manifest = manifest_of(job, plan.scan.digest, self.model.fingerprint)
        if scan is None:
            self.cache.start(manifest, plan.scan)
        return source, plan, manifest

    def _resumed_scan(self, source: Source) -> SceneScan | None:
        """First pass of an interrupted run; None if there is none to resume.

        Raises:
            SceneError: there is one, but neither ``resume`` nor ``overwrite``, or it belongs to another job.
        """
        job, cache = self.job, self.cache
        if not cache.is_started or (job.overwrite and not job.resume):
            return None
        if not job.resume:
            raise SceneError(f"{cache.folder}: an interrupted run; --resume goes on with it, --overwrite starts again")
        kept = cache.manifest()
        if kept is None:
            return None
        scan = cache.scan()
        now = manifest_of(job, scan.digest, self.model.fingerprint)
        check_manifest(kept, now)
        if not files_unchanged(kept, now) and scan_scene(source, []).digest != scan.digest:
            raise NotResumableError(f"cannot resume: {job.source} has changed; --overwrite starts again")
        return scan

    @contextmanager
    def _executor(self, source: Source, plan: Plan, worker_pool: WorkerPool | None) -> Iterator[TileExecutor]:
        """Executor that the job asks for."""
        job, engine = self.job, self.engine
        if worker_pool is None and job.workers == 0 and job.scheduler is None:
            yield LocalExecutor(source, engine, self.outputs, self.timings)
            return
        with ExitStack() as stack:
            if worker_pool is None:
                pool = connect_workers(engine.network, job.options.device, workers=job.workers, scheduler=job.scheduler)
                worker_pool = stack.enter_context(pool)
            payload = ScenePayload(source, plan, engine.precision, self.outputs)
            yield DaskExecutor(worker_pool, payload, self.timings)

    def _write_tiles(
        self, executor: TileExecutor, plan: Plan, finished: set[int], progress: Callable[[int, int], None]
    ) -> ConsistencyStats:
        """Compute the missing tiles and write all; returns the consistency statistics of the scene.

        Raises:
            InputChangedError: the input was overwritten since the run began; the outputs stay as they were.
        """
        total = len(plan.tiles())
        missing = [number for number in range(total) if number not in finished]
        with ExitStack() as stack:
            writers = [stack.enter_context(writer) for writer in self._open_writers()]
            ordered = stack.enter_context(OrderedTileWriter(plan, self.cache, self.outputs, writers, finished))
            for done, (number, tile) in enumerate(executor.run(plan, missing), start=len(finished) + 1):
                with self.timings.measure("keeping tiles"):
                    self.cache.store(number, tile)
                ordered.add(number, tile)
                progress(done, total)
            with self.timings.measure("completing the output"):
                consistency = ordered.complete()
                self._check_input(plan.scan.digest)
        return consistency

    def _open_writers(self) -> Iterator[Writer]:
        job = self.job
        for target, metadata in zip(job.targets, self.outputs, strict=True):
            yield open_writer(target, metadata, overwrite=job.overwrite, cog=job.cog, compress=job.compress)

    def _check_input(self, digest: str) -> None:
        """Refuse a changed input and delete its tiles, which no later run can use."""
        try:
            self.before.check(self.job, digest)
        except InputChangedError:
            self.cache.remove()
            raise
