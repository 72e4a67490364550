"""``shsrd upscale SRC DST``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from shsrd.cli.console import log, option, parse, print_json
from shsrd.cli.upscale_options import OutputOptions, UpscaleArguments

if TYPE_CHECKING:
    from shsrd.upscaling import Job, Report

NOISE_LIMITED_RATIO = 1.1  # times the noise: a consistency error below it is called noise


_NO_CORRECTION = {
    "assumed": "Bicubic kernel assumed (no --sensor or --fwhm).",
    "kernel": "Bicubic kernel (--kernel).",
    "estimate": "Edges are as sharp as those of the bicubic kernel: no correction.",
}


@dataclass(frozen=True, kw_only=True)
class OutputFileOptions(OutputOptions):
    """Files to write.

    Attributes:
        uncertainty: file for one standard deviation per pixel and band.
        cog: write cloud optimised GeoTIFF (.tif).
        stac: write a STAC item beside the destination, as `DST.json`.
        preview: picture (.png) of input, bicubic and result side by side, in true or false colour.
        overwrite: replace existing files, and start an interrupted run again.
        resume: go on with an interrupted run; finished tiles are not computed again.
    """

    uncertainty: Annotated[Path | None, option("FILE")] = None
    cog: Annotated[bool, option()] = False
    stac: Annotated[bool, option()] = False
    preview: Annotated[Path | None, option("FILE")] = None
    overwrite: Annotated[bool, option()] = False
    resume: Annotated[bool, option()] = False


@dataclass(frozen=True, kw_only=True)
class Arguments(UpscaleArguments):
    """Super-resolve a scene: same bands, same outer corner, same number type, finer pixels.

    Attributes:
        source: scene file (ENVI, GeoTIFF, MATLAB, HDF5, NetCDF, NPY, NPZ) or folder (Zarr, product, CAVE).
        destination: file to write; the suffix chooses the format.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    destination: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DST")]
    output: OutputFileOptions = field(default_factory=OutputFileOptions)

    def job(self) -> Job:
        """Job for this scene."""
        from shsrd.io.stac.origin import origin_of_file
        from shsrd.upscaling import Job

        return Job(
            source=self.source,
            target=self.destination,
            scale=self.scale,
            options=self.options(),
            uncertainty=self.output.uncertainty,
            opening=self.reading.opening(),
            overwrite=self.output.overwrite,
            resume=self.output.resume,
            workers=self.computing.workers,
            scheduler=self.computing.scheduler,
            cog=self.output.cog,
            compress=self.output.compress,
            origin=origin_of_file(self.source) if self.output.stac else None,
        )


def run(given: Sequence[str]) -> int:
    """Run the command."""
    arguments = parse(Arguments, "upscale", given)
    from shsrd.cli.job_progress import job_progress
    from shsrd.upscaling import upscale_file

    job = arguments.job()
    if arguments.output.preview is not None:
        _check_preview(arguments.output.preview, job)
    with job_progress("tiles") as bar:
        result = upscale_file(job, progress=bar)
    if arguments.output.preview is not None:
        _draw_preview(arguments.output.preview, job, result.report)
    report, (bands, rows, columns) = result.report, result.shape
    if arguments.output.json:
        more = {"destination": str(arguments.destination), "shape": [bands, rows, columns], "seconds": result.timings}
        print_json(report.as_json() | more | {"tiles": result.tiles, "tiles_resumed": result.resumed})
    log(
        f"{arguments.destination}: {bands} bands of {rows} x {columns} pixels, model {report.model} "
        f"({_input_text(report, bands)}). "
        f"{_agreement(report)}{_value_range_text(report)}{_domain_text(report)}"
    )
    if result.georeferencing_note is not None:
        log(result.georeferencing_note)
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


def _value_range_text(report: Report) -> str:
    """The output's range beside the input's, and how much was limited."""
    if report.output_range is None:
        return ""
    (low, high), (lowest, highest) = report.input_range, report.output_range
    told = f" Values {lowest:.5g} to {highest:.5g}, of the input {low:.5g} to {high:.5g}."
    if report.values_clipped:
        values = "value" if report.values_clipped == 1 else "values"
        told += f" {report.values_clipped} {values} limited to the local range (--overshoot)."
    return told + (" WARNING: look at the extremes before you use them." if report.exceeds_input_range else "")


def _input_text(report: Report, bands: int) -> str:
    """Channels that are the network's input."""
    if report.basis == "pca":
        return f"{report.channels} principal components as network input"
    usable = bands - report.bands_bicubic
    return f"{'all' if report.channels >= usable else report.channels} of {usable} bands as network input"


def _exclusion_text(report: Report) -> str:
    """That the figure does not speak for all values."""
    return " (without the suspicious values named above)" if report.suspects_excluded else ""


def _agreement(report: Report) -> str:
    """Consistency error of the output, after the point spread function that it was corrected for."""
    error = "not measurable" if report.consistency is None else f"{report.consistency:.1e} of the data range"
    error += _exclusion_text(report)
    if report.fwhm is None:
        return (
            f"{_NO_CORRECTION.get(report.psf_origin, 'No band varies: nothing to correct.')} Consistency error {error}."
        )
    along_y, along_x = report.fwhm
    of = "" if report.sensor is None else f" of {report.sensor}"
    of += _psf_source_text(report)
    told = "" if report.fwhm_requested is None else " ({:.2f} x {:.2f} would ring)".format(*report.fwhm_requested)
    return (
        f"Corrected for the point spread function{of}, FWHM {along_y:.2f} x {along_x:.2f} pixels{told}, "
        f"SNR {report.snr_db:z.0f} dB.{_self_check_text(report)} Consistency error {error}{_noise_ratio_text(report)}."
    )


def _noise_ratio_text(report: Report) -> str:
    """The consistency error beside the noise."""
    times = report.consistency_noise_ratio
    if times is None:
        return ""
    left = "no more than the noise" if times < NOISE_LIMITED_RATIO else f"{times:.2g} times the noise"
    return f", {left} ({report.noise:.1e})"


def _self_check_text(report: Report) -> str:
    """Sentence on the self-check with the same point spread function and noise."""
    if report.sensor_gain_db is None:
        return ""
    angle = "" if report.sensor_sam_ratio is None else f", spectral angle {report.sensor_sam_ratio:.2f} of it"
    warning = " WARNING: bicubic enlargement would be better." if report.sensor_gain_db < 0 else ""
    return (
        f" Self-check with the same point spread function and noise: {report.sensor_gain_db:+.1f} dB against "
        f"bicubic{angle}.{warning}"
    )


def _psf_source_text(report: Report) -> str:
    """Origin of a point spread function that was not given as an option."""
    if report.psf_origin == "product":
        return " (by the product's metadata; --kernel bicubic leaves that out)"
    if report.psf_origin == "estimate" and report.fwhm_error is not None:
        return " (lower end of an estimate from the scene, standard error {:.2f} x {:.2f})".format(*report.fwhm_error)
    return ""


def _domain_text(report: Report) -> str:
    """A remark on scenes outside the model's domain."""
    if not report.worse_than_bicubic:
        return ""
    return (
        f" The scene is outside the model's domain ({report.self_check_gain_db:+.1f} dB against bicubic in the "
        f"self-check): detail of {report.bands_attenuated} bands scaled down."
    )
