"""Weights of one scale factor as a start for another: the trunk stays, heads are resampled over the sub-pixel grid.

All networks work on the low-resolution grid; only layers that give or take ``3 s^2`` packed channels know the factor
``s``. Channel ``(c, i, j)`` belongs to sub-pixel ``(i, j)`` of an ``s`` x ``s`` grid inside each pixel. For another
factor, an output sub-pixel is the mean of the old ones under it by area, and an input sub-pixel is handed to the old
ones by area.
"""

from __future__ import annotations

import torch
from torch import Tensor

_OUTPUTS = ("encoder.head.", "denoiser.head.", "scale_head.head.", "scale_head.context.")
_INPUTS = ("denoiser.stem.weight",)


def rescale_weights(state: dict[str, Tensor], old: int, new: int) -> dict[str, Tensor]:
    """Weights of a network of factor ``old`` for one of factor ``new``.

    Args:
        state: tensors by name, of a :class:`shsrd.model.Network`.
        old: scale factor of the weights.
        new: scale factor wanted.
    """
    mean, share = _area_matrix(old, new), _area_matrix(new, old).mT  # (new, old) each: rows sum to 1; columns do
    return {key: _rescaled(key, weight, mean, share) for key, weight in state.items()}


def _rescaled(key: str, weight: Tensor, mean: Tensor, share: Tensor) -> Tensor:
    if key.startswith(_OUTPUTS):
        return _resample_channels(weight, mean)
    if key in _INPUTS:
        return _resample_channels(weight.transpose(0, 1), share).transpose(0, 1).contiguous()
    return weight


def _resample_channels(weight: Tensor, matrix: Tensor) -> Tensor:
    """Resample the first axis ``3 s^2`` of ``weight``, sub-pixels ``(i, j)`` by ``matrix`` along both."""
    new, old = matrix.shape
    grid = weight.reshape(3, old, old, -1).to(matrix)  # (c, i, j, rest)
    resampled = torch.einsum("ai,bj,cijr->cabr", matrix, matrix, grid)  # (c, new, new, rest)
    return resampled.reshape(3 * new * new, *weight.shape[1:]).to(weight)


def _area_matrix(old: int, new: int) -> Tensor:
    """Share ``(new, old)`` of each new cell that each old cell covers; a unit is cut into ``old`` or ``new`` cells."""
    edges_old, edges_new = (torch.arange(n + 1, dtype=torch.float64) / n for n in (old, new))
    low = torch.maximum(edges_new[:-1, None], edges_old[None, :-1])
    high = torch.minimum(edges_new[1:, None], edges_old[None, 1:])
    return (high - low).clamp(min=0) * new
