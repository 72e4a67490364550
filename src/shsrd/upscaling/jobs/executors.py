"""``TileExecutor``: interface for running tiles; ``LocalExecutor`` runs them in the current process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from shsrd.cube import SceneMetadata, Source
from shsrd.io import encode_bands
from shsrd.upscaling.inference import Engine
from shsrd.upscaling.jobs.tile_cache import EncodedTile
from shsrd.upscaling.jobs.timings import Timings
from shsrd.upscaling.plan import Plan
from shsrd.upscaling.reconstruction import TileInput, UpscaledTile, read_tile, upscale_tile


class TileExecutor(Protocol):
    """Runs the tiles of a plan."""

    def run(self, plan: Plan, numbers: Sequence[int]) -> Iterator[tuple[int, EncodedTile]]:
        """Compute tiles ``numbers``; yields number and tile as they are finished, in any order."""


@dataclass(frozen=True)
class LocalExecutor:
    """Run tiles in the current process; a thread reads the next one meanwhile. Implements ``TileExecutor``.

    Attributes:
        source: the scene; nothing else may read it during ``run``.
        engine: the network on its device.
        outputs: metadata of the targets.
        timings: receives the times.
    """

    source: Source
    engine: Engine
    outputs: tuple[SceneMetadata, ...]
    timings: Timings

    def run(self, plan: Plan, numbers: Sequence[int]) -> Iterator[tuple[int, EncodedTile]]:
        """Compute tiles in the order of ``numbers``."""
        for number, tile_input in self._read_ahead(plan, numbers):
            with self.timings.measure("computing"):
                tile = encode_tile(upscale_tile(tile_input, self.engine, plan), self.outputs)
            yield number, tile

    def _read_ahead(self, plan: Plan, numbers: Sequence[int]) -> Iterator[tuple[int, TileInput]]:
        """Inputs of tiles; each is read while the one before is computed."""
        tiles = plan.tiles()
        with ThreadPoolExecutor(1, "reader") as reader:
            pending: list[tuple[int, Future[TileInput]]] = []
            for number in numbers:
                pending.append((number, reader.submit(read_tile, self.source, plan, tiles[number])))
                if len(pending) > 1:
                    yield self._result(*pending.pop(0))
            if pending:
                yield self._result(*pending.pop())

    def _result(self, number: int, future: Future[TileInput]) -> tuple[int, TileInput]:
        with self.timings.measure("waiting for input"):
            return number, future.result()


def encode_tile(tile: UpscaledTile, outputs: Sequence[SceneMetadata]) -> EncodedTile:
    """Tile in the number types of the outputs.

    Args:
        tile: float32 pixels.
        outputs: metadata of the targets.
    """
    pixels = [tile.estimate] if tile.std is None else [tile.estimate, tile.std]
    stored = (
        encode_bands(values, metadata.storage, source=metadata.source)
        for values, metadata in zip(pixels, outputs, strict=True)
    )
    return EncodedTile(tuple(stored), tile.consistency_stats)
