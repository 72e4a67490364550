"""Stage 1 batches: photos turned into triplets that look like neighbouring bands or eigenimages."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from shsrd.degradation import bicubic_down
from shsrd.training.config import PhotoAugmentation, TrainingError
from shsrd.training.data.batch import MARGIN, Batch, floored_rms, residual_target
from shsrd.training.data.crops import PhotoStore, Places
from shsrd.training.data.pack import load_photos
from shsrd.training.data.random_ops import bernoulli, log_uniform, white_noise

BLUR_RANGE = (0.4, 1.2)  # standard deviation of a soft lens, pixels
BLUR_RADIUS = 4  # pixels


class PhotoSource:
    """Random triplets from photos; batch ``step`` is a pure function of the generator handed in.

    All crops of a batch are cut, mixed and degraded at once on ``device``, where the photos stay. (Noise is drawn there
    too, so another kind of device sees other noise.)
    """

    def __init__(
        self,
        folder: Path,
        augmentation: PhotoAugmentation,
        *,
        scale: int,
        patch: int,
        device: torch.device | str = "cpu",
    ) -> None:
        side = (patch + 2 * MARGIN) * scale
        photos = [photo for photo in load_photos(folder) if min(photo.shape[1:]) >= side]
        if not photos:
            raise TrainingError(f"{folder}: no photo is as large as {side} pixels; choose a smaller patch")
        self.augmentation, self.scale, self.side, self.device = augmentation, scale, side, torch.device(device)
        self.store = PhotoStore(photos, self.device)
        areas = self.store.sizes.prod(dim=1).double()
        self.chances = areas / areas.sum()
        moments = [[_moments(photo, linear=linear) for linear in (False, True)] for photo in self.store.photos]
        self.means = torch.stack([torch.stack([mean for mean, _ in pair]) for pair in moments])  # (photo, linear, 3)
        self.covariances = torch.stack([torch.stack([covariance for _, covariance in pair]) for pair in moments])

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """A batch of ``count`` triplets."""
        wishes, photo = self.augmentation, self._photos(count, generator)
        dice = torch.rand(7, count, generator=generator)
        places = Places(
            photo,
            symmetry=torch.randint(8, (count,), generator=generator),
            corner=torch.rand(count, 2, generator=generator),
            shrink=torch.where(dice[0] < wishes.shrunk, wishes.shrink ** dice[1], 1.0),
        )
        linear = dice[2] < wishes.linear
        mix, offset = self._mix(photo, linear.long(), generator)
        crops = light(self.store.crops(places, self.side), self._there(linear)[:, None, None, None])
        clean = torch.einsum("nij,njyx->niyx", self._there(mix), crops) - self._there(offset)[:, :, None, None]
        clean = _blur_selected(clean, dice[3] < wishes.blur, _between(BLUR_RANGE, dice[4]))
        noise = torch.where(dice[5] < wishes.noise, _between(wishes.noise_range, dice[6]), 0.0)
        low, residual = residual_target(
            bicubic_down(self._noisy(clean, noise, generator), self.scale), clean, self.scale
        )
        unit = floored_rms(residual.square().mean(dim=(2, 3), keepdim=True).sqrt())
        return Batch(low, residual, unit, torch.ones(1, 3, 1, 1, device=self.device).expand(count, -1, -1, -1))

    def choose(self, generator: torch.Generator) -> tuple[int, bool]:
        """Number of a photo, larger ones more often, and whether to turn it into light."""
        return int(self._photos(1, generator)), bernoulli(self.augmentation.linear, generator)

    def _photos(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.multinomial(self.chances, count, replacement=True, generator=generator)

    def _there(self, values: Tensor) -> Tensor:
        return values.to(self.device, non_blocking=True)

    def _mix(self, photo: Tensor, linear: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Colour mixes ``(n, 3, 3)``, three neighbouring bands or three decorrelated eigenimages, and their means.

        Channels come in units of the whole photo's deviation, times a random gain.
        """
        count, covariance = len(photo), self.covariances[photo, linear]
        kind = torch.rand(2, count, 1, 1, generator=generator)
        centre = -torch.rand(count, 1, 3, generator=generator).clamp_min(1e-6).log()  # a flat Dirichlet, unnormalised
        random = torch.randn(2, count, 3, 3, generator=generator)
        signs = torch.randint(2, (count, 3, 1), generator=generator) * 2.0 - 1
        orthogonal = torch.linalg.qr(random[0]).Q
        eigen = signs * torch.linalg.eigh(covariance).eigenvectors.flip(2).mT
        several = torch.where(kind[0] < 0.5, orthogonal, eigen)
        mix = torch.where(kind[1] < self.augmentation.near_grey, centre + 0.15 * random[1], several)
        spread = torch.einsum("nij,njk,nik->ni", mix, covariance, mix).clamp_min(1e-8).sqrt()
        gain = self.augmentation.gain ** (2 * torch.rand(count, 1, generator=generator) - 1)
        mix = mix * (gain / spread)[:, :, None]
        return mix, torch.einsum("nij,nj->ni", mix, self.means[photo, linear])

    def _noisy(self, clean: Tensor, sigma: Tensor, generator: torch.Generator) -> Tensor:
        """``clean`` with white noise of a standard deviation for each crop, in units of its channels."""
        noise = white_noise(clean.shape, generator, self.device)
        return torch.addcmul(clean, noise, self._there(sigma)[:, None, None, None])


def _between(limits: tuple[float, float], fraction: Tensor) -> Tensor:
    """From the first limit (0) to the second (1), even in the logarithm."""
    return limits[0] * (limits[1] / limits[0]) ** fraction


def light(values: Tensor, linear: Tensor | bool) -> Tensor:
    """Display values, as fractions of full scale, turned into light (to the power 2.2) where ``linear``."""
    if isinstance(linear, bool):
        return values**2.2 if linear else values
    return torch.where(linear, values**2.2, values)


def _moments(photo: Tensor, *, linear: bool) -> tuple[Tensor, Tensor]:
    """Mean and covariance of a photo's channels, from every fourth pixel."""
    flat = light(photo[:, ::4, ::4].float() / 255, linear).flatten(1)
    return flat.mean(dim=1), torch.cov(flat) + 1e-8 * torch.eye(3)


def _blur_selected(images: Tensor, chosen: Tensor, sigma: Tensor) -> Tensor:
    """The chosen ones of ``(n, c, y, x)`` through soft lenses of these widths."""
    numbers = torch.nonzero(chosen)[:, 0]
    if len(numbers):
        there = numbers.to(images.device, non_blocking=True)
        images[there] = blurred(images[there], sigma[numbers])
    return images


def blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Images ``(n, c, y, x)`` through Gaussian lenses of ``sigma`` ``(n,)`` pixels."""
    taps = torch.exp(-0.5 * (torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1) / sigma[:, None]) ** 2)
    taps = (taps / taps.sum(dim=1, keepdim=True)).to(images.device, non_blocking=True)[:, :, None, None, None]
    padded = functional.pad(images, (BLUR_RADIUS,) * 4, mode="reflect")
    rows, columns = images.shape[2:]
    along_y = sum(taps[:, k] * padded[:, :, k : k + rows] for k in range(taps.shape[1]))
    assert isinstance(along_y, Tensor)
    out = sum(taps[:, k] * along_y[..., k : k + columns] for k in range(taps.shape[1]))
    assert isinstance(out, Tensor)
    return out


def random_blur_sigma(generator: torch.Generator) -> Tensor:
    """A random width ``(1,)`` for ``blurred``."""
    return torch.tensor([log_uniform(*BLUR_RANGE, generator)])
