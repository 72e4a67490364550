"""The encoder's residual blocks in 8-bit integers: twice the arithmetic of bf16 on a CPU with VNNI.

Weights have a scale for every output channel, activations one for every channel. The latter are fixed but for one
factor: they are how large features get beside the largest one of the stem (``Encoder.limits``, measured by
``shsrd.training.limits`` and kept in the weight file), times that one, which is looked up in every call. Products are
summed in 32 bits, exactly. The sum that runs through all blocks stays in bf16; the last blocks, whose features go
straight into the estimate, stay as they are. (Jacob et al. 2018; scales of input channels are taken into the weights
as in Xiao et al. 2023.)
"""

from __future__ import annotations

import copy
from functools import cache, partial

import torch
from torch import Tensor, nn

from shsrd.model.blocks import ResidualBlock
from shsrd.model.injection import SpectralInformation
from shsrd.model.network import Condition, Encoder, Network

HEADROOM = 1.25  # beyond the limits; larger features are clipped
SMALLEST = 1.0  # stem feature: below it, biases decide how large features get
LEAST_SHARE = 0.1  # of the largest channel's limit: no channel has a finer scale
EXACT = 2  # last blocks that stay as they are
ROWS = 8  # that are turned into bytes together
ZERO = 128  # the byte that stands for 0 where features are signed
_GEOMETRY = ([1, 1], [1, 1], [1, 1], 1)  # stride, padding, dilation and groups


@cache
def int8_supported() -> bool:
    """Whether this CPU multiplies 8-bit integers into 32-bit sums, and this torch does it right when asked to."""
    onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return onednn and bool(torch.cpu.get_capabilities().get("avx512_vnni", False)) and _right()


def _right() -> bool:
    """Whether a small convolution of bytes is what it should be; its operators are not torch's public ones."""
    ones, layer = torch.ones(16), nn.utils.skip_init(nn.Conv2d, 16, 16, 3, padding=1)  # type: ignore[no-untyped-call]
    with torch.inference_mode():
        layer.bias.zero_()
        layer.weight.copy_(torch.arange(-127.0, 128).repeat(10)[: layer.weight.numel()].reshape(layer.weight.shape))
        signed = torch.arange(16 * 25.0).reshape(1, 16, 5, 5).remainder(251) - 125
        wanted = torch.relu(layer(signed)) / 4096
        given = (signed + ZERO).to(torch.uint8).contiguous(memory_format=torch.channels_last)
        try:
            found = _Packed(layer, ones, 4096 * ones, ZERO).relu(given, 1.0)
        except (AttributeError, RuntimeError, TypeError):
            return False
    return bool((found.float() - wanted.clamp_max(255)).abs().max() <= 1)


def has_limits(network: Network) -> bool:
    """Whether the sizes of the network's features were ever measured."""
    return bool((network.encoder.limits > 0).any(dim=2).all())


def in_int8(network: Network) -> Network:
    """The network with an encoder in integers; all other weights are shared with the original.

    Raises:
        ValueError: the sizes of the network's features were never measured.
    """
    if not has_limits(network):
        raise ValueError("a network whose features were never measured has no scales for integers")
    made = copy.copy(network)
    made._modules = dict(network._modules)
    made.encoder = Int8Encoder(network.encoder)  # type: ignore[assignment]
    return made


