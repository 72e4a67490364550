"""Two detectors where both measured the same wavelengths: how their numbers and their places differ.

A sample of the scene is looked at, and nothing is altered. The shift is that of the phase of the cross spectrum, which
neither a difference in brightness nor one in (symmetric) blur changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Facts, Source, fill_nodata, parts_of
from shsrd.upscaling.outliers import Suspicion, Unsuspicious
from shsrd.upscaling.tiles import Window, plan_tiles

SIDE = 128  # pixels: side of the squares that are looked at
SQUARES = 4
JUMP = 0.02  # share by which brightness may differ without a word
APART = 0.1  # pixels that the detectors may lie apart without a word
FINEST = 0.25  # cycles a pixel: waves up to it tell the shift; none of them turns by half for less than two pixels
ALIKE = 0.5  # correlation of the two images without which no shift is told
LEAST_SIDE = 16  # pixels on a side from which a shift is told
Image = NDArray[np.float64]


@dataclass(frozen=True)
class Overlap:
    """Bands of two detectors at the same wavelengths.

    Attributes:
        names: of the detectors.
        first: numbers of the first detector's bands, by rising wavelength.
        second: likewise.
        range_nm: shortest and longest wavelength that both measured.
    """

    names: tuple[str, str]
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    range_nm: tuple[float, float]

    def images(self, pixels: NDArray[np.float32], wavelength_nm: NDArray[np.float64]) -> tuple[Image, Image]:
        """Mean of both detectors ``(y, x)`` over the wavelengths of the second one's bands, with NaN."""
        places = wavelength_nm[self.second]
        known = wavelength_nm[self.first]
        right = np.clip(np.searchsorted(known, places), 1, len(known) - 1)
        share = (places - known[right - 1]) / (known[right] - known[right - 1])
        weights = np.zeros(len(known))
        np.add.at(weights, right - 1, (1 - share) / len(places))
        np.add.at(weights, right, share / len(places))
        used = weights != 0
        first = np.tensordot(weights[used], pixels[self.first[used]].astype(np.float64), 1)
        return first, pixels[self.second].mean(axis=0, dtype=np.float64)


def overlaps(facts: Facts, usable: NDArray[np.bool_]) -> Iterator[Overlap]:
    """Neighbouring detectors of a scene that measured the same wavelengths."""
    names, centres = facts.detectors, facts.wavelength_nm
    if not names or centres is None or not np.isfinite(centres).all():
        return
    parts = [bands[usable[bands]] for bands in parts_of(names, len(names))]
    sorted_parts = [bands[np.argsort(centres[bands], kind="stable")] for bands in parts if bands.size]
    sorted_parts.sort(key=lambda bands: float(centres[bands[0]]))
    for first, second in pairwise(sorted_parts):
        low = float(centres[second[0]])
        high = float(min(centres[first[-1]], centres[second[-1]]))
        inside = second[(centres[second] >= low) & (centres[second] <= high)]
        distinct = first.size > 1 and (np.diff(centres[first]) > 0).all()
        if inside.size and distinct and centres[first[0]] <= low:
            yield Overlap((names[first[0]], names[second[0]]), first, inside, (low, high))


def overlap_notes(source: Source, usable: NDArray[np.bool_], suspicion: Suspicion) -> tuple[str, ...]:
    """One sentence for every two detectors whose numbers or places differ where both measured the same.

    Args:
        source: the scene as it was measured.
        usable: bool ``(B,)``, the bands that are looked at.
        suspicion: values that are left out.
    """
    facts = source.facts
    found = list(overlaps(facts, usable))
    if not found:
        return ()
    squares = _sample(Unsuspicious(source, suspicion), facts)
    assert facts.wavelength_nm is not None  # without it there is no overlap
    notes = []
    for overlap in found:
        pairs = [overlap.images(pixels, facts.wavelength_nm) for pixels in squares]
        notes.append(_sentence(overlap, brightness_ratio(pairs), shift_between(pairs)))
    return tuple(note for note in notes if note)


