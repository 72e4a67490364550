"""Stage 2 batches: patches of hyperspectral scenes, seen through the scene's own bases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shsrd.degradation import bicubic_down, bicubic_up
from shsrd.model import SpectralInformation
from shsrd.spectral import (
    GUIDE_CHANNELS,
    Acquisition,
    GuideName,
    SpectralBasis,
    guide_basis,
    positions_um,
    scene_statistics,
)
from shsrd.training.config import SceneAugmentation, TrainingError
from shsrd.training.data.batch import MARGIN, Batch, SpectralAngleLoss, cut, floored_rms, residual_target
from shsrd.training.data.channels import (
    band_noise,
    gained,
    pca_component_counts,
    random_band_triplets,
    random_broadband_triplets,
    to_triplets,
)
from shsrd.training.data.guides import spectral_information
from shsrd.training.data.pack import PackedScene, load_scenes
from shsrd.training.data.random_ops import bernoulli, dihedral, integer, signs, uniform
from shsrd.training.data.simulated_sensor import SimulatedSensor

SMALLEST_PATCH = 8  # low-resolution pixels
BINS = 6  # per leading eigenimage, for the balance of materials
MIN_RELATIVE_BRIGHTNESS = 0.05  # of the mean brightness: darker pixels weigh no more than this one


class SceneSource:
    """Random triplets from packed scenes; a batch is a pure function of the generator handed in.

    Scenes too small for a patch give smaller ones, in batches of their own with more of them.
    """

    def __init__(
        self, folder: Path, augmentation: SceneAugmentation, *, scale: int, patch: int, guides: GuideName
    ) -> None:
        self.augmentation, self.patch = augmentation, patch
        packed = load_scenes(folder)
        self.scenes = [TrainingScene(scene, scale, guides, number) for number, scene in enumerate(packed)]
        self.scenes_by_patch = _group_by_patch(self.scenes, patch)
        if patch not in self.scenes_by_patch:
            side = (patch + 2 * MARGIN) * scale
            raise TrainingError(f"{folder}: no scene has {side} pixels a side; choose a smaller patch")

    def prepare(self, threads: int) -> None:
        """Make all scenes of random sensors at once, so that processes that draw batches need not make their own."""
        if self.augmentation.sensors:
            pairs = [(scene, number) for scene in self.scenes for number in range(self.augmentation.sensor_count)]
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(lambda pair: pair[0].acquired(pair[1]), pairs))

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """A batch of ``count`` triplets, ``augmentation.triplets`` from each patch; more where patches are smaller."""
        patch = self._size(generator)
        group = min(count, self.augmentation.triplets)
        patches = count // group * self.patch**2 // patch**2
        return join([self._patch(patch, group, generator) for _ in range(patches)])

    def _size(self, generator: torch.Generator) -> int:
        """Side of this batch's patches: any scene is as likely to decide on it."""
        if len(self.scenes_by_patch) == 1:
            return self.patch
        number = integer(sum(map(len, self.scenes_by_patch.values())), generator)
        return [patch for patch, scenes in self.scenes_by_patch.items() for _ in scenes][number]

    def _patch(self, patch: int, group: int, generator: torch.Generator) -> Batch:
        scenes, side = self.scenes_by_patch[patch], patch + 2 * MARGIN
        scene = scenes[integer(len(scenes), generator)]
        balanced = bernoulli(self.augmentation.balanced, generator)
        row, column = scene.corner(side, generator, balanced=balanced)
        wanted = self.augmentation
        if wanted.sensors and bernoulli(wanted.sensors, generator):
            scene = scene.acquired(integer(wanted.sensor_count, generator))
        elif wanted.noise and bernoulli(wanted.noise, generator):
            scene = scene.with_band_noise(band_noise(len(scene.low), self.augmentation.noise_range, generator))
        basis = gained(self._draw_basis(scene, group, generator), self.augmentation.gain, generator)
        symmetry = integer(8, generator)
        return scene.batch(basis, (row, column, side), self.augmentation, (symmetry, signs(3, generator)), generator)

    def _draw_basis(self, scene: TrainingScene, group: int, generator: torch.Generator) -> SpectralBasis:
        """Channels of ``group`` triplets: eigenimages, broad random bands, or neighbouring bands."""
        draw, share = uniform(generator), self.augmentation
        if draw < share.eigen:
            return pca_component_counts(scene.statistics, group, generator)
        if draw < share.eigen + share.mixed:
            return random_broadband_triplets(scene.statistics, group, generator)
        return random_band_triplets(scene.statistics, group, generator)


