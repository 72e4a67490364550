"""Spectral information injection: gated, wavelength-aware, and silent until trained."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from shsrd.model.blocks import conv3, zeroed
from shsrd.model.config import NetworkConfig
from shsrd.model.fused import affine, conv_relu
from shsrd.spectral import WAVELENGTH_FEATURES


@dataclass(frozen=True)
class SpectralInformation:
    """What is known of each triplet beyond its own three channels (see ``shsrd.spectral.information``).

    Attributes:
        maps: ``(n, map_channels, y, x)`` guide maps on the low-resolution grid.
        descriptor: ``(n, descriptor_features)``.
    """

    maps: Tensor
    descriptor: Tensor


@dataclass(frozen=True)
class Guide:
    """Lifted guide maps ``(n, guide_width, y, x)`` and gates ``(n, sites, guide_width)``, each gate in 0..1."""

    features: Tensor
    gates: Tensor


class SpectralInjection(nn.Module):
    """Guide maps become features; the descriptor decides, per site and feature, how much of each is let in.

    The maps enter as *differences* to the triplet where they rebuild it, so that a noise-free triplet finds nothing to
    learn there. The last layer of every site starts at zero: an untrained injection changes no bit of the output.
    """

    def __init__(self, config: NetworkConfig, site_widths: list[int]) -> None:
        super().__init__()
        width = config.guide_width
        self.lift = conv3(config.map_channels, width)
        self.mix = conv3(width, width)
        self.wavelengths = config.wavelengths
        self.select: nn.Sequential | None = None
        if config.injection == "gated":
            self.select = nn.Sequential(
                nn.Linear(config.descriptor_features, 2 * width),
                nn.SiLU(),
                nn.Linear(2 * width, width * len(site_widths)),
            )
        self.sites = nn.ModuleList(zeroed(nn.Conv2d(width, 2 * site, 1)) for site in site_widths)

    def guide(self, triplets: Tensor, information: SpectralInformation) -> Guide:
        """Lift the maps of triplets ``(n, 3, y, x)`` and select by their descriptors."""
        maps = information.maps
        repeats = (maps.shape[1] - 3) // 3
        own = torch.cat([torch.zeros_like(triplets), triplets.repeat(1, repeats, 1, 1)], dim=1)
        features = conv_relu(self.mix, conv_relu(self.lift, maps - own))
        return Guide(features, self.gates(information.descriptor))

    def gates(self, descriptor: Tensor) -> Tensor:
        """Gates ``(n, sites, guide_width)`` of triplets with these descriptors; all open where nothing is selected."""
        if self.select is None:
            return descriptor.new_ones(len(descriptor), len(self.sites), 1)
        if not self.wavelengths:
            channels = descriptor.reshape(len(descriptor), 3, -1).clone()
            channels[:, :, :WAVELENGTH_FEATURES] = 0
            descriptor = channels.flatten(1)
        return torch.sigmoid(self.select(descriptor)).reshape(len(descriptor), len(self.sites), -1)

    def inject(self, h: Tensor, site: int, guide: Guide) -> Tensor:
        """Modulate features ``h`` at one site by the gated guide features."""
        selected = guide.features * guide.gates[:, site, :, None, None]
        return affine(self.sites[site], selected, h)  # type: ignore[arg-type]
