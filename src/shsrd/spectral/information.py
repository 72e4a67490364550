"""Spectral information: what a triplet may be told about the rest of the spectrum.

Two kinds, both read off the low-resolution scene alone:

* *maps*: the scene's three leading eigenimages, where edges shared by all bands live, and the triplet rebuilt from
  the leading 3 and 6 eigenimages, which averages the noise of all bands away;
* a *descriptor*: where in the spectrum the triplet's channels sit (Fourier features of wavelength, weighted by the
  basis vectors), their share of energy, their noise, and how much of them the leading eigenimages explain; and, of a
  scene that was corrected for its sensor, how each channel was measured: width of the point spread function, noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from shsrd.cube.linear import matrix_product
from shsrd.spectral.basis import SpectralBasis

Matrix = NDArray[np.float64]

RANKS = (3, 6)  # numbers of leading eigenimages in the low-rank rebuilds
GUIDE_CHANNELS = max(RANKS)
MAP_CHANNELS = 3 + 3 * len(RANKS)
FREQUENCIES = 8  # Fourier frequencies, cycles per micrometre: 0.25, 0.5, … 32
WAVELENGTH_FEATURES = 2 * FREQUENCIES  # the first of a channel's features
CHANNEL_FEATURES = WAVELENGTH_FEATURES + 2 + GUIDE_CHANNELS + 1
ACQUISITION_FEATURES = 4  # sensor known or not, widths along y and x, noise
CONTENT_FEATURES = 3 * CHANNEL_FEATURES  # a descriptor without the acquisition: its first entries
DESCRIPTOR_FEATURES = CONTENT_FEATURES + 3 * ACQUISITION_FEATURES
TYPICAL_FWHM = 1.4  # low-resolution pixels
TYPICAL_NOISE = -2.0  # decimal logarithm of a channel's noise over its deviation
MIN_CHANNEL_NOISE = 1e-4  # of its deviation: less cannot be told apart


@dataclass(frozen=True, eq=False)
class Acquisition:
    """Point spread function and noise with which each band was measured, before it was corrected for them.

    Attributes:
        fwhm: ``(B, 2)`` full widths at half maximum along y and x, low-resolution pixels.
        noise: ``(B,)`` standard deviation of the noise, in the scene's unit.
    """

    fwhm: Matrix
    noise: Matrix

    def select_bands(self, bands: NDArray[np.intp]) -> Acquisition:
        """The same of some of the bands ``(b,)``."""
        return Acquisition(self.fwhm[bands], self.noise[bands])

    def features(self, basis: SpectralBasis) -> Matrix:
        """Features ``(K, ACQUISITION_FEATURES)`` of a basis's channels; all 0 means: no sensor known."""
        share = np.square(basis.vectors)
        fwhm = share.T @ self.fwhm / share.sum(axis=0)[:, None]
        noise = np.sqrt(share.T @ np.square(self.noise)) / basis.std
        level = np.log10(np.clip(noise, MIN_CHANNEL_NOISE, 1)) - TYPICAL_NOISE
        return np.concatenate([np.ones((len(fwhm), 1)), fwhm - TYPICAL_FWHM, level[:, None]], axis=1)


