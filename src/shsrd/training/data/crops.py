"""Many crops of many photos at once, on whichever device keeps the photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Places:
    """Origins of crops; every field has one entry per crop.

    Attributes:
        photo: number of the photo.
        symmetry: one of the eight flips and turns, see ``shsrd.training.data.random_ops.dihedral``.
        corner: ``(n, 2)`` row and column as fractions, 0 to 1, of the room there is for the crop.
        shrink: how many times smaller the crop is made, 1 at least; limited by the size of its photo.
    """

    photo: Tensor
    symmetry: Tensor
    corner: Tensor
    shrink: Tensor


class PhotoStore:
    """Photos of any sizes in one array of counts; a batch of crops is one gather from it."""

    def __init__(self, photos: Sequence[NDArray[np.uint8]], device: torch.device) -> None:
        flat = torch.from_numpy(np.concatenate([photo.ravel() for photo in photos]))
        self.sizes = torch.tensor([photo.shape[1:] for photo in photos])
        areas = 3 * self.sizes.prod(dim=1)
        self.starts = areas.cumsum(0) - areas
        pieces = torch.split(flat, areas.tolist())
        self.photos = [piece.view(3, *size) for piece, size in zip(pieces, self.sizes.tolist(), strict=True)]
        self.flat = flat.to(device)

    def crops(self, places: Places, side: int) -> Tensor:
        """Crops ``(n, 3, side, side)`` as fractions of full scale.

        Raises:
            ValueError: a photo smaller than ``side``.
        """
        sizes, symmetry = self.sizes[places.photo], places.symmetry
        room = sizes.amin(dim=1)
        if int(room.min()) < side:
            raise ValueError(f"a photo of {int(room.min())} pixels has no crop of {side}")
        wide = (side * places.shrink).round().long().minimum(room)
        left = sizes - wide[:, None]
        first = (places.corner * (left + 1)).long().minimum(left)
        numbers = [self.starts[places.photo], sizes.prod(dim=1), sizes[:, 1], wide, *first.T]
        there = torch.stack([*numbers, *(symmetry & bit for bit in (2, 1, 4))]).to(self.flat.device, non_blocking=True)
        crops = self._gathered(there, int(wide.max()))
        out = crops[..., :side, :side].contiguous()
        larger = torch.nonzero(wide > side)[:, 0].to(crops.device, non_blocking=True)
        if len(larger):
            matrix = downscale_matrix(there[3, larger], side, crops.shape[-1])[:, None]
            out[larger] = (matrix @ crops[larger] @ matrix.mT).clamp(0, 1)
        return torch.where(there[8, :, None, None, None] > 0, out.mT, out)

    def _gathered(self, numbers: Tensor, most: int) -> Tensor:
        """Squares of ``most`` pixels that begin with those asked for, flipped.

        ``numbers`` ``(9, n)``: where the photo starts, its pixels and width, side of the crop, its first row and
        column, whether rows and columns are flipped; on the device, so that nothing large has to travel there.
        """
        start, area, width, wide, *first = numbers[:6]
        rows, columns = (_axis(*axis, most) for axis in zip(first, (wide, wide), numbers[6:8] > 0, strict=True))
        planes = start[:, None] + area[:, None] * torch.arange(3, device=start.device)
        lines = rows * width[:, None]
        index = planes[:, :, None, None] + lines[:, None, :, None] + columns[:, None, None, :]
        return self.flat[index].float() / 255


def _axis(first: Tensor, wide: Tensor, flipped: Tensor, most: int) -> Tensor:
    """Pixel numbers ``(n, most)`` along one axis; those beyond the crop stay inside the photo."""
    step = torch.arange(most, device=wide.device).minimum(wide[:, None] - 1)
    return first[:, None] + torch.where(flipped[:, None], wide[:, None] - 1 - step, step)


def downscale_matrix(wide: Tensor, side: int, most: int) -> Tensor:
    """Antialiased bicubic shrinking from ``wide`` ``(n,)`` pixels to ``side``, as matrices ``(n, side, most)``.

    The kernel of Keys (1981, a = -0.5), stretched by the factor; weights inside the crop only, their sum is 1.
    """
    factor = (wide / side)[:, None, None]
    pixel = torch.arange(most, device=wide.device)
    centre = (torch.arange(side, device=wide.device)[:, None] + 0.5) * factor - 0.5
    distance = ((pixel - centre) / factor).abs()
    near = (1.5 * distance - 2.5) * distance.square() + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = torch.where(distance < 1, near, far) * (distance < 2) * (pixel < wide[:, None, None])
    return weights / weights.sum(dim=-1, keepdim=True)
