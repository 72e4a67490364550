"""``upscale_file``: a scene of any size, from file to file, in two passes; interrupted work is not lost.

The first pass gathers statistics, the second computes tiles. Finished tiles are kept in a spool beside the destination,
as they will be stored; one writer puts them into the output from the top down, so its bytes do not depend on which tile
was finished when, by whom, or in which of several runs. A tile whose turn it is goes to the writer from memory; the
spool serves those out of turn and the next run after a crash. The output appears under its name when it is complete.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shsrd.cube import SceneError, SceneMetadata, Source
from shsrd.io import open_source, open_writer
from shsrd.io.atomic_write import check_not_existing, recover
from shsrd.io.compression import Compression
from shsrd.io.file_locks import write_lock
from shsrd.io.opening import check_strict
from shsrd.io.stac.origin import Origin
from shsrd.io.targets import check_apart, check_target, files_of, lost_georeferencing, written_files
from shsrd.model import Model
from shsrd.upscaling.correction import match_bicubic_psf
from shsrd.upscaling.inference import Engine
from shsrd.upscaling.jobs.disk_space import check_disk_space, min_valid_fraction
from shsrd.upscaling.jobs.executors import Computing, Here
from shsrd.upscaling.jobs.manifest import InputChangedError, InputState, check_manifest, files_unchanged, manifest_of
from shsrd.upscaling.jobs.provenance import check_item, item_path, write_item
from shsrd.upscaling.jobs.resource_estimate import as_observer, forecast
from shsrd.upscaling.jobs.tile_cache import NotResumableError, TileCache
from shsrd.upscaling.jobs.tile_writer import OrderedTileWriter
from shsrd.upscaling.jobs.timings import Timings
from shsrd.upscaling.options import UpscaleOptions
from shsrd.upscaling.plan import Plan, make_engine, make_plan, select_model, tile_side
from shsrd.upscaling.reconstruction import ConsistencyStats
from shsrd.upscaling.report import Report
from shsrd.upscaling.scan import SceneScan, survey
from shsrd.upscaling.upscale import Progress, uncertainty_metadata

if TYPE_CHECKING:
    from shsrd.upscaling.jobs.dask_executor import WorkerPool


@dataclass(frozen=True)
class Job:
    """What is to be made of which file.

    Attributes:
        source: scene file or CAVE folder.
        target: file to write; its ending decides the format.
        scale: factor.
        options: see ``UpscaleOptions``; whether an uncertainty is computed follows from the next.
        uncertainty: file for one standard deviation per pixel and band, or None.
        opening: further arguments of ``open_source`` (``variable``, ``wavelengths`` ...).
        overwrite: replace existing files, and an interrupted run.
        resume: go on with an interrupted run if there is one.
        workers: processes to start on this machine for the tiles; 0 computes them in this one.
        scheduler: address of a running dask scheduler, or the file that it wrote; its workers compute the tiles.
        cog: write cloud optimised GeoTIFF.
        compress: how GeoTIFF is compressed; None where nobody said.
        origin: where the source comes from, to write a STAC item beside the target; None for none.
    """

    source: Path
    target: Path
    scale: int = 4
    options: UpscaleOptions = field(default_factory=UpscaleOptions)
    uncertainty: Path | None = None
    opening: dict[str, Any] = field(default_factory=dict)
    overwrite: bool = False
    resume: bool = False
    workers: int = 0
    scheduler: str | None = None
    cog: bool = False
    compress: Compression | None = None
    origin: Origin | None = None

    @property
    def targets(self) -> list[Path]:
        """Files to be written."""
        return [self.target] if self.uncertainty is None else [self.target, self.uncertainty]

    @property
    def asked(self) -> UpscaleOptions:
        """The options, with or without an uncertainty."""
        return self.options.model_copy(update={"uncertainty": self.uncertainty is not None})


@dataclass(frozen=True)
class UpscaleFileResult:
    """Result of ``upscale_file``.

    Attributes:
        report: what was done.
        shape: ``(bands, rows, columns)`` of the output.
        seconds: wall time by what it was spent on; reading and writing that overlap with computing are not in it.
        resumed: tiles that an earlier run had finished.
        tiles: tiles in all.
        georeferencing_note: what the format of the output cannot keep of the scene's place, in one sentence; None if it
            can.
    """

    report: Report
    shape: tuple[int, int, int]
    seconds: dict[str, float]
    resumed: int
    tiles: int
    georeferencing_note: str | None = None

    @property
    def georeferencing_lost(self) -> bool:
        """Whether something of the scene's place is not in the output."""
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
        job: what is to be done.
        model: weights already loaded, instead of ``job.options.model``.
        worker_pool: workers who have these weights already, instead of ``job.workers`` and ``job.scheduler``.
        progress: called after every tile; an ``Observer`` is also told what is going to be made, before that.

    Returns:
        What was done; the outputs lie at ``job.targets``.

    Raises:
        SceneError: bad input, bad options, a target that cannot be written, or an interrupted run that does not fit.
            Finished tiles are kept where the fault came later.
        shsrd.model.WeightsError: the weights cannot be used.
    """
    from shsrd.io.geotiff.write import gdal_limits  # training shares this room and needs no GDAL

    model = select_model(job.asked, job.scale, model)
    spool, seconds = TileCache.beside(job.target), Timings()
    check_item(job)
    before = InputState.of(job.source)
    with gdal_limits(), closing(open_source(job.source, **job.opening)) as measured:
        engine = make_engine(model, job.asked, measured.metadata.shape)
        outputs = _output_facts(job, measured.metadata, model)
        _check_outputs(job, outputs, spool, measured.metadata)
        observer = as_observer(progress)
        with _locked_outputs(job, outputs), spool.held():
            observer.planned(forecast(job, tile_side(job.options), outputs))
            with seconds.of("first pass"):
                source = match_bicubic_psf(measured, job.asked, job.scale)
                seen = _resumed_scan(job, spool, source, model)
                plan = make_plan(source, engine, job.asked, seen)
            check_disk_space(job, outputs, spool, valid=min_valid_fraction(measured.metadata, plan.seen))
            observer.examined(plan.seen.notes)
            manifest = manifest_of(job, plan.seen.digest, model.fingerprint)
            if seen is None:
                spool.begin(manifest, plan.seen)
            run = _Run(plan, spool, outputs, seconds, before)
            resumed = len(run.finished())
            with _tile_executor(job, source, engine, run, worker_pool) as computing:
                observer.begun(resumed, len(plan.tiles()))
                agreement = run.finish(job, computing, observer)
            report = plan.report(model, engine, agreement)
            write_item(job, outputs, manifest, report)
            spool.remove()
    lost = lost_georeferencing(job.target, outputs[0])
    return UpscaleFileResult(report, outputs[0].shape, seconds.rounded(), resumed, len(plan.tiles()), lost)


def _check_outputs(job: Job, outputs: tuple[SceneMetadata, ...], spool: TileCache, low: SceneMetadata) -> None:
    """Refuse, before a pixel is read, targets that cannot be written and notes where ``strict`` was asked for.

    Raises:
        SceneError: such a target or note.
    """
    for target, metadata in zip(job.targets, outputs, strict=True):
        check_target(target, overwrite=job.overwrite, metadata=metadata, cog=job.cog, compress=job.compress)
    check_apart(job.source, job.targets, outputs)
    spool.check_ownership()
    check_disk_space(job, outputs, spool, valid=min_valid_fraction(low))
    if job.opening.get("strict"):
        check_strict(outputs[0], known=low.notes)


@contextmanager
def _locked_outputs(job: Job, outputs: tuple[SceneMetadata, ...]) -> Iterator[None]:
    """No other run writes any of these files; what a killed one had set aside is back in its place.

    Raises:
        SceneError: another run is at work on one of them, or it exists and may not be replaced.
    """
    pairs = list(zip(job.targets, outputs, strict=True))
    written = [file for target, metadata in pairs for file in written_files(target, metadata)]
    with write_lock(*written, *([] if job.origin is None else [item_path(job.target)])):
        recover(*written)
        if not job.overwrite:
            check_not_existing(file for target, metadata in pairs for file in files_of(target, metadata))
        yield


@contextmanager
def _tile_executor(
    job: Job, source: Source, engine: Engine, run: _Run, worker_pool: WorkerPool | None
) -> Iterator[Computing]:
    """Who computes the tiles."""
    if worker_pool is None and job.workers == 0 and job.scheduler is None:
        yield Here(source, engine, run.outputs, run.seconds)
        return
    from shsrd.upscaling.jobs.dask_executor import DaskExecutor, connect_workers
    from shsrd.upscaling.jobs.worker import ScenePayload

    with ExitStack() as stack:
        if worker_pool is None:
            here = connect_workers(engine.network, job.options.device, workers=job.workers, scheduler=job.scheduler)
            worker_pool = stack.enter_context(here)
        yield DaskExecutor(worker_pool, ScenePayload(source, run.plan, engine.precision, run.outputs), run.seconds)


def _output_facts(job: Job, low: SceneMetadata, model: Model) -> tuple[SceneMetadata, ...]:
    finer = low.finer(job.scale)
    return (finer,) if job.uncertainty is None else (finer, uncertainty_metadata(finer, model, job.asked))


def _resumed_scan(job: Job, spool: TileCache, source: Source, model: Model) -> SceneScan | None:
    """What an interrupted run had found in its first pass, if this run goes on with it.

    Raises:
        SceneError: there is one and nobody said what to do with it, or it was about something else.
    """
    if not spool.begun or (job.overwrite and not job.resume):
        return None
    if not job.resume:
        raise SceneError(f"{spool.folder}: an interrupted run; --resume goes on with it, --overwrite starts again")
    kept = spool.manifest()
    if kept is None:
        return None
    seen = spool.survey()
    now = manifest_of(job, seen.digest, model.fingerprint)
    check_manifest(kept, now)
    if not files_unchanged(kept, now) and survey(source, []).digest != seen.digest:
        raise NotResumableError(f"cannot resume: {job.source} has changed; --overwrite starts again")
    return seen


@dataclass(frozen=True)
class _Run:
    """Tiles on their way into the output."""

    plan: Plan
    spool: TileCache
    outputs: tuple[SceneMetadata, ...]
    seconds: Timings
    before: InputState

    def finished(self) -> set[int]:
        """Numbers of the plan's tiles that lie in the spool."""
        return self.spool.finished() & set(range(len(self.plan.tiles())))

    def finish(self, job: Job, computing: Computing, told: Progress) -> ConsistencyStats:
        """Compute what is missing, write everything; gives the agreement of all tiles.

        Raises:
            InputChangedError: the input is not what it was when the run began; the outputs stay as they were.
        """
        tiles, finished = self.plan.tiles(), self.finished()
        pending = [number for number in range(len(tiles)) if number not in finished]
        with ExitStack() as stack:
            writers = []
            for target, metadata in zip(job.targets, self.outputs, strict=True):
                writer = open_writer(target, metadata, overwrite=job.overwrite, cog=job.cog, compress=job.compress)
                writers.append(stack.enter_context(writer))
            assembly = stack.enter_context(OrderedTileWriter(self.plan, self.spool, self.outputs, writers, finished))
            for done, (number, part) in enumerate(computing.parts(self.plan, pending), start=len(finished) + 1):
                with self.seconds.of("keeping tiles"):
                    self.spool.keep(number, part)
                assembly.finished(number, part)
                told(done, len(tiles))
            with self.seconds.of("completing the output"):
                agreement = assembly.complete()
                self._check_input(job)
        return agreement

    def _check_input(self, job: Job) -> None:
        """Tiles of a changed input are of no use to the next run either."""
        try:
            self.before.check(job, self.plan.seen.digest)
        except InputChangedError:
            self.spool.remove()
            raise
