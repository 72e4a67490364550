"""``shsrd upscale-all SOURCE... OUT_DIR``."""

from __future__ import annotations

import os
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.table import Table

from shsrd.cli.console import log, option, parse, print_json, print_table
from shsrd.cli.read_options import ReadOptions
from shsrd.cli.upscale_options import OutputOptions, UpscaleArguments

if TYPE_CHECKING:
    from shsrd.io.scene_discovery import SceneFile
    from shsrd.upscaling import BatchOptions, SceneResult

EXIT_BAD_INPUT = 2  # exit code


@dataclass(frozen=True, kw_only=True)
class OutputFileOptions(OutputOptions):
    """Files to write.

    Attributes:
        suffix: ending of the outputs, which decides their format: tif, img, nc, zarr, mat, npz or npy.
        uncertainty: also write one standard deviation per pixel and band, as STEM_x4_uncertainty.tif.
        overwrite: replace outputs that were made of another input, by other weights or with other options.
    """

    suffix: str = "tif"
    uncertainty: Annotated[bool, option()] = False
    overwrite: Annotated[bool, option()] = False


@dataclass(frozen=True, kw_only=True)
class BatchReadOptions(ReadOptions):
    """Hints for reading the files, and the part of them to use.

    Attributes:
        asset: name of the asset to take of STAC items; by default the one with role data, of several the one with most
            bands.
    """

    asset: Annotated[str | None, option("NAME")] = None

    def opening(self) -> dict[str, Any]:
        """Arguments of ``open_source``."""
        return {name: value for name, value in super().opening().items() if name != "asset"}


@dataclass(frozen=True, kw_only=True)
class Arguments(UpscaleArguments):
    """Super-resolve many scenes. The same command again goes on where it was stopped and skips what is done.

    Attributes:
        places: sources: patterns in quotes ('scenes/**/*.hdr'), scene files, folders, or STAC files (Item,
            ItemCollection, static Catalog); and last the folder where outputs go, as STEM_x4.tif with a STAC item
            STEM_x4.tif.json, and all items in items.json.
    """

    places: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE [SOURCE ...] OUT_DIR")]
    output: OutputFileOptions = field(default_factory=OutputFileOptions)
    reading: BatchReadOptions = field(default_factory=BatchReadOptions)

    @property
    def sources(self) -> tuple[str, ...]:
        """All names but the last; a parser cannot tell where they end when options follow."""
        return self.places[:-1]

    @property
    def folder(self) -> Path:
        """Output folder."""
        return Path(self.places[-1])

    def order(self) -> BatchOptions:
        """Options of the batch."""
        from shsrd.upscaling import BatchOptions

        return BatchOptions(
            folder=self.folder,
            scale=self.scale,
            options=self.options(),
            uncertainty=self.output.uncertainty,
            opening=self.reading.opening(),
            suffix=self.output.suffix,
            compress=self.output.compress,
            overwrite=self.output.overwrite,
            workers=self.computing.workers,
            scheduler=self.computing.scheduler,
        )


def run(given: Sequence[str]) -> int:
    """Run the command; exit code 2 if any scene failed."""
    arguments = parse(Arguments, "upscale-all", given)
    from shsrd.cube import InputError
    from shsrd.io.scene_discovery import find_scenes
    from shsrd.upscaling import write_collection
    from shsrd.upscaling.jobs.dask_executor import ClusterLostError

    if not arguments.sources:
        raise InputError("give at least one source and, last, the folder for the outputs")
    found = find_scenes(arguments.sources, asset=arguments.reading.asset)
    if found.skipped:
        log(f"{len(found.skipped)} files left out: they are outputs of earlier runs, such as {found.skipped[0]}")
    outcomes = []
    try:
        with closing(_run_scenes(found.scenes, arguments.order())) as coming:
            for outcome in coming:
                outcomes.append(outcome)
                log(f"{len(outcomes)} of {len(found.scenes)}: {_line(outcome)}")
    except (KeyboardInterrupt, ClusterLostError):
        log(f"stopped after {len(outcomes)} of {len(found.scenes)} scenes; the same command goes on from here")
        raise
    items = write_collection(arguments.folder)
    if arguments.output.json:
        print_json(_as_json(outcomes, items))
    else:
        print_table(_table(outcomes))
    return _ending(outcomes)


def _run_scenes(scenes: Sequence[SceneFile], order: BatchOptions) -> Generator[SceneResult, None, None]:
    """Outcomes as they come, with a bar for the scene in hand."""
    from shsrd.cli.job_progress import job_progress
    from shsrd.upscaling import upscale_batch

    with ExitStack() as outer, ExitStack() as shown:

        def progress_for(number: int, scene: SceneFile) -> Callable[[int, int], None]:
            shown.close()  # the bar of the scene before
            title = f"{number + 1} of {len(scenes)}: {scene.stem}"
            return shown.enter_context(job_progress(title, of=str(scene.path)))

        for outcome in outer.enter_context(closing(upscale_batch(scenes, order, progress_for=progress_for))):
            shown.close()
            yield outcome


