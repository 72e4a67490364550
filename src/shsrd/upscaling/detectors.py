"""Scenes of several detectors: each is super-resolved by itself, as if it were a scene of its own.

Pixels of two detectors lie a fraction of a pixel apart and are blurred differently. So no triplet, no eigenimage, no
guide map and no filter across the spectrum holds bands of two of them. What the network sees of a scene is shared out
among them, so they cost as much together as one scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shsrd.cube import SceneMetadata, detector_groups
from shsrd.spectral import (
    DEFAULT_INPUT_BANDS,
    MAX_FULL_INPUT_BANDS,
    Acquisition,
    BasisName,
    GuideName,
    SceneStatistics,
    pca_component_counts,
)
from shsrd.upscaling.bases import GuidedBasis, guided_basis
from shsrd.upscaling.block import BlockResult, BlockSettings, posterior_mean, upscale_block
from shsrd.upscaling.inference import Engine, Position
from shsrd.upscaling.tiles import Window

Bands = NDArray[np.intp]


@dataclass(frozen=True)
class DetectorBasis:
    """Working basis and guide of one detector.

    Attributes:
        bands: ``(b,)`` numbers of its bands.
        guided: basis of those bands alone.
    """

    bands: Bands
    guided: GuidedBasis


@dataclass(frozen=True)
class DetectorSettings:
    """Block settings of one detector; ``bands`` ``(b,)`` are its bands among the usable ones."""

    bands: Bands
    block_settings: BlockSettings


def detector_bases(
    statistics: SceneStatistics,
    name: BasisName,
    parts: Sequence[Bands],
    wavelength_nm: NDArray[np.float64] | None = None,
    channels: int | None = None,
    *,
    stride: int = 3,
    guides: GuideName,
    acquisition: Acquisition | None = None,
) -> tuple[DetectorBasis, ...]:
    """A working basis for each detector; arguments as for ``guided_basis``.

    Args:
        statistics: of the scene.
        name: which basis.
        parts: numbers of every detector's bands.
        wavelength_nm: ``(B,)`` band centres, or None.
        channels: how many the network sees of all detectors together.
        stride: channels from one triplet to the next.
        guides: which components the weights take for guide maps.
        acquisition: how the bands were measured, of a scene that was corrected for that.
    """
    own = [statistics.select_bands(bands) if len(parts) > 1 else statistics for bands in parts]
    shares = [channels] if len(parts) == 1 else shared_channels(own, name, channels)

    def bases_of(each: SceneStatistics, bands: Bands, share: int | None) -> DetectorBasis:
        wavelengths = None if wavelength_nm is None else wavelength_nm[bands]
        measured = None if acquisition is None else acquisition.select_bands(bands)
        guided = guided_basis(each, name, wavelengths, share, stride=stride, guides=guides, acquisition=measured)
        return DetectorBasis(bands, guided)

    return tuple(bases_of(*each) for each in zip(own, parts, shares, strict=True))


def parts_of_usable(metadata: SceneMetadata, usable: NDArray[np.bool_]) -> list[Bands]:
    """Numbers, among the usable bands, of every detector's; detectors without one are left out."""
    names = metadata.detectors
    return detector_groups([names[band] for band in np.flatnonzero(usable)] if names else (), int(usable.sum()))


def shared_channels(
    statistics: Sequence[SceneStatistics], name: BasisName, channels: int | None
) -> Sequence[int | None]:
    """Number of network input channels of every detector; None for all of its bands.

    Eigenimages go where most energy is left, bands by the root of their number: the filter across the spectrum needs
    some in every detector. Whole triplets, at least one.

    Args:
        statistics: of every detector.
        name: which basis.
        channels: of all detectors together; None chooses as for a scene of one.
    """
    sizes = [each.bands for each in statistics]
    if name == "pca":
        return pca_component_counts(statistics, channels)
    if channels is None and sum(sizes) <= MAX_FULL_INPUT_BANDS:
        return [None] * len(sizes)
    wanted = DEFAULT_INPUT_BANDS if channels is None else channels
    unit = 1 if wanted % 3 else 3
    found = [min(unit, size) for size in sizes]
    while sum(found) + unit <= wanted and any(have < size for have, size in zip(found, sizes, strict=True)):
        need = [np.sqrt(size) / have if have < size else 0.0 for have, size in zip(found, sizes, strict=True)]
        first = int(np.argmax(need))
        found[first] = min(found[first] + unit, sizes[first])
    return found


def upscale_detectors(
    context: Tensor,
    engine: Engine,
    detector_settings: Sequence[DetectorSettings],
    position: Position,
    inside: Window,
    measured: Tensor | None = None,
) -> BlockResult:
    """Result of ``upscale_block`` with every detector by itself."""
    if len(detector_settings) == 1:
        return upscale_block(context, engine, detector_settings[0].block_settings, position, inside, measured)
    side = [size * engine.scale for size in (inside.rows, inside.columns)]
    estimate = context.new_empty(len(context), *side)
    std = None
    for part in detector_settings:
        bands = torch.from_numpy(part.bands)
        own = None if measured is None else measured[bands]
        solved = upscale_block(context[bands], engine, part.block_settings, position, inside, own)
        estimate[bands] = solved.estimate
        if solved.std is not None:
            std = torch.empty_like(estimate) if std is None else std
            std[bands] = solved.std
    return BlockResult(estimate, std)


def posterior_mean_by_detector(low: Tensor, engine: Engine, bases: Sequence[DetectorBasis]) -> Tensor:
    """Result of ``posterior_mean`` with every detector by itself."""
    if len(bases) == 1:
        return posterior_mean(low, engine, bases[0].guided)
    mean = low.new_empty(len(low), *(size * engine.scale for size in low.shape[1:]))
    for part in bases:
        bands = torch.from_numpy(part.bands)
        mean[bands] = posterior_mean(low[bands], engine, part.guided)
    return mean
