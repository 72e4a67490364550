"""The encoder's residual blocks by Winograd's convolution, in float32: 0.6 of the time on CPUs without AVX-512.

A 3x3 convolution of 6x6 pixels takes 64 products a pair of channels instead of 324 (Lavin & Gray 2016, F(6x6, 3x3)).
NNPACK, which comes inside PyTorch, computes it with AVX2; oneDNN, which computes everything else, has no such
convolution for these processors. Sums come out in another order, 1e-5 of the largest feature apart.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from shsrd.model.injection import GuideFeatures, SpectralInformation, SpectralInjection
from shsrd.model.network import Condition, Encoder, Network, with_encoder

NARROWEST = 96  # channels; with fewer, transforms cost what products save
WINOGRAD_TILE = 6  # pixels on a side that are computed together; one more on each side is looked at


@cache
def winograd_supported() -> bool:
    """Return True on CPUs where it is faster, if this torch has the operator and passes a self-test."""
    return torch.backends.cpu.get_cpu_capability() == "AVX2" and torch._nnpack_available() and _self_test()


def _self_test() -> bool:
    """Compare a small convolution with its definition; the operator is not public in torch."""
    layer = nn.utils.skip_init(nn.Conv2d, 16, 16, 3, padding=1)  # type: ignore[no-untyped-call]
    with torch.inference_mode():
        layer.bias.copy_(torch.arange(16.0))
        layer.weight.copy_((torch.arange(16 * 16 * 9.0).remainder(17) - 8).reshape(layer.weight.shape))
        h = (torch.arange(16 * 81.0).remainder(251) - 125).reshape(1, 16, 9, 9)
        wanted = layer(h)
        try:
            found = _convolved(layer, h)
        except (AttributeError, RuntimeError, TypeError):
            return False
    return bool((found - wanted).abs().max() <= 1e-4 * wanted.abs().max())


def to_winograd(network: Network) -> Network:
    """The network with an encoder by Winograd's convolution; all weights are shared with the original."""
    return with_encoder(network, WinogradEncoder(network.encoder))


class WinogradEncoder(nn.Module):
    """An encoder whose blocks are by Winograd's convolution; for inference on a CPU."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        torch._nnpack_available()  # which prepares it as well
        self.exact = encoder

    def forward(self, triplets: Tensor, information: SpectralInformation | None) -> Condition:
        """As ``Encoder.forward``."""
        exact, injection = self.exact, self.exact.injection
        stem = exact.stem(triplets)
        guide = None if injection is None or information is None else injection.guide(triplets, information)
        stack = _ImageStack(stem)
        for number, block in enumerate(exact.blocks, start=1):
            stack.add_residual(block.first, block.second)  # type: ignore[arg-type]
            if injection is not None and guide is not None and number % exact.inject_every == 0:
                _inject(stack.images, injection, number // exact.inject_every - 1, guide)
        features = stem + stack.images
        return Condition(features, exact.head(features))


class _ImageStack:
    """Images on top of each other as one: weights are transformed once for all of them.

    Zeros lie between, and every image fills whole squares of the transform, so no contrast of one rounds another.
    """

    def __init__(self, images: Tensor) -> None:
        n, channels, rows, columns = images.shape
        height = -(-(rows + 2) // WINOGRAD_TILE) * WINOGRAD_TILE
        self._tall = images.new_zeros(1, channels, n * height, columns)
        self._slots, self._rows = (channels, n, height, columns), rows
        self.images = self._tall.view(self._slots)[:, :, 1 : rows + 1].transpose(0, 1)  # (n, channels, y, x), a view
        self.images.copy_(images)

    def add_residual(self, first: nn.Conv2d, second: nn.Conv2d) -> None:
        """``h + second(relu(first(h)))`` in place."""
        hidden = self._zero_gaps(_convolved(first, self._tall).relu_())
        self._zero_gaps(self._tall.add_(_convolved(second, hidden)))

    def _zero_gaps(self, tall: Tensor) -> Tensor:
        """Zeros between the images again."""
        slots = tall.view(self._slots)
        slots[:, :, 0] = 0
        slots[:, :, self._rows + 1 :] = 0
        return tall


def _inject(images: Tensor, injection: SpectralInjection, site: int, guide: GuideFeatures) -> None:
    """As ``SpectralInjection.inject``, in place and image by image: a 1x1 convolution is a product of matrices."""
    layer = injection.sites[site]
    weight, bias = layer.weight.flatten(1), layer.bias[:, None]  # type: ignore[operator,index]
    for h, selected in zip(images, guide.selected(site), strict=True):
        scale, shift = torch.addmm(bias, weight, selected.contiguous().flatten(1)).view(2, *h.shape)
        h.addcmul_(h, scale).add_(shift)


def _convolved(layer: nn.Conv2d, h: Tensor) -> Tensor:
    """The convolution of one image ``(1, in, y, x)``."""
    return torch._nnpack_spatial_convolution(h, layer.weight, layer.bias, padding=[1, 1], stride=[1, 1])
