"""The network at work on one block of a scene: posterior mean and posterior samples of its channels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shsrd.diffusion import dpmpp_2m, log_uniform, pixel_noise
from shsrd.model import (
    NARROWEST,
    Condition,
    Network,
    SpectralInformation,
    accumulator_dtype,
    channels_last,
    pack,
    to_int8,
    to_winograd,
    unpack,
    winograd_supported,
)
from shsrd.upscaling.bases import GuidedBasis
from shsrd.upscaling.fork_safety import make_fork_safe
from shsrd.upscaling.symmetry import symmetries

Precision = Literal["int8", "bf16", "fp32"]
BATCH_PIXELS = 2**14  # low-resolution pixels times triplets in one network call


@dataclass(frozen=True)
class Sampling:
    """Settings of posterior sampling.

    Attributes:
        steps: network evaluations of DPM-Solver++(2M).
        seed: of the noise.
        sigma_max: where sampling starts, in units of the network's ``sigma_data``.
        sigma_min: the last level before 0, likewise.
    """

    steps: int
    seed: int = 0
    sigma_max: float = 8.0
    sigma_min: float = 0.04


@dataclass(frozen=True)
class Position:
    """Position of a block in the scene: its first low-resolution row and column (may be < 0)."""

    row: int = 0
    column: int = 0


@dataclass(frozen=True)
class EncodedBlock:
    """A block as the denoiser sees it.

    Attributes:
        guided: basis.
        shape: low-resolution ``(B, y, x)``.
        batches: channel numbers, what the denoiser needs, and scale, by batch of triplets.
    """

    guided: GuidedBasis
    shape: tuple[int, ...]
    batches: list[tuple[NDArray[np.intp], Tensor, Tensor]]


class Engine:
    """A network on a device; stateless but for the weights.

    In ``int8`` (CPU only) most of the encoder is in integers and the rest in bf16, or float32 where there is no bf16.
    In ``fp32`` wide encoders run by Winograd's convolution where that is faster (CPUs with AVX2 and without AVX-512).
    """

    def __init__(self, network: Network, *, device: torch.device | str = "cpu", precision: Precision = "bf16") -> None:
        make_fork_safe()
        self.device = torch.device(device)
        self.precision = precision
        self.network = channels_last(network.to(self.device)).eval()
        self.running = self._running()
        self.scale = network.config.scale

    def _running(self) -> Network:
        """The network with the encoder that is fastest here."""
        if self.precision == "int8":
            return to_int8(self.network)
        wide = self.network.config.width >= NARROWEST
        if self.precision == "fp32" and self.device.type == "cpu" and wide and winograd_supported():
            return to_winograd(self.network)
        return self.network

    def mean(self, low: Tensor, guided: GuidedBasis) -> Tensor:
        """Posterior mean of the residual of every channel, in standard units.

        Args:
            low: ``(B, y, x)`` low-resolution block without missing values.
            guided: basis and guide of the scene.

        Returns:
            ``(K, s y, s x)``.
        """
        total = _Average(guided, low.shape, self.scale, self.device)
        for chosen, flips, condition in self._conditions(low, guided):
            total.add(chosen, _mirrored(unpack(condition.mean, self.scale), flips))
        return total.result()

    def mean_and_std(self, low: Tensor, guided: GuidedBasis) -> tuple[Tensor, Tensor]:
        """Posterior mean and standard deviation of the residual around it, both ``(K, s y, s x)``."""
        total, spread = (_Average(guided, low.shape, self.scale, self.device) for _ in range(2))
        for chosen, flips, condition in self._conditions(low, guided):
            total.add(chosen, _mirrored(unpack(condition.mean, self.scale), flips))
            with torch.inference_mode(), self._autocast():
                scale = unpack(self.running.scale(condition), self.scale)
            spread.add(chosen, _mirrored(scale, flips))
        return total.result(), spread.result()

    def condition(self, low: Tensor, guided: GuidedBasis) -> EncodedBlock:
        """Encode a block once for all its samples."""
        batches = []
        for chosen, _, triplets, information in self._batches(low, guided):
            with torch.inference_mode(), self._autocast():
                condition = self.running.encode(triplets, information)
                base = self.running.prepare(condition, triplets, information)
                batches.append((chosen, base, self.running.scale(condition)))
        return EncodedBlock(guided, low.shape, batches)

    def sample_minus_mean(self, encoded_block: EncodedBlock, position: Position, sampling: Sampling) -> Tensor:
        """One posterior sample minus the posterior mean, ``(K, s y, s x)`` in standard units."""
        total = _Average(encoded_block.guided, encoded_block.shape, self.scale, self.device)
        for chosen, base, scale in encoded_block.batches:
            noise = self._noise(chosen, position, base.shape[-2:], sampling.seed)
            with torch.inference_mode(), self._autocast():
                total.add(chosen, unpack(scale * self._sample(noise, base, sampling), self.scale))
        return total.result()

    def _conditions(self, low: Tensor, guided: GuidedBasis) -> Iterator[tuple[NDArray[np.intp], list[int], Condition]]:
        """Channel numbers of a batch of triplets, the flips they were shown in, and what the network says of them."""
        for chosen, flips, triplets, information in self._batches(low, guided):
            shown = _mirrored(triplets, flips).contiguous(memory_format=torch.channels_last)
            maps = _mirrored(information.maps, flips).contiguous(memory_format=torch.channels_last)
            with torch.inference_mode(), self._autocast():
                condition = self.running.encode(shown, replace(information, maps=maps))
            yield chosen, flips, condition

    def _sample(self, noise: Tensor, base: Tensor, sampling: Sampling) -> Tensor:
        unit = self.network.config.sigma_data
        sigmas = log_uniform(sampling.steps, sigma_max=sampling.sigma_max * unit, sigma_min=sampling.sigma_min * unit)

        def denoise(x: Tensor, sigma: float) -> Tensor:
            return self.running.denoise(x, torch.full((len(x),), sigma, device=x.device), base)

        return dpmpp_2m(denoise, noise * sigmas[0].item(), sigmas)

    def _noise(self, chosen: NDArray[np.intp], position: Position, size: torch.Size, seed: int) -> Tensor:
        s = self.scale
        rows = torch.arange(position.row * s, (position.row + size[0]) * s, device=self.device)
        columns = torch.arange(position.column * s, (position.column + size[1]) * s, device=self.device)
        channels = torch.from_numpy(chosen.ravel()).to(self.device)
        noise = pixel_noise(seed, rows, columns, channels)
        return pack(noise.reshape(len(chosen), 3, *noise.shape[1:]), s)

    def _batches(
        self, low: Tensor, guided: GuidedBasis
    ) -> Iterator[tuple[NDArray[np.intp], list[int], Tensor, SpectralInformation]]:
        channels = guided.basis.project(low)
        images = guided.guide.guide_components(low)
        count = max(1, BATCH_PIXELS // (low.shape[1] * low.shape[2]))
        for start in range(0, len(guided.triplets), count):
            chosen = guided.triplets[start : start + count]
            maps = guided.guide.maps(images, chosen).contiguous(memory_format=torch.channels_last)
            descriptor = torch.from_numpy(guided.guide.descriptors(chosen)).to(self.device)
            flips = guided.flips[start : start + count].tolist()
            triplets = channels[torch.from_numpy(chosen)].contiguous(memory_format=torch.channels_last)
            yield chosen, flips, triplets, SpectralInformation(maps, descriptor)

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision == "fp32" or (self.precision == "int8" and accumulator_dtype() == torch.float32):
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)


def _mirrored(images: Tensor, flips: list[int]) -> Tensor:
    """Each of some images ``(n, ..., y, x)`` in one of ``symmetries(4)``, which are their own inverses."""
    if not any(flips):
        return images
    group = symmetries(4)
    shown = [group[number] for number in flips]
    axes = [[-2] * each.flip_rows + [-1] * each.flip_columns for each in shown]
    return torch.stack([image.flip(chosen) for image, chosen in zip(images, axes, strict=True)])


class _Average:
    """Puts triplets back into channels; a channel that came twice is averaged."""

    def __init__(self, guided: GuidedBasis, shape: tuple[int, ...], scale: int, device: torch.device) -> None:
        self.sum = torch.empty((guided.basis.channels, shape[1] * scale, shape[2] * scale), device=device)
        self.times = np.bincount(guided.triplets.ravel(), minlength=guided.basis.channels)
        self.sum[torch.from_numpy(self.times > 1)] = 0

    def add(self, chosen: NDArray[np.intp], values: Tensor) -> None:
        for channel, plane in zip(chosen.ravel().tolist(), values.flatten(0, 1), strict=True):
            if self.times[channel] == 1:
                self.sum[channel].copy_(plane)  # one pass over memory: to float32, to its place
            else:
                self.sum[channel].add_(plane.float() / int(self.times[channel]))

    def result(self) -> Tensor:
        return self.sum
