"""Random channels of a cube for a training step, from its statistics alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shsrd.spectral import SceneStatistics, SpectralBasis, linear_basis, pca_basis
from shsrd.training.data.random_ops import log_uniform, uniform

UNEVEN = 0.7  # standard deviation of the logarithm of bands' noise


def pca_component_counts(statistics: SceneStatistics, group: int, generator: torch.Generator) -> SpectralBasis:
    """Triplets of eigenimages, drawn more often the more energy they have."""
    basis = pca_basis(statistics)
    triplets = basis.triplets()
    energy = torch.from_numpy(basis.energy[triplets].sum(axis=1)) ** 0.25
    chosen = triplets[torch.multinomial(energy, group, replacement=True, generator=generator).numpy()]
    return linear_basis(statistics, basis.vectors[:, chosen.ravel()], "pca")


def random_band_triplets(statistics: SceneStatistics, group: int, generator: torch.Generator) -> SpectralBasis:
    """Triplets of neighbouring bands, in either direction."""
    bands = statistics.bands
    starts = torch.randint(max(1, bands - 2), (group, 1), generator=generator)
    numbers = (starts + torch.arange(3)).clamp_max(bands - 1)
    numbers = numbers.flip(1) if uniform(generator) < 0.5 else numbers
    return linear_basis(statistics, np.eye(bands)[:, numbers.flatten().numpy()], "bands")


def random_broadband_triplets(statistics: SceneStatistics, group: int, generator: torch.Generator) -> SpectralBasis:
    """Triplets of broad neighbouring bands, as another sensor would see them."""
    bands = statistics.bands
    centre = bands * torch.rand((group, 1), generator=generator)
    width = 0.7 + 0.12 * bands * torch.rand((group, 1), generator=generator)
    centres = (centre + width * torch.tensor([-1.0, 0.0, 1.0])).clamp(0, bands - 1).reshape(1, -1)
    widths = width.expand(-1, 3).reshape(1, -1)
    vectors = torch.exp(-0.5 * ((torch.arange(bands)[:, None] - centres) / widths) ** 2) + 1e-6
    return linear_basis(statistics, (vectors / vectors.norm(dim=0)).double().numpy(), "bands")


def band_noise(bands: int, noise_range: tuple[float, float], generator: torch.Generator) -> NDArray[np.float64]:
    """Standard deviations ``(B,)`` of sensor noise in units of each band's deviation: one level, some bands worse."""
    level = log_uniform(*noise_range, generator)
    return np.asarray(level * torch.exp(UNEVEN * torch.randn(bands, generator=generator)).double().numpy())


def gained(basis: SpectralBasis, gain: float, generator: torch.Generator) -> SpectralBasis:
    """The basis with its standard units divided by up to ``gain`` or multiplied by up to it."""
    factor = log_uniform(1 / gain, gain, generator)
    return replace(
        basis,
        std=basis.std * factor,
        reconstruction_matrix=basis.reconstruction_matrix * factor,
        variances=basis.variances * factor**2,
        noise=basis.noise / factor,
    )


def to_triplets(channels: Tensor) -> Tensor:
    """``(3 t, y, x)`` to ``(t, 3, y, x)``."""
    return channels.reshape(-1, 3, *channels.shape[1:])
