"""``shsrd demo [DIR]``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from shsrd.cli.console import log, parse, print_table, progress


@dataclass(frozen=True)
class Arguments:
    """Make a synthetic scene, degrade it, super-resolve it and compare with its truth.

    Attributes:
        folder: where lr.tif, sr.tif, uncertainty.tif, preview.png, panel.png and metrics.json go.
        seed: which synthetic scene.
    """

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")] = Path("demo-out")
    seed: int = 0


def run(given: Sequence[str]) -> int:
    """Run the command."""
    arguments = parse(Arguments, "demo", given)
    from shsrd.evaluation.demo import run_demo
    from shsrd.report import score_row, table

    with progress("tiles") as bar:
        demo = run_demo(arguments.folder, seed=arguments.seed, progress=bar)
    result = demo.comparison
    rows = [score_row("shsrd", result.ours, source=""), score_row("bicubic", result.bicubic, source="")]
    print_table(table(rows, title="synthetic scene, x4, against its known truth"))
    log(f"{demo.seconds:.1f} s for estimate and uncertainty; look at {arguments.folder / 'panel.png'}")
    return 0
