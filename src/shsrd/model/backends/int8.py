"""The encoder's residual blocks in 8-bit integers: twice the arithmetic of bf16 on a CPU with VNNI.

Nothing is prepared for it: every convolution looks how large its features are, channel by channel, and takes the scales
from that, so none is ever clipped, whatever the scene's contrast. Scales of input channels go into the weights (as in
Xiao et al. 2023), which have one for every output channel; they are rounded anew in every call. Products are summed in
32 bits, exactly. What runs through all blocks, and what is between two convolutions, stays in floating point.
(Jacob et al. 2018.)
"""

from __future__ import annotations

from functools import cache, partial

import torch
from torch import Tensor, nn

from shsrd.model.blocks import ResidualBlock
from shsrd.model.injection import SpectralInformation
from shsrd.model.network import Condition, Encoder, Network, with_encoder

MIN_SCALE_RATIO = 0.1  # of the largest channel's size: no channel has a finer scale
ROWS = 8  # that are turned into bytes together
ZERO = 128  # the byte that stands for 0 where features are signed
LARGEST = 255  # byte
_GEOMETRY = ([1, 1], [1, 1], [1, 1], 1)  # stride, padding, dilation and groups


@cache
def int8_supported() -> bool:
    """Return True if this CPU has 8-bit products with 32-bit sums and this torch passes a self-test."""
    onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    processor = torch.cpu.get_capabilities()
    return onednn and bool(processor.get("avx512_vnni") or processor.get("avx_vnni")) and _self_test()


def _self_test() -> bool:
    """Compare a small 8-bit convolution with its definition; its operators are not public in torch."""
    layer = nn.utils.skip_init(nn.Conv2d, 16, 16, 3, padding=1)  # type: ignore[no-untyped-call]
    with torch.inference_mode():
        layer.bias.zero_()
        layer.weight.copy_(torch.arange(-127.0, 128).repeat(10)[: layer.weight.numel()].reshape(layer.weight.shape))
        h = (torch.arange(16 * 25.0).reshape(1, 16, 5, 5).remainder(251) - 125).contiguous(
            memory_format=torch.channels_last
        )
        wanted = layer(h)
        try:
            found = Int8Convolution(layer)(h)
        except (AttributeError, RuntimeError, TypeError):
            return False
    return bool((found - wanted).abs().max() <= 0.02 * wanted.abs().max())


def accumulator_dtype() -> torch.dtype:
    """Type of sums between integer layers: bf16 where the processor computes in it, float32 elsewhere."""
    return torch.bfloat16 if torch.cpu.get_capabilities().get("avx512_bf16", False) else torch.float32


def to_int8(network: Network) -> Network:
    """The network with an encoder in integers; all weights are shared with the original."""
    return with_encoder(network, Int8Encoder(network.encoder))


class Int8Encoder(nn.Module):
    """An encoder whose blocks are in integers."""

    def __init__(self, encoder: Encoder, sums: torch.dtype | None = None) -> None:
        super().__init__()
        self.exact, self.sums = encoder, sums or accumulator_dtype()
        self.blocks = [Int8Block(block) for block in encoder.blocks]  # type: ignore[arg-type]

    def forward(self, triplets: Tensor, information: SpectralInformation | None) -> Condition:
        """As ``Encoder.forward``; all triplets have the scales that the largest features among them ask for."""
        stem = self.exact.stem(triplets).to(self.sums)
        blocks = [partial(block, keep=number == 0) for number, block in enumerate(self.blocks)]
        return self.exact.forward_blocks(blocks, stem, triplets, information)


class Int8Block:
    """``h + conv(relu(conv(h)))``, both convolutions in integers."""

    def __init__(self, block: ResidualBlock) -> None:
        self.first = Int8Convolution(block.first, then="relu")
        self.second = Int8Convolution(block.second, positive=True)

    def __call__(self, h: Tensor, *, keep: bool) -> Tensor:
        """Features ``(n, width, y, x)`` to the same shape and type.

        Args:
            h: features; overwritten unless ``keep``.
            keep: whether somebody else needs ``h``.
        """
        change = self.second(self.first(h))
        return h + change if keep else h.add_(change)


class Int8Convolution:
    """A 3x3 convolution in integers.

    Args:
        layer: the convolution.
        positive: whether features that come in are never below zero.
        then: what is done with those that come out: ``relu`` or ``none``.
    """

    def __init__(self, layer: nn.Conv2d, *, positive: bool = False, then: str = "none") -> None:
        assert layer.bias is not None
        self.shape, self.bias = layer.weight.shape, layer.bias.detach().float()
        self.weight = layer.weight.detach().float().contiguous().flatten(2)  # (out, in, 9)
        self.zeros = torch.zeros(len(self.bias), dtype=torch.int64)
        self.zero, self.then = (0 if positive else ZERO), then

    def __call__(self, h: Tensor) -> Tensor:
        """Features ``(n, in, y, x)``, channels last, to ``(n, out, y, x)`` of the same type."""
        step = _channel_maxima(h, positive=self.zero == 0) / (LARGEST - self.zero)
        weight = self.weight * step[:, None]
        scale = weight.abs().amax(dim=(1, 2)).clamp_min(torch.finfo(torch.float32).tiny) / 127
        rounded = weight.div_(scale[:, None, None]).round_().to(torch.int8).reshape(self.shape)
        packed = torch.ops.onednn.qconv_prepack(rounded, scale, 1.0, self.zero, *_GEOMETRY, None)
        given = (
            _quantize_uint8(h, 1 / step, self.zero),
            1.0,
            self.zero,
            packed,
            scale,
            self.zeros,
            self.bias,
            *_GEOMETRY,
        )
        out: Tensor = torch.ops.onednn.qconv2d_pointwise(*given, 1.0, 0, h.dtype, self.then, list[float](), "")
        return out


def _channel_maxima(h: Tensor, *, positive: bool) -> Tensor:
    """Maximum of every channel of ``(n, channels, y, x)`` in float32; none far below the largest."""
    pixels = h.permute(0, 2, 3, 1).flatten(0, 2)
    sizes = (pixels if positive else pixels.abs()).amax(dim=0).float()
    return sizes.clamp_min(MIN_SCALE_RATIO * float(sizes.max())).clamp_min(torch.finfo(torch.float32).tiny)


def _quantize_uint8(h: Tensor, inverse: Tensor, zero: int) -> Tensor:
    """Features in steps, plus ``zero``, as bytes; a few rows at a time, which stay in the processor's cache.

    (PyTorch turns floats into signed bytes fast, and into unsigned ones slowly.)
    """
    signed, inverse = torch.empty_like(h, dtype=torch.int8), inverse.reshape(1, -1, 1, 1)
    for part, out in zip(torch.split(h, ROWS, dim=2), torch.split(signed, ROWS, dim=2), strict=True):
        steps = (part.float() * inverse).round_()
        out.copy_(steps if zero == ZERO else steps.sub_(ZERO))
    return signed.view(torch.uint8).bitwise_xor_(ZERO)
