"""The table of docs/results.md: every row on the same scenes, with one command.

    python benchmarks/cave_table.py --root CAVE [--split val] [--markdown]

Rows: bicubic; the stage-1 weights, never shown a hyperspectral image; the transferred weights; both frames, some bands;
no integers; a self-ensemble; consistency left out; one posterior sample; the mean of eight. Seeds are fixed
(0); scores are means over scenes, definitions as in ``shsrd.metrics.DEFINITIONS``.
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
    "eigen": UpscaleOptions(frame="eigen"),
    "3 bands": UpscaleOptions(frame="bands", channels=3),
    "6 bands": UpscaleOptions(frame="bands", channels=6),
    "9 bands": UpscaleOptions(frame="bands", channels=9),
    "12 bands": UpscaleOptions(frame="bands", channels=12),
    "15 bands": UpscaleOptions(frame="bands", channels=15),
    "bands": UpscaleOptions(frame="bands"),
    "bands, bf16": UpscaleOptions(frame="bands", precision="bf16"),
    "bands, ensemble 8": UpscaleOptions(frame="bands", ensemble=8),
    "bands, no consistency": UpscaleOptions(frame="bands", consistency=False),
    "bands, 1 sample of 4 steps": UpscaleOptions(frame="bands", steps=4),
    "bands, mean of 8 samples of 4 steps": UpscaleOptions(frame="bands", steps=4, samples=8),
    "bands, 4 steps, detail 0.5": UpscaleOptions(frame="bands", steps=4, detail=0.5),
}
ZERO_SHOT = ("eigen", "12 bands", "bands")
MODELS = {"val": "cave-x4-dev", "test": "cave-x4"}  # the shipped weights were trained on the validation scenes too


@dataclass(frozen=True)
class Arguments:
    """Measure every row.

    Attributes:
        root: folder of the CAVE archive.
        split: val or test.
        model: transferred weights; by default those that have not seen the split.
        markdown: print Markdown instead of a table.
    """

    root: Path
    split: Literal["val", "test"] = "val"
    model: str | None = None
    markdown: bool = False


def main() -> None:
    """Print the table."""
    arguments = tyro.cli(Arguments, config=(tyro.conf.FlagCreatePairsOff,))
    model = arguments.model or MODELS[arguments.split]
    wanted = {f"natural-x4, zero-shot, {name}": ("natural-x4", ROWS[name]) for name in ZERO_SHOT}
    wanted |= {f"{model}, {name}": (model, options) for name, options in ROWS.items()}
    rows: list[Row] = []
    for name, (weights, plain) in wanted.items():
        options = plain.model_copy(update={"model": weights})
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
