"""Many cases in processes that may die; what killed one is reported, and the next process takes over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hostile.cases import START, names
from hostile.seeds import read_seeds, write_seeds
from hostile.worker import SECONDS

_BATCH = 2000  # cases of one process


@dataclass
class Report:
    """What came out.

    Attributes:
        start: the number the damage was drawn from.
        outcomes: by seed, how many scenes opened, were refused, or failed.
        failures: case, damage and fault.
        slowest: seconds of a case.
        largest: MiB that a case touched.
    """

    start: int
    outcomes: dict[str, Counter] = field(default_factory=dict)
    failures: list[dict] = field(default_factory=list)
    slowest: float = 0.0
    largest: float = 0.0

    @property
    def total(self) -> int:
        """Cases so far."""
        return sum(sum(counts.values()) for counts in self.outcomes.values())

    def add(self, line: dict) -> None:
        """One outcome."""
        word = line["outcome"] if line["outcome"] in ("opened", "refused") else "failed"
        self.outcomes.setdefault(line["case"].partition(":")[0], Counter())[word] += 1
        self.slowest = max(self.slowest, line.get("seconds", 0.0))
        self.largest = max(self.largest, line.get("mib", 0.0))
        if word == "failed":
            self.failures.append(line)


def run(total: int, *, start: int = START, only: Iterable[str] = (), real: bool = True, follow: bool = False) -> Report:
    """Run cases one after another.

    Args:
        total: how many; the first so many names, seed after seed.
        start: another number draws other damage.
        only: names of cases (``neon:17``) or of seeds (``neon``) instead of all.
        real: also scenes from the shared data.
        follow: print failures as they come.
    """
    report = Report(start)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, "seeds")
        whole.mkdir()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scenes without a place are fine
            seeds = write_seeds(whole, real=real)
        assert read_seeds(whole) == seeds
        wanted = list(only)
        cases = [name for name in wanted if ":" in name]
        chosen = [seed for seed in seeds if seed.name in wanted] or ([] if cases else seeds)
        todo = cases + names(chosen, total if chosen else 0)
        while todo:
            done = _batch(whole, todo[:_BATCH], report, follow)
            todo = todo[done:]
    return report


def _batch(whole: Path, todo: list[str], report: Report, follow: bool) -> int:
    """One process; gives how many cases it settled, a fatal last one included."""
    out = whole.parent / "out.jsonl"
    out.unlink(missing_ok=True)
    room = Path(__file__).resolve().parents[1]
    paths = os.pathsep.join([str(room), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    command = [sys.executable, "-m", "hostile.worker", str(whole), str(out), "--start", str(report.start)]
    ended = subprocess.run(command, input="\n".join(todo), text=True, env=environment, capture_output=True, check=False)
    lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    settled = [line for line in lines if "outcome" in line]
    started = sum("outcome" not in line for line in lines)
    if ended.returncode != 0 and started == len(settled):
        raise RuntimeError(f"the worker did not start a case: {ended.stderr[-2000:]}")
    if started > len(settled):
        settled.append({"case": lines[-1]["case"], "outcome": _death(ended)})
    for line in settled:
        report.add(line)
        if follow and line["outcome"] not in ("opened", "refused"):
            print(json.dumps(line), flush=True)
    return len(settled)


def _death(ended: subprocess.CompletedProcess) -> str:
    if ended.returncode in (-signal.SIGPROF, -signal.SIGALRM):
        return f"hung for more than {SECONDS} s"
    name = signal.Signals(-ended.returncode).name if ended.returncode < 0 else f"exit code {ended.returncode}"
    return f"killed the process ({name}): {ended.stderr[-600:]}"
