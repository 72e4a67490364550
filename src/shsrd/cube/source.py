"""Scenes that are read piece by piece, because they may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shsrd.cube.cube import Cube
from shsrd.cube.metadata import SceneMetadata

CHUNK_PIXELS = 2**24  # pixels, 64 MiB as float32


class Source(Protocol):
    """A scene whose pixels are read rectangle by rectangle. Not shared between threads; pickles by what it opens."""

    @property
    def metadata(self) -> SceneMetadata:
        """All that is known without reading pixels."""

    @property
    def block_height(self) -> int:
        """Rows that are cheapest to read together (the file's blocks); readers may ask for any others."""

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Pixels ``(band, y, x)`` of a rectangle inside the scene, decoded as in ``Cube``: NaN is no-data.

        Args:
            rows: start and stop within the scene, step 1.
            columns: start and stop within the scene, step 1.

        Raises:
            SceneError: what is stored cannot be read.
        """

    def close(self) -> None:
        """Close the file; calling it twice is harmless."""


@dataclass(frozen=True)
class MemorySource:
    """A scene in memory, seen as a source."""

    cube: Cube
    block_height: int = 1

    @property
    def metadata(self) -> SceneMetadata:
        """Metadata of the cube."""
        return self.cube.metadata

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """A view ``(band, y, x)`` of the cube."""
        return self.cube.pixels[:, rows, columns]

    def close(self) -> None:
        """Nothing to close."""


def row_chunks(source: Source) -> Iterator[slice]:
    """Rows of a source from top to bottom, in stripes of whole blocks and about ``CHUNK_PIXELS`` pixels."""
    bands, rows, columns = source.metadata.shape
    wanted = max(1, CHUNK_PIXELS // (bands * columns))
    step = -(-wanted // source.block_height) * source.block_height
    for top in range(0, rows, step):
        yield slice(top, min(top + step, rows))


def read_cube(source: Source) -> Cube:
    """All pixels of a source and, where it has a geolocation, all of that; read in stripes."""
    metadata = source.metadata
    if metadata.geolocation is not None:
        metadata = metadata.replace(geolocation=metadata.geolocation.loaded())
    pixels = np.empty(metadata.shape, np.float32)
    for row_chunk in row_chunks(source):
        pixels[:, row_chunk] = source.read(row_chunk, slice(0, metadata.shape[2]))
    return Cube.of(pixels, metadata)
