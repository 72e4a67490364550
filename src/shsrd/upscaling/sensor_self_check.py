"""A corrected scene, measured once more by the same sensor with the same noise and corrected again: the self-check.

One scale step coarser everything is known: what the sensor would deliver, and what should come out of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from shsrd.cube import Cube, MemorySource
from shsrd.degradation import degrade
from shsrd.upscaling.correction import CorrectedSource, PSFCorrection
from shsrd.upscaling.outliers import OutlierRules

Block = NDArray[np.float32]


def simulate_measurement(correction: PSFCorrection, scenes: Block) -> Block:
    """Simulated measurement of scenes ``(n, b, y, x)`` of the usable bands: blurred, coarser, with noise.

    Noise has the standard deviation that the correction takes, and is always the same.

    Returns:
        ``(n, b, y / scale, x / scale)``.
    """
    rng = np.random.default_rng(0)
    parts = correction.measurements(np.arange(scenes.shape[1]))
    scale = parts[0].degradation.scale
    found = np.empty((*scenes.shape[:2], *(side // scale for side in scenes.shape[2:])), np.float32)
    for part in parts:
        coarse = degrade(torch.from_numpy(scenes[:, part.bands]), part.degradation).numpy()
        noise = part.noise[:, None, None].astype(np.float32) * rng.standard_normal(coarse.shape, np.float32)
        found[:, part.bands] = coarse + noise
    return found


def correct_simulated(correction: PSFCorrection, measured: Block) -> Block:
    """Scenes ``(n, b, y, x)`` of the usable bands as the bicubic kernel would have given them."""
    own = replace(correction, usable=np.ones(measured.shape[1], bool), outliers=OutlierRules())
    whole = tuple(slice(0, side) for side in measured.shape[2:])
    return np.stack([CorrectedSource(MemorySource(Cube(scene)), own).read(*whole) for scene in measured])
