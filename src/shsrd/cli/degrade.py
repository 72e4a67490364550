"""``shsrd degrade SRC DST``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from shsrd.cli.reading import Reading, tell_notes, with_notes
from shsrd.cli.targets import check_targets
from shsrd.cli.terminal import option, parse, remark
from shsrd.cli.wishes import SENSORS, SensorName, seen_by
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
        fwhm: full width at half maximum of the Gaussian PSF, in pixels of the source; its default is the scale.
        sensor: in place of kernel and width, a sensor whose published MTF gives them; flight direction along y.
        snr: add white noise to every band, as a signal-to-noise ratio in dB.
        seed: of the noise.
        overwrite: replace an existing destination.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    destination: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DST")]
    scale: int = 4
    kernel: Annotated[Literal["bicubic", "gaussian", "area"] | None, option("{bicubic,gaussian,area}")] = None
    fwhm: Annotated[float | None, option("PIXELS")] = None
    sensor: Annotated[SensorName | None, option(SENSORS)] = None
    snr: Annotated[float | None, option("DB")] = None
    seed: int = 0
    overwrite: Annotated[bool, option()] = False
    reading: Reading = field(default_factory=Reading)

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
    from shsrd.degradation import add_noise, degrade_cube
    from shsrd.io import open_cube, save_cube
    from shsrd.io.opening import check_strict
    from shsrd.io.targets import check_apart, lost_place

    check_targets(arguments.source, [arguments.destination], overwrite=arguments.overwrite)
    degradation = arguments.degradation()
    scene = with_notes(open_cube(arguments.source, **arguments.reading.opening()))
    low = degrade_cube(scene, degradation)
    if arguments.reading.strict:
        check_strict(low.facts, known=scene.notes)
    if arguments.snr is not None:
        low = add_noise(low, arguments.snr, seed=arguments.seed)
    tell_notes(note for note in low.notes if note not in scene.notes)
    check_apart(arguments.source, [arguments.destination], [low.facts])  # now it is known which files there will be
    save_cube(low, arguments.destination, overwrite=arguments.overwrite)
    bands, rows, columns = low.shape
    remark(f"{arguments.destination}: {bands} bands of {rows} x {columns} pixels")
    lost = lost_place(arguments.destination, low.facts)
    if lost is not None:
        remark(lost)
    return 0