def _line(outcome: SceneResult) -> str:
    if outcome.error is not None:
        return f"{outcome.source}: {_reason(outcome)}"
    lost = (
        ""
        if outcome.georeferencing_note is None
        else f"; {outcome.georeferencing_note.removeprefix(f'{outcome.target}: ')}"
    )
    return f"{outcome.target} {outcome.status}, {outcome.seconds:.1f} s{_corrected(outcome)}{lost}"


def _corrected(outcome: SceneResult) -> str:
    """Point spread function that a scene was corrected for, and who says so."""
    told = {} if outcome.record is None else outcome.record["properties"]
    widths = told.get("shsrd:fwhm")
    if widths is None:
        return ""
    of = "" if told.get("shsrd:sensor") is None else f" {told['shsrd:sensor']},"
    by = {"product": " by the product's metadata", "estimate": " by its edges"}.get(
        str(told.get("shsrd:psf_origin")), ""
    )
    return f", corrected{by} for{of} FWHM {widths[0]:.2f} x {widths[1]:.2f} pixels"


def _reason(outcome: SceneResult) -> str:
    """Why it failed, in one sentence; of our own faults the last line of the traceback tells where."""
    from shsrd.cli.errors import expected, sentence

    error = outcome.error
    assert error is not None  # it failed
    if expected(error):
        return sentence(error).removeprefix(f"{outcome.source}: ")
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    return f"a fault of shsrd, please report it: {type(error).__name__} in {where}: {' '.join(str(error).split())}"


def _row(outcome: SceneResult) -> dict[str, Any]:
    """Table row of a scene."""
    told = {} if outcome.record is None else outcome.record["properties"]
    asset = {} if outcome.record is None else outcome.record["assets"]["data"]
    rows, columns = told.get("proj:shape", (None, None))
    return {
        "scene": str(outcome.source),
        "output": str(outcome.target),
        "bands": len(asset["bands"]) if asset else None,
        "rows": rows,
        "columns": columns,
        "seconds": outcome.seconds,
        "sensor": told.get("shsrd:sensor"),
        "fwhm": told.get("shsrd:fwhm"),
        "psf_origin": told.get("shsrd:psf_origin"),
        "consistency": told.get("shsrd:consistency"),
        "self_check_gain_db": told.get("shsrd:self_check_gain_db"),
        "worse_than_bicubic": told.get("shsrd:worse_than_bicubic"),
        "result": outcome.status,
        "notes": told.get("shsrd:notes", []),
        "reason": None if outcome.error is None else _reason(outcome),
    }


def _as_json(outcomes: Sequence[SceneResult], items: Path | None) -> dict[str, Any]:
    counts = Counter(outcome.status for outcome in outcomes)
    return {
        "scenes": [_row(outcome) for outcome in outcomes],
        "counts": {name: counts[name] for name in ("done", "skipped", "resumed", "failed")},
        "items": None if items is None else str(items),
    }


def _table(outcomes: Sequence[SceneResult]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("scene", overflow="fold")
    for title in ("bands", "size", "seconds", "consistency", "domain", "result"):
        table.add_column(title, justify="left" if title == "result" else "right", no_wrap=True)
    shared = _shared_folder([outcome.source for outcome in outcomes])
    for outcome in outcomes:
        row = _row(outcome)
        scene = str(outcome.source.absolute().relative_to(shared))
        size = "-" if row["rows"] is None else f"{row['rows']} x {row['columns']}"
        agreement = "-" if row["consistency"] is None else f"{row['consistency']:.1e}"
        score = "-" if row["self_check_gain_db"] is None else f"{row['self_check_gain_db']:+.2f} dB"
        bands = "-" if row["bands"] is None else str(row["bands"])
        table.add_row(scene, bands, size, f"{row['seconds']:.1f}", agreement, score, row["result"])
    return table


def _shared_folder(paths: Sequence[Path]) -> Path:
    """The folder that all lie in: what all names begin with would only fill the table."""
    return Path(os.path.commonpath([path.absolute().parent for path in paths]))


def _ending(outcomes: Sequence[SceneResult]) -> int:
    """Name what failed; gives the exit code."""
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if not failed:
        return 0
    log(f"shsrd: {len(failed)} of {len(outcomes)} scenes failed:")
    for outcome in failed:
        log(f"  {outcome.source}: {_reason(outcome)}")
    return EXIT_BAD_INPUT
