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

from shsrd.cube import SceneMetadata, Source, detector_groups, fill_nodata
from shsrd.upscaling.outliers import MaskedSource, OutlierRules
from shsrd.upscaling.tiles import Window, plan_tiles

SIDE = 128  # pixels: side of the squares that are looked at
SQUARES = 4
MAX_BRIGHTNESS_CHANGE = 0.02  # share by which brightness may differ without a word
APART = 0.1  # pixels that the detectors may lie apart without a word
FINEST = 0.25  # cycles a pixel: waves up to it tell the shift; none of them turns by half for less than two pixels
ALIKE = 0.5  # correlation of the two images without which no shift is told
LEAST_SIDE = 16  # pixels on a side from which a shift is told
Image = NDArray[np.float64]


@dataclass(frozen=True)
class DetectorOverlap:
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


def overlaps(metadata: SceneMetadata, usable: NDArray[np.bool_]) -> Iterator[DetectorOverlap]:
    """Neighbouring detectors of a scene that measured the same wavelengths."""
    names, centres = metadata.detectors, metadata.wavelength_nm
    if not names or centres is None or not np.isfinite(centres).all():
        return
    parts = [bands[usable[bands]] for bands in detector_groups(names, len(names))]
    sorted_parts = [bands[np.argsort(centres[bands], kind="stable")] for bands in parts if bands.size]
    sorted_parts.sort(key=lambda bands: float(centres[bands[0]]))
    for first, second in pairwise(sorted_parts):
        low = float(centres[second[0]])
        high = float(min(centres[first[-1]], centres[second[-1]]))
        inside = second[(centres[second] >= low) & (centres[second] <= high)]
        distinct = first.size > 1 and (np.diff(centres[first]) > 0).all()
        if inside.size and distinct and centres[first[0]] <= low:
            yield DetectorOverlap((names[first[0]], names[second[0]]), first, inside, (low, high))


def overlap_notes(source: Source, usable: NDArray[np.bool_], outliers: OutlierRules) -> tuple[str, ...]:
    """One sentence for every two detectors whose numbers or places differ where both measured the same.

    Args:
        source: the scene as it was measured.
        usable: bool ``(B,)``, the bands that are looked at.
        outliers: values that are left out.
    """
    metadata = source.metadata
    found = list(overlaps(metadata, usable))
    if not found:
        return ()
    squares = _sample(MaskedSource(source, outliers), metadata)
    assert metadata.wavelength_nm is not None  # without it there is no overlap
    notes = []
    for overlap in found:
        pairs = [overlap.images(pixels, metadata.wavelength_nm) for pixels in squares]
        notes.append(_sentence(overlap, brightness_ratio(pairs), phase_correlation_shift(pairs)))
    return tuple(note for note in notes if note)


def _sample(source: Source | MaskedSource, metadata: SceneMetadata) -> list[NDArray[np.float32]]:
    """A few squares spread over the scene, all of one size."""
    _, rows, columns = metadata.shape
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


def phase_correlation_shift(pairs: list[tuple[Image, Image]]) -> tuple[float, float] | None:
    """Displacement (down, right) of the second image's content against the first, in pixels.

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


def _sentence(overlap: DetectorOverlap, ratio: float | None, shift: tuple[float, float] | None) -> str | None:
    """Note on two detectors; None if they differ by little."""
    brighter = 0.0 if ratio is None else ratio - 1
    apart = 0.0 if shift is None else float(np.hypot(*shift))
    if abs(brighter) < MAX_BRIGHTNESS_CHANGE and apart < APART:
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
