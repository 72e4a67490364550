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
    """Where crops are taken; every field has one entry a crop.

    Attributes:
        photo: number of the photo.
        symmetry: one of the eight flips and turns, see ``shsrd.training.draws.dihedral``.
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
        room = self.sizes[places.photo].amin(dim=1)
        if int(room.min()) < side:
            raise ValueError(f"a photo of {int(room.min())} pixels has no crop of {side}")
        wide = (side * places.shrink).round().long().minimum(room)
        crops = self._gathered(places, wide, int(wide.max()))
        larger = torch.nonzero(wide > side)[:, 0].to(crops.device)
        out = crops[..., :side, :side].contiguous()
        if len(larger):
            matrix = shrinking(wide.to(crops.device)[larger], side, crops.shape[-1])[:, None]
            out[larger] = (matrix @ crops[larger] @ matrix.mT).clamp(0, 1)
        turned = (places.symmetry & 4 > 0).to(out.device)
        return torch.where(turned[:, None, None, None], out.mT, out)

    def _gathered(self, places: Places, wide: Tensor, most: int) -> Tensor:
        """Squares of ``most`` pixels that begin with the ``wide`` ones asked for, flipped."""
        heights, widths = self.sizes[places.photo].T
        rows = _axis(heights, places.corner[:, 0], wide, places.symmetry & 2 > 0, most)
        columns = _axis(widths, places.corner[:, 1], wide, places.symmetry & 1 > 0, most)
        device = self.flat.device
        planes = (self.starts[places.photo][:, None] + (heights * widths)[:, None] * torch.arange(3)).to(device)
        lines = (rows * widths[:, None]).to(device)
        index = planes[:, :, None, None] + lines[:, None, :, None] + columns.to(device)[:, None, None, :]
        return self.flat[index].float() / 255


def _axis(size: Tensor, corner: Tensor, wide: Tensor, flipped: Tensor, most: int) -> Tensor:
    """Pixel numbers ``(n, most)`` along one axis; those beyond the crop stay inside the photo."""
    first = (corner * (size - wide + 1)).long().minimum(size - wide)
    step = torch.arange(most).minimum(wide[:, None] - 1)
    return first[:, None] + torch.where(flipped[:, None], wide[:, None] - 1 - step, step)


def shrinking(wide: Tensor, side: int, most: int) -> Tensor:
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
