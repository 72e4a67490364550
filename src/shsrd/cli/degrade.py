"""``shsrd degrade SRC DST``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from shsrd.cli.targets import check_targets
from shsrd.cli.terminal import parse, remark
from shsrd.cli.wishes import Variable


@dataclass(frozen=True)
class Arguments:
    """Make the low-resolution scene that a coarser sensor would have seen.

    Rows and columns beyond the last multiple of the scale are cropped at the lower right.

    Attributes:
        source: scene file or CAVE folder.
        destination: file to write; the suffix chooses the format.
        scale: factor, 2 to 16.
        kernel: bicubic (antialiased, as in the benchmarks), gaussian (sensor PSF) or area (block mean).
        fwhm: width of the Gaussian PSF in pixels of the source; its default is the scale.
        variable: name or path of the array, where a file has several.
        overwrite: replace an existing destination.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    destination: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DST")]
    scale: int = 4
    kernel: Literal["bicubic", "gaussian", "area"] = "bicubic"
    fwhm: float | None = None
    variable: Variable = None
    overwrite: bool = False


def run(given: Sequence[str]) -> int:
    """Run the command."""
    arguments = parse(Arguments, "degrade", given)
    from shsrd.degradation import Degradation, degrade_cube
    from shsrd.io import open_cube, save_cube

    check_targets(arguments.source, [arguments.destination], overwrite=arguments.overwrite)
    degradation = Degradation(kernel=arguments.kernel, scale=arguments.scale, fwhm_pixels=arguments.fwhm)
    low = degrade_cube(open_cube(arguments.source, variable=arguments.variable), degradation)
    save_cube(low, arguments.destination, overwrite=arguments.overwrite)
    bands, rows, columns = low.shape
    remark(f"{arguments.destination}: {bands} bands of {rows} x {columns} pixels")
    return 0
