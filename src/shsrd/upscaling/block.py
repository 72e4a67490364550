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
        uncertain: also give the standard deviation.
        spread: factor that calibrates it: of the predicted scale, or of the samples' standard deviation.
    """

    mean: GuidedFrame
    texture: GuidedFrame
    degradation: Degradation | None
    sampling: Sampling | None = None
    samples: int = 1
    detail: float = 1.0
    uncertain: bool = False
    spread: float = 1.0


@dataclass(frozen=True)
class BlockResult:
    """High-resolution pixels ``(band, s y, s x)`` of a block, and their standard deviation if it was asked for."""

    estimate: Block
    deviation: Block | None = None


def solve_block(seen: Block, engine: Engine, recipe: Recipe, position: Position, inside: Window) -> BlockResult:
    """Super-resolve a block ``(B, y, x)`` without missing values.

    ``x = U(y) + E diag(d) m``, then back-projection, then (Freirich et al. 2021) ``+ alpha E diag(d) (sample - m)``
    of which back-projection leaves what the sensor does not see. With several samples the estimate is their mean, and
    the deviation is theirs around it; without any, the deviation is the scale that the network predicts.

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
    mean, deviation = _mean(seen, engine, recipe)
    estimate = _consistent(np.ascontiguousarray(mean[kept]), low, recipe.degradation)
    if recipe.sampling is not None:
        average, deviation = _samples(engine.condition(seen, recipe.texture), engine, recipe, position, inside)
        recipe.texture.frame.add_detail(estimate, average)
    elif deviation is not None:
        deviation = deviation[kept]
    if deviation is not None:
        deviation = deviation * np.float32(recipe.spread)
    return BlockResult(estimate, deviation)


def posterior_mean(low: Block, engine: Engine, guided: GuidedFrame) -> Block:
    """``U(y) + E diag(d) m``, the estimate before consistency."""
    return _with_detail(low, engine, guided, engine.mean(low, guided))


def _mean(low: Block, engine: Engine, recipe: Recipe) -> tuple[Block, Block | None]:
    """The estimate before consistency, and its predicted deviation in cube units if nothing else will give one."""
    guided = recipe.mean
    if recipe.sampling is not None or not recipe.uncertain:
        return posterior_mean(low, engine, guided), None
    mean, scale = engine.mean_and_scale(low, guided)
    return _with_detail(low, engine, guided, mean), guided.frame.synthesise_deviation(scale)


def _with_detail(low: Block, engine: Engine, guided: GuidedFrame, channels: Block) -> Block:
    base = bicubic_up(torch.from_numpy(low), engine.scale).numpy()
    guided.frame.add_detail(base, channels)
    return base


def _samples(
    conditioned: Conditioned, engine: Engine, recipe: Recipe, position: Position, inside: Window
) -> tuple[Block, Block | None]:
    """Mean ``(K, s y, s x)`` of the samples' deviations in standard units, and their spread ``(B, ...)`` if asked.

    All is done in the eigen frame, whose channels are few: back-projection is linear and treats channels alike.
    """
    kept = (slice(None), *inside.finer(engine.scale).slices)
    nothing = np.zeros((recipe.texture.frame.channels, inside.rows, inside.columns), np.float32)
    total = np.zeros_like(nothing, shape=(len(nothing), inside.rows * engine.scale, inside.columns * engine.scale))
    squares: Block | None = None
    for number in range(recipe.samples):
        seen = _texture(conditioned, engine, recipe, position, number)[kept]
        texture = _consistent(np.ascontiguousarray(seen), nothing, recipe.degradation)
        total += texture
        if recipe.uncertain:
            square = np.square(recipe.texture.frame.synthesise(texture))
            squares = square if squares is None else squares + square
    average = total / np.float32(recipe.samples)
    if squares is None or recipe.samples == 1:
        return average, None
    centre = np.square(recipe.texture.frame.synthesise(average))
    variance = np.maximum(squares - recipe.samples * centre, 0) / (recipe.samples - 1)
    return average, np.sqrt(variance)


def _texture(conditioned: Conditioned, engine: Engine, recipe: Recipe, position: Position, number: int) -> Block:
    """Deviation of sample ``number`` from the mean, in standard units, times ``detail``."""
    sampling = recipe.sampling
    assert sampling is not None
    seeded = replace(sampling, seed=sampling.seed * 1_000_003 + number)
    return engine.deviation(conditioned, position, seeded) * np.float32(recipe.detail)


def _consistent(estimate: Block, low: Block, degradation: Degradation | None) -> Block:
    if degradation is None:
        return estimate
    return back_project(torch.from_numpy(estimate), torch.from_numpy(low), degradation).numpy()
