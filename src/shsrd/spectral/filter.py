"""Wiener filter of detail across bands, with a covariance for every pixel.

The regression of ``shsrd.spectral.regression`` knows one covariance for a whole scene. But between two red leaves bands
go together otherwise than between a leaf and a stone. Here the covariance ``S`` of a low-resolution pixel is that of
the gradients in the 3x3 pixels around it, ``L``, plus a share of the scene's own ``C``, scaled to their size:

    S = rho L + (1 - rho + SHARED) t C,
    detail <- (S - (1 - rho + SHARED) t N)[:, a] (S[a, a] + RIDGE s I)^-1 detail[a],

with ``a`` the bands whose detail is estimated, ``t`` and ``s`` the mean diagonals of ``L[a, a]`` and ``S[a, a]`` and
``N`` the scene's noise. ``rho`` is the belief in the surroundings: gradients that are hardly stronger than noise tell
nothing, and the scene's covariance takes over.
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
NOISE_THRESHOLD = 16.0  # gradients count as far as their energy is above so many times the noise's variance
LEAST = 4e-3  # energy of gradients, in units of the scene's detail, that every pixel has at least
_VALUES = 2**21  # of covariances held at a time


@dataclass(frozen=True)
class BandFilter:
    """The filter of a scene: detail of K bands in, detail of F bands out, K of which are the same.

    Attributes:
        bands: ``(F,)`` their numbers.
        input_bands: ``(K,)`` places among them of the bands that come in.
        covariance: C ``(F, F)`` of the bands' finest detail, in units of its deviation.
        noise: N ``(F,)``, the share of each band's detail that is noise.
        detail: ``(F,)`` deviation of that detail, in cube units.
        std: ``(F,)`` the bands' standard units, in cube units.
    """

    bands: NDArray[np.intp]
    input_bands: NDArray[np.intp]
    covariance: Matrix
    noise: Matrix
    detail: Matrix
    std: Matrix

    def __call__(self, cube: Tensor, detail: Tensor) -> Tensor:
        """Filter detail.

        Args:
            cube: ``(B, y, x)`` low resolution; only differences matter. A result depends on pixels no farther than two
                from its own.
            detail: ``(K, s y, s x)`` in standard units.

        Returns:
            ``(F, s y, s x)`` in standard units; a new array.
        """
        rows, columns = cube.shape[1:]
        steps = _gradients(cube[torch.from_numpy(self.bands)] / _column(self.detail, cube.device)[..., None])
        unit, scale = _column(self.detail / self.std, cube.device), detail.shape[1] // rows
        blocks = detail.reshape(len(detail), rows, scale, columns, scale)
        filtered = torch.empty(len(unit), rows, scale, columns, scale, device=cube.device)
        strip = max(1, _VALUES // (len(unit) * max(18, len(detail)) * columns))
        for top in range(0, rows, strip):
            bottom = min(top + strip, rows)
            wanted = blocks[:, top:bottom].permute(1, 3, 0, 2, 4)  # y, x, K, s, s
            found = self._filtered(
                _around(steps[:, :, top : bottom + 2]), wanted.flatten(0, 1).flatten(2) / unit[self.input_bands]
            )
            found = (found * unit).reshape(bottom - top, columns, -1, scale, scale)
            filtered[:, top:bottom] = found.permute(2, 0, 3, 1, 4)
        return filtered.reshape(-1, *detail.shape[1:])

    def _filtered(self, around: Tensor, detail: Tensor) -> Tensor:
        """Detail ``(pixels, F, s s)`` in units of the scene's, from that of the bands seen and gradients around."""
        input_bands = torch.from_numpy(self.input_bands)
        shared, noise = (torch.from_numpy(matrix).float().to(around.device) for matrix in (self.covariance, self.noise))
        near = around[:, input_bands]
        local = torch.bmm(near, near.mT)
        energy = _mean_diagonal(local)
        belief = (1 - NOISE_THRESHOLD * noise[input_bands].mean() / energy.clamp_min(LEAST)).clamp(0, 1)[:, None, None]
        weight = ((1 - belief[:, 0, 0] + SHARED) * energy + LEAST)[:, None, None]
        ridged = belief * local + weight * shared[input_bands][:, input_bands]
        ridged.diagonal(dim1=1, dim2=2).add_(RIDGE * _mean_diagonal(ridged)[:, None])
        solved = torch.linalg.solve(ridged, detail)
        everywhere = (shared - noise.diag())[:, input_bands] @ solved
        filtered: Tensor = weight * everywhere + belief * torch.bmm(around, torch.bmm(near.mT, solved))
        return filtered


def _column(values: Matrix, device: torch.device) -> Tensor:
    return torch.from_numpy(values).float().to(device)[:, None]


def _gradients(channels: Tensor) -> Tensor:
    """Differences to the next pixel in both directions, ``(2, F, y + 2, x + 2)``, the outermost repeated all around."""
    along_rows = functional.pad(channels[:, :, 1:] - channels[:, :, :-1], (0, 1, 0, 0))
    along_columns = functional.pad(channels[:, 1:] - channels[:, :-1], (0, 0, 0, 1))
    return functional.pad(torch.stack([along_rows, along_columns]), (1, 1, 1, 1), mode="replicate")


def _around(steps: Tensor) -> Tensor:
    """Gradients ``(2, F, y + 2, x + 2)`` in the 3x3 pixels around each, ``(pixels, F, 18)``, over the root of 9."""
    return steps.unfold(2, 3, 1).unfold(3, 3, 1).permute(2, 3, 1, 0, 4, 5).flatten(3).flatten(0, 1) / 3


def _mean_diagonal(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=1, dim2=2).mean(dim=1)