class Int8Encoder(nn.Module):
    """An encoder whose blocks, but for the last ``EXACT``, are in integers."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.exact = encoder
        pairs = list(zip(encoder.blocks, encoder.limits, strict=True))[:-EXACT]
        self.blocks = [Int8Block(block, limits) for block, limits in pairs]  # type: ignore[arg-type]

    def forward(self, triplets: Tensor, information: SpectralInformation | None) -> Condition:
        """As ``Encoder.forward``; all triplets have the scales that the largest stem feature among them asks for."""
        stem = self.exact.stem(triplets)
        size = float(largest_feature(stem.float().abs().amax(dim=(0, 2, 3))))
        blocks = [partial(block, size=size, keep=number == 0) for number, block in enumerate(self.blocks)]
        return self.exact.through([*blocks, *self.exact.blocks[len(blocks) :]], stem, triplets, information)


def largest_feature(stem: Tensor) -> Tensor:
    """Over the channels ``(..., width)`` of absolute features after the stem; ``SMALLEST`` at least."""
    return stem.amax(dim=-1).clamp_min(SMALLEST)


class Int8Block:
    """``h + conv(relu(conv(h)))`` of bf16 features, both convolutions in integers.

    Args:
        block: whose weights.
        limits: ``(2, width)``, how large features get before either convolution where the largest stem feature is 1.
    """

    def __init__(self, block: ResidualBlock, limits: Tensor) -> None:
        step, middle = HEADROOM * _even(limits[0]) / 127, HEADROOM * _even(limits[1]) / 255
        self.inverse = (1 / step).reshape(1, -1, 1, 1)
        self.first = _Packed(block.first, step, middle, ZERO)
        self.second = _Packed(block.second, middle, torch.ones_like(step), 0)

    def __call__(self, h: Tensor, *, size: float, keep: bool) -> Tensor:
        """``(n, width, y, x)`` to the same shape, bf16.

        Args:
            h: features; overwritten unless ``keep``.
            size: the largest stem feature, which all scales are multiplied by.
            keep: whether somebody else needs ``h``.
        """
        total = h.to(torch.bfloat16, copy=keep, memory_format=torch.channels_last)
        between = self.first.relu(_unsigned(total, self.inverse / size), size)
        return self.second.add_to(total, between, size)


def _even(limits: Tensor) -> Tensor:
    """Limits of channels ``(width,)``, none far below the largest."""
    return limits.float().clamp_min(LEAST_SHARE * float(limits.max()))


def _unsigned(h: Tensor, inverse: Tensor) -> Tensor:
    """Features in steps, plus ``ZERO``, as bytes; a few rows at a time, which stay in the processor's cache.

    (PyTorch turns floats into signed bytes fast, and into unsigned ones slowly.)
    """
    signed = torch.empty_like(h, dtype=torch.int8)
    for part, out in zip(torch.split(h, ROWS, dim=2), torch.split(signed, ROWS, dim=2), strict=True):
        out.copy_((part.float().mul_(inverse)).round_().clamp_(-128, 127))
    return signed.view(torch.uint8).bitwise_xor_(ZERO)


class _Packed:
    """A 3x3 convolution of bytes; inputs and outputs have a step for every channel.

    Args:
        layer: the convolution.
        step: of the input channels.
        out_step: of the output channels.
        zero: the byte that stands for 0.
    """

    def __init__(self, layer: nn.Conv2d, step: Tensor, out_step: Tensor, zero: int) -> None:
        assert layer.bias is not None
        weight = layer.weight.detach() * step.reshape(1, -1, 1, 1) / out_step.reshape(-1, 1, 1, 1)
        scale = weight.abs().amax(dim=(1, 2, 3)).clamp_min(torch.finfo(torch.float32).tiny) / 127
        rounded = (weight / scale.reshape(-1, 1, 1, 1)).round().clamp(-127, 127).to(torch.int8)
        packed = torch.ops.onednn.qconv_prepack(rounded, scale, 1.0, zero, *_GEOMETRY, None)
        self.zero, self.bias = zero, layer.bias.detach() / out_step
        self.weight = (packed, scale, torch.zeros(len(scale), dtype=torch.int64))

    def relu(self, x: Tensor, size: float) -> Tensor:
        """``relu`` of the convolution in output steps, as bytes; steps of both sides are ``size`` times as large."""
        given = (x, 1.0, self.zero, *self.weight, self.bias / size, *_GEOMETRY)
        out: Tensor = torch.ops.onednn.qconv2d_pointwise(*given, 1.0, 0, torch.uint8, "relu", [], "")
        return out

    def add_to(self, total: Tensor, x: Tensor, size: float) -> Tensor:
        """``total``, bf16, plus the convolution of inputs whose steps are ``size`` times as large; overwrites it."""
        given = (x, size, self.zero, *self.weight, total, self.bias, *_GEOMETRY)
        sum_up = (1.0, 0, torch.bfloat16, 1.0, 0, "sum", 1.0, "none", list[float](), "")
        out: Tensor = torch.ops.onednn.qconv2d_pointwise.binary(*given, *sum_up)
        return out
