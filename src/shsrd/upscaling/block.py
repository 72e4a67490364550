"""One block of a scene from low to high resolution: interpolation, detail, consistency."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from shsrd.degradation import Degradation, back_project, bicubic_up
from shsrd.upscaling.engine import Conditioned, Engine, Position, Sampling
from shsrd.upscaling.frames import GuidedFrame
from shsrd.upscaling.tiles import Window

Block = NDArray[np.float32]


@dataclass(frozen=True)
class Recipe:
    """How every block of a scene is computed.

    Attributes:
        mean: frame in which the posterior mean is computed.
        texture: eigen frame in which posterior samples deviate from the mean.
        degradation: D, or None to leave consistency out.
        sampling: how samples are drawn, or None for the mean alone.
        samples: number of posterior samples.
        detail: alpha of the distortion-perception line; 0 is the mean, 1 a sample.
        spread: factor from the samples' standard deviation to a calibrated one.
        keep_mean: the estimate stays the posterior mean; samples serve for the deviation alone.
    """

    mean: GuidedFrame
    texture: GuidedFrame
    degradation: Degradation | None
    sampling: Sampling | None = None
    samples: int = 1
    detail: float = 1.0
    spread: float = 1.0
    keep_mean: bool = False


@dataclass(frozen=True)
class BlockResult:
    """High-resolution pixels ``(band, s y, s x)`` of a block, and their standard deviation if it was asked for."""

    estimate: Block
    deviation: Block | None = None


def solve_block(seen: Block, engine: Engine, recipe: Recipe, position: Position, inside: Window) -> BlockResult:
    """Super-resolve a block ``(B, y, x)`` without missing values.

    ``x = U(y) + E diag(d) m``, then (Freirich et al. 2021) ``+ alpha E diag(d) (sample - m)``, then back-projection.
    With several samples the estimate is their mean, and the deviation is theirs around it.

    Args:
        seen: what the network looks at; mirrored pixels where it reaches beyond the scene.
        engine: the network.
        recipe: what is computed.
        position: of ``seen`` in the scene.
        inside: the part of ``seen`` that lies in the scene. Only it is solved and back-projected: what the network
            makes of mirrored pixels is not the mirror image of what it makes of the pixels.

    Returns:
        The solved part, ``scale`` times as large as ``inside``.
    """
    low = np.ascontiguousarray(seen[:, *inside.slices])
    kept = (slice(None), *inside.finer(engine.scale).slices)
    mean = np.ascontiguousarray(posterior_mean(seen, engine, recipe.mean)[kept])
    if recipe.sampling is None:
        return BlockResult(_consistent(mean, low, recipe.degradation))
    conditioned = engine.condition(seen, recipe.texture)
    total, squares = np.zeros_like(mean), np.zeros_like(mean)
    for number in range(recipe.samples):
        texture = _texture(conditioned, engine, recipe, position, number)[kept]
        difference = _consistent(mean + texture, low, recipe.degradation) - mean
        total += difference
        squares += np.square(difference)
    average = total / np.float32(recipe.samples)
    estimate = _consistent(mean, low, recipe.degradation) if recipe.keep_mean else mean + average
    if recipe.samples == 1:
        return BlockResult(estimate)
    variance = np.maximum(squares / recipe.samples - np.square(average), 0) * recipe.samples / (recipe.samples - 1)
    return BlockResult(estimate, np.sqrt(variance) * np.float32(recipe.spread))


def posterior_mean(low: Block, engine: Engine, guided: GuidedFrame) -> Block:
    """``U(y) + E diag(d) m``, the estimate before consistency."""
    base = bicubic_up(torch.from_numpy(low), engine.scale).numpy()
    guided.frame.add_detail(base, engine.mean(low, guided))
    return base


def _texture(conditioned: Conditioned, engine: Engine, recipe: Recipe, position: Position, number: int) -> Block:
    """Deviation of sample ``number`` from the mean, in cube units, times ``detail``."""
    sampling = recipe.sampling
    assert sampling is not None
    seeded = replace(sampling, seed=sampling.seed * 1_000_003 + number)
    channels = engine.deviation(conditioned, position, seeded)
    return recipe.texture.frame.synthesise(channels * np.float32(recipe.detail))


def _consistent(estimate: Block, low: Block, degradation: Degradation | None) -> Block:
    if degradation is None:
        return estimate
    return back_project(torch.from_numpy(estimate), torch.from_numpy(low), degradation).numpy()
