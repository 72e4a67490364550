"""Who computes the tiles: this process, here. Others have the same ``parts``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from shsrd.cube import SceneMetadata, Source
from shsrd.io import encode_bands
from shsrd.upscaling.inference import Engine
from shsrd.upscaling.jobs.tile_cache import Part
from shsrd.upscaling.jobs.timings import Timings
from shsrd.upscaling.plan import Plan
from shsrd.upscaling.reconstruction import TileInput, UpscaledTile, read_tile, upscale_tile


class Computing(Protocol):
    """Somebody who computes tiles."""

    def parts(self, plan: Plan, numbers: Sequence[int]) -> Iterator[tuple[int, Part]]:
        """Tiles ``numbers`` of the plan as they are finished, in any order, with their numbers."""


@dataclass(frozen=True)
class Here:
    """This process: one thread reads the next tile while this one computes.

    Attributes:
        source: the scene; nobody else may read it meanwhile.
        engine: the network.
        outputs: facts of the files to be written.
        seconds: gets the times.
    """

    source: Source
    engine: Engine
    outputs: tuple[SceneMetadata, ...]
    seconds: Timings

    def parts(self, plan: Plan, numbers: Sequence[int]) -> Iterator[tuple[int, Part]]:
        """In the order of the numbers."""
        for number, read in self._reads(plan, numbers):
            with self.seconds.of("computing"):
                part = part_of(upscale_tile(read, self.engine, plan), self.outputs)
            yield number, part

    def _reads(self, plan: Plan, numbers: Sequence[int]) -> Iterator[tuple[int, TileInput]]:
        tiles = plan.tiles()
        with ThreadPoolExecutor(1, "reader") as reader:
            coming = None
            for number in numbers:
                following = reader.submit(read_tile, self.source, plan, tiles[number])
                if coming is not None:
                    yield coming[0], self._wait_for(coming[1])
                coming = (number, following)
            if coming is not None:
                yield coming[0], self._wait_for(coming[1])

    def _wait_for(self, coming: object) -> TileInput:
        with self.seconds.of("waiting for input"):
            return coming.result()  # type: ignore[attr-defined,no-any-return]


def part_of(solved: UpscaledTile, outputs: Sequence[SceneMetadata]) -> Part:
    """A tile as it will be stored."""
    pixels = [solved.estimate] if solved.deviation is None else [solved.estimate, solved.deviation]
    stored = (
        encode_bands(p, metadata.storage, source=metadata.source) for p, metadata in zip(pixels, outputs, strict=True)
    )
    return Part(tuple(stored), solved.agreement)
