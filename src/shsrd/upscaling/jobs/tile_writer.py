"""``OrderedTileWriter``: writes finished tiles row by row, in whatever order they were computed."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from shsrd.cube import SceneMetadata
from shsrd.io import Writer
from shsrd.upscaling.jobs.tile_cache import EncodedTile, TileCache
from shsrd.upscaling.plan import Plan
from shsrd.upscaling.reconstruction import ConsistencyStats

MAX_QUEUED_TILES = 2  # tiles in memory waiting for the writer; beyond them it reads from the cache


class OrderedTileWriter:
    """Writes finished tiles in the order of the plan, in a thread.

    The tile next in order is written from memory unless the writer is behind; others are read from the cache.

    Args:
        plan: lists the tiles.
        cache: holds every finished tile, also for the next run if this one is killed.
        outputs: metadata of the targets.
        writers: of the targets.
        finished: numbers of tiles finished by an earlier run.
    """

    def __init__(
        self,
        plan: Plan,
        cache: TileCache,
        outputs: tuple[SceneMetadata, ...],
        writers: list[Writer],
        finished: set[int],
    ) -> None:
        self._cache, self._outputs, self._writers = cache, outputs, writers
        self._finished = set(finished)
        self._tiles, self._scale = plan.tiles(), plan.scale
        self._next, self._consistency = 0, ConsistencyStats()
        self._thread = ThreadPoolExecutor(1, "writer")
        self._pending_writes: list[Future[None]] = []

    def __enter__(self) -> OrderedTileWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def add(self, number: int, tile: EncodedTile) -> None:
        """Accept a finished tile that is in the cache; raises errors of earlier writes."""
        self._finished.add(number)
        while self._pending_writes and self._pending_writes[0].done():
            self._pending_writes.pop(0).result()
        if number == self._next and len(self._pending_writes) < MAX_QUEUED_TILES:
            self._submit(tile)
        self._submit_ready()

    def complete(self) -> ConsistencyStats:
        """Wait until all tiles are written; returns the sum of their consistency statistics."""
        self._submit_ready()
        for write in self._pending_writes:
            write.result()
        assert self._next == len(self._tiles)  # all tiles were finished
        return self._consistency

    def _submit_ready(self) -> None:
        """Submit tiles in the cache that are next in order."""
        while self._next in self._finished:
            self._submit(None)

    def _submit(self, tile: EncodedTile | None) -> None:
        self._pending_writes.append(self._thread.submit(self._write, self._next, tile))
        self._next += 1

    def _write(self, number: int, tile: EncodedTile | None) -> None:
        window = self._tiles[number].finer(self._scale)
        if tile is None:
            size = (window.rows, window.columns)
            kinds = [((metadata.shape[0], *size), np.dtype(metadata.storage.dtype)) for metadata in self._outputs]
            tile = self._cache.load(number, kinds)
        for writer, stored in zip(self._writers, tile.outputs, strict=True):
            writer.write_stored(stored, window.row, window.column)
        self._consistency += tile.consistency
