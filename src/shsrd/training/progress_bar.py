"""Progress on stderr: a bar of Rich's, or lines where Rich is missing or nobody watches."""

from __future__ import annotations

import sys
import time
from typing import Protocol

LINE_EVERY_S = 10.0


class Bar(Protocol):
    """Shows how far a run is."""

    def update(self, step: int, description: str | None) -> None:
        """Show this step; None keeps the description."""

    def stop(self) -> None:
        """Leave the terminal as it was."""


def bar(total: int) -> Bar:
    """A bar on a terminal, else a line now and then.

    Args:
        total: steps.
    """
    if sys.stderr.isatty():
        try:
            return _RichBar(total)
        except ImportError:
            pass
    return _Lines(total)


class _Lines:
    def __init__(self, total: int) -> None:
        self.total, self.description, self.last = total, "", time.monotonic()

    def update(self, step: int, description: str | None) -> None:
        self.description = self.description if description is None else description
        if time.monotonic() - self.last >= LINE_EVERY_S:
            self.last = time.monotonic()
            sys.stderr.write(f"step {step} of {self.total} {self.description}".rstrip() + "\n")
            sys.stderr.flush()

    def stop(self) -> None:
        pass


class _RichBar:
    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.progress = Progress(
            TextColumn("step {task.completed}"),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self.task = self.progress.add_task("starting", total=total)
        self.progress.start()

    def update(self, step: int, description: str | None) -> None:
        if description is None:
            self.progress.update(self.task, completed=step)
        else:
            self.progress.update(self.task, completed=step, description=description)

    def stop(self) -> None:
        self.progress.stop()
