"""Judging weights on images never trained on: gains over bicubic in dB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from shsrd.degradation import bicubic_down, bicubic_up
from shsrd.model import Network, unpack
from shsrd.training.config import TrainConfig
from shsrd.training.pack import load_photos

PHOTO_SIDE = 320  # pixels of the central crop
PHOTOS = 24


def photo_validator(folder: Path, config: TrainConfig):  # type: ignore[no-untyped-def]
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
