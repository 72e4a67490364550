"""Progress in lines for logs: tiles done and remaining time, at limited intervals."""

from __future__ import annotations

import time
from collections.abc import Callable

LOG_INTERVAL_S = 10.0  # seconds without a line, at most


class ProgressLog:
    """Lines about the tiles of a job, for where no bar can be drawn.

    Args:
        title: in front of every line.
        clock: gives seconds.
        every: seconds after which :meth:`tick` has something to say.
    """

    def __init__(
        self, title: str, *, clock: Callable[[], float] = time.monotonic, every: float = LOG_INTERVAL_S
    ) -> None:
        self._title, self._clock, self._every = title, clock, every
        self._started = self._said = clock()
        self._first = self._done = self._total = 0

    def begun(self, done: int, total: int) -> None:
        """Tiles begin; ``done`` of them were finished before."""
        self._started = self._clock()
        self._first, self._done, self._total = done, done, total

    def first(self, done: int, total: int) -> str | None:
        """Line with the expected time after the first of several tiles; else None."""
        if done - self._first != 1 or done == total:
            return None
        spent = duration(self._clock() - self._started)
        return f"the first of {total} tiles took {spent}, about {self._remaining_time(done, total)} to go"

    def progress_line(self, done: int, total: int) -> str | None:
        """Every tenth of the tiles, and whenever there was no line for long; None where nothing is to be said."""
        self._done, self._total = done, total
        is_tenth = total > 1 and done * 10 // total > (done - 1) * 10 // total
        if not is_tenth and self._clock() - self._said < self._every:
            return None
        left = "" if done == total else f", about {self._remaining_time(done, total)} to go"
        return self._say(f"{done} of {total}{left}")

    def tick(self) -> str | None:
        """Line with the progress if none was written for long; else None."""
        if self._clock() - self._said < self._every:
            return None
        spent = duration(self._clock() - self._started)
        so_far = f"{self._done} of {self._total} after {spent}" if self._total else f"reading the scene, {spent}"
        return self._say(so_far)

    def _remaining_time(self, done: int, total: int) -> str:
        return duration((self._clock() - self._started) / max(1, done - self._first) * (total - done))

    def _say(self, text: str) -> str:
        self._said = self._clock()
        return f"{self._title}: {text}"


def duration(seconds: float) -> str:
    """A time in words: ``12 s``, ``3.5 min``, ``2.1 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def size(number: float) -> str:
    """Bytes in words: ``63 MB``, ``1.2 GB``."""
    number, unit = number / 1000, "kB"
    for larger in ("MB", "GB"):
        if number >= 1000:
            number, unit = number / 1000, larger
    return f"{number:.0f} {unit}" if number >= 10 else f"{number:.1f} {unit}"