@dataclass(frozen=True)
class SpectralGuide:
    """Everything the injection needs to know of one scene and one basis.

    Attributes:
        basis: PCA basis of the guide maps, at most ``GUIDE_CHANNELS`` channels.
        loadings: ``(K, GUIDE_CHANNELS)``, each channel of the working basis as a sum of standardised eigenimages.
        features: ``(K, CHANNEL_FEATURES)`` descriptor of each channel.
        acquisition: ``(K, ACQUISITION_FEATURES)``, the same of its measurement.
    """

    basis: SpectralBasis
    loadings: Matrix
    features: Matrix
    acquisition: Matrix

    def maps(self, eigenimages: Tensor, triplets: NDArray[np.intp]) -> Tensor:
        """Guide maps of some triplets.

        Args:
            eigenimages: ``(GUIDE_CHANNELS, y, x)``, from ``guide_components``.
            triplets: ``(T, 3)`` channel numbers of the working basis.

        Returns:
            ``(T, MAP_CHANNELS, y, x)``.
        """
        count, shape = len(triplets), eigenimages.shape[1:]
        leading = eigenimages[:3].expand(count, 3, *shape)
        rebuilt = [self._rebuild(eigenimages, triplets, rank) for rank in RANKS]
        return torch.cat([leading, *rebuilt], dim=1)

    def _rebuild(self, eigenimages: Tensor, triplets: NDArray[np.intp], rank: int) -> Tensor:
        weights = self.loadings[triplets, :rank]  # (T, 3, rank)
        flat = matrix_product(weights.reshape(-1, rank), eigenimages[:rank].flatten(1))
        return flat.reshape(len(triplets), 3, *eigenimages.shape[1:])

    def guide_components(self, cube: Tensor) -> Tensor:
        """The standardised leading eigenimages ``(GUIDE_CHANNELS, y, x)`` of a cube without missing values."""
        images = self.basis.project(cube)
        missing = GUIDE_CHANNELS - images.shape[0]
        return pad(images, (0, 0, 0, 0, 0, missing))

    def descriptors(self, triplets: NDArray[np.intp]) -> NDArray[np.float32]:
        """Descriptors ``(T, DESCRIPTOR_FEATURES)`` of triplets ``(T, 3)``."""
        parts = (part[triplets].reshape(len(triplets), -1) for part in (self.features, self.acquisition))
        return np.concatenate(list(parts), axis=1).astype(np.float32)


def wavelength_features(wavelength_um: Matrix) -> Matrix:
    """Fourier features ``(B, 2 * FREQUENCIES)`` of wavelengths in micrometres (Tancik et al. 2020, eq. 5)."""
    phase = 2 * np.pi * wavelength_um[:, None] * 0.25 * 2.0 ** np.arange(FREQUENCIES)
    return np.concatenate([np.sin(phase), np.cos(phase)], axis=1)


def positions_um(wavelength_nm: Matrix | None, bands: int) -> Matrix:
    """Band positions in micrometres; without wavelengths, bands spread evenly over 0.4 to 0.7 by index."""
    if wavelength_nm is not None and np.isfinite(wavelength_nm).all():
        return wavelength_nm / 1000
    return np.linspace(0.4, 0.7, bands)


def spectral_guide(
    basis: SpectralBasis, guide: SpectralBasis, position_um: Matrix, acquisition: Acquisition | None = None
) -> SpectralGuide:
    """Relate the channels of ``basis`` to the eigenimages of ``guide`` and describe them.

    Args:
        basis: the working basis (eigen or bands), K channels.
        guide: from ``guide_basis``, of the same scene.
        position_um: ``(B,)`` from ``positions_um``.
        acquisition: how the bands were measured, of a scene that was corrected for that.
    """
    kept = min(guide.channels, GUIDE_CHANNELS)
    loadings = np.zeros((basis.channels, GUIDE_CHANNELS))
    loadings[:, :kept] = basis.vectors.T @ guide.reconstruction_matrix[:, :kept] / basis.std[:, None]
    explained = np.square(loadings).sum(axis=1, keepdims=True)
    features = np.concatenate(
        [
            basis.vectors.T @ wavelength_features(position_um),
            np.log10(basis.energy + 1e-8)[:, None] / 4,
            np.log10(basis.noise + 1e-4)[:, None] / 2,
            np.abs(loadings),
            np.log10(np.maximum(1 - explained, 0) + 1e-6) / 3,
        ],
        axis=1,
    )
    unknown = np.zeros((basis.channels, ACQUISITION_FEATURES))
    return SpectralGuide(guide, loadings, features, unknown if acquisition is None else acquisition.features(basis))
