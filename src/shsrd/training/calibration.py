"""Uncertainty that means what it says: one factor on the spread of posterior samples, from held-out scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from shsrd.degradation import Degradation, bicubic_down
from shsrd.model import Network
from shsrd.spectral import scene_statistics
from shsrd.training.pack import PackedScene, load_scenes
from shsrd.upscaling.block import Recipe, solve_block
from shsrd.upscaling.engine import Engine, Position, Precision, Sampling
from shsrd.upscaling.frames import guided_frame
from shsrd.upscaling.tiles import Window, read_window

STEPS = 8
SAMPLES = 8
HALO = 12


def calibrated_spread(network: Network, folder: Path, precision: Precision) -> float:
    """Factor that makes the mean predicted variance equal the mean squared error, pooled over scenes.

    Each scene counts by its own scale: errors and deviations are divided by the scene's RMS error first.
    """
    engine = Engine(network, device=next(network.parameters()).device, precision=precision)
    ratios = [_variance_ratio(engine, packed) for packed in load_scenes(folder)]
    return float(np.sqrt(1 / np.mean(ratios)))


def _variance_ratio(engine: Engine, packed: PackedScene) -> float:
    """Mean predicted variance over mean squared error, both of the estimate with consistency."""
    s = engine.scale
    truth = packed.pixels(s)
    low = bicubic_down(torch.from_numpy(truth), s).numpy()
    statistics = scene_statistics(low)
    recipe = Recipe(
        mean=guided_frame(statistics, engine.network.config.frame, packed.wavelength_nm),
        texture=guided_frame(statistics, "eigen", packed.wavelength_nm),
        degradation=Degradation(kernel="bicubic", scale=s),
        sampling=Sampling(STEPS),
        samples=SAMPLES,
        keep_mean=True,
    )
    scene = Window(0, 0, *low.shape[1:])
    seen = scene.grown(HALO)
    result = solve_block(
        read_window(low, seen), engine, recipe, Position(seen.row, seen.column), scene.relative_to(seen)
    )
    assert result.deviation is not None
    error = result.estimate - truth
    predicted = np.square(result.deviation).mean(dtype=np.float64)
    return float(predicted / np.square(error).mean(dtype=np.float64))
