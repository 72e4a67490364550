"""Spectral bases and guides of a scene, computed before any tile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shsrd.spectral import (
    GUIDE_CHANNELS,
    Acquisition,
    BasisName,
    GuideName,
    SceneStatistics,
    SpectralBasis,
    SpectralGuide,
    band_basis,
    guide_basis,
    pca_basis,
    positions_um,
    spectral_guide,
)


@dataclass(frozen=True)
class GuidedBasis:
    """A working basis with the spectral information that goes with it.

    Attributes:
        basis: K channels.
        guide: relates them to the scene's leading eigenimages.
        triplets: ``(T, 3)`` channel numbers.
        flips: ``(T,)``, which of ``symmetries(4)`` each of them is shown to the network in.
    """

    basis: SpectralBasis
    guide: SpectralGuide
    triplets: NDArray[np.intp]
    flips: NDArray[np.intp]


def guided_basis(
    statistics: SceneStatistics,
    name: BasisName,
    wavelength_nm: NDArray[np.float64] | None = None,
    channels: int | None = None,
    *,
    stride: int = 3,
    guides: GuideName,
    acquisition: Acquisition | None = None,
) -> GuidedBasis:
    """The working basis ``name`` of a scene and its guide.

    Where detail is filtered across the channels afterwards, triplets are shown in turn as they are and mirrored: the
    network's errors differ between the four, so the filter averages more of them away. It costs nothing.

    Args:
        statistics: of the scene.
        name: which basis.
        wavelength_nm: ``(B,)`` band centres, or None.
        channels: K, how many channels the network sees; None chooses eigenimages by energy and bands by their number.
        stride: channels from one triplet to the next; below 3 triplets overlap and their details are averaged.
        guides: which components the weights take for guide maps.
        acquisition: how the bands were measured, of a scene that was corrected for that.
    """
    basis = band_basis(statistics, channels) if name == "bands" else pca_basis(statistics, channels)
    leading = guide_basis(statistics, GUIDE_CHANNELS, guides)
    guide = spectral_guide(basis, leading, positions_um(wavelength_nm, statistics.bands), acquisition)
    triplets = basis.triplets(stride)
    flips = np.arange(len(triplets)) % (4 if basis.filter is not None else 1)
    return GuidedBasis(basis, guide, triplets, flips)
