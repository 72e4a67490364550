"""What do hostile files do to the readers?

    python benchmarks/fuzz.py [--cases 20000] [--start N] [--only neon:17 neon ...] [--json FILE]

Small whole files of every format are damaged (bytes, numbers, headers, tags, attributes, links to other files) and
opened in processes with little memory and ten seconds a case. Every case must end in a scene or in one plain sentence;
the process must live, memory stay small, and no file outside the scene be opened. The damage is drawn from a fixed
number that is printed; ``--only`` repeats single cases by the names that failures carry. Linux only.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "fuzz"))

from hostile.campaign import Report, run  # (the room of the tests)
from hostile.cases import START


@dataclass(frozen=True)
class Options:
    """Which cases.

    Attributes:
        cases: how many.
        start: the number all damage is drawn from.
        only: names of cases or seeds.
        json: write outcomes there.
    """

    cases: int = 20_000
    start: int = START
    only: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAMES")] = ()
    json: Path | None = None


def main() -> int:
    """Run and report; 1 where anything failed."""
    options = tyro.cli(Options, description=__doc__)
    report = run(options.cases, start=options.start, only=options.only, follow=True)
    _show(report)
    if options.json is not None:
        options.json.write_text(json.dumps({"outcomes": report.outcomes, "failures": report.failures}, indent=1))
    return 1 if report.failures else 0


def _show(report: Report) -> None:
    table = Table("seed", "opened", "refused", "failed", title=f"{report.total} cases from {report.start}")
    for name, counts in report.outcomes.items():
        table.add_row(name, *(str(counts[word]) for word in ("opened", "refused", "failed")))
    Console().print(table)
    print(f"slowest case {report.slowest:.1f} s, largest {report.largest:.0f} MiB, {len(report.failures)} failures")


if __name__ == "__main__":
    sys.exit(main())
