"""``shsrd benchmark cave`` and ``shsrd benchmark scenes FILE...``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from shsrd.cli.reading import Reading, tell_notes
from shsrd.cli.terminal import option, parse, print_json, print_table, remark
from shsrd.cli.wishes import SENSORS, Estimate, SensorName

if TYPE_CHECKING:
    from shsrd.evaluation import BenchmarkResult, Comparison, Simulation


@dataclass(frozen=True, kw_only=True)
class Shared(Estimate):
    """What every benchmark may be asked.

    Attributes:
        sensor: degrade as this sensor sees, by its published MTF, instead of bicubic; shsrd is told.
        snr: white noise in every band of the low resolution, as a signal-to-noise ratio in dB.
        uncorrected: shsrd is not told the sensor.
        json: print JSON.
    """

    sensor: Annotated[SensorName | None, option(SENSORS)] = None
    snr: Annotated[float | None, option("DB")] = None
    uncorrected: Annotated[bool, option()] = False
    json: Annotated[bool, option()] = False

    def simulation(self) -> Simulation:
        """How the low resolution is made."""
        from shsrd.evaluation import Simulation

        return Simulation(self.sensor, self.snr, not self.uncorrected)

    @property
    def conditions(self) -> str:
        """How the low resolution was made, in words; nothing where it is bicubic's without noise."""
        seen = f", low resolution as {self.sensor} sees" if self.sensor else ""
        told = ", which shsrd was not told" if self.sensor and self.uncorrected else ""
        return seen + told + (f", noise of {self.snr:g} dB" if self.snr is not None else "")


@dataclass(frozen=True, kw_only=True)
class Cave(Shared):
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
        from shsrd.report import measured, quoted, table

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
        rows = [measured(f"shsrd {result.model}", result.ours), measured("bicubic", result.bicubic)]
        if self.split == "test" and not self.conditions:  # printed rows are of these very scenes
            rows += [quoted(row) for row in printed("cave", self.scale)]
        print_table(table(rows))
        if self.conditions:
            remark(f"shsrd {result.model}{self.conditions}")
        _warn(result)


@dataclass(frozen=True, kw_only=True)
class Scenes(Shared):
    """Take each scene as the truth: degrade it, super-resolve it, and judge the result, bicubic beside it.

    Attributes:
        files: scene files or CAVE folders; what exceeds a multiple of the scale is cropped at the lower right.
    """

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE [FILE ...]")]
    reading: Reading = field(default_factory=Reading)

    def run(self) -> None:
        """Print a row for every scene, and their mean."""
        from shsrd.evaluation import benchmark_scenes
        from shsrd.report import measured, scene_table

        result = benchmark_scenes(
            self.files,
            scale=self.scale,
            options=self.options(),
            opening=self.reading.opening(),
            simulation=self.simulation(),
            checked=lambda path, scene: tell_notes(scene.notes, of=str(path)),
            done=_told,
        )
        if self.json:
            print_json(result.as_json())
            return
        pairs = {name: (scene.ours, scene.bicubic) for name, scene in result.scenes.items()}
        pairs["mean"] = (result.ours, result.bicubic)
        rows = {name: [measured("shsrd", ours), measured("bicubic", other)] for name, (ours, other) in pairs.items()}
        print_table(scene_table(rows))
        _warn(result)
        remark(f"shsrd {result.model}{self.conditions}")


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
        remark(f"{result.model} was trained on {', '.join(seen)}: what it scores there says nothing about other scenes")


def _told(name: str, scene: Comparison) -> None:
    gain = scene.ours.mpsnr - scene.bicubic.mpsnr
    remark(f"{name}: {scene.ours.mpsnr:.3f} dB ({gain:+.3f}), SAM {scene.ours.sam_deg:.3f}°")
    for note in scene.left_out_sentences():
        remark(f"{name}: {note}")
