"""Tiles on their way into the outputs: from the top down, whatever the order in which they are finished."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from shsrd.cube import SceneMetadata
from shsrd.io import Writer
from shsrd.upscaling.jobs.tile_cache import Part, TileCache
from shsrd.upscaling.plan import Plan
from shsrd.upscaling.reconstruction import ConsistencyStats

MAX_QUEUED_TILES = 2  # tiles that wait for the writer there; beyond them it reads what lies in the spool


class OrderedTileWriter:
    """Writes finished tiles from the top down, in a thread of its own.

    A tile that is finished in its turn is written from memory, unless the writer is behind; others from the spool.

    Args:
        plan: lists the tiles.
        spool: every finished tile lies in it, for the next run should this one be killed.
        outputs: facts of the files.
        writers: of the files.
        finished: numbers of tiles that an earlier run had finished.
    """

    def __init__(
        self,
        plan: Plan,
        spool: TileCache,
        outputs: tuple[SceneMetadata, ...],
        writers: list[Writer],
        finished: set[int],
    ) -> None:
        self._spool, self._outputs, self._writers = spool, outputs, writers
        self._finished = set(finished)
        self._tiles, self._scale = plan.tiles(), plan.scale
        self._next, self._agreement = 0, ConsistencyStats()
        self._thread = ThreadPoolExecutor(1, "writer")
        self._pending_writes: list[Future[None]] = []

    def __enter__(self) -> OrderedTileWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def finished(self, number: int, part: Part) -> None:
        """Tile ``number`` lies in the spool; raises what went wrong in writing earlier ones."""
        self._finished.add(number)
        while self._pending_writes and self._pending_writes[0].done():
            self._pending_writes.pop(0).result()
        if number == self._next and len(self._pending_writes) < MAX_QUEUED_TILES:
            self._submit(part)
        self._submit_ready()

    def complete(self) -> ConsistencyStats:
        """Wait until everything is written."""
        self._submit_ready()
        for order in self._pending_writes:
            order.result()
        assert self._next == len(self._tiles)  # all tiles were finished
        return self._agreement

    def _submit_ready(self) -> None:
        """Hand the tiles that are next to the thread."""
        while self._next in self._finished:
            self._submit(None)

    def _submit(self, part: Part | None) -> None:
        self._pending_writes.append(self._thread.submit(self._write, self._next, part))
        self._next += 1

    def _write(self, number: int, part: Part | None) -> None:
        place = self._tiles[number].finer(self._scale)
        if part is None:
            size = (place.rows, place.columns)
            kinds = [((metadata.shape[0], *size), np.dtype(metadata.storage.dtype)) for metadata in self._outputs]
            part = self._spool.take(number, kinds)
        for writer, stored in zip(self._writers, part.outputs, strict=True):
            writer.write_stored(stored, place.row, place.column)
        self._agreement += part.agreement
