"""``shsrd degrade SRC DST``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from shsrd.cli.targets import check_targets
from shsrd.cli.terminal import parse, remark
from shsrd.cli.wishes import SensorName, Variable, seen_by
from shsrd.cube import SceneError

if TYPE_CHECKING:
    from shsrd.degradation import Degradation


@dataclass(frozen=True)
class Arguments:
    """Make the low-resolution scene that a coarser sensor would have seen.

    Rows and columns beyond the last multiple of the scale are cropped at the lower right.

    Attributes:
        source: scene file or CAVE folder.
        destination: file to write; the suffix chooses the format.
        scale: factor, 2 to 16.
        kernel: bicubic (antialiased, as in the benchmarks; the default), gaussian (sensor PSF) or area (block mean).
        fwhm: width of the Gaussian PSF in pixels of the source; its default is the scale.
        sensor: in place of kernel and width, a sensor whose published MTF gives them; flight direction along y.
        variable: name or path of the array, where a file has several.
        overwrite: replace an existing destination.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    destination: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DST")]
    scale: int = 4
    kernel: Literal["bicubic", "gaussian", "area"] | None = None
    fwhm: float | None = None
    sensor: SensorName | None = None
    variable: Variable = None
    overwrite: bool = False

    def degradation(self) -> Degradation:
        """Kernel, scale and width.

        Raises:
            SceneError: both a sensor and a kernel or width.
        """
        from shsrd.degradation import Degradation

        if self.sensor is None:
            return Degradation(kernel=self.kernel or "bicubic", scale=self.scale, fwhm_pixels=self.fwhm)
        if self.kernel is not None or self.fwhm is not None:
            raise SceneError(f"--sensor {self.sensor} has its own kernel and width; leave out --kernel and --fwhm")
        return seen_by(self.sensor, self.scale)


def run(given: Sequence[str]) -> int:
    """Run the command."""
    arguments = parse(Arguments, "degrade", given)
    from shsrd.degradation import degrade_cube
    from shsrd.io import open_cube, save_cube
    from shsrd.io.targets import check_apart, lost_place

    check_targets(arguments.source, [arguments.destination], overwrite=arguments.overwrite)
    degradation = arguments.degradation()
    low = degrade_cube(open_cube(arguments.source, variable=arguments.variable), degradation)
    check_apart(arguments.source, [arguments.destination], [low.facts])  # now it is known which files there will be
    save_cube(low, arguments.destination, overwrite=arguments.overwrite)
    bands, rows, columns = low.shape
    remark(f"{arguments.destination}: {bands} bands of {rows} x {columns} pixels")
    lost = lost_place(arguments.destination, low.facts)
    if lost is not None:
        remark(lost)
    return 0
