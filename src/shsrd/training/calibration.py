"""Uncertainty that means what it says: measured on held-out scenes, a few numbers that make it so.

Two factors make the mean predicted variance equal the mean squared error: one for the predicted scale, one for the
spread of posterior samples. Errors have heavy tails, so intervals need numbers of their own: the half-widths, in
calibrated standard deviations of the predicted scale, that hold 50, 80 and 90 % of the truths.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shsrd.degradation import Degradation, bicubic_down
from shsrd.model import INTERVALS, Network, NetworkConfig
from shsrd.spectral import scene_statistics
from shsrd.training.data.pack import PackedScene, load_scenes
from shsrd.upscaling.bases import guided_basis
from shsrd.upscaling.block import BlockResult, BlockSettings, upscale_block
from shsrd.upscaling.inference import Engine, Position, Precision, Sampling
from shsrd.upscaling.tiles import BORDER, Window, read_window

STEPS = 4
SAMPLES = 8
ERROR_QUANTILES = 50_000  # errors of each scene that decide on the intervals, evenly spaced in rank


@dataclass(frozen=True)
class Calibration:
    """The fields of ``NetworkConfig`` that calibration decides."""

    spread: float
    sample_spread: float
    interval_factors: tuple[float, float, float]

    @classmethod
    def of(cls, config: NetworkConfig) -> Calibration:
        """The numbers that a config holds."""
        return cls(config.spread, config.sample_spread, config.interval_factors)

    def applied(self, config: NetworkConfig) -> NetworkConfig:
        """The config with these numbers in it."""
        return config.model_copy(update=asdict(self))


@dataclass(frozen=True)
class _SceneErrors:
    """Errors of one scene: mean squared error over mean predicted variance, and quantiles of the standardised error."""

    scale_ratio: float
    sample_ratio: float
    relative_errors: NDArray[np.float32]


def calibrate(network: Network, folder: Path, precision: Precision) -> Calibration:
    """Measure on every scene of a packed folder; each scene counts alike, whatever its brightness and size."""
    engine = Engine(network, device=next(network.parameters()).device, precision=precision)
    judged = [_scene_errors(engine, packed) for packed in load_scenes(folder)]
    spread = round(_factor([scene.scale_ratio for scene in judged]), 4)
    sample_spread = round(_factor([scene.sample_ratio for scene in judged]), 4)
    pooled = np.concatenate([scene.relative_errors for scene in judged])
    half, most, nearly_all = (round(float(np.quantile(pooled, share)) / spread, 4) for share in INTERVALS)
    return Calibration(spread, sample_spread, (half, most, nearly_all))


def _factor(ratios: list[float]) -> float:
    """The factor on deviations for which error over variance is 1, averaged as variances over the scene's error.

    Scenes without an error or without a deviation say nothing.
    """
    told = np.array([ratio for ratio in ratios if 0 < ratio < np.inf])
    return float(np.sqrt(1 / np.mean(1 / told))) if told.size else 1.0


def _scene_errors(engine: Engine, packed: PackedScene) -> _SceneErrors:
    truth = packed.pixels(engine.scale)
    predicted, sampled = (_solve(engine, packed, truth, sampling) for sampling in (None, Sampling(STEPS)))
    errors: NDArray[np.float32] = _host(predicted.estimate) - truth
    std = _host(predicted.std)
    relative = np.sort(np.abs(errors) / np.maximum(std, np.finfo(np.float32).tiny), axis=None)
    ranks = np.linspace(0, relative.size - 1, ERROR_QUANTILES).round().astype(np.intp)
    return _SceneErrors(_ratio(errors, std), _ratio(errors, _host(sampled.std)), relative[ranks].astype(np.float32))


def _host(pixels: Tensor | None) -> NDArray[np.float32]:
    assert pixels is not None
    found: NDArray[np.float32] = pixels.cpu().numpy()
    return found


def _ratio(errors: NDArray[np.float32], std: NDArray[np.float32]) -> float:
    mse, variance = (np.square(x).mean(dtype=np.float64) for x in (errors, std))
    return float(mse / variance) if variance > 0 else float("inf")


def _solve(engine: Engine, packed: PackedScene, truth: NDArray[np.float32], sampling: Sampling | None) -> BlockResult:
    """The whole scene in one block, with consistency, as ``upscale`` would; deviations as yet uncalibrated."""
    low = bicubic_down(torch.from_numpy(truth), engine.scale).numpy()
    statistics = scene_statistics(low)
    config = engine.network.config
    guided = partial(guided_basis, statistics, wavelength_nm=packed.wavelength_nm, guides=config.guides)
    block_settings = BlockSettings(
        mean=guided(config.basis),
        texture=guided("pca"),
        degradation=Degradation(kernel="bicubic", scale=engine.scale),
        sampling=sampling,
        samples=1 if sampling is None else SAMPLES,
        uncertain=True,
    )
    scene = Window(0, 0, *low.shape[1:])
    seen = scene.grown(BORDER)
    position = Position(seen.row, seen.column)
    pixels = torch.from_numpy(read_window(low, seen)).to(engine.device)
    return upscale_block(pixels, engine, block_settings, position, scene.relative_to(seen))
