"""Stage 1 batches: photos turned into triplets that look like neighbouring bands or eigenimages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from shsrd.degradation import bicubic_down
from shsrd.training.batch import MARGIN, Batch, error_unit, residual_of
from shsrd.training.config import PhotoAugmentation, TrainingError
from shsrd.training.pack import load_photos


class PhotoSource:
    """Random triplets from photos; batch ``step`` is a pure function of the generator handed in."""

    def __init__(self, folder: Path, augmentation: PhotoAugmentation, *, scale: int, patch: int) -> None:
        side = (patch + 2 * MARGIN) * scale
        self.photos = [torch.from_numpy(p) for p in load_photos(folder) if min(p.shape[1:]) >= side]
        if not self.photos:
            raise TrainingError(f"{folder}: no photo is as large as {side} pixels; choose a smaller patch")
        self.augmentation, self.scale, self.side = augmentation, scale, side
        areas = np.array([p.shape[1] * p.shape[2] for p in self.photos], float)
        self.chances = torch.from_numpy(areas / areas.sum())
        self.moments = [(_moments(p, linear=False), _moments(p, linear=True)) for p in self.photos]

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """A batch of ``count`` triplets."""
        crops = [self._triplet(generator) for _ in range(count)]
        fine, clean = (torch.stack(stack) for stack in zip(*crops, strict=True))
        low, residual = residual_of(bicubic_down(fine, self.scale), clean, self.scale)
        unit = error_unit(residual.square().mean(dim=(2, 3), keepdim=True).sqrt())
        return Batch(low, residual, unit, torch.ones(1, 3, 1, 1).expand(count, -1, -1, -1))

    def _triplet(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        number = int(torch.multinomial(self.chances, 1, generator=generator))
        linear = _chance(self.augmentation.linear, generator)
        crop = _light(_random_crop(self.photos[number], self.side, generator), linear=linear)
        crop = dihedral(crop, int(torch.randint(8, (), generator=generator)))
        mean, covariance = self.moments[number][int(linear)]
        mix = self._mix(covariance, generator)
        spread = torch.einsum("ij,jk,ik->i", mix, covariance, mix).clamp_min(1e-8).sqrt()
        gain = log_uniform(1 / self.augmentation.gain, self.augmentation.gain, generator)
        mix = mix * (gain / spread)[:, None]
        clean = torch.einsum("ij,jyx->iyx", mix, crop) - (mix @ mean)[:, None, None]
        if _chance(self.augmentation.blur, generator):
            clean = _blur(clean, log_uniform(0.4, 1.2, generator))
        return self._noisy(clean, generator), clean

    def _noisy(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        if not _chance(self.augmentation.noise, generator):
            return clean
        sigma = log_uniform(*self.augmentation.noise_range, generator)
        return clean + sigma * torch.randn(clean.shape, generator=generator)

    def _mix(self, covariance: Tensor, generator: torch.Generator) -> Tensor:
        """A 3x3 colour mix: three neighbouring bands, or three decorrelated eigenimages."""
        if _chance(self.augmentation.near_grey, generator):
            centre = -torch.rand(3, generator=generator).clamp_min(1e-6).log()  # a flat Dirichlet, unnormalised
            near_grey: Tensor = centre + 0.15 * torch.randn(3, 3, generator=generator)
            return near_grey
        if _chance(0.5, generator):
            orthogonal: Tensor = torch.linalg.qr(torch.randn(3, 3, generator=generator)).Q
            return orthogonal
        signs = torch.randint(2, (3, 1), generator=generator) * 2.0 - 1
        eigen: Tensor = signs * torch.linalg.eigh(covariance).eigenvectors.flip(1).T
        return eigen


def dihedral(x: Tensor, symmetry: int) -> Tensor:
    """One of the eight flips and turns of ``(..., y, x)``."""
    x = x.flip(-1) if symmetry & 1 else x
    x = x.flip(-2) if symmetry & 2 else x
    return x.transpose(-1, -2) if symmetry & 4 else x


def log_uniform(low: float, high: float, generator: torch.Generator) -> float:
    """A random number, uniform in its logarithm."""
    share = float(torch.rand((), generator=generator))
    return float(low * (high / low) ** share)


def _chance(share: float, generator: torch.Generator) -> bool:
    return float(torch.rand((), generator=generator)) < share


def _random_crop(photo: Tensor, side: int, generator: torch.Generator) -> Tensor:
    top, left = (int(torch.randint(size - side + 1, (), generator=generator)) for size in photo.shape[1:])
    return photo[:, top : top + side, left : left + side]


def _light(photo: Tensor, *, linear: bool) -> Tensor:
    values = photo.float() / 255
    return values**2.2 if linear else values


def _moments(photo: Tensor, *, linear: bool) -> tuple[Tensor, Tensor]:
    """Mean and covariance of a photo's channels, from every fourth pixel."""
    flat = _light(photo[:, ::4, ::4], linear=linear).flatten(1)
    return flat.mean(dim=1), torch.cov(flat) + 1e-8 * torch.eye(3)


def _blur(image: Tensor, sigma: float) -> Tensor:
    taps = torch.exp(-0.5 * (torch.arange(-4, 5) / sigma) ** 2)
    taps = taps / taps.sum()
    planes = functional.pad(image[:, None], (4, 4, 4, 4), mode="reflect")
    planes = functional.conv2d(planes, taps[None, None, :, None])
    return functional.conv2d(planes, taps[None, None, None, :])[:, 0]
