"""``shsrd upscale SRC DST``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from shsrd.cli.targets import check_targets
from shsrd.cli.terminal import parse, print_json, progress, remark
from shsrd.cli.wishes import Wishes

if TYPE_CHECKING:
    from shsrd.upscaling import Job, Report


@dataclass(frozen=True, kw_only=True)
class Arguments(Wishes):
    """Super-resolve a scene: same bands, same outer corner, same number type, finer pixels.

    Attributes:
        source: scene file (ENVI, GeoTIFF, MATLAB, HDF5, NetCDF, NPY, NPZ) or CAVE folder.
        destination: file to write; the suffix chooses the format.
        uncertainty: file for one standard deviation per pixel and band.
        cog: write cloud optimised GeoTIFF (.tif).
        stac: write a STAC item beside the destination, as `DST.json`.
        preview: picture (.png) of input, bicubic and result side by side, in true or false colour.
        overwrite: replace existing files, and start an interrupted run again.
        resume: go on with an interrupted run; finished tiles are not computed again.
        json: print a report as JSON.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    destination: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DST")]
    uncertainty: Path | None = None
    cog: bool = False
    stac: bool = False
    preview: Path | None = None
    overwrite: bool = False
    resume: bool = False
    json: bool = False


def run(given: Sequence[str]) -> int:
    """Run the command."""
    arguments = parse(Arguments, "upscale", given)
    from shsrd.io.stac_origin import origin_of_file
    from shsrd.upscaling import Job, upscale_file

    job = Job(
        source=arguments.source,
        target=arguments.destination,
        scale=arguments.scale,
        options=arguments.options(),
        uncertainty=arguments.uncertainty,
        opening=arguments.opening(),
        overwrite=arguments.overwrite,
        resume=arguments.resume,
        workers=arguments.workers,
        scheduler=arguments.scheduler,
        cog=arguments.cog,
        compress=arguments.compress,
        origin=origin_of_file(arguments.source) if arguments.stac else None,
    )
    check_targets(job.source, job.targets, overwrite=job.overwrite)
    if arguments.preview is not None:
        _check_preview(arguments.preview, job)
    with progress("tiles") as bar:
        result = upscale_file(job, progress=bar)
    if arguments.preview is not None:
        _draw_preview(arguments.preview, job, result.report)
    report, (bands, rows, columns) = result.report, result.shape
    if arguments.json:
        more = {"destination": str(arguments.destination), "shape": [bands, rows, columns], "seconds": result.seconds}
        print_json(report.as_json() | more | {"tiles": result.tiles, "tiles_resumed": result.resumed})
    agreement = "not measurable" if report.consistency is None else f"{report.consistency:.1e} of the range"
    remark(
        f"{arguments.destination}: {bands} bands of {rows} x {columns} pixels by {report.model}, "
        f"{report.frame} frame{_seen(report, bands)}; degraded again it differs from the input by {agreement}"
        + _outside(report)
    )
    if result.place_remark is not None:
        remark(result.place_remark)
    return 0


def _check_preview(path: Path, job: Job) -> None:
    from shsrd.io.targets import files_of
    from shsrd.report.preview import check_preview

    written = [file for target in job.targets for file in files_of(target)]
    check_preview(path, overwrite=job.overwrite or job.resume, others=[job.source, *written])


def _draw_preview(path: Path, job: Job, report: Report) -> None:
    from contextlib import closing

    from shsrd.io import open_source
    from shsrd.report.preview import preview

    with closing(open_source(job.source, **job.opening)) as low, closing(open_source(job.target)) as fine:
        preview(path, low, fine, title=f"shsrd ({report.model})")


def _seen(report: Report, bands: int) -> str:
    """How many bands the network saw, where it was not all of them."""
    if report.frame != "bands" or report.channels >= bands - report.bands_bicubic:
        return ""
    return f" ({report.channels} bands seen)"


def _outside(report: Report) -> str:
    """A remark on scenes outside the model's domain."""
    if not report.outside_domain:
        return ""
    return (
        f"; outside the model's domain ({report.domain_score_db:+.1f} dB against bicubic in the self-check): "
        f"detail of {report.bands_held_back} bands scaled down"
    )
