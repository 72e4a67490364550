"""``shsrd benchmark cave`` and ``shsrd benchmark scenes FILE...``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from shsrd.cli.console import log, option, parse, print_json, print_table
from shsrd.cli.degradation_options import KERNEL_METAVAR, KernelName, NoiseOptions
from shsrd.cli.read_options import ReadOptions, log_notes
from shsrd.cli.upscale_options import SENSORS, EstimateOptions, SensorName, parse_scene_fwhm
from shsrd.cube import SceneError

if TYPE_CHECKING:
    from shsrd.evaluation import BenchmarkResult, Comparison, Simulation


@dataclass(frozen=True, kw_only=True)
class SimulationOptions:
    """Simulation of the low resolution, and the part of it that shsrd is given; bicubic without noise by default.

    Attributes:
        kernel: of the low resolution: gaussian (with a sensor or a width), detector (Gaussian optics in front of a
            detector of one pixel, with the MTF of that Gaussian), area (block mean) or bicubic.
        sensor: degrade as this sensor sees, by its published sharpness (by spectral range where scenes have
            wavelengths); shsrd is told.
        fwhm: the same by a full width at half maximum in pixels of the low resolution: one number, or Y,X.
        assume_bicubic: shsrd is told neither sensor nor width, and takes the bicubic kernel.
        estimate_fwhm: shsrd is told neither, and estimates the width from the scene's edges.
        fwhm_error: shsrd is told a width that is so many per cent too large (below 0: too small).
        snr_error: shsrd is told the signal-to-noise ratio, so many dB too large; without it, it estimates the noise.
    """

    kernel: Annotated[KernelName | None, option(KERNEL_METAVAR)] = None
    sensor: Annotated[SensorName | None, option(SENSORS)] = None
    fwhm: Annotated[str | None, option("Y[,X]")] = None
    assume_bicubic: Annotated[bool, option()] = False
    estimate_fwhm: Annotated[bool, option()] = False
    fwhm_error: Annotated[float, option("PERCENT")] = 0.0
    snr_error: Annotated[float | None, option("DB")] = None


@dataclass(frozen=True, kw_only=True)
class BenchmarkOptions(EstimateOptions):
    """Options of every benchmark.

    Attributes:
        json: print JSON.
    """

    simulated: SimulationOptions = field(default_factory=SimulationOptions)
    noise: NoiseOptions = field(default_factory=NoiseOptions)
    json: Annotated[bool, option()] = False

    def simulation(self) -> Simulation:
        """Simulation of the low resolution.

        Raises:
            SceneError: what contradicts itself or is out of range.
        """
        from shsrd.evaluation import Simulation

        asked, noise = self.simulated, self.noise.noise()
        _check_simulation(asked)
        snr, error = self.noise.snr, asked.snr_error
        told_db = None if snr is None or error is None else snr + error
        if told_db is not None and not 0 < told_db <= 200:
            raise SceneError(f"--snr-error {error:g} makes it {told_db:g} dB; that is between 0 and 200")
        return Simulation(
            sensor=asked.sensor,
            snr_db=self.noise.snr,
            corrected=not asked.assume_bicubic,
            kernel=asked.kernel,
            fwhm=None if asked.fwhm is None else parse_scene_fwhm(asked.fwhm),
            photon_share=0.0 if noise is None else noise.photon_share,
            stripe_offset=0.0 if noise is None else noise.stripe_offset,
            fwhm_error=asked.fwhm_error / 100,
            snr_error_db=asked.snr_error,
            estimated=asked.estimate_fwhm,
        )

    @property
    def degradation_text(self) -> str:
        """Sentence on the simulated low resolution; empty for the bicubic kernel without noise."""
        asked, noise = self.simulated, self.noise
        if asked.sensor is None and asked.fwhm is None and asked.kernel in (None, "bicubic"):
            seen = ""
        else:
            width = "" if asked.fwhm is None else f" of FWHM {asked.fwhm} pixels"
            kernel = f"by the {asked.kernel or 'gaussian'} kernel{width}"
            seen = ", low resolution " + (f"as {asked.sensor} sees" if asked.sensor else kernel)
            if asked.sensor and asked.kernel == "detector":
                seen += " (kernel detector)"
        if noise.snr is not None:
            seen += f", noise of {noise.snr:g} dB"
            seen += f" ({noise.shot_noise:.0%} photons)" if noise.shot_noise else ""
            seen += f" and stripes of {noise.stripes:g} of it" if noise.stripes else ""
        return seen + self._told

    @property
    def _told(self) -> str:
        """Sentence on the point spread function that shsrd was given, where it is not the simulated one."""
        asked = self.simulated
        if asked.assume_bicubic and (asked.sensor or asked.fwhm or asked.kernel):
            return "; shsrd was not told the sensor"
        if asked.estimate_fwhm:
            return "; shsrd estimated the width"
        told = []
        if asked.fwhm_error:
            told.append(f"a width {abs(asked.fwhm_error):g} % too {'large' if asked.fwhm_error > 0 else 'small'}")
        if asked.snr_error is not None:
            told.append(f"a signal-to-noise ratio of {(self.noise.snr or 0) + asked.snr_error:g} dB")
        return f"; shsrd was told {' and '.join(told)}" if told else ""


def _check_simulation(asked: SimulationOptions) -> None:
    """Refuse what contradicts itself."""
    if asked.sensor is not None and asked.fwhm is not None:
        raise SceneError(f"--sensor {asked.sensor} has its own width; leave out --fwhm, or --sensor")
    if asked.kernel in ("bicubic", "area") and (asked.sensor is not None or asked.fwhm is not None):
        raise SceneError(f"--kernel {asked.kernel} has its own width; leave out --sensor and --fwhm")
    if asked.assume_bicubic and asked.estimate_fwhm:
        raise SceneError("--assume-bicubic and --estimate-fwhm contradict each other; give one of them")
    if not -90 <= asked.fwhm_error <= 900:
        raise SceneError(f"--fwhm-error {asked.fwhm_error:g} is out of range; give per cent from -90 to 900")


@dataclass(frozen=True, kw_only=True)
class Cave(BenchmarkOptions):
    """Run the CAVE protocol on your copy of its data; the printed rows of the literature stand beside ours.

    Attributes:
        root: folder of the archive (nested or flat).
        split: val (4 scenes of the training half), test (the 12 of the literature) or train.
    """

    root: Path
    split: Literal["val", "test", "train"] = "val"

    def run(self) -> None:
        """Print the means over scenes."""
        from shsrd.datasets import printed
        from shsrd.evaluation import benchmark_cave
        from shsrd.report import published_row, score_row, table

        result = benchmark_cave(
            self.root,
            scale=self.scale,
            split=self.split,
            options=self.options(),
            simulation=self.simulation(),
            done=_told,
        )
        if self.json:
            print_json(result.as_json())
            return
        rows = [score_row(f"shsrd {result.model}", result.ours), score_row("bicubic", result.bicubic)]
        if self.split == "test" and not self.degradation_text:  # printed rows are of these very scenes
            rows += [published_row(row) for row in printed("cave", self.scale)]
        print_table(table(rows))
        if self.degradation_text:
            log(f"shsrd {result.model}{self.degradation_text}")
        _warn(result)


@dataclass(frozen=True, kw_only=True)
class Scenes(BenchmarkOptions):
    """Take each scene as the truth: degrade it, super-resolve it, and judge the result, bicubic beside it.

    Attributes:
        files: scene files or CAVE folders; what exceeds a multiple of the scale is cropped at the lower right.
    """

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE [FILE ...]")]
    reading: ReadOptions = field(default_factory=ReadOptions)

    def run(self) -> None:
        """Print a row for every scene, and their mean."""
        from shsrd.evaluation import benchmark_scenes
        from shsrd.report import scene_table, score_row

        result = benchmark_scenes(
            self.files,
            scale=self.scale,
            options=self.options(),
            opening=self.reading.opening(),
            simulation=self.simulation(),
            checked=lambda path, scene: log_notes(scene.notes, of=str(path)),
            done=_told,
        )
        if self.json:
            print_json(result.as_json())
            return
        pairs = {name: (scene.ours, scene.bicubic) for name, scene in result.scenes.items()}
        pairs["mean"] = (result.ours, result.bicubic)
        rows = {name: [score_row("shsrd", ours), score_row("bicubic", other)] for name, (ours, other) in pairs.items()}
        print_table(scene_table(rows))
        _warn(result)
        log(f"shsrd {result.model}{self.degradation_text}")


@dataclass(frozen=True)
class Arguments:
    """Judge super-resolution against the truth: by a published protocol, or on scenes of your own."""

    benchmark: tyro.conf.OmitArgPrefixes[
        Annotated[Cave, tyro.conf.subcommand("cave", prefix_name=False)]
        | Annotated[Scenes, tyro.conf.subcommand("scenes", prefix_name=False)]
    ]


def run(given: Sequence[str]) -> int:
    """Run the command."""
    parse(Arguments, "benchmark", given).benchmark.run()
    return 0


def _warn(result: BenchmarkResult) -> None:
    seen = result.trained_on
    if seen:
        log(f"{result.model} was trained on {', '.join(seen)}: what it scores there says nothing about other scenes")


def _told(name: str, scene: Comparison) -> None:
    gain = scene.ours.mpsnr - scene.bicubic.mpsnr
    log(f"{name}: {scene.ours.mpsnr:.3f} dB ({gain:+.3f}), SAM {scene.ours.sam_deg:.3f}°")
    for note in scene.exclusion_notes():
        log(f"{name}: {note}")
