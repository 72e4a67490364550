"""Photos turned into cubes of many noisy bands, so that stage 1 can already teach the spectral injection.

A photo's colours and their squares are taken for the abundances of six materials with smooth random spectra; every
band gets noise of its own, as of a sensor, which is in the low resolution only. What the network may look at beyond a
triplet (eigenimages of the whole cube, position, energy and noise of its channels) is then worth looking at, and there
are more photos than scenes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shsrd.degradation import bicubic_down, degrade, noisy
from shsrd.model import SpectralInformation
from shsrd.spectral import (
    GUIDE_CHANNELS,
    Acquisition,
    GuideName,
    SceneStatistics,
    SpectralBasis,
    guide_basis,
    scene_statistics,
)
from shsrd.training.data.batch import MARGIN, Batch, cut, floored_rms, residual_target
from shsrd.training.data.channels import band_noise, gained, pca_component_counts, random_band_triplets, to_triplets
from shsrd.training.data.guides import spectral_information
from shsrd.training.data.photos import PhotoSource, blurred, light, random_blur_sigma
from shsrd.training.data.random_ops import bernoulli, dihedral, integer, log_uniform, random_crop, signs
from shsrd.training.data.simulated_sensor import SimulatedSensor
from shsrd.upscaling.components import MNFTransform, fwhm_of
from shsrd.upscaling.noise_estimate import MIN_NOISE_RATIO
from shsrd.upscaling.tiles import Window, read_window, trim

MIN_CUBE_BANDS, MOST_BANDS = 8, 96
MAX_SENSOR_BANDS = 32  # of a cube that is corrected for its sensor: that takes time for each band
MIN_WAVELENGTH_UM, MAX_WAVELENGTH_UM = 0.35, 2.5  # of the wavelengths that a cube may pretend to have
GAUSSIANS_PER_SPECTRUM = 3  # of each material's spectrum
SQUARES = 0.5  # weight of the squared colours, of either sign
FLAT_SPECTRUM_LEVEL = 0.1  # of a flat spectrum that the colours share, so that no band is empty
CENTRE = 256  # pixels on a side of a photo's part whose statistics stand for a scene's
GROUP = 2  # triplets drawn from each cube
REFLECT_PADDING = 8  # low-resolution pixels around a crop that is corrected for its sensor


@dataclass(frozen=True)
class _Seen:
    """Low resolution ``(B, y, x)`` of a cube, what is known of the whole photo's, and how it was measured."""

    low: NDArray[np.float32]
    statistics: SceneStatistics
    acquisition: Acquisition | None


