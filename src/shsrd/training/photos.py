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
from shsrd.training.draws import chance, dihedral, integer, log_uniform, random_crop, signs
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

    def choose(self, generator: torch.Generator) -> tuple[int, bool]:
        """Number of a photo, larger ones more often, and whether to turn it into light."""
        number = int(torch.multinomial(self.chances, 1, generator=generator))
        return number, chance(self.augmentation.linear, generator)

    def _triplet(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        number, linear = self.choose(generator)
        crop = light(random_crop(self.photos[number], self.side, generator), linear=linear)
        crop = dihedral(crop, integer(8, generator))
        mean, covariance = self.moments[number][int(linear)]
        mix = self._mix(covariance, generator)
        spread = torch.einsum("ij,jk,ik->i", mix, covariance, mix).clamp_min(1e-8).sqrt()
        gain = log_uniform(1 / self.augmentation.gain, self.augmentation.gain, generator)
        mix = mix * (gain / spread)[:, None]
        clean = torch.einsum("ij,jyx->iyx", mix, crop) - (mix @ mean)[:, None, None]
        if chance(self.augmentation.blur, generator):
            clean = blurred(clean, generator)
        return self._noisy(clean, generator), clean

    def _noisy(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        if not chance(self.augmentation.noise, generator):
            return clean
        sigma = log_uniform(*self.augmentation.noise_range, generator)
        return clean + sigma * torch.randn(clean.shape, generator=generator)

    def _mix(self, covariance: Tensor, generator: torch.Generator) -> Tensor:
        """A 3x3 colour mix: three neighbouring bands, or three decorrelated eigenimages."""
        if chance(self.augmentation.near_grey, generator):
            centre = -torch.rand(3, generator=generator).clamp_min(1e-6).log()  # a flat Dirichlet, unnormalised
            near_grey: Tensor = centre + 0.15 * torch.randn(3, 3, generator=generator)
            return near_grey
        if chance(0.5, generator):
            orthogonal: Tensor = torch.linalg.qr(torch.randn(3, 3, generator=generator)).Q
            return orthogonal
        eigen: Tensor = signs(3, generator)[:, None] * torch.linalg.eigh(covariance).eigenvectors.flip(1).T
        return eigen


def light(photo: Tensor, *, linear: bool) -> Tensor:
    """A photo's counts as fractions, or as light (display values to the power 2.2)."""
    values = photo.float() / 255
    return values**2.2 if linear else values


def _moments(photo: Tensor, *, linear: bool) -> tuple[Tensor, Tensor]:
    """Mean and covariance of a photo's channels, from every fourth pixel."""
    flat = light(photo[:, ::4, ::4], linear=linear).flatten(1)
    return flat.mean(dim=1), torch.cov(flat) + 1e-8 * torch.eye(3)


def blurred(image: Tensor, generator: torch.Generator) -> Tensor:
    """The image ``(c, y, x)`` as through a soft lens."""
    sigma = log_uniform(0.4, 1.2, generator)
    taps = torch.exp(-0.5 * (torch.arange(-4, 5) / sigma) ** 2)
    taps = taps / taps.sum()
    planes = functional.pad(image[:, None], (4, 4, 4, 4), mode="reflect")
    planes = functional.conv2d(planes, taps[None, None, :, None])
    return functional.conv2d(planes, taps[None, None, None, :])[:, 0]
