"""Judging weights on images never trained on: gains over bicubic in dB."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from shsrd.degradation import bicubic_down, bicubic_up
from shsrd.metrics import sam_deg
from shsrd.model import Network, unpack
from shsrd.spectral import FrameName, scene_statistics
from shsrd.training.config import TrainConfig
from shsrd.training.pack import PackedScene, load_photos, load_scenes
from shsrd.upscaling.block import posterior_mean
from shsrd.upscaling.engine import Engine
from shsrd.upscaling.frames import guided_frame
from shsrd.upscaling.tiles import Window, read_window, trim

Validate = Callable[[Network], dict[str, float]]  # holds "gain_db", larger is better
PADDING = 8  # mirrored low-resolution pixels around a whole scene

PHOTO_SIDE = 320  # pixels of the central crop
PHOTOS = 24


def photo_validator(folder: Path, config: TrainConfig) -> Validate:
    """Mean gain over bicubic on central crops of photos, each channel standardised by its own low-resolution photo."""
    scale = config.network.scale
    crops = []
    for photo in load_photos(folder)[:PHOTOS]:
        rows, columns = (min(PHOTO_SIDE, size) // scale * scale for size in photo.shape[1:])
        crops.append(torch.from_numpy(photo[:, :rows, :columns].copy()).float() / 255)

    def validate(network: Network) -> dict[str, float]:
        gains = [_photo_gain(network, crop, scale) for crop in crops]
        return {"gain_db": float(np.mean(gains))}

    return validate


@torch.inference_mode()
def _photo_gain(network: Network, truth: torch.Tensor, scale: int) -> float:
    low = bicubic_down(truth, scale)
    mean, deviation = low.mean(dim=(1, 2), keepdim=True), low.std(dim=(1, 2), keepdim=True) + 1e-4
    triplets = ((low - mean) / deviation)[None].to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        residual = unpack(network.encode(triplets).mean, scale)[0].float()
    base = bicubic_up(low, scale)
    ours, bicubic = (_mse(x, truth) for x in (base + deviation * residual, base))
    return float(10 * (bicubic / ours).log10().mean())


def _mse(estimate: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    return (estimate - truth).square().mean(dim=(1, 2))


def scene_validator(folder: Path, config: TrainConfig) -> Validate:
    """Mean gain in MPSNR over bicubic and mean SAM ratio on whole scenes, posterior mean, both frames."""
    scale = config.network.scale
    scenes = [ValidationScene(packed, scale) for packed in load_scenes(folder)]

    def validate(network: Network) -> dict[str, float]:
        engine = Engine(network, device=next(network.parameters()).device, precision=config.precision)
        figures = {}
        for name in ("bands", "eigen"):
            judged = [scene.judge(engine, name) for scene in scenes]
            gain, ratio = np.mean(judged, axis=0)
            figures |= {f"{name}_gain_db": float(gain), f"{name}_sam_ratio": float(ratio)}
        return {"gain_db": figures["bands_gain_db"], **figures}

    return validate


class ValidationScene:
    """A held-out scene: truth, low resolution, and bicubic's scores."""

    def __init__(self, packed: PackedScene, scale: int) -> None:
        rows, columns = (size // scale * scale for size in packed.stored.shape[1:])
        self.truth = packed.stored[:, :rows, :columns].astype(np.float32) * np.float32(packed.step)
        self.low = bicubic_down(torch.from_numpy(self.truth), scale).numpy()
        self.statistics = scene_statistics(self.low)
        self.wavelength_nm = packed.wavelength_nm
        bicubic = bicubic_up(torch.from_numpy(self.low), scale).numpy()
        self.bicubic_mse, self.bicubic_sam = self._errors(bicubic)

    def judge(self, engine: Engine, name: FrameName) -> tuple[float, float]:
        """Gain in dB (mean over bands) and SAM as a share of bicubic's."""
        guided = guided_frame(self.statistics, name, self.wavelength_nm)
        window = Window(0, 0, *self.low.shape[1:]).grown(PADDING)
        estimate = posterior_mean(read_window(self.low, window), engine, guided)
        mse, sam = self._errors(trim(estimate, PADDING * engine.scale))
        return float((10 * np.log10(self.bicubic_mse / mse)).mean()), sam / self.bicubic_sam

    def _errors(self, estimate: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
        mse = np.square(estimate - self.truth).mean(axis=(1, 2), dtype=np.float64)
        return mse, sam_deg(estimate, self.truth)