def _sample(source: Source | Unsuspicious, facts: Facts) -> list[NDArray[np.float32]]:
    """A few squares spread over the scene, all of one size."""
    _, rows, columns = facts.shape
    height, width = min(rows, SIDE), min(columns, SIDE)
    whole = [w for w in plan_tiles(rows, columns, SIDE) if (w.rows, w.columns) == (height, width)]
    chosen = np.unique(np.linspace(0, len(whole) - 1, SQUARES).round().astype(int))
    windows: list[Window] = [whole[n] for n in chosen]
    return [source.read(*window.slices) for window in windows]


def brightness_ratio(pairs: list[tuple[Image, Image]]) -> float | None:
    """Median of second over first image where both are bright enough to tell; None where nothing is."""
    first, second = (np.concatenate([pair[n].ravel() for pair in pairs]) for n in (0, 1))
    valid = np.isfinite(first) & np.isfinite(second)
    if not valid.any():
        return None
    bright = valid & (first > 0.2 * np.percentile(first[valid], 90)) & (first > 0)
    ratio = float(np.median(second[bright] / first[bright])) if bright.any() else 0.0
    return ratio if ratio > 0 else None


def shift_between(pairs: list[tuple[Image, Image]]) -> tuple[float, float] | None:
    """How far the content of the second image lies down and right of that of the first, in pixels.

    Args:
        pairs: images of one size; NaN is filled from beside.

    Returns:
        Shift along y and x; None where the images are too small or not alike.
    """
    size = pairs[0][0].shape
    if min(size) < LEAST_SIDE:
        return None
    taper = np.hanning(size[0] + 2)[1:-1, None] * np.hanning(size[1] + 2)[None, 1:-1]
    cross, power = np.zeros(size, complex), np.zeros((2, *size))
    for pair in pairs:
        if not all(np.isfinite(image).any() for image in pair):
            continue
        filled = fill_nodata(np.stack(pair).astype(np.float32)).astype(np.float64)
        waves = np.fft.fft2(taper * (filled - filled.mean(axis=(1, 2), keepdims=True)))
        cross += waves[0] * waves[1].conj()
        power += np.abs(waves) ** 2
    along_y, along_x = np.fft.fftfreq(size[0])[:, None], np.fft.fftfreq(size[1])[None, :]
    frequency = np.hypot(along_y, along_x)
    coarse = (frequency > 1.5 / min(size)) & (frequency <= FINEST)
    strength = float(np.prod([each[coarse].sum() for each in power]))
    if strength <= 0 or abs(cross[coarse].sum()) < ALIKE * strength**0.5:
        return None
    waves_yx = 2 * np.pi * np.stack([np.broadcast_to(axis, size)[coarse] for axis in (along_y, along_x)], axis=1)
    weight = np.abs(cross[coarse])
    found = np.linalg.solve(waves_yx.T @ (weight[:, None] * waves_yx), waves_yx.T @ (weight * np.angle(cross[coarse])))
    return float(found[0]), float(found[1])


def _sentence(overlap: Overlap, ratio: float | None, shift: tuple[float, float] | None) -> str | None:
    """What is said of two detectors; None where they differ by little."""
    brighter = 0.0 if ratio is None else ratio - 1
    apart = 0.0 if shift is None else float(np.hypot(*shift))
    if abs(brighter) < JUMP and apart < APART:
        return None
    first, second = overlap.names
    low, high = overlap.range_nm
    said = []
    if ratio is not None:
        said.append(f"is {100 * abs(brighter):.2g} % {'brighter' if brighter > 0 else 'darker'} than {first}")
    if shift is not None:
        said.append(f"lies {apart:.2f} pixel from it ({shift[0]:+.2f} along y, {shift[1]:+.2f} along x)")
    return (
        f"At {low:.0f} to {high:.0f} nm, which {first} and {second} both measured, {second} {' and '.join(said)}; each "
        "is super-resolved by itself."
    )
