"""The first pass over a scene: which bands can be used, their statistics, their range, where to check the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError, Source, fill_nodata
from shsrd.spectral import SceneStatistics
from shsrd.upscaling.tiles import Window, plan_tiles

STRIDE = 512  # pixels: side of the rectangles read; fits the blocks of most files
_VALUES = 2**22  # taken into float64 at a time


@dataclass(frozen=True)
class Survey:
    """What is known of a scene after it was read once.

    Attributes:
        usable: bool ``(B,)``: good bands with at least one valid pixel, the ones the network sees.
        statistics: of the usable bands.
        lowest: smallest valid pixel of them.
        highest: largest one.
        valid: ``(n,)`` pixels valid in all usable bands, in each of the windows asked about.
        digest: of all pixels; the same scene gives the same, whatever it is stored in.
    """

    usable: NDArray[np.bool_]
    statistics: SceneStatistics
    lowest: float
    highest: float
    valid: NDArray[np.int64]
    digest: str


def survey(source: Source, windows: list[Window]) -> Survey:
    """Read a scene once (twice if it has good bands without any valid pixel), piece by piece.

    Args:
        source: the scene.
        windows: rectangles in which valid pixels are counted.

    Raises:
        SceneError: no band can be used.
    """
    facts = source.facts
    seen = _Pass(source, facts.good_bands, windows)
    usable = facts.good_bands & (seen.count > 0)
    if not usable.any():
        raise SceneError(f"{facts.source}: no good band has a valid pixel; check no-data value and bad-band list")
    if (usable != facts.good_bands).any():
        seen = _Pass(source, usable, windows)
    if seen.statistics.count == 0:  # no pixel is valid in every band
        seen.statistics = _filled_statistics(source, usable)
    lowest, highest = float(seen.lowest[usable].min()), float(seen.highest[usable].max())
    return Survey(usable, seen.statistics, lowest, highest, seen.valid, seen.digest)


class _Pass:
    """One pass, with a guess of which bands can be used."""

    def __init__(self, source: Source, usable: NDArray[np.bool_], windows: list[Window]) -> None:
        bands = len(usable)
        self.statistics = SceneStatistics(max(1, int(usable.sum())))
        self.count = np.zeros(bands, np.int64)
        self.lowest, self.highest = np.full(bands, np.inf), np.full(bands, -np.inf)
        self.valid = np.zeros(len(windows), np.int64)
        digest = blake2b(digest_size=16)
        for place, pixels in rectangles(source):
            digest.update(np.ascontiguousarray(pixels).data)
            finite = np.isfinite(pixels)
            self.count += finite.sum(axis=(1, 2))
            np.minimum(self.lowest, np.where(finite, pixels, np.inf).min(axis=(1, 2)), out=self.lowest)
            np.maximum(self.highest, np.where(finite, pixels, -np.inf).max(axis=(1, 2)), out=self.highest)
            if usable.any():
                add_rows(self.statistics, pixels[usable])
                self._count_valid(np.asarray(finite[usable].all(axis=0)), place, windows)
        self.digest = digest.hexdigest()

    def _count_valid(self, valid: NDArray[np.bool_], place: Window, windows: list[Window]) -> None:
        for number, window in enumerate(windows):
            common = window.relative_to(place).clipped(place.rows, place.columns)
            if common.rows > 0 and common.columns > 0:
                self.valid[number] += int(valid[common.slices].sum())


def rectangles(source: Source) -> Iterator[tuple[Window, NDArray[np.float32]]]:
    """All pixels of a scene, rectangle by rectangle in a fixed order."""
    _, rows, columns = source.facts.shape
    for place in plan_tiles(rows, columns, STRIDE):
        yield place, source.read(*place.slices)


def add_rows(statistics: SceneStatistics, pixels: NDArray[np.float32]) -> None:
    """Add a rectangle ``(B, y, x)`` to statistics in parts of a few million values."""
    bands, rows, columns = pixels.shape
    step = max(2, _VALUES // (bands * columns))
    for top in range(0, rows, step):
        statistics.add(pixels[:, top : top + step])


def _filled_statistics(source: Source, usable: NDArray[np.bool_]) -> SceneStatistics:
    statistics = SceneStatistics(int(usable.sum()))
    for _, pixels in rectangles(source):
        chosen = pixels[usable]
        if np.isfinite(chosen).any(axis=(1, 2)).all():
            add_rows(statistics, fill_nodata(chosen))
    if statistics.count == 0:
        raise SceneError(
            f"{source.facts.source}: its bands have valid pixels in different places only; cut out a part where they "
            "overlap"
        )
    return statistics
