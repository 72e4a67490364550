"""Scenes that are read piece by piece, because they may be larger than memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shsrd.cube.cube import Cube
from shsrd.cube.facts import Facts


class Source(Protocol):
    """A scene whose pixels are read rectangle by rectangle. Not shared between threads; pickles by what it opens."""

    @property
    def facts(self) -> Facts:
        """All that is known without reading pixels."""

    @property
    def row_step(self) -> int:
        """Rows that are cheapest to read together (the file's blocks); readers may ask for any others."""

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Pixels ``(band, y, x)`` of a rectangle inside the scene, decoded as in ``Cube``: NaN is no-data.

        Args:
            rows: start and stop within the scene, step 1.
            columns: likewise.

        Raises:
            SceneError: what is stored cannot be read.
        """

    def close(self) -> None:
        """Let go of the file; calling it twice is harmless."""


@dataclass(frozen=True)
class MemorySource:
    """A scene in memory, seen as a source."""

    cube: Cube
    row_step: int = 1

    @property
    def facts(self) -> Facts:
        """The cube's."""
        return self.cube.facts

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """A view ``(band, y, x)`` of the cube."""
        return self.cube.pixels[:, rows, columns]

    def close(self) -> None:
        """Nothing to let go of."""


def read_whole(source: Source) -> Cube:
    """All pixels of a source, read in stripes."""
    facts = source.facts
    bands, rows, columns = facts.shape
    pixels = np.empty(facts.shape, np.float32)
    wanted = max(1, 2**24 // (bands * columns))  # about 64 MiB
    step = -(-wanted // source.row_step) * source.row_step
    for top in range(0, rows, step):
        stripe = slice(top, min(top + step, rows))
        pixels[:, stripe] = source.read(stripe, slice(0, columns))
    return Cube.of(pixels, facts)
