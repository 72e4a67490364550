"""Console of all commands: results on stdout, progress and messages on stderr."""

from __future__ import annotations

import json
import math
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from shsrd.cli.progress_log import ProgressLog
from shsrd.cli.renamed import current_names

Arguments = TypeVar("Arguments")
ERRORS = Console(stderr=True)


def option(metavar: str | None = None, *, aliases: Sequence[str] | None = None) -> Any:
    """Help entry of an option that may be left out: no default is shown.

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
        args=current_names(given),
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


def log(text: str) -> None:
    """A sentence on stderr."""
    ERRORS.print(text, highlight=False, markup=False, soft_wrap=True)


class ProgressDisplay:
    """Progress on stderr: a bar on a terminal, elsewhere lines (:class:`shsrd.cli.progress_log.ProgressLog`).

    Nothing is shown before the first call, so that a refusal stays one line.

    Args:
        title: in front of the bar or line.
        pace: when there is a line.
    """

    def __init__(self, title: str, pace: ProgressLog) -> None:
        text, bar = TextColumn("{task.description}", markup=False), BarColumn()
        self._bar = Progress(text, bar, MofNCompleteColumn(), TimeRemainingColumn(), console=ERRORS, transient=True)
        self._task = self._bar.add_task(title, total=None)
        self._pace, self._closed = pace, threading.Event()

    def begun(self, done: int, total: int) -> None:
        """Tiles begin."""
        self._pace.begun(done, total)

    def __call__(self, done: int, total: int) -> None:
        """Another tile is finished."""
        estimate = self._pace.first(done, total)
        if estimate is not None:
            log(estimate)
        if ERRORS.is_terminal:
            self._bar.start()
            self._bar.update(self._task, completed=done, total=total)
        else:
            _log_if(self._pace.progress_line(done, total))

    def watch(self) -> None:
        """From now on a line appears at least every ten seconds, where there is no bar."""
        if not ERRORS.is_terminal:
            threading.Thread(target=self._log_periodically, name="pace", daemon=True).start()

    def _log_periodically(self) -> None:
        while not self._closed.wait(1):
            line = self._pace.tick()
            if line is not None:
                self.announce()
                log(line)

    def announce(self) -> None:
        """Before the first line: nothing, where nothing is to be announced."""

    def close(self) -> None:
        """No line any more; the bar goes."""
        self._closed.set()
        if self._bar.live.is_started:
            self._bar.stop()


def _log_if(text: str | None) -> None:
    if text is not None:
        log(text)


@contextmanager
def progress(title: str) -> Iterator[ProgressDisplay]:
    """Progress for a block; the callback takes (done, total)."""
    with closing(ProgressDisplay(title, ProgressLog(title))) as shown:
        yield shown
