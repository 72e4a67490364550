"""What the bands' detail may be at a place: a Wiener filter across channels with a covariance for every pixel.

The regression of ``shsrd.spectral.regression`` knows one covariance for a whole scene. But between two red leaves bands
go together otherwise than between a leaf and a stone. Here the covariance ``S`` of a low-resolution pixel is that of
the gradients in the 3x3 pixels around it, ``L``, plus a share of the scene's own ``C``, scaled to their size:

    S = rho L + (1 - rho + SHARED) t C,      detail <- (S - (1 - rho + SHARED) t N) (S + RIDGE s I)^-1 detail,

with ``t`` and ``s`` the mean diagonals of ``L`` and ``S`` and ``N`` the scene's noise. ``rho`` is the belief in the
surroundings: gradients that are hardly stronger than noise tell nothing, and the scene's covariance takes over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Matrix = NDArray[np.float64]

SHARED = 0.3  # of the scene's covariance where the surroundings are believed
RIDGE = 0.06  # error of the network's estimates in shares of the local detail
DOUBT = 16.0  # gradients count as far as their energy is above so many times the noise's variance
LEAST = 4e-3  # energy of gradients, in units of the scene's detail, that every pixel has at least
_VALUES = 2**21  # of covariances held at a time


@dataclass(frozen=True)
class ChannelFilter:
    """The filter of a scene's channels.

    Attributes:
        covariance: C ``(K, K)`` of the channels' finest detail, in units of its deviation.
        noise: N ``(K,)``, the share of each channel's detail that is noise.
        unit: ``(K,)`` deviation of that detail in the channels' standard units.
    """

    covariance: Matrix
    noise: Matrix
    unit: Matrix

    def __call__(self, low: NDArray[np.float32], detail: NDArray[np.float32]) -> NDArray[np.float32]:
        """Filter detail.

        Args:
            low: ``(K, y, x)`` low-resolution channels in standard units; only differences matter. A result depends on
                pixels no farther than two from its own.
            detail: ``(K, s y, s x)`` in standard units.

        Returns:
            A new array like ``detail``.
        """
        channels, rows, columns = low.shape
        unit = torch.from_numpy(self.unit).float()[:, None, None]
        steps = _gradients(torch.from_numpy(low) / unit)
        scale = detail.shape[1] // rows
        blocks = torch.from_numpy(detail).reshape(channels, rows, scale, columns, scale)
        filtered = torch.empty_like(blocks)
        strip = max(1, _VALUES // (channels**2 * columns))
        for top in range(0, rows, strip):
            bottom = min(top + strip, rows)
            local = _covariances(steps[:, :, top : bottom + 2])
            wanted = blocks[:, top:bottom].permute(1, 3, 0, 2, 4)  # y, x, K, s, s
            found = self._filtered(local, wanted.flatten(0, 1).flatten(2) / unit.flatten()[:, None])
            found = (found * unit.flatten()[:, None]).reshape(wanted.shape)
            filtered[:, top:bottom] = found.permute(2, 0, 3, 1, 4)
        return filtered.reshape(detail.shape).numpy()

    def _filtered(self, local: Tensor, detail: Tensor) -> Tensor:
        """Detail ``(pixels, K, s s)`` in units of the scene's, by local covariances ``(pixels, K, K)``."""
        shared, noise = (torch.from_numpy(matrix).float() for matrix in (self.covariance, self.noise))
        energy = _mean_diagonal(local)
        belief = (1 - DOUBT * noise.mean() / energy.clamp_min(LEAST)).clamp(0, 1)
        weight = (1 - belief + SHARED) * energy + LEAST
        mixed = belief[:, None, None] * local + weight[:, None, None] * shared
        ridged = mixed.clone()
        ridged.diagonal(dim1=1, dim2=2).add_(RIDGE * _mean_diagonal(mixed)[:, None])
        solved = torch.linalg.solve(ridged, detail)
        filtered: Tensor = torch.bmm(mixed, solved) - (weight[:, None] * noise)[:, :, None] * solved
        return filtered


def _gradients(channels: Tensor) -> Tensor:
    """Differences to the next pixel in both directions, ``(2, K, y + 2, x + 2)``, the outermost repeated all around."""
    along_rows = functional.pad(channels[:, :, 1:] - channels[:, :, :-1], (0, 1, 0, 0))
    along_columns = functional.pad(channels[:, 1:] - channels[:, :-1], (0, 0, 0, 1))
    return functional.pad(torch.stack([along_rows, along_columns]), (1, 1, 1, 1), mode="replicate")


def _covariances(steps: Tensor) -> Tensor:
    """Those of gradients ``(2, K, y + 2, x + 2)`` in 3x3 pixels, ``(pixels, K, K)``."""
    around = steps.unfold(2, 3, 1).unfold(3, 3, 1).permute(2, 3, 1, 0, 4, 5).flatten(3).flatten(0, 1)
    return torch.bmm(around, around.mT) / 9


def _mean_diagonal(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=1, dim2=2).mean(dim=1)
