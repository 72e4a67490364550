"""Scenes of several detectors: each is super-resolved by itself, as if it were a scene of its own.

Pixels of two detectors lie a fraction of a pixel apart and are blurred differently. So no triplet, no eigenimage, no
guide map and no filter across the spectrum holds bands of two of them. What the network sees of a scene is shared out
among them, so they cost as much together as one scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Facts, parts_of
from shsrd.spectral import ALL_SEEN, REPRESENTATIVES, Acquisition, FrameName, GuideName, SceneStatistics, eigen_channels
from shsrd.upscaling.bases import GuidedFrame, guided_frame
from shsrd.upscaling.block import Block, BlockResult, Recipe, posterior_mean, solve_block
from shsrd.upscaling.inference import Engine, Position
from shsrd.upscaling.tiles import Window

Bands = NDArray[np.intp]


@dataclass(frozen=True)
class DetectorFrame:
    """Working frame and guide of one detector.

    Attributes:
        bands: ``(b,)`` numbers of its bands.
        guided: frame of those bands alone.
    """

    bands: Bands
    guided: GuidedFrame


@dataclass(frozen=True)
class DetectorRecipe:
    """How every block of one detector is computed; ``bands`` ``(b,)`` are its bands among the usable ones."""

    bands: Bands
    recipe: Recipe


def detector_frames(
    statistics: SceneStatistics,
    name: FrameName,
    parts: Sequence[Bands],
    wavelength_nm: NDArray[np.float64] | None = None,
    channels: int | None = None,
    *,
    stride: int = 3,
    guides: GuideName,
    acquisition: Acquisition | None = None,
) -> tuple[DetectorFrame, ...]:
    """A working frame for each detector; arguments as for ``guided_frame``.

    Args:
        statistics: of the scene.
        name: which frame.
        parts: numbers of every detector's bands.
        wavelength_nm: ``(B,)`` band centres, or None.
        channels: how many the network sees of all detectors together.
        stride: channels from one triplet to the next.
        guides: which components the weights take for guide maps.
        acquisition: how the bands were measured, of a scene that was corrected for that.
    """
    own = [statistics.of_bands(bands) if len(parts) > 1 else statistics for bands in parts]
    shares = [channels] if len(parts) == 1 else shared_channels(own, name, channels)

    def framed(each: SceneStatistics, bands: Bands, share: int | None) -> DetectorFrame:
        wavelengths = None if wavelength_nm is None else wavelength_nm[bands]
        measured = None if acquisition is None else acquisition.of_bands(bands)
        guided = guided_frame(each, name, wavelengths, share, stride=stride, guides=guides, acquisition=measured)
        return DetectorFrame(bands, guided)

    return tuple(framed(*each) for each in zip(own, parts, shares, strict=True))


def parts_of_usable(facts: Facts, usable: NDArray[np.bool_]) -> list[Bands]:
    """Numbers, among the usable bands, of every detector's; detectors without one are left out."""
    names = facts.detectors
    return parts_of([names[band] for band in np.flatnonzero(usable)] if names else (), int(usable.sum()))


def shared_channels(
    statistics: Sequence[SceneStatistics], name: FrameName, channels: int | None
) -> Sequence[int | None]:
    """How many channels of every detector the network sees; None for all of its bands.

    Eigenimages go where most energy is left, bands by the root of their number: the filter across the spectrum needs
    some in every detector. Whole triplets, at least one.

    Args:
        statistics: of every detector.
        name: which frame.
        channels: of all detectors together; None chooses as for a scene of one.
    """
    sizes = [each.bands for each in statistics]
    if name == "eigen":
        return eigen_channels(statistics, channels)
    if channels is None and sum(sizes) <= ALL_SEEN:
        return [None] * len(sizes)
    wanted = REPRESENTATIVES if channels is None else channels
    unit = 1 if wanted % 3 else 3
    found = [min(unit, size) for size in sizes]
    while sum(found) + unit <= wanted and any(have < size for have, size in zip(found, sizes, strict=True)):
        need = [np.sqrt(size) / have if have < size else 0.0 for have, size in zip(found, sizes, strict=True)]
        first = int(np.argmax(need))
        found[first] = min(found[first] + unit, sizes[first])
    return found


def solve_detectors(
    seen: Block,
    engine: Engine,
    recipes: Sequence[DetectorRecipe],
    position: Position,
    inside: Window,
    measured: Block | None = None,
) -> BlockResult:
    """What ``solve_block`` gives, for every detector by itself."""
    if len(recipes) == 1:
        return solve_block(seen, engine, recipes[0].recipe, position, inside, measured)
    side = [size * engine.scale for size in (inside.rows, inside.columns)]
    estimate = np.empty((len(seen), *side), np.float32)
    deviation = None
    for part in recipes:
        own = None if measured is None else measured[part.bands]
        solved = solve_block(np.ascontiguousarray(seen[part.bands]), engine, part.recipe, position, inside, own)
        estimate[part.bands] = solved.estimate
        if solved.deviation is not None:
            deviation = np.empty_like(estimate) if deviation is None else deviation
            deviation[part.bands] = solved.deviation
    return BlockResult(estimate, deviation)


def detectors_mean(low: Block, engine: Engine, frames: Sequence[DetectorFrame]) -> Block:
    """What ``posterior_mean`` gives, for every detector by itself."""
    if len(frames) == 1:
        return posterior_mean(low, engine, frames[0].guided)
    mean = np.empty((len(low), *(size * engine.scale for size in low.shape[1:])), np.float32)
    for part in frames:
        mean[part.bands] = posterior_mean(np.ascontiguousarray(low[part.bands]), engine, part.guided)
    return mean
