"""The table of docs/results.md: every row on the same scenes, with one command.

    python benchmarks/cave_table.py --root CAVE [--split val] [--markdown]

Rows: bicubic; the stage-1 weights, never shown a hyperspectral image; the transferred weights; both frames; overlapping
triplets; a self-ensemble; consistency left out; one posterior sample; the mean of eight. Seeds are fixed (0); scores
are means over scenes, definitions as in ``shsrd.metrics.DEFINITIONS``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console

from shsrd.evaluation import benchmark_cave
from shsrd.report import Row, markdown, measured, table
from shsrd.upscaling import UpscaleOptions

ROWS = {
    "natural-x4, zero-shot, eigen": UpscaleOptions(model="natural-x4", frame="eigen"),
    "natural-x4, zero-shot, bands": UpscaleOptions(model="natural-x4", frame="bands"),
    "cave-x4, eigen": UpscaleOptions(model="cave-x4", frame="eigen"),
    "cave-x4, bands": UpscaleOptions(model="cave-x4", frame="bands"),
    "cave-x4, bands, stride 1": UpscaleOptions(model="cave-x4", frame="bands", stride=1),
    "cave-x4, bands, ensemble 8": UpscaleOptions(model="cave-x4", frame="bands", ensemble=8),
    "cave-x4, bands, no consistency": UpscaleOptions(model="cave-x4", frame="bands", consistency=False),
    "cave-x4, bands, 1 sample of 4 steps": UpscaleOptions(model="cave-x4", frame="bands", steps=4),
    "cave-x4, bands, mean of 8 samples of 4 steps": UpscaleOptions(model="cave-x4", frame="bands", steps=4, samples=8),
    "cave-x4, bands, 4 steps, detail 0.5": UpscaleOptions(model="cave-x4", frame="bands", steps=4, detail=0.5),
}


@dataclass(frozen=True)
class Arguments:
    """Measure every row.

    Attributes:
        root: folder of the CAVE archive.
        split: val or test.
        markdown: print Markdown instead of a table.
    """

    root: Path
    split: Literal["val", "test"] = "val"
    markdown: bool = False


def main() -> None:
    """Print the table."""
    arguments = tyro.cli(Arguments, config=(tyro.conf.FlagCreatePairsOff,))
    rows: list[Row] = []
    for name, options in ROWS.items():
        result = benchmark_cave(arguments.root, scale=4, split=arguments.split, options=options)
        if not rows:
            rows.append(measured("bicubic", result.bicubic, source=""))
        seconds = sorted(result.seconds.values())[len(result.seconds) // 2]
        rows.append(measured(f"{name} ({seconds:.1f} s a scene)", result.ours, source=""))
        Console(stderr=True).print(f"{name}: {result.ours.mpsnr:.3f} dB, {result.ours.sam_deg:.3f} degrees")
    if arguments.markdown:
        print(markdown(rows))
    else:
        Console(width=160).print(table(rows))


if __name__ == "__main__":
    main()
