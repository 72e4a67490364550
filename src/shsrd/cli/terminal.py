"""How commands talk: results on stdout, progress and remarks on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

Arguments = TypeVar("Arguments")
ERRORS = Console(stderr=True)


def option(metavar: str | None = None, *, aliases: Sequence[str] | None = None) -> Any:
    """How the help shows an option that may be left out: without a default that tells nothing.

    Args:
        metavar: what stands for the value.
        aliases: other names.
    """
    return tyro.conf.arg(metavar=metavar, help_behavior_hint="", aliases=None if aliases is None else tuple(aliases))


def parse(kind: Callable[..., Arguments], command: str, given: Sequence[str]) -> Arguments:
    """Command-line arguments as a value of ``kind``; leaves with exit code 2 and a usage line if they do not fit."""
    return tyro.cli(
        kind,
        prog=f"shsrd {command}",
        args=list(given),
        config=(tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes),
    )


def print_json(values: Any) -> None:
    """One JSON document on stdout; a number that strict JSON cannot write (NaN, infinity) becomes null."""
    sys.stdout.write(json.dumps(_strict(values), indent=2, allow_nan=False) + "\n")


def _strict(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {key: _strict(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_strict(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def print_table(drawn: Table) -> None:
    """A table on stdout; where nobody watches, wide enough for all its columns."""
    Console(width=None if sys.stdout.isatty() else 120).print(drawn)


def remark(text: str) -> None:
    """A sentence on stderr."""
    ERRORS.print(text, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Progress on stderr: a bar on a terminal, elsewhere a line for every tenth; the callback takes (done, total).

    Nothing is shown before the first call, so that a refusal stays one line.
    """
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=ERRORS, transient=True)
    task = bar.add_task(title, total=None)

    def told(done: int, total: int) -> None:
        if ERRORS.is_terminal:
            bar.start()
            bar.update(task, completed=done, total=total)
        elif total > 1 and done * 10 // total > (done - 1) * 10 // total:
            remark(f"{title}: {done} of {total}")

    try:
        yield told
    finally:
        if bar.live.is_started:
            bar.stop()
