"""``shsrd degrade SRC DST``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from shsrd.cli.console import log, option, parse
from shsrd.cli.degradation_options import (
    KERNEL_METAVAR,
    MAX_FWHM,
    SHARPEST,
    KernelName,
    NoiseOptions,
    parse_fwhm,
    psf_summary,
)
from shsrd.cli.output_checks import check_targets
from shsrd.cli.read_options import ReadOptions, log_notes, log_scene_notes
from shsrd.cli.upscale_options import SENSORS, SensorName
from shsrd.cube import SceneError

if TYPE_CHECKING:
    from shsrd.cube import Cube
    from shsrd.degradation import ObservationModel


@dataclass(frozen=True)
class Arguments:
    """Make the low-resolution scene that a coarser sensor would have seen.

    Rows and columns beyond the last multiple of the scale are cropped at the lower right.

    Attributes:
        source: scene file or CAVE folder.
        destination: file to write; the suffix chooses the format.
        scale: factor, 2 to 16.
        kernel: bicubic (antialiased, as in the benchmarks; the default), gaussian (sensor PSF), detector (Gaussian
            optics in front of a detector of one output pixel, with the MTF of that Gaussian) or area (block mean).
        fwhm: full width at half maximum of the PSF in pixels of the source: one number, or Y,X; its default is the
            scale. (`upscale --fwhm` counts pixels of the result: divide by the scale.)
        sensor: in place of kernel and width, a sensor whose published sharpness gives them, by spectral range where the
            scene has wavelengths; flight direction along y. With `--kernel detector` that kernel has its MTF.
        seed: of the noise.
        overwrite: replace an existing destination.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    destination: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DST")]
    scale: int = 4
    kernel: Annotated[KernelName | None, option(KERNEL_METAVAR)] = None
    fwhm: Annotated[str | None, option("Y[,X]")] = None
    sensor: Annotated[SensorName | None, option(SENSORS)] = None
    seed: int = 0
    overwrite: Annotated[bool, option()] = False
    noise: NoiseOptions = field(default_factory=NoiseOptions)
    reading: ReadOptions = field(default_factory=ReadOptions)

    def observation(self, scene: Cube | None = None) -> ObservationModel:
        """Kernel, widths and noise.

        Args:
            scene: what is degraded, for a sensor whose sharpness differs between wavelengths.

        Raises:
            SceneError: both a sensor and a kernel or width, or a number out of range.
        """
        from shsrd.degradation import Degradation, ObservationModel
        from shsrd.degradation.degradation import check_scale

        noise = self.noise.noise()
        if self.seed < 0:
            raise SceneError(f"--seed {self.seed} is below 0; give 0 or more")
        if self.sensor is None:
            widths = None if self.fwhm is None else parse_fwhm(self.fwhm)
            if widths == []:
                raise SceneError(f"--fwhm: {self.fwhm} is no width; give pixels of the source, such as 5.6 or 5.6,5")
            check_scale(self.scale)
            if widths and not SHARPEST * self.scale <= min(widths) <= max(widths) <= MAX_FWHM * self.scale:
                raise SceneError(
                    f"--fwhm {self.fwhm} is out of range; give pixels of the source from {SHARPEST * self.scale:g} to "
                    f"{MAX_FWHM * self.scale:g} ({SHARPEST} to {MAX_FWHM} of the result)"
                )
            along_y, along_x = widths or (None, None)
            kernel = self.kernel or "bicubic"
            if widths and kernel not in ("gaussian", "detector"):
                raise SceneError(f"--fwhm belongs to --kernel gaussian or detector, not to {kernel}; give one of them")
            of = Degradation(kernel=kernel, scale=self.scale, fwhm_pixels=along_y, fwhm_x_pixels=along_x)
            return ObservationModel.of(of, noise)
        if self.kernel not in (None, "detector") or self.fwhm is not None:
            raise SceneError(
                f"--sensor {self.sensor} has its own kernel and width; leave out --kernel (but detector) and --fwhm"
            )
        wavelengths = None if scene is None else scene.wavelength_nm
        kernel = self.kernel or "gaussian"
        return ObservationModel.of_sensor(
            self.sensor, scale=self.scale, wavelength_nm=wavelengths, kernel=kernel, noise=noise
        )


def run(given: Sequence[str]) -> int:
    """Run the command."""
    arguments = parse(Arguments, "degrade", given)
    from shsrd.degradation import observe_cube
    from shsrd.io import open_cube, save_cube
    from shsrd.io.opening import check_strict
    from shsrd.io.targets import check_distinct_targets, lost_georeferencing

    check_targets(arguments.source, [arguments.destination], overwrite=arguments.overwrite)
    arguments.observation()  # what contradicts itself is refused before a file is opened
    scene = log_scene_notes(open_cube(arguments.source, **arguments.reading.opening()))
    observation = arguments.observation(scene)
    low = observe_cube(scene, observation, seed=arguments.seed)
    if arguments.reading.strict:
        check_strict(low.metadata, known=scene.notes)
    log_notes(note for note in low.notes if note not in scene.notes)
    check_distinct_targets(arguments.source, [arguments.destination], [low.metadata])
    save_cube(low, arguments.destination, overwrite=arguments.overwrite)
    bands, rows, columns = low.shape
    log(f"{arguments.destination}: {bands} bands of {rows} x {columns} pixels")
    if words := psf_summary(observation):
        log(words)
    lost = lost_georeferencing(arguments.destination, low.metadata)
    if lost is not None:
        log(lost)
    return 0
