"""Batch of a training step, the same for both stages."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shsrd.degradation import bicubic_up
from shsrd.model import SpectralInformation

MARGIN = 4  # low-resolution pixels cut off after resizing, so that no border treatment is learnt


@dataclass(frozen=True)
class SpectralAngleLoss:
    """Angle between estimated and true spectra, over the bands of a patch that were drawn together.

    Attributes:
        base: ``(n, 3, s y, s x)`` interpolated patch in cube units.
        std: ``(n, 3, 1, 1)`` cube units in one standard unit.
        group: triplets drawn from each patch, consecutive in the batch.
        weight: of this term in the loss.
    """

    base: Tensor
    std: Tensor
    group: int
    weight: float

    def loss(self, estimate: Tensor, residual: Tensor) -> Tensor:
        """Mean distance of unit spectra, ``2 sin(angle / 2)``, times the weight."""
        ours, truth = (self._unit(self.base + self.std * r) for r in (estimate, residual))
        return self.weight * ((ours - truth).square().sum(dim=1) + 1e-8).sqrt().mean()

    def _unit(self, spectra: Tensor) -> Tensor:
        grouped = spectra.reshape(-1, 3 * self.group, *spectra.shape[2:])
        norm = grouped.square().sum(dim=1, keepdim=True).sqrt()
        unit: Tensor = grouped / (norm + 1e-3 * norm.mean(dim=(2, 3), keepdim=True) + 1e-12)
        return unit

    def to(self, device: torch.device) -> SpectralAngleLoss:
        """The same on another device."""
        return replace(self, base=self.base.to(device), std=self.std.to(device))


@dataclass(frozen=True)
class Batch:
    """One batch of triplets in standard units.

    Attributes:
        low: ``(n, 3, y, x)`` low-resolution triplets.
        residual: ``(n, 3, s y, s x)``, truth minus interpolation.
        unit: ``(n, 3, 1, 1)`` typical size of the residual in each channel; errors count relative to it.
        weight: loss weight, broadcast over ``residual``.
        information: spectral information, or None in stage 1.
        angle: what the spectral-angle loss needs, or None.
    """

    low: Tensor
    residual: Tensor
    unit: Tensor
    weight: Tensor
    information: SpectralInformation | None = None
    angle: SpectralAngleLoss | None = None

    def map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with every tensor replaced."""
        information, angle = self.information, self.angle
        if information is not None:
            information = SpectralInformation(function(information.maps), function(information.descriptor))
        if angle is not None:
            angle = replace(angle, base=function(angle.base), std=function(angle.std))
        names = ("low", "residual", "unit", "weight")
        tensors = {name: function(getattr(self, name)) for name in names}
        return replace(self, **tensors, information=information, angle=angle)

    def tensors(self) -> list[Tensor]:
        """All of them, in a fixed order."""
        found: list[Tensor] = []

        def keep(tensor: Tensor) -> Tensor:
            found.append(tensor)
            return tensor

        self.map(keep)
        return found

    def kind(self) -> Hashable:
        """Signature of a batch: sizes and all values that are not tensors; equal ones share one captured graph."""
        angle = None if self.angle is None else (self.angle.group, self.angle.weight)
        return self.information is None, angle, *(tuple(tensor.shape) for tensor in self.tensors())

    def to(self, device: torch.device) -> Batch:
        """The batch on another device, convolution inputs in channels-last order."""
        information = self.information
        if information is not None:
            maps = information.maps.to(device, memory_format=torch.channels_last)
            information = SpectralInformation(maps, information.descriptor.to(device))
        return replace(
            self,
            low=self.low.to(device, memory_format=torch.channels_last),
            residual=self.residual.to(device),
            unit=self.unit.to(device),
            weight=self.weight.to(device),
            information=information,
            angle=None if self.angle is None else self.angle.to(device),
        )


def cut(x: Tensor, margin: int) -> Tensor:
    """Cut ``margin`` pixels off each side."""
    return x[..., margin:-margin, margin:-margin].contiguous()


def residual_target(low: Tensor, clean: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """Low-resolution patch and residual with the margins cut off."""
    residual = clean - bicubic_up(low, scale)
    return cut(low, MARGIN), cut(residual, MARGIN * scale)


NOISE_FLOOR = 1 / 15  # in standard units: residuals far below are noise


def floored_rms(rms: Tensor) -> Tensor:
    """Unit of the loss for residuals of this root mean square, never so small that noise alone would count."""
    return rms + NOISE_FLOOR