class PhotoCubeSource:
    """Random triplets of cubes made of photos, with the spectral information that goes with them."""

    def __init__(self, photos: PhotoSource, guides: GuideName) -> None:
        self.photos, self.augmentation, self.scale = photos, photos.augmentation, photos.scale
        self.guides: GuideName = guides
        self.statistics = cache(self._statistics)

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """A batch of ``count`` triplets, ``GROUP`` from each cube."""
        groups = [min(GROUP, count - first) for first in range(0, count, GROUP)]
        low, residual, maps, descriptor = (
            torch.cat(parts) for parts in zip(*(self._cube(group, generator) for group in groups), strict=True)
        )
        unit = floored_rms(residual.square().mean(dim=(2, 3), keepdim=True).sqrt())
        weight = torch.ones(1, 3, 1, 1).expand(count, -1, -1, -1)
        return Batch(low, residual, unit, weight, SpectralInformation(maps, descriptor))

    def _cube(self, group: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Low-resolution triplets, residuals, guide maps and descriptors of one crop."""
        number, linear = self.photos.choose(generator)
        materials = _materials(self._crop(number, generator, linear=linear))
        by_sensor = self.augmentation.cube_sensors > 0 and bernoulli(self.augmentation.cube_sensors, generator)
        most = MAX_SENSOR_BANDS if by_sensor else MOST_BANDS
        spectra = _spectra(round(log_uniform(MIN_CUBE_BANDS, most, generator)), generator)
        clean = _of_bands(self.statistics(number, linear), spectra)
        seen = (self._by_sensor if by_sensor else self._with_noise)(materials, spectra, clean, generator)
        low, statistics = seen.low, seen.statistics
        basis = self._draw_basis(statistics, group, generator)
        leading = guide_basis(statistics, GUIDE_CHANNELS, self.guides)
        position_um = _random_wavelengths_um(len(spectra), generator)
        information = spectral_information(low, basis, leading, position_um, signs(3, generator), seen.acquisition)
        patch, residual = residual_target(
            to_triplets(basis.project(torch.from_numpy(low))),
            to_triplets(_channels(basis, spectra, materials)),
            self.scale,
        )
        return patch, residual, cut(information.maps, MARGIN), information.descriptor

    def _with_noise(
        self, materials: Tensor, spectra: NDArray[np.float64], clean: SceneStatistics, generator: torch.Generator
    ) -> _Seen:
        """A cube seen through the bicubic kernel, with noise."""
        noise = np.sqrt(np.diag(clean.covariance)) * band_noise(
            len(spectra), self.augmentation.cube_noise_range, generator
        )
        low = _linear_mixture(spectra, bicubic_down(materials, self.scale))
        low = low + torch.from_numpy(noise).float()[:, None, None] * torch.randn(low.shape, generator=generator)
        return _Seen(low.numpy(), clean.with_noise(noise), None)

    def _by_sensor(
        self, materials: Tensor, spectra: NDArray[np.float64], clean: SceneStatistics, generator: torch.Generator
    ) -> _Seen:
        """A cube measured by a random sensor and corrected for what is believed of it."""
        rng, bands = np.random.default_rng(integer(2**62, generator)), np.arange(len(spectra))
        sensor = SimulatedSensor.random(rng, bands=len(spectra), scale=self.scale)
        low, noise = _linear_mixture(spectra, degrade(materials, sensor.model.mean)), np.zeros(len(spectra))
        level = np.hypot(clean.mean, np.sqrt(np.diag(clean.covariance)))
        if sensor.model.noise is not None:
            low = noisy(low, sensor.model.noise, generator=generator, level=torch.from_numpy(level).float())
            noise = level * sensor.model.noise.ratios(len(spectra))
        statistics = clean.with_noise(noise)
        if sensor.believed is None:
            return _Seen(low.numpy(), statistics, None)
        believed = noise if sensor.snr_db is None else level / 10 ** (sensor.snr_db / 20)
        believed = np.maximum(believed, MIN_NOISE_RATIO * np.sqrt(np.diag(clean.covariance)))
        part = MNFTransform.of(bands, sensor.believed, statistics, believed)
        around = Window(0, 0, *low.shape[1:]).grown(REFLECT_PADDING)
        corrected = part.apply(read_window(low.numpy(), around))
        acquisition = Acquisition(np.tile(fwhm_of(sensor.believed), (len(spectra), 1)), believed)
        return _Seen(trim(corrected, REFLECT_PADDING), clean.with_noise(part.residual_noise), acquisition)

    def _crop(self, number: int, generator: torch.Generator, *, linear: bool) -> Tensor:
        crop = random_crop(self.photos.store.photos[number], self.photos.side, generator)
        crop = dihedral(light(crop.float() / 255, linear), integer(8, generator))
        if not bernoulli(self.augmentation.blur, generator):
            return crop
        return blurred(crop[None], random_blur_sigma(generator))[0]

    def _draw_basis(self, statistics: SceneStatistics, group: int, generator: torch.Generator) -> SpectralBasis:
        channels = pca_component_counts if bernoulli(self.augmentation.cube_eigen, generator) else random_band_triplets
        return gained(channels(statistics, group, generator), self.augmentation.gain, generator)

    def _statistics(self, number: int, linear: bool) -> SceneStatistics:
        """Of a photo's materials at low resolution, over its central part."""
        photo = self.photos.store.photos[number]
        rows, columns = (min(size, CENTRE) // self.scale * self.scale for size in photo.shape[1:])
        top, left = ((size - side) // 2 for size, side in zip(photo.shape[1:], (rows, columns), strict=True))
        centre = photo[:, top : top + rows, left : left + columns]
        materials = _materials(light(centre.float() / 255, linear))
        return scene_statistics(bicubic_down(materials, self.scale).numpy())


def _materials(colours: Tensor) -> Tensor:
    """Abundances ``(6, y, x)``: the colours of a photo, and their squares."""
    return torch.cat([colours, colours.square()])


def _spectra(bands: int, generator: torch.Generator) -> NDArray[np.float64]:
    """Smooth random spectra ``(B, 6)`` of the materials; those of the colours are positive."""
    place = torch.linspace(0, 1, bands).reshape(-1, 1, 1)
    centre, width, height = torch.rand(3, 1, 6, GAUSSIANS_PER_SPECTRUM, generator=generator)
    bumps = torch.exp(-0.5 * ((place - centre) / (0.05 * 10**width)).square())
    spectra: Tensor = (height * bumps).sum(dim=-1)
    spectra[:, :3] += FLAT_SPECTRUM_LEVEL
    spectra[:, 3:] *= SQUARES * signs(3, generator)
    return spectra.double().numpy()


def _of_bands(statistics: SceneStatistics, spectra: NDArray[np.float64]) -> SceneStatistics:
    """Statistics of the bands of a cube, given those of its materials."""
    return SceneStatistics.from_moments(
        spectra @ statistics.mean,
        spectra @ statistics.covariance @ spectra.T,
        spectra @ statistics.noise_covariance @ spectra.T,
    )


def _random_wavelengths_um(bands: int, generator: torch.Generator) -> NDArray[np.float64]:
    """Wavelengths of evenly spaced bands in a random part of the solar spectrum."""
    first, last = sorted(log_uniform(MIN_WAVELENGTH_UM, MAX_WAVELENGTH_UM, generator) for _ in range(2))
    return np.interp(np.arange(bands), [0, bands - 1], [first, last])


def _channels(basis: SpectralBasis, spectra: NDArray[np.float64], materials: Tensor) -> Tensor:
    """Channels ``(K, y, x)`` of the noise-free cube at high resolution, which is never made."""
    matrix = (basis.vectors / basis.std).T @ spectra
    offset = (basis.mean @ basis.vectors) / basis.std
    return _linear_mixture(matrix, materials) - torch.from_numpy(offset).float()[:, None, None]


def _linear_mixture(matrix: NDArray[np.float64], materials: Tensor) -> Tensor:
    """Sums ``(K, y, x)`` of materials ``(6, y, x)`` with weights ``(K, 6)``."""
    flat = torch.from_numpy(matrix).float() @ materials.flatten(1)
    return flat.reshape(-1, *materials.shape[1:])
