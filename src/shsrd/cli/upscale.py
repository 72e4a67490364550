"""``shsrd upscale SRC DST``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from shsrd.cli.targets import check_targets
from shsrd.cli.terminal import parse, print_json, progress, remark

if TYPE_CHECKING:
    from shsrd.upscaling import Report


@dataclass(frozen=True)
class Arguments:
    """Super-resolve a scene: same bands, same outer corner, same number type, finer pixels.

    Attributes:
        source: scene file (ENVI, GeoTIFF, MATLAB, HDF5, NetCDF, NPY, NPZ) or CAVE folder.
        destination: file to write; the suffix chooses the format.
        scale: factor; ×4 comes with shsrd.
        model: name of bundled weights (`shsrd models`) or path of a weight file.
        steps: diffusion steps; 0 gives the posterior mean (most faithful), 4 to 8 a posterior sample (natural texture).
        detail: 0 to 1, how much texture a sample adds to the mean.
        samples: posterior samples to draw; the output is their mean.
        uncertainty: file for one standard deviation per pixel and band.
        seed: of the samples' noise.
        frame: eigen (cost does not grow with the number of bands) or bands (each band triplet by itself; slower,
            closest spectra); the default is the model's recommendation.
        ensemble: average the mean over flips (2, 4) and turns (8) of the scene; a little better, as many times slower.
        stride: bands frame only, bands from one triplet to the next; with 2 or 1 triplets overlap and are averaged.
        device: auto, cpu, cuda, cuda:1 or mps.
        precision: bf16 or fp32; auto takes bf16 where the processor computes in it.
        tile: low-resolution pixels on a side that are read and kept together, in whole cells; the result is the same.
        cell: side of the squares that the network sees together, in low-resolution pixels; smaller needs less memory.
        halo: low-resolution pixels a cell sees beyond itself.
        no_consistency: leave out the last step, which makes the degraded output equal the input.
        no_self_check: leave out the self-check, which scales the detail of bands that the model would make worse than
            bicubic.
        variable: name or path of the array, where a file has several.
        wavelengths: name or path of the list of wavelengths inside the file.
        overwrite: replace existing files, and start an interrupted run again.
        resume: go on with an interrupted run; finished tiles are not computed again.
        workers: processes to start on this machine for the tiles; 0 computes them in this one.
        scheduler: address of a running dask scheduler (tcp://host:8786), or the file that it wrote.
        json: print a report as JSON.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    destination: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DST")]
    scale: int = 4
    model: str | None = None
    steps: int = 0
    detail: float = 1.0
    samples: int = 1
    uncertainty: Path | None = None
    seed: int = 0
    frame: Literal["eigen", "bands"] | None = None
    ensemble: Literal[1, 2, 4, 8] = 1
    stride: Literal[1, 2, 3] = 3
    device: str = "auto"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    tile: int = 128
    cell: int = 128
    halo: int | None = None
    no_consistency: bool = False
    no_self_check: bool = False
    variable: str | None = None
    wavelengths: str | None = None
    overwrite: bool = False
    resume: bool = False
    workers: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    scheduler: str | None = None
    json: bool = False


def run(given: Sequence[str]) -> int:
    """Run the command."""
    arguments = parse(Arguments, "upscale", given)
    from shsrd.upscaling import Job, UpscaleOptions, upscale_file

    options = UpscaleOptions(
        model=arguments.model,
        steps=arguments.steps,
        detail=arguments.detail,
        samples=arguments.samples,
        seed=arguments.seed,
        frame=arguments.frame,
        ensemble=arguments.ensemble,
        stride=arguments.stride,
        device=arguments.device,
        precision=arguments.precision,
        tile=arguments.tile,
        cell=arguments.cell,
        halo=arguments.halo,
        consistency=not arguments.no_consistency,
        self_check=not arguments.no_self_check,
    )
    job = Job(
        source=arguments.source,
        target=arguments.destination,
        scale=arguments.scale,
        options=options,
        uncertainty=arguments.uncertainty,
        opening={"variable": arguments.variable, "wavelengths": arguments.wavelengths},
        overwrite=arguments.overwrite,
        resume=arguments.resume,
        workers=arguments.workers,
        scheduler=arguments.scheduler,
    )
    check_targets(job.source, job.targets, overwrite=job.overwrite)
    with progress("tiles") as bar:
        result = upscale_file(job, progress=bar)
    report, (bands, rows, columns) = result.report, result.shape
    if arguments.json:
        more = {"destination": str(arguments.destination), "shape": [bands, rows, columns], "seconds": result.seconds}
        print_json(report.as_json() | more | {"tiles": result.tiles, "tiles_resumed": result.resumed})
    agreement = "not measurable" if report.consistency is None else f"{report.consistency:.1e} of the range"
    remark(
        f"{arguments.destination}: {bands} bands of {rows} x {columns} pixels by {report.model}, "
        f"{report.frame} frame; degraded again it differs from the input by {agreement}" + _outside(report)
    )
    return 0


def _outside(report: Report) -> str:
    """A remark on scenes outside the model's domain."""
    if not report.outside_domain:
        return ""
    return (
        f"; outside the model's domain ({report.domain_score_db:+.1f} dB against bicubic in the self-check): "
        f"detail of {report.bands_held_back} bands scaled down"
    )
