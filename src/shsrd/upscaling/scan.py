"""The first look at a scene: usable bands, their statistics and ranges, suspicious values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError, Source, fill_nodata
from shsrd.spectral import SceneStatistics
from shsrd.upscaling.outlier_notes import constant_bands, outlier_notes
from shsrd.upscaling.outlier_scan import OutlierScan, Sample
from shsrd.upscaling.outliers import MaskedSource, OutlierRules
from shsrd.upscaling.tiles import Window, plan_tiles

STRIDE = 512  # pixels: side of the rectangles read; fits the blocks of most files
ENOUGH = 0.5  # of a band's valid pixels: so many should be valid in all bands
_VALUES = 2**22  # taken into float64 at a time


@dataclass(frozen=True)
class SceneScan:
    """Result of reading a scene once.

    Attributes:
        usable: bool ``(B,)``: good bands with valid pixels that vary, the ones the network sees.
        statistics: of the usable bands.
        extremes: ``(B, 2)`` smallest and largest valid, unsuspicious pixel of every band; NaN where there is none.
        valid: ``(n,)`` pixels valid in all usable bands, in each of the windows asked about.
        digest: of all pixels; the same scene gives the same, whatever it is stored in.
        outliers: which values are left out of all this, and of what the network sees.
        notes: one sentence for every kind of suspicious value.
    """

    usable: NDArray[np.bool_]
    statistics: SceneStatistics
    extremes: NDArray[np.float64]
    valid: NDArray[np.int64]
    digest: str
    outliers: OutlierRules = field(default_factory=OutlierRules)
    notes: tuple[str, ...] = ()

    @property
    def lowest(self) -> float:
        """Smallest valid pixel of the usable bands."""
        return float(self.extremes[self.usable, 0].min())

    @property
    def highest(self) -> float:
        """Largest one."""
        return float(self.extremes[self.usable, 1].max())


def scan_scene(source: Source, windows: list[Window], usable: NDArray[np.bool_] | None = None) -> SceneScan:
    """Read a scene once, piece by piece; again where some bands or values are to be left out.

    Args:
        source: the scene.
        windows: rectangles in which valid pixels are counted.
        usable: bool ``(B,)``, the bands that can be used where that is known: of a corrected scene even those that are
            constant now, since they were noise.

    Raises:
        SceneError: no band can be used.
    """
    good = source.metadata.good_bands
    first = scan = _ScanPass(source, good, windows, sampled=True)
    outliers, notes = _find_outliers(source, first)
    if not outliers.nothing:
        source = MaskedSource(source, outliers)
        scan = _ScanPass(source, good, windows)
    constant = np.zeros_like(good)
    if usable is None:
        usable, constant = _usable(source, scan)
    if (usable != good).any():
        scan = _ScanPass(source, usable, windows)
    if scan.statistics.count < ENOUGH * scan.count[usable].max():  # few pixels are valid in every band
        scan.statistics = _filled_statistics(source, usable, scan.statistics)
    notes += constant_bands(constant, scan.extremes[:, 0], source.metadata.storage)
    return SceneScan(usable, scan.statistics, scan.value_range(), scan.valid, first.digest, outliers, notes)


def _find_outliers(source: Source, scan: _ScanPass) -> tuple[OutlierRules, tuple[str, ...]]:
    """Outliers of a scene and notes on them; reads it again if there may be any."""
    assert scan.sample is not None
    scanned = OutlierScan(
        metadata=source.metadata,
        good=source.metadata.good_bands,
        ordinary=scan.sample.ordinary(),
        extremes=scan.value_range(),
        uniform=scan.sample.uniform,
        valid=scan.count,
    )
    if not scanned.needed:
        return OutlierRules(), ()
    for _, pixels in iter_windows(source):
        scanned.look(pixels)
    return scanned.outliers(), outlier_notes(scanned)


def _usable(source: Source, scan: _ScanPass) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Bands that can be used, and good ones that are constant in a scene that is not."""
    good = source.metadata.good_bands
    usable = good & (scan.count > 0)
    if not usable.any():
        place = source.metadata.source
        raise SceneError(f"{place}: no good band has a valid pixel; check no-data value and bad-band list")
    varies = usable & (scan.extremes[:, 0] < scan.extremes[:, 1])
    return (varies, usable & ~varies) if varies.any() else (usable, np.zeros_like(usable))


class _ScanPass:
    """One pass, with a guess of which bands can be used."""

    def __init__(
        self, source: Source, usable: NDArray[np.bool_], windows: list[Window], *, sampled: bool = False
    ) -> None:
        bands = len(usable)
        self.statistics = SceneStatistics(max(1, int(usable.sum())))
        self.count = np.zeros(bands, np.int64)
        self.extremes = np.tile([np.inf, -np.inf], (bands, 1))
        self.valid = np.zeros(len(windows), np.int64)
        self.sample = Sample(source.metadata) if sampled else None
        digest = blake2b(digest_size=16)
        for place, pixels in iter_windows(source):
            digest.update(np.ascontiguousarray(pixels).data)
            finite = np.isfinite(pixels)
            self.count += finite.sum(axis=(1, 2))
            lowest, highest = self.extremes.T
            np.minimum(lowest, np.where(finite, pixels, np.inf).min(axis=(1, 2)), out=lowest)
            np.maximum(highest, np.where(finite, pixels, -np.inf).max(axis=(1, 2)), out=highest)
            if self.sample is not None:
                self.sample.add(place, pixels, usable)
            if usable.any():
                with np.errstate(over="ignore", invalid="ignore"):  # impossible values are left out in the next pass
                    add_rows(self.statistics, pixels[usable])
                self._count_valid(np.asarray(finite[usable].all(axis=0)), place, windows)
        self.digest = digest.hexdigest()

    def value_range(self) -> NDArray[np.float64]:
        """Smallest and largest value of every band, NaN where there is none."""
        return np.where(self.count[:, None] > 0, self.extremes, np.nan)

    def _count_valid(self, valid: NDArray[np.bool_], place: Window, windows: list[Window]) -> None:
        for number, window in enumerate(windows):
            common = window.relative_to(place).clipped(place.rows, place.columns)
            if common.rows > 0 and common.columns > 0:
                self.valid[number] += int(valid[common.slices].sum())


def iter_windows(source: Source) -> Iterator[tuple[Window, NDArray[np.float32]]]:
    """All pixels of a scene, rectangle by rectangle in a fixed order."""
    _, rows, columns = source.metadata.shape
    for place in plan_tiles(rows, columns, STRIDE):
        yield place, source.read(*place.slices)


def add_rows(statistics: SceneStatistics, pixels: NDArray[np.float32]) -> None:
    """Add a rectangle ``(B, y, x)`` to statistics in parts of a few million values."""
    bands, rows, columns = pixels.shape
    step = max(2, _VALUES // (bands * columns))
    for top in range(0, rows, step):
        statistics.add(pixels[:, top : top + step])


def _filled_statistics(source: Source, usable: NDArray[np.bool_], found: SceneStatistics) -> SceneStatistics:
    """Statistics of a scene whose holes are filled; those of before where that cannot be."""
    statistics = SceneStatistics(int(usable.sum()))
    for _, pixels in iter_windows(source):
        chosen = pixels[usable]
        if np.isfinite(chosen).any(axis=(1, 2)).all():
            add_rows(statistics, fill_nodata(chosen))
    if statistics.count == 0 and found.count > 0:
        return found
    if statistics.count == 0:
        raise SceneError(
            f"{source.metadata.source}: its bands have valid pixels in different places only; cut out a part where "
            "they overlap"
        )
    return statistics
