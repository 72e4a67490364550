"""The table of docs/results.md: every row on the same scenes, with one command.

    python benchmarks/cave_table.py --root CAVE [--split val] [--only fast] [--markdown]

Rows: bicubic; the stage-1 weights, never shown a hyperspectral image; the transferred weights; both frames, some bands;
no integers; a self-ensemble; consistency left out; one posterior sample; the mean of eight; the fast weights. Seeds are
fixed (0); scores are means over scenes, definitions as in ``shsrd.metrics.DEFINITIONS``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console

from shsrd.evaluation import benchmark_cave
from shsrd.report import Row, markdown, score_row, table
from shsrd.upscaling import UpscaleOptions

ROWS = {
    "pca": UpscaleOptions(basis="pca"),
    "3 bands": UpscaleOptions(basis="bands", channels=3),
    "6 bands": UpscaleOptions(basis="bands", channels=6),
    "9 bands": UpscaleOptions(basis="bands", channels=9),
    "12 bands": UpscaleOptions(basis="bands", channels=12),
    "15 bands": UpscaleOptions(basis="bands", channels=15),
    "bands": UpscaleOptions(basis="bands"),
    "bands, bf16": UpscaleOptions(basis="bands", precision="bf16"),
    "bands, ensemble 8": UpscaleOptions(basis="bands", ensemble=8),
    "bands, no consistency": UpscaleOptions(basis="bands", consistency=False),
    "bands, 1 sample of 4 steps": UpscaleOptions(basis="bands", steps=4),
    "bands, mean of 8 samples of 4 steps": UpscaleOptions(basis="bands", steps=4, samples=8),
    "bands, 4 steps, detail 0.5": UpscaleOptions(basis="bands", steps=4, detail=0.5),
}
ZERO_SHOT = ("pca", "12 bands", "bands")
FAST = ("pca", "3 bands", "6 bands", "9 bands", "12 bands", "15 bands", "bands", "bands, ensemble 8")
MODELS = {"val": ("cave-x4-dev", "cave-x4-fast-dev"), "test": ("cave-x4", "cave-x4-fast")}  # dev never saw val


@dataclass(frozen=True)
class Arguments:
    """Measure every row.

    Attributes:
        root: folder of the CAVE archive.
        split: val or test.
        model: transferred weights in place of those in the box that have not seen the split; no fast ones then.
        only: rows whose name has this in it.
        markdown: print Markdown instead of a table.
    """

    root: Path
    split: Literal["val", "test"] = "val"
    model: str | None = None
    only: str = ""
    markdown: bool = False


def main() -> None:
    """Print the table."""
    arguments = tyro.cli(Arguments, config=(tyro.conf.FlagCreatePairsOff,))
    model, fast = MODELS[arguments.split]
    wanted = {f"natural-x4, zero-shot, {name}": ("natural-x4", name) for name in ZERO_SHOT}
    usual = arguments.model or model
    wanted |= {f"{usual}, {name}": (usual, name) for name in ROWS}
    if arguments.model is None:
        wanted["natural-x4-fast, zero-shot, bands"] = "natural-x4-fast", "bands"
        wanted |= {f"{fast}, {name}": (fast, name) for name in FAST}
    wanted = {name: row for name, row in wanted.items() if arguments.only in name}
    if not wanted:
        raise SystemExit(f"no row has {arguments.only!r} in its name")
    rows: list[Row] = []
    for name, (weights, row) in wanted.items():
        options = ROWS[row].model_copy(update={"model": weights})
        result = benchmark_cave(arguments.root, scale=4, split=arguments.split, options=options)
        if not rows:
            rows.append(score_row("bicubic", result.bicubic, source=""))
        seconds = sorted(result.seconds.values())[len(result.seconds) // 2]
        rows.append(score_row(f"{name} ({seconds:.1f} s a scene)", result.ours, source=""))
        Console(stderr=True).print(f"{name}: {result.ours.mpsnr:.3f} dB, {result.ours.sam_deg:.3f} degrees")
    if arguments.markdown:
        print(markdown(rows))
    else:
        Console(width=160).print(table(rows))


if __name__ == "__main__":
    main()
