"""Spectral bases: linear maps from B bands to K channels, which the network sees three at a time, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shsrd.cube.linear import matrix_product, square_root_
from shsrd.spectral.filter import BandFilter
from shsrd.spectral.regression import DetailStatistics, detail_statistics, evenly_spaced_bands
from shsrd.spectral.statistics import SceneStatistics, nonzero_std

BasisName = Literal["pca", "bands"]
GuideName = Literal["pca", "mnf"]
Matrix = NDArray[np.float64]

MAX_PCA_COMPONENTS = 12
DISCARDED_VARIANCE = 1e-5  # share of the variance that may stay bicubic
MAX_FULL_INPUT_BANDS = 36  # bands: the network sees each of so many
DEFAULT_INPUT_BANDS = 24  # of more


@dataclass(frozen=True)
class SpectralBasis:
    """A linear map ``z = E^T (y - mu) / d`` of cubes, and one of detail in the channels back to the bands, ``S z``.

    Attributes:
        name: ``"pca"`` or ``"bands"``.
        mean: mu ``(B,)``, the band means.
        vectors: E ``(B, K)``; orthonormal columns, or single bands.
        std: d ``(K,)``, standard deviation of each channel, never zero.
        reconstruction_matrix: S, what a standard unit of each channel's detail is in each band, ``(B, K)``; ``(B, F)``
            where a filter makes detail of F bands out of that of K.
        variances: ``(B, K)``, what a squared standard unit of each channel's error is in each band's.
        energy: ``(K,)`` share of the scene's variance in each channel.
        noise: ``(K,)`` noise standard deviation of each channel in units of its deviation.
        filter: of the channels' detail before it goes back to the bands; F is K or B. Or None.
    """

    name: BasisName
    mean: Matrix
    vectors: Matrix
    std: Matrix
    reconstruction_matrix: Matrix
    variances: Matrix
    energy: Matrix
    noise: Matrix
    filter: BandFilter | None = None

    @property
    def channels(self) -> int:
        """K, the number of channels."""
        return int(self.vectors.shape[1])

    def triplets(self, stride: int = 3) -> NDArray[np.intp]:
        """Channel numbers ``(T, 3)`` covering every channel; the last triplet steps back, so some come twice.

        With fewer than three channels, channels are repeated.

        Args:
            stride: channels from the start of one triplet to the start of the next, 1 to 3; below 3 they overlap.

        Raises:
            ValueError: a stride that would leave channels out or never get anywhere.
        """
        if not 1 <= stride <= 3:
            raise ValueError(f"stride {stride} of triplets is out of range; choose 1, 2 or 3")
        count = self.channels
        if count < 3:
            return np.resize(np.arange(count), 3)[None]
        starts = [min(start, count - 3) for start in range(0, count - 3 + stride, stride)]
        return np.array([[start, start + 1, start + 2] for start in starts])

    def project(self, cube: Tensor) -> Tensor:
        """Channels ``(K, y, x)`` in standard units of a cube ``(B, y, x)`` without missing values."""
        return _project((self.vectors / self.std).T, cube, -(self.mean @ self.vectors) / self.std)

    def filtered(self, cube: Tensor, detail: Tensor) -> Tensor:
        """Detail ``(K, s y, s x)`` of the channels of a cube ``(B, y, x)``, as far as the cube makes it likely.

        Returns:
            ``(F, s y, s x)``, what ``reconstruction_matrix`` takes.
        """
        return detail if self.filter is None else self.filter(cube, detail)

    def add_detail(self, cube: Tensor, channels: Tensor) -> None:
        """Add channel differences ``(F, y, x)`` to a cube ``(B, y, x)`` in place: ``y += S z``."""
        matrix = torch.from_numpy(self.reconstruction_matrix.astype(np.float32)).to(cube.device)
        cube.view(len(cube), -1).addmm_(matrix, channels.flatten(1))

    def reconstruct(self, channels: Tensor) -> Tensor:
        """Cube ``(B, y, x)`` of channel *differences* ``(F, y, x)``: ``S z``, without the mean."""
        return _project(self.reconstruction_matrix, channels, np.zeros(len(self.reconstruction_matrix)))

    def reconstruct_std(self, std: Tensor) -> Tensor:
        """Standard deviations ``(B, y, x)`` of a cube whose channels have these, ``(K, y, x)``.

        Channels of the PCA basis count as uncorrelated; in the basis of bands a band's error is that of the channels
        its detail comes from, in its own standard units. What a basis leaves out counts as known.
        """
        return square_root_(_project(self.variances, std.square(), np.zeros(len(self.variances))))


def _project(matrix: Matrix, stack: Tensor, offset: Matrix) -> Tensor:
    flat = matrix_product(matrix, stack.flatten(1))
    flat += torch.from_numpy(offset.astype(np.float32)[:, None]).to(stack.device)
    return flat.reshape(-1, *stack.shape[1:])


def band_basis(statistics: SceneStatistics, channels: int | None = None) -> SpectralBasis:
    """Bands, standardised: triplets are neighbours in the spectrum, like the R, G, B of a photo.

    The network's detail is not taken band by band. Where there are many, it is filtered across the channels
    (``shsrd.spectral.filter``). That of bands not seen comes from the same filter in cubes of up to
    ``MAX_FULL_INPUT_BANDS`` bands, and by regression in larger ones (``shsrd.spectral.regression``), where it is as
    good and costs less.

    Args:
        statistics: of the low-resolution cube.
        channels: how many evenly spaced bands the network sees; None: all of a few, ``DEFAULT_INPUT_BANDS`` of many.
    """
    bands = statistics.bands
    if channels is None:
        channels = bands if bands <= MAX_FULL_INPUT_BANDS else DEFAULT_INPUT_BANDS
    chosen = evenly_spaced_bands(bands, channels)
    basis = linear_basis(statistics, np.eye(bands)[:, chosen], "bands")
    detail = detail_statistics(statistics)
    weights = detail.regression_weights(chosen)
    shares = np.abs(weights * basis.std)
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    variances = shares * np.maximum(np.diag(statistics.covariance), 0)[:, None]
    if not detail.filtered:
        return replace(basis, reconstruction_matrix=weights * basis.std, variances=variances)
    std = nonzero_std(np.sqrt(np.maximum(np.diag(statistics.covariance), 0)), statistics.brightest)
    if bands <= MAX_FULL_INPUT_BANDS:
        filtering = _band_filter(detail, std, np.arange(bands), chosen)
        return replace(basis, reconstruction_matrix=np.diag(std), variances=variances, filter=filtering)
    filtering = _band_filter(detail, std, chosen, np.arange(len(chosen)))
    reconstruction_matrix = detail.missing_band_weights(chosen) * basis.std
    return replace(basis, reconstruction_matrix=reconstruction_matrix, variances=variances, filter=filtering)


def _band_filter(
    detail: DetailStatistics, std: Matrix, bands: NDArray[np.intp], input_bands: NDArray[np.intp]
) -> BandFilter:
    """The filter from estimates of the bands ``bands[input_bands]`` to the detail of ``bands``."""
    covariance = detail.covariance[np.ix_(bands, bands)]
    return BandFilter(bands, input_bands, covariance, detail.noise[bands], detail.std[bands], std[bands])


def pca_basis(statistics: SceneStatistics, channels: int | None = None) -> SpectralBasis:
    """The K leading principal components of the cube (its eigenimages).

    Args:
        statistics: of the low-resolution cube.
        channels: K; None chooses the smallest multiple of 3 that leaves out less than ``DISCARDED_VARIANCE`` of the
            variance, at most ``MAX_PCA_COMPONENTS`` (and at most B).

    Returns:
        A basis whose columns have their largest entry positive, so signs are reproducible.
    """
    values, vectors = statistics.principal_components
    energy = values / max(values.sum(), np.finfo(float).tiny)
    if channels is None:
        needed = int(np.searchsorted(np.cumsum(energy), 1 - DISCARDED_VARIANCE)) + 1
        channels = min(MAX_PCA_COMPONENTS, 3 * -(-needed // 3))
    return linear_basis(statistics, _signed(vectors[:, : min(channels, statistics.bands)]), "pca")


def pca_component_counts(detectors: Sequence[SceneStatistics], channels: int | None = None) -> list[int]:
    """Number of principal components of each detector of a scene.

    Triplets go where most variance is left: one to each detector, then until less than ``DISCARDED_VARIANCE`` of the
    scene's is left out, or ``channels`` are reached (``MAX_PCA_COMPONENTS`` where nobody says).
    """
    values = [each.principal_components[0] for each in detectors]
    total = max(sum(float(each.sum()) for each in values), np.finfo(float).tiny)
    most = MAX_PCA_COMPONENTS if channels is None else channels
    unit = 3 if most % 3 == 0 else 1
    found = [min(unit, len(each)) for each in values]
    while sum(found) + unit <= most:
        left = [float(each[have:].sum()) / total for each, have in zip(values, found, strict=True)]
        enough = channels is None and sum(left) < DISCARDED_VARIANCE
        open_ones = [share if have < len(each) else -1.0 for share, have, each in zip(left, found, values, strict=True)]
        if enough or max(open_ones) < 0:
            break
        first = int(np.argmax(open_ones))
        found[first] = min(found[first] + unit, len(values[first]))
    return found


def _signed(vectors: Matrix) -> Matrix:
    """The columns with their largest entry positive."""
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    return np.asarray(vectors * np.sign(largest))


def linear_basis(statistics: SceneStatistics, vectors: Matrix, name: BasisName) -> SpectralBasis:
    """The basis of any columns ``vectors`` ``(B, K)``: deviations, energies and noise of its channels.

    Its synthesis is right for orthonormal columns; training also analyses with others.
    """
    variance = np.maximum(_quadratic(statistics.covariance, vectors), 0)
    std = nonzero_std(np.sqrt(variance), statistics.brightest)
    noise = np.sqrt(np.maximum(_quadratic(statistics.noise_covariance, vectors), 0)) / std
    energy = variance / max(float(np.trace(statistics.covariance)), np.finfo(float).tiny)
    reconstruction_matrix = vectors * std
    return SpectralBasis(
        name,
        statistics.mean,
        vectors,
        std,
        reconstruction_matrix,
        np.square(reconstruction_matrix),
        energy,
        noise,
    )


def mnf_basis(statistics: SceneStatistics, channels: int) -> SpectralBasis:
    """The leading noise-adjusted principal components (Lee et al. 1990): those of bands in units of their own noise.

    A noisy band takes no component for itself as it does in the PCA basis, so few components hold more of the scene
    and less of the noise. Noise counts as uncorrelated between bands.
    """
    unit, vectors = statistics.noise_adjusted_components
    leading = _signed(vectors[:, :channels])
    basis = linear_basis(statistics, leading / unit[:, None], "pca")
    reconstruction_matrix = leading * unit[:, None] * basis.std
    return replace(basis, reconstruction_matrix=reconstruction_matrix, variances=np.square(reconstruction_matrix))


def _quadratic(matrix: Matrix, vectors: Matrix) -> Matrix:
    """``e^T M e`` of every column e."""
    return np.asarray(((matrix @ vectors) * vectors).sum(axis=0))


def guide_basis(statistics: SceneStatistics, channels: int, kind: GuideName) -> SpectralBasis:
    """The leading ``channels`` components of a scene (all of them if it has fewer bands), of either kind."""
    count = min(channels, statistics.bands)
    return pca_basis(statistics, count) if kind == "pca" else mnf_basis(statistics, count)
