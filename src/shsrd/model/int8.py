"""The encoder's residual blocks in 8-bit integers: twice the arithmetic of bf16 on a CPU with VNNI.

Weights have a scale for every output channel, activations one for every channel, fixed beforehand: ``Encoder.limits``,
measured by ``shsrd.training.limits`` and kept in the weight file. Products are summed in 32 bits, exactly. The sum that
runs through all blocks stays in float32; the last blocks, whose features go straight into the estimate, stay as they
are. (Jacob et al. 2018; scales of input channels are taken into the weights as in Xiao et al. 2023.)
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from shsrd.model.blocks import ResidualBlock
from shsrd.model.injection import SpectralInformation
from shsrd.model.network import Condition, Encoder, Network

HEADROOM = 1.25  # of what was measured: larger features are clipped
LEAST_SHARE = 0.1  # of the largest channel's limit: no channel has a finer scale
EXACT = 2  # last blocks that stay as they are
ROWS = 8  # that are turned into bytes together
ZERO = 128  # the byte that stands for 0 where features are signed
_ONES = [1, 1]  # stride, padding and dilation
Module = TypeVar("Module", bound=nn.Module)


def int8_supported() -> bool:
    """Whether this CPU multiplies 8-bit integers into 32-bit sums, and oneDNN is there to ask it to."""
    return torch.backends.mkldnn.is_available() and bool(torch.cpu.get_capabilities().get("avx512_vnni", False))


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
    """An encoder whose blocks, but for the last ``EXACT``, are in integers.

    Triplets larger than any that were measured, and ``HEADROOM``, go through the blocks as they were.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.exact = encoder
        blocks: list[nn.Module] = list(encoder.blocks)
        for number in range(len(blocks) - EXACT):
            block = blocks[number]
            assert isinstance(block, ResidualBlock)
            blocks[number] = Int8Block(block, encoder.limits[number], overwrites=number > 0)
        self.blocks = nn.ModuleList(blocks)
        self.largest: Tensor = HEADROOM * _even(encoder.limits[0, 0])

    def forward(self, triplets: Tensor, information: SpectralInformation | None) -> Condition:
        """As ``Encoder.forward``."""
        stem = self.exact.stem(triplets)
        fits = bool((stem.abs().amax(dim=(0, 2, 3)) <= self.largest).all())
        return self.exact.through(self.blocks if fits else self.exact.blocks, stem, triplets, information)


class Int8Block(nn.Module):
    """``h + conv(relu(conv(h)))`` of float32 features, both convolutions in integers.

    Args:
        block: whose weights.
        limits: ``(2, width)``, the largest absolute feature of every channel before either convolution.
        overwrites: whether nobody else needs the input.
    """

    def __init__(self, block: ResidualBlock, limits: Tensor, *, overwrites: bool) -> None:
        super().__init__()
        self.overwrites = overwrites
        step, middle = HEADROOM * _even(limits[0]) / 127, HEADROOM * _even(limits[1]) / 255
        self.inverse = (1 / step).reshape(1, -1, 1, 1)
        self.first = _Packed(block.first, step, middle, ZERO)
        self.second = _Packed(block.second, middle, torch.ones_like(step), 0)

    def forward(self, h: Tensor) -> Tensor:
        """``(n, width, y, x)`` to the same shape, float32."""
        total = h.to(torch.float32, copy=not self.overwrites, memory_format=torch.channels_last)
        return self.second.add_to(total, self.first.relu(_unsigned(total, self.inverse)))


def _even(limits: Tensor) -> Tensor:
    """Limits of channels ``(width,)``, none far below the largest."""
    return limits.float().clamp_min(LEAST_SHARE * float(limits.max()))


def _unsigned(h: Tensor, inverse: Tensor) -> Tensor:
    """Features in steps, plus ``ZERO``, as bytes; a few rows at a time, which stay in the processor's cache.

    (PyTorch turns floats into signed bytes fast, and into unsigned ones slowly.)
    """
    signed = torch.empty_like(h, dtype=torch.int8)
    for part, out in zip(h.split(ROWS, dim=2), signed.split(ROWS, dim=2), strict=True):
        out.copy_((part * inverse).round_().clamp_(-128, 127))
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
        packed = torch.ops.onednn.qconv_prepack(rounded, scale, 1.0, zero, _ONES, _ONES, _ONES, 1, None)
        self.zero, self.bias = zero, layer.bias.detach() / out_step
        self.weight = (packed, scale, torch.zeros(len(scale), dtype=torch.int64))

    def relu(self, x: Tensor) -> Tensor:
        """``relu`` of the convolution in output steps, as bytes."""
        geometry, ending = (_ONES, _ONES, _ONES, 1), (1.0, 0, torch.uint8, "relu", [], "")
        out: Tensor = torch.ops.onednn.qconv2d_pointwise(x, 1.0, self.zero, *self.weight, self.bias, *geometry, *ending)
        return out

    def add_to(self, total: Tensor, x: Tensor) -> Tensor:
        """``total``, float32, plus the convolution; overwrites it."""
        geometry, ending = (_ONES, _ONES, _ONES, 1), (1.0, 0, torch.float32, 1.0, 0, "sum", 1.0, "none", [], "")
        given = (x, 1.0, self.zero, *self.weight, total, self.bias)
        out: Tensor = torch.ops.onednn.qconv2d_pointwise.binary(*given, *geometry, *ending)
        return out
