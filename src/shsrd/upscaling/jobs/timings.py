"""Where the time goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Timings:
    """Wall time by what it was spent on.

    Attributes:
        spent: seconds by name, in the order in which they came up.
    """

    spent: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Add the time of a block to what was spent on ``name``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.spent[name] = self.spent.get(name, 0.0) + time.perf_counter() - started

    def rounded(self) -> dict[str, float]:
        """For a report."""
        return {name: round(value, 3) for name, value in self.spent.items()}
