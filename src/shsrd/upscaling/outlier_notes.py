"""Notes on outliers: one sentence for every kind of suspicious value, with bands, numbers and remedy."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from shsrd.cube import Storage
from shsrd.upscaling.outlier_scan import SMALLEST_FILLING, OutlierScan
from shsrd.upscaling.outliers import Flags, Vector

LEAST_FULL = 1e-3  # of a band's values
MOST_RANGES = 6  # of band numbers in a sentence


def outlier_notes(scanned: OutlierScan) -> tuple[str, ...]:
    """All of them, the gravest first."""
    return (
        *_impossible(scanned),
        *_filling(scanned),
        *_codes(scanned),
        *_spikes(scanned),
        *_full(scanned),
    )


def constant_bands(constant: Flags, lowest: Vector, storage: Storage) -> tuple[str, ...]:
    """Bands ``(B,)`` without any variation in a scene that has some."""
    if not constant.any():
        return ()
    numbers = sorted({_stored(value, storage) for value in lowest[constant].tolist()})
    values = ", ".join(f"{number:g}" for number in numbers[:3]) + (" ..." if len(numbers) > 3 else "")
    return (f"{_bands(np.flatnonzero(constant).tolist())} constant ({values}): not shown to the network.",)


def _impossible(scanned: OutlierScan) -> Iterator[str]:
    most, storage = scanned.most, scanned.metadata.storage
    found = {band: [n for n in numbers if abs(n) > most] for band, numbers in enumerate(scanned.numbers)}
    bands = [band for band, numbers in found.items() if numbers]
    if bands:
        example = max(found[bands[0]], key=abs)
        count = sum(scanned.numbers[band][number] for band in bands for number in found[band])
        yield (
            f"{_stored(example, storage):.4g} or the like occurs {_times(count)} in {_in_bands(bands)}, over a million "
            f"times the ordinary values: left out and kept as it is; {_remedy(example, storage)}"
        )


def _filling(scanned: OutlierScan) -> Iterator[str]:
    for number in scanned.filling():
        count, storage = scanned.uniform[number], scanned.metadata.storage
        share = 100 * count / int(np.prod(scanned.metadata.shape[1:]))
        yield (
            f"{count} pixels ({share:.2g} %) are {_stored(number, storage):g} in every band: left out and kept as they "
            f"are; {_remedy(number, storage)}"
        )


def _codes(scanned: OutlierScan) -> Iterator[str]:
    found: dict[float, list[int]] = defaultdict(list)
    for band, numbers in enumerate(scanned.codes()):
        for number in numbers:
            found[number].append(band)
    filling, storage = scanned.filling(), scanned.metadata.storage
    for number, bands in sorted(found.items()):
        count = sum(scanned.numbers[band][number] for band in bands)
        if number in filling and count <= scanned.uniform[number] * len(bands):
            continue  # said already
        low, high = scanned.ordinary[bands, 0].min(), scanned.ordinary[bands, 1].max()
        yield (
            f"{_stored(number, storage):g} occurs {_times(count)} in {_in_bands(bands)}, whose ordinary values are "
            f"{_stored(low, storage):.4g} to {_stored(high, storage):.4g}: left out and kept as it is; "
            f"{_remedy(number, storage)}"
        )


def _spikes(scanned: OutlierScan) -> Iterator[str]:
    codes = scanned.codes()
    spikes = {band: found for band, found in scanned.spikes.items() if found[1] not in codes[band]}
    if not spikes:
        return
    band, (_, example) = min(spikes.items())
    low, high = (_stored(value, scanned.metadata.storage) for value in scanned.ordinary[band].tolist())
    count = sum(count for count, _ in spikes.values())
    value = _stored(example, scanned.metadata.storage)
    yield (
        f"{count} isolated {'extreme' if count == 1 else 'extremes'} in {_in_bands(sorted(spikes))} (in band "
        f"{band + 1} {value:.4g}, ordinary are {low:.4g} to {high:.4g}): left out and kept as measured."
    )


def _full(scanned: OutlierScan) -> Iterator[str]:
    numbers: Counter[float] = Counter()
    bands: dict[float, list[int]] = defaultdict(list)
    taken = [*scanned.filling(), *(number for numbers_ in scanned.codes() for number in numbers_)]
    for band, count in scanned.full.items():
        value = float(scanned.extremes[band, 1])
        if value not in taken and count >= max(SMALLEST_FILLING, LEAST_FULL * scanned.valid[band]):
            numbers[value] += count
            bands[value].append(band)
    for value, count in sorted(numbers.items()):
        yield (
            f"{count} values are {_stored(value, scanned.metadata.storage):g}, the largest their type holds, in "
            f"{_in_bands(bands[value])}: saturated, what was brighter is not known."
        )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _remedy(number: float, storage: Storage) -> str:
    return f"if that means no data, say --nodata {_stored(number, storage):.9g}."


def _stored(value: float, storage: Storage) -> float:
    """The number in the file, as ``--nodata`` takes it."""
    stored = (value - storage.offset) / storage.scale
    return float(round(stored)) if np.issubdtype(np.dtype(storage.dtype), np.integer) else stored


def _in_bands(bands: Sequence[int]) -> str:
    return f"band {bands[0] + 1}" if len(bands) == 1 else f"{len(bands)} bands ({_ranges(bands)})"


def _bands(bands: Sequence[int]) -> str:
    return f"band {bands[0] + 1} is" if len(bands) == 1 else f"{len(bands)} bands ({_ranges(bands)}) are"


def _ranges(bands: Sequence[int]) -> str:
    """Band numbers from 1, as on the command line: ``3, 5-14, 40``."""
    numbers = np.asarray(bands) + 1
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    texts = [f"{part[0]}" if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts]
    return ", ".join(texts[:MOST_RANGES]) + (" ..." if len(texts) > MOST_RANGES else "")