class TrainingScene:
    """One scene with its low-resolution version and moments.

    Args:
        packed: the scene.
        scale: factor.
        guides: components that guide maps are made of.
        number: of the scene in its folder: its random sensors are others than those of other scenes.
    """

    def __init__(self, packed: PackedScene, scale: int, guides: GuideName, number: int = 0) -> None:
        rows, columns = (size // scale * scale for size in packed.stored.shape[1:])
        self.stored, self.step, self.scale = packed.stored[:, :rows, :columns], packed.step, scale
        self.number, self.guides = number, guides
        self.noise: NDArray[np.float32] | None = None
        self._acquired: dict[int, TrainingScene] = {}
        high = self._pixels(slice(None), slice(None))
        self.position_um = positions_um(packed.wavelength_nm, len(high))
        self._set_low_resolution(high, bicubic_down(torch.from_numpy(high), scale).numpy(), None)

    def _set_low_resolution(
        self, high: NDArray[np.float32], low: NDArray[np.float32], acquisition: Acquisition | None
    ) -> None:
        """Take ``low`` for the scene's low resolution."""
        self.low, self.acquisition = low, acquisition
        self.statistics = scene_statistics(low)
        self.leading = guide_basis(self.statistics, GUIDE_CHANNELS, self.guides)
        residual = (torch.from_numpy(high) - bicubic_up(torch.from_numpy(low), self.scale)).flatten(1)
        self.residual_covariance = (residual @ residual.T / residual.shape[1]).numpy().astype(np.float64)
        self.brightness = np.linalg.norm(low, axis=0)

    def acquired(self, number: int) -> TrainingScene:
        """The same scene as a random sensor measured it, corrected for that; a pure function of the number."""
        if number not in self._acquired:
            rng = np.random.default_rng((self.number, number))
            sensor = SimulatedSensor.random(rng, bands=len(self.low), scale=self.scale)
            high, seed = self._pixels(slice(None), slice(None)), int(rng.integers(2**62))
            scene = copy(self)
            scene.__dict__.pop("rarity", None)
            scene._set_low_resolution(high, *sensor.corrected(sensor.measured(high, seed=seed)))
            self._acquired[number] = scene
        return self._acquired[number]

    def with_band_noise(self, noise: NDArray[np.float64]) -> TrainingScene:
        """The same scene seen by a noisier sensor: white noise ``(B,)`` in units of each band's deviation."""
        std = np.sqrt(np.diag(self.statistics.covariance)) * noise
        scene = copy(self)
        scene.statistics = self.statistics.with_noise(std)
        scene.leading = guide_basis(scene.statistics, GUIDE_CHANNELS, self.guides)
        scene.noise = std.astype(np.float32)
        return scene

    def _pixels(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        return self.stored[:, rows, columns].astype(np.float32) * np.float32(self.step)

    @cached_property
    def rarity(self) -> Tensor:
        """``(y x,)`` chance of each pixel such that rare spectra are drawn as often as common ones."""
        images = self.leading.project(torch.from_numpy(self.low)).numpy()[:3].reshape(3, -1)
        ranks = np.clip(((images / 2 + 0.5) * BINS).astype(int), 0, BINS - 1)
        bins = (ranks * BINS ** np.arange(len(ranks))[:, None]).sum(axis=0)
        _, kind, counts = np.unique(bins, return_inverse=True, return_counts=True)
        return torch.from_numpy(1.0 / counts[kind])

    def corner(self, side: int, generator: torch.Generator, *, balanced: bool) -> tuple[int, int]:
        """Upper-left corner of a random low-resolution patch."""
        sizes = self.low.shape[1:]
        if balanced:
            pixel = int(torch.multinomial(self.rarity, 1, generator=generator))
            centre = divmod(pixel, sizes[1])
            row, column = (min(max(c - side // 2, 0), n - side) for c, n in zip(centre, sizes, strict=True))
            return row, column
        return integer(sizes[0] - side + 1, generator), integer(sizes[1] - side + 1, generator)

    def batch(
        self,
        basis: SpectralBasis,
        window: tuple[int, int, int],
        augmentation: SceneAugmentation,
        symmetry: tuple[int, Tensor],
        generator: torch.Generator,
    ) -> Batch:
        """The triplets of one window ``(row, column, side)``, turned and flipped."""
        (row, column, side), (turn, of_guides), s = window, symmetry, self.scale
        low = self.low[:, row : row + side, column : column + side].copy()
        if self.noise is not None:
            low += self.noise[:, None, None] * torch.randn(low.shape, generator=generator).numpy()
        high = self._pixels(slice(row * s, (row + side) * s), slice(column * s, (column + side) * s))

        def turned(stack: NDArray[np.float32]) -> Tensor:
            return dihedral(torch.from_numpy(stack), turn)

        low_channels = to_triplets(dihedral(basis.project(torch.from_numpy(low)), turn))
        clean = to_triplets(dihedral(basis.project(torch.from_numpy(high)), turn))
        information = spectral_information(low, basis, self.leading, self.position_um, of_guides, self.acquisition)
        brightness = bicubic_up(turned(self.brightness[row : row + side, column : column + side]), s)
        low_patch, residual = residual_target(low_channels, clean, s)
        base = cut(clean, MARGIN * s) - residual
        std = torch.from_numpy(basis.std).float().reshape(-1, 3, 1, 1)
        offset = torch.from_numpy(self.statistics.mean @ basis.vectors).float().reshape(-1, 3, 1, 1)
        angle = SpectralAngleLoss(
            base=offset + std * base,
            std=std if basis.name == "bands" else torch.zeros_like(std),
            group=basis.channels // 3,
            weight=augmentation.angle,
        )
        weight = self._weight(cut(brightness, MARGIN * s), augmentation.dark).expand(basis.channels // 3, 3, -1, -1)
        information = SpectralInformation(cut(dihedral(information.maps, turn), MARGIN), information.descriptor)
        return Batch(low_patch, residual, self._unit(basis), weight, information, angle)

    def _unit(self, basis: SpectralBasis) -> Tensor:
        """The scene's own residual in each channel, root mean square."""
        variance = ((self.residual_covariance @ basis.vectors) * basis.vectors).sum(axis=0)
        relative = torch.from_numpy(np.sqrt(variance) / basis.std)
        return floored_rms(relative.float().reshape(-1, 3, 1, 1))

    def _weight(self, brightness: Tensor, dark: float) -> Tensor:
        """More where the pixel is dark, one on average over the scene."""
        mean = float(self.brightness.mean())
        darkness = mean / brightness.clamp_min(MIN_RELATIVE_BRIGHTNESS * mean)
        typical = float(np.mean(mean / np.maximum(self.brightness, MIN_RELATIVE_BRIGHTNESS * mean)))
        return (1 + dark * darkness) / (1 + dark * typical)


def _group_by_patch(scenes: list[TrainingScene], patch: int) -> dict[int, list[TrainingScene]]:
    """Scenes by the largest patch, ``patch`` at most, that they have room for; without those that have none."""
    scenes_by_patch: dict[int, list[TrainingScene]] = {}
    for scene in scenes:
        room = min(patch, min(scene.low.shape[1:]) - 2 * MARGIN)
        if room >= min(patch, SMALLEST_PATCH):
            scenes_by_patch.setdefault(room, []).append(scene)
    return scenes_by_patch


def join(parts: list[Batch]) -> Batch:
    """Several patches as one batch."""

    def stack(name: str) -> Tensor:
        return torch.cat([getattr(part, name) for part in parts])

    information = [part.information for part in parts if part.information is not None]
    angles = [part.angle for part in parts if part.angle is not None]
    return Batch(
        stack("low"),
        stack("residual"),
        stack("unit"),
        stack("weight"),
        SpectralInformation(torch.cat([i.maps for i in information]), torch.cat([i.descriptor for i in information])),
        replace(
            angles[0],
            base=torch.cat([angle.base for angle in angles]),
            std=torch.cat([angle.std for angle in angles]),
        ),
    )
