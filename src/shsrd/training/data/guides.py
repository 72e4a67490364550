"""Spectral information of a training step beyond the triplets."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shsrd.model import SpectralInformation
from shsrd.spectral import Acquisition, SpectralBasis, spectral_guide


def spectral_information(
    low: NDArray[np.float32],
    basis: SpectralBasis,
    leading: SpectralBasis,
    position_um: NDArray[np.float64],
    signs: Tensor,
    acquisition: Acquisition | None = None,
) -> SpectralInformation:
    """Guide maps and descriptors of the triplets of one low-resolution patch.

    Args:
        low: ``(B, y, x)``.
        basis: whose channels, by threes, are the triplets.
        leading: the scene's components that guide maps are made of.
        position_um: ``(B,)`` wavelengths, or what stands for them.
        signs: ``(3,)`` of the leading components, which mean nothing.
        acquisition: how the bands were measured, if they were corrected for that.
    """
    guide = spectral_guide(basis, leading, position_um, acquisition)
    triplets = np.arange(basis.channels).reshape(-1, 3)
    maps = guide.maps(guide.guide_components(torch.from_numpy(low)), triplets)
    maps[:, :3] *= signs.reshape(3, 1, 1)
    return SpectralInformation(maps, torch.from_numpy(guide.descriptors(triplets)))
