"""Spectral information injection: gated, wavelength-aware, and silent until trained."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from shsrd.model.blocks import conv3x3, zero_module
from shsrd.model.config import NetworkConfig
from shsrd.model.layer_ops import affine, conv_relu
from shsrd.spectral import CONTENT_FEATURES, WAVELENGTH_FEATURES


@dataclass(frozen=True)
class SpectralInformation:
    """Spectral information of triplets beyond their own three channels (see ``shsrd.spectral.information``).

    Attributes:
        maps: ``(n, map_channels, y, x)`` guide maps on the low-resolution grid.
        descriptor: ``(n, DESCRIPTOR_FEATURES)``.
    """

    maps: Tensor
    descriptor: Tensor


@dataclass(frozen=True)
class GuideFeatures:
    """Lifted guide maps and what the descriptors make of them.

    Attributes:
        features: ``(n, guide_width, y, x)``.
        gates: ``(n, sites, guide_width)``, each in 0..1.
        offsets: ``(n, sites, guide_width)``, added to the gated features; None where the acquisition is not looked at.
    """

    features: Tensor
    gates: Tensor
    offsets: Tensor | None = None

    def selected(self, site: int) -> Tensor:
        """Guide features ``(n, guide_width, y, x)`` that one site lets in."""
        gated = self.features * self.gates[:, site, :, None, None]
        return gated if self.offsets is None else gated + self.offsets[:, site, :, None, None]


class SpectralInjection(nn.Module):
    """Guide maps become features; the descriptor decides, per site and feature, how much of each is let in.

    The maps enter as *differences* to the triplet where they rebuild it, so that a noise-free triplet finds nothing to
    learn there. The last layer of every site starts at zero: an untrained injection changes no bit of the output.

    Where descriptors hold the acquisition, offsets follow from them beside the gates: through a site's last layer they
    scale and shift all its features alike, whatever the maps show. Offsets start at zero.
    """

    def __init__(self, config: NetworkConfig, site_widths: list[int]) -> None:
        super().__init__()
        width = config.guide_width
        self.lift = conv3x3(config.map_channels, width)
        self.mix = conv3x3(width, width)
        self.wavelengths, self.described = config.wavelengths, config.descriptor_features
        self.select: nn.Sequential | None = None
        if config.injection == "gated":
            self.select = nn.Sequential(
                nn.Linear(config.descriptor_features, 2 * width),
                nn.SiLU(),
                nn.Linear(2 * width, width * len(site_widths)),
            )
        self.offset: nn.Linear | None = None
        if config.acquisition:
            self.offset = zero_module(nn.Linear(2 * width, width * len(site_widths)))
        self.sites = nn.ModuleList(zero_module(nn.Conv2d(width, 2 * site, 1)) for site in site_widths)

    def guide(self, triplets: Tensor, information: SpectralInformation) -> GuideFeatures:
        """Lift the maps of triplets ``(n, 3, y, x)`` and select by their descriptors."""
        maps = information.maps
        repeats = (maps.shape[1] - 3) // 3
        own = torch.cat([torch.zeros_like(triplets), triplets.repeat(1, repeats, 1, 1)], dim=1)
        features = conv_relu(self.mix, conv_relu(self.lift, maps - own))
        return GuideFeatures(features, self.gates(information.descriptor), self.offsets(information.descriptor))

    def gates(self, descriptor: Tensor) -> Tensor:
        """Gates ``(n, sites, guide_width)`` of triplets with these descriptors; all open where nothing is selected."""
        if self.select is None:
            return descriptor.new_ones(len(descriptor), len(self.sites), 1)
        return torch.sigmoid(self.select(self._masked_descriptor(descriptor))).reshape(
            len(descriptor), len(self.sites), -1
        )

    def offsets(self, descriptor: Tensor) -> Tensor | None:
        """Offsets ``(n, sites, guide_width)`` of triplets with these descriptors."""
        if self.select is None or self.offset is None:
            return None
        hidden = self.select[1](self.select[0](self._masked_descriptor(descriptor)))
        offsets: Tensor = self.offset(hidden)
        return offsets.reshape(len(descriptor), len(self.sites), -1)

    def _masked_descriptor(self, descriptor: Tensor) -> Tensor:
        """The entries that selection may look at; wavelengths are 0 where it may not."""
        descriptor = descriptor[:, : self.described]
        if self.wavelengths:
            return descriptor
        content, acquisition = descriptor.tensor_split([CONTENT_FEATURES], dim=1)
        channels = content.reshape(len(content), 3, -1).clone()
        channels[:, :, :WAVELENGTH_FEATURES] = 0
        return torch.cat([channels.flatten(1), acquisition], dim=1)

    def inject(self, h: Tensor, site: int, guide: GuideFeatures) -> Tensor:
        """Modulate features ``h`` at one site by the gated guide features."""
        return affine(self.sites[site], guide.selected(site), h)  # type: ignore[arg-type]
