"""Wall time of a run by activity."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Timings:
    """Wall time by activity.

    Attributes:
        elapsed: seconds by name of the activity, in order of first use.
    """

    elapsed: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the wall time of a ``with`` block to activity ``name``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.elapsed[name] = self.elapsed.get(name, 0.0) + time.perf_counter() - started

    def rounded(self) -> dict[str, float]:
        """Seconds by activity, rounded to milliseconds."""
        return {name: round(value, 3) for name, value in self.elapsed.items()}
