"""One block of a scene from low to high resolution: interpolation, detail, consistency."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shsrd.cube.linear import square_root_
from shsrd.degradation import Degradation, NoisyMeasurement
from shsrd.spectral import SpectralBasis
from shsrd.upscaling.bases import GuidedBasis
from shsrd.upscaling.composition import compose_estimate, compose_noise_limited, null_space_component
from shsrd.upscaling.ensemble import ensemble_mean
from shsrd.upscaling.inference import EncodedBlock, Engine, Position, Sampling
from shsrd.upscaling.tiles import Window


@dataclass(frozen=True)
class BlockSettings:
    """Settings for all blocks of a scene.

    Attributes:
        mean: basis in which the posterior mean is computed.
        texture: PCA basis in which posterior samples deviate from the mean.
        degradation: D, or None to leave consistency out.
        measurements: how bands of a corrected scene were measured, for consistency with that; none leave it out.
        sampling: how samples are drawn, or None for the mean alone.
        samples: number of posterior samples.
        detail: alpha of the distortion-perception line; 0 is the mean, 1 a sample.
        uncertain: also give the standard deviation.
        spread: factor that calibrates it: of the predicted scale, or of the samples' standard deviation.
        ensemble: flips and turns over which the posterior mean is averaged: 1, 2, 4 or 8.
    """

    mean: GuidedBasis
    texture: GuidedBasis
    degradation: Degradation | None
    measurements: tuple[NoisyMeasurement, ...] = ()
    sampling: Sampling | None = None
    samples: int = 1
    detail: float = 1.0
    uncertain: bool = False
    spread: float = 1.0
    ensemble: int = 1


@dataclass(frozen=True)
class BlockResult:
    """High-resolution pixels ``(band, s y, s x)`` of a block, and their standard deviation if it was asked for."""

    estimate: Tensor
    std: Tensor | None = None


def upscale_block(
    context: Tensor,
    engine: Engine,
    block_settings: BlockSettings,
    position: Position,
    inside: Window,
    measured: Tensor | None = None,
) -> BlockResult:
    """Super-resolve a block ``(B, y, x)`` without missing values.

    ``x = U(y) + E diag(d) m``, then (Freirich et al. 2021) ``+ alpha E diag(d) (sample - m)``, then back-projection; in
    that order on paper, here in the cheaper one of ``composition``. With several samples the estimate is their mean,
    and the deviation is theirs around it; without any, the deviation is the scale that the network predicts.

    Args:
        context: what the network looks at; mirrored pixels where it reaches beyond the scene.
        engine: the network.
        block_settings: what is computed.
        position: of ``context`` in the scene.
        inside: the part of ``context`` that lies in the scene. Only it is solved and back-projected: what the network
            makes of mirrored pixels is not the mirror image of what it makes of the pixels.
        measured: pixels of ``inside`` before a correction for their sensor, NaN where there are none; for
            ``block_settings.measurements``.

    Returns:
        The solved part, ``scale`` times as large as ``inside``.
    """
    low = context[:, *inside.slices].contiguous()
    kept = (slice(None), *inside.finer(engine.scale).slices)
    predicted = block_settings.uncertain and block_settings.sampling is None
    detail, scale = ensemble_mean(
        context, engine, block_settings.mean, count=block_settings.ensemble, with_std=predicted
    )
    basis, degradation = block_settings.mean.basis, block_settings.degradation
    detail = basis.filtered(low, detail[kept])
    if measured is not None and block_settings.measurements:
        parts = block_settings.measurements
        estimate = compose_noise_limited(low, detail, basis, scale=engine.scale, measured=measured, measurements=parts)
    else:
        estimate = compose_estimate(low, detail, basis, scale=engine.scale, degradation=degradation)
    if block_settings.sampling is None:
        return BlockResult(estimate, None if scale is None else _predicted(scale[kept], block_settings))
    del detail
    encoded_block = engine.condition(context, block_settings.texture)
    total = estimate.new_zeros(block_settings.texture.basis.channels, *estimate.shape[1:])
    squares = torch.zeros_like(estimate) if block_settings.uncertain and block_settings.samples > 1 else None
    for number in range(block_settings.samples):
        texture = null_space_component(
            _texture(encoded_block, engine, block_settings, position, number)[kept], degradation
        )
        total += texture
        if squares is not None:
            _add_squares(squares, texture, block_settings.texture.basis)
    total /= block_settings.samples
    std = None if squares is None else _deviation(squares, total, block_settings)
    block_settings.texture.basis.add_detail(estimate, total)
    return BlockResult(estimate, std)


def posterior_mean(low: Tensor, engine: Engine, guided: GuidedBasis) -> Tensor:
    """``U(y) + E diag(d) m``, the estimate before consistency."""
    detail = guided.basis.filtered(low, engine.mean(low, guided))
    return compose_estimate(low, detail, guided.basis, scale=engine.scale, degradation=None)


def _predicted(scale: Tensor, block_settings: BlockSettings) -> Tensor:
    """Calibrated standard deviation of scales ``(K, y, x)`` of the mean's channels."""
    return block_settings.mean.basis.reconstruct_std(scale * block_settings.spread)


def _texture(
    encoded_block: EncodedBlock, engine: Engine, block_settings: BlockSettings, position: Position, number: int
) -> Tensor:
    """Channels of sample ``number`` minus the mean, in standard units, times ``detail``."""
    sampling = block_settings.sampling
    assert sampling is not None
    seeded = replace(sampling, seed=sampling.seed * 1_000_003 + number)
    return engine.sample_minus_mean(encoded_block, position, seeded) * block_settings.detail


def _add_squares(squares: Tensor, texture: Tensor, basis: SpectralBasis) -> None:
    """Add ``(E d z)^2`` of channels ``(K, y, x)`` to a cube in place, row by row."""
    for row, channels in enumerate(texture.swapaxes(0, 1)):
        squares[:, row] += basis.reconstruct(channels[:, None])[:, 0].square()


def _deviation(squares: Tensor, average: Tensor, block_settings: BlockSettings) -> Tensor:
    """Calibrated standard deviation, with ``n - 1``, in place of the sums of squares."""
    squares /= block_settings.samples
    for row, channels in enumerate(average.swapaxes(0, 1)):
        squares[:, row] -= block_settings.texture.basis.reconstruct(channels[:, None])[:, 0].square()
    squares.clamp_(min=0)
    squares *= block_settings.samples / (block_settings.samples - 1) * block_settings.spread**2
    return square_root_(squares)
