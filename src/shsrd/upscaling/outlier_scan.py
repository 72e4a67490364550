"""Looks for values that cannot be pixels: impossible numbers, undeclared no-data, isolated spikes, dead and full bands.

Ordinary values of a band are told by a sample spread over the scene; means and deviations would be spoiled by what is
looked for. Only a scene with something far from them is read once more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneMetadata, Storage
from shsrd.upscaling.outliers import Block, Flags, OutlierRules, Vector, alone, beyond
from shsrd.upscaling.tiles import Window

SIDE, MOST_VALUES = 64, 2**22  # of the sample: pixels a side, and values of all bands together
FEWEST = 16  # valid values of a band's sample below which nothing is said of it
TRIMMED = 0.01  # of the sample on each side
IMPOSSIBLE = 1e6  # times the largest ordinary value of the scene: no sensor has such a dynamic range
SPIKE_DISTANCE = 20.0  # ordinary ranges away: left out where it stands alone
FAR = 10.0  # ordinary ranges away: a number that is repeated there is no measurement
KNOWN_FAR = 1.0  # the same for numbers that are known to mean no data
KNOWN = (-9999.0, -9998.0, -999.0, -99.0, -1.0, -32768.0, -32767.0, 32767.0, 65534.0, 65535.0)
FULL = (255.0, 1023.0, 4095.0, 16383.0, 32767.0, 65535.0)  # the largest numbers of converters
REPEATED = 3
MIN_FILTERED_BANDS = 8  # a pixel that is the same number in so many bands was not measured
SMALLEST_FILLING = 16  # pixels of a number that is not known to mean no data
MOST_NUMBERS = 64  # distinct ones far away: more are the tail of a distribution


class Sample:
    """Values of a scene on a coarse grid, gathered rectangle by rectangle."""

    def __init__(self, metadata: SceneMetadata) -> None:
        bands, rows, columns = metadata.shape
        side = int(max(4, min(SIDE, (MOST_VALUES // bands) ** 0.5)))
        self.steps = (-(-rows // side), -(-columns // side))
        self.parts: list[Block] = []
        self.uniform: Counter[float] = Counter()  # pixels that are one number in all bands

    def add(self, place: Window, pixels: Block, good: Flags) -> None:
        """Take what of a rectangle lies on the grid; count pixels that are one number."""
        first = (-place.row % self.steps[0], -place.column % self.steps[1])
        taken = pixels[:, first[0] :: self.steps[0], first[1] :: self.steps[1]]
        self.parts.append(taken.reshape(len(pixels), -1).copy())
        if good.sum() >= MIN_FILTERED_BANDS and len(self.uniform) <= MOST_NUMBERS:
            self.uniform.update(_uniform(pixels, np.flatnonzero(good)))

    def ordinary(self) -> Vector:
        """Smallest and largest ordinary value of every band, ``(B, 2)``; NaN where there are too few."""
        values = np.sort(np.concatenate(self.parts, axis=1).astype(np.float64), axis=1)
        values[~np.isfinite(values)] = np.nan
        counts = np.isfinite(values).sum(axis=1)
        return np.array([_ordinary(band[:count]) for band, count in zip(values, counts, strict=True)])


def _uniform(pixels: Block, good: NDArray[np.intp]) -> Counter[float]:
    """Numbers that pixels have in all good bands, and how often."""
    same = pixels[good[0]] == pixels[good[-1]]
    same &= pixels[good[0]] == pixels[good[len(good) // 2]]
    if not same.any():
        return Counter()
    candidates = pixels[:, same][good]
    numbers, counts = np.unique(candidates[0, (candidates == candidates[0]).all(axis=0)], return_counts=True)
    return Counter(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))


def _ordinary(values: Vector) -> tuple[float, float]:
    """Of sorted values: the ends, without repeated ones that stand apart, and without a hundredth on each side."""
    if len(values) < FEWEST:
        return np.nan, np.nan
    start, stop = 0, len(values)
    while stop - start >= FEWEST:
        first = start + int(np.searchsorted(values[start:stop], values[start], "right"))
        last = start + int(np.searchsorted(values[start:stop], values[stop - 1], "left"))
        if first - start >= REPEATED and stop - first >= FEWEST and _apart(values, start, first, stop - 1):
            start = first
        elif stop - last >= REPEATED and last - start >= FEWEST and _apart(values, stop - 1, last - 1, start):
            stop = last
        else:
            break
    cut = max(1, int(TRIMMED * (stop - start)))
    return float(values[start + cut]), float(values[stop - 1 - cut])


def _apart(values: Vector, end: int, following: int, other: int) -> bool:
    """Return True if an end value is farther from the next than the next is from the other end, many values between."""
    between = values[min(following, other) : max(following, other) + 1]
    apart = abs(values[following] - values[end]) > abs(values[other] - values[following])
    return bool(apart and len(np.unique(between)) >= FEWEST)


@dataclass
class OutlierScan:
    """The second look at a scene, at what lies far from its ordinary values.

    Attributes:
        metadata: of the scene.
        good: bool ``(B,)``, the bands that are examined.
        ordinary: ``(B, 2)`` as a sample tells.
        extremes: ``(B, 2)`` smallest and largest value.
        uniform: pixels that are one number in all good bands.
        valid: number of valid values of every band.
    """

    metadata: SceneMetadata
    good: Flags
    ordinary: Vector
    extremes: Vector
    uniform: Counter[float]
    valid: NDArray[np.int64]
    numbers: list[Counter[float]] = field(default_factory=list)
    spikes: dict[int, tuple[int, float]] = field(default_factory=dict)
    full: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.numbers = [Counter() for _ in self.good]
        width = self.ordinary[:, 1] - self.ordinary[:, 0]
        measurable = width[np.isfinite(width) & (width > 0) & self.good]
        self.width = np.maximum(width, 0.01 * float(np.median(measurable)) if len(measurable) else 0)
        largest = np.abs(self.ordinary[self.good]).max(initial=0, where=np.isfinite(self.ordinary[self.good]))
        self.most = IMPOSSIBLE * float(largest) if largest > 0 else np.inf

    @property
    def known(self) -> Vector:
        """Numbers that are known to mean no data, as pixel values."""
        return _as_pixels(KNOWN, self.metadata.storage)

    def limits(self, widths: float) -> Vector:
        """So many ordinary widths around the ordinary values of every band, ``(B, 2)``."""
        found = self.ordinary + widths * np.stack([-self.width, self.width], axis=1)
        found[~self.good | ~np.isfinite(found).all(axis=1)] = (-np.inf, np.inf)
        return found

    @property
    def needed(self) -> bool:
        """True if the scene has to be read again for outliers."""
        return bool(self._far().any() or self._known_ends().any() or self._full().any() or self.filling())

    def _far(self) -> Flags:
        limits = self.limits(FAR)
        return np.asarray((self.extremes[:, 0] < limits[:, 0]) | (self.extremes[:, 1] > limits[:, 1]))

    def _known_ends(self) -> Flags:
        limits = self.limits(KNOWN_FAR)
        known = np.isin(self.extremes.astype(np.float32), self.known.astype(np.float32))
        return np.asarray((known & ((self.extremes - limits) * [1, -1] < 0)).any(axis=1))

    def _full(self) -> Flags:
        ends = np.isin(
            self.extremes[:, 1].astype(np.float32), _as_pixels(FULL, self.metadata.storage).astype(np.float32)
        )
        return np.asarray(ends & self.good & (self.extremes[:, 0] < self.extremes[:, 1]))

    def filling(self) -> list[float]:
        """Numbers that mean no data where all bands have them."""
        total = sum(self.uniform.values())
        if not total or len(self.uniform) > 4 or total >= self.valid[self.good].max():
            return []
        known = self.known.astype(np.float32)
        ordinary = self.ordinary[self.good & np.isfinite(self.ordinary).all(axis=1)]
        least, most = ordinary[:, 0].min(initial=np.inf), ordinary[:, 1].max(initial=-np.inf)
        found = []
        for number, count in self.uniform.items():
            is_known = np.float32(number) in known
            if (number <= least or (is_known and number > most)) and (is_known or count >= SMALLEST_FILLING):
                found.append(number)
        return sorted(found)

    def look(self, pixels: Block) -> None:
        """Take in a rectangle."""
        far, near, known = self.limits(FAR), self.limits(KNOWN_FAR), self.known.astype(np.float32)
        for band in np.flatnonzero(self._far() | self._known_ends()):
            values = pixels[band]
            found = values[(values < far[band, 0]) | (values > far[band, 1])]
            codes = values[((values < near[band, 0]) | (values > near[band, 1])) & np.isin(values, known)]
            numbers = Counter(found.tolist()) | Counter(codes.tolist())
            if len(self.numbers[band]) <= MOST_NUMBERS:
                self.numbers[band].update(dict(numbers.most_common(MOST_NUMBERS + 1)))
        for band in np.flatnonzero(self._full()):
            self.full[int(band)] += int((pixels[band] == np.float32(self.extremes[band, 1])).sum())
        self._find_spikes(pixels)

    def _find_spikes(self, pixels: Block) -> None:
        extreme = beyond(pixels, self.limits(SPIKE_DISTANCE)) & (np.abs(pixels) <= self.most)
        lonely = alone(extreme & ~np.isin(pixels, self.known.astype(np.float32)))
        for band in np.flatnonzero(lonely.any(axis=(1, 2))):
            values = pixels[band][lonely[band]]
            count, example = self.spikes.get(int(band), (0, float(values[0])))
            self.spikes[int(band)] = (count + len(values), example)

    def codes(self) -> list[list[float]]:
        """Numbers of every band that stand for something else than a measurement."""
        return [self._codes_of(band) for band in range(len(self.good))]

    def _codes_of(self, band: int) -> list[float]:
        numbers, known = self.numbers[band], self.known.astype(np.float32)
        full = _as_pixels(FULL, self.metadata.storage).astype(np.float32)
        possible = {number: count for number, count in numbers.items() if abs(number) <= self.most}
        found: list[float] = []
        if len(numbers) > MOST_NUMBERS:
            return found
        for number, count in possible.items():
            end = self.ordinary[band, 0] if number < self.ordinary[band, 0] else self.ordinary[band, 1]
            halfway = sum((other - end) / (number - end) > 0.5 for other in possible if other not in (number, *known))
            repeated = count >= REPEATED and np.float32(number) not in full
            if halfway == 0 and (np.float32(number) in known or repeated):
                found.append(number)
        return sorted(found)

    def outliers(self) -> OutlierRules:
        """Values to leave out."""
        codes = self.codes()
        width = max(map(len, codes))
        padded = np.array([each + [np.nan] * (width - len(each)) for each in codes]).reshape(len(codes), width)
        possible = np.where(self.good[:, None], [[-self.most, self.most]], [[-np.inf, np.inf]])
        if not (np.abs(self.extremes[self.good]) > self.most).any():
            possible = np.where(True, [[-np.inf, np.inf]], possible)
        likely = self.limits(SPIKE_DISTANCE)
        likely[[band for band in range(len(likely)) if band not in self.spikes]] = (-np.inf, np.inf)
        return OutlierRules(possible, likely, padded, np.array(self.filling()), self.good)


def _as_pixels(numbers: tuple[float, ...], storage: Storage) -> Vector:
    return np.array(numbers) * storage.scale + storage.offset
