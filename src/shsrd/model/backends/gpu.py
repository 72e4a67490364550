"""The residual block and the injection's affine map on an NVIDIA GPU, in as few passes over memory as can be.

cuDNN leaves biases, ReLUs and sums to passes of their own, which in layers this thin take longer than the convolutions.
``shsrd.model.backends.kernels`` applies them while a result is still in registers. The kernels hold for any sizes; how
they divide the work was chosen on an H100 by ``benchmarks/gpu_kernels.py``.

Import this module only where ``triton`` is at hand (PyTorch for CUDA brings it).
"""

from __future__ import annotations

import warnings
from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import triton
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary
from triton.tools.tensor_descriptor import TensorDescriptor

from shsrd.model.backends.kernels import affine_kernel, convolve_kernel

HOPPER = (9, 0)
NEAR = 0.03  # relative distance of two ways to compute in bf16
DTYPES = (torch.bfloat16, torch.float16)
WIDTHS = (32, 64, 128)
TRAINING_WIDTHS = (128,)  # widths that whole trainings ran on; with 64 channels one went wrong, see docs/method.md


@dataclass(frozen=True)
class Plan:
    """Launch configuration of a kernel.

    Attributes:
        tile: rows and columns of pixels.
        channels: of the inputs, in one matrix product.
        stages: tiles on their way from memory.
        warps: of a program.
        resident: programs on a multiprocessor.
    """

    tile: tuple[int, int]
    channels: int
    stages: int
    warps: int
    resident: int = 1


ROWS = 64  # pixels of an affine map's program
CONVOLVE = Plan((8, 16), channels=64, stages=3, warps=4, resident=2)


def fits(layer: nn.Conv2d, h: Tensor) -> bool:
    """Return True if this layer can be computed here: half precision, known widths, a tested kind of GPU.

    Fewer widths count where gradients are wanted.
    """
    if h.dtype not in DTYPES or layer.bias is None or not h.numel():
        return False
    widths = TRAINING_WIDTHS if torch.is_grad_enabled() else WIDTHS
    if layer.in_channels not in WIDTHS or h.shape[1] not in widths:
        return False
    return torch.cuda.get_device_capability(h.device) == HOPPER and kernels_work(h.device)


@cache
def kernels_work(device: torch.device) -> bool:
    """Return True if the kernels passed a comparison with plain layers on this device; else warn once.

    They are compiled on first use, which takes a C compiler that a user's machine may not have.
    """
    draw = torch.Generator(device).manual_seed(0)
    try:
        with torch.inference_mode(), torch.autocast(device.type, enabled=False), torch.random.fork_rng(devices=[]):
            x, h = (torch.randn(1, width, 9, 17, generator=draw, device=device).bfloat16() for width in (32, 128))
            first, second = (nn.Conv2d(128, 128, 3, padding=1).to(h) for _ in range(2))
            site = nn.Conv2d(32, 256, 1).to(h)
            scale, shift = site(x).chunk(2, dim=1)
            pairs = (
                (residual_block(first, second, h), h + second(torch.relu(first(h)))),
                (affine(site, x, h), h + h * scale + shift),
            )
            apart = max(float((ours - plain).float().norm() / plain.float().norm()) for ours, plain in pairs)
    except Exception as error:
        warnings.warn(f"slower layers are used on {device}: {' '.join(str(error).split())[:200]}", stacklevel=2)
        return False
    if not apart < NEAR:
        warnings.warn(f"slower layers are used on {device}: ours are {apart:.1e} apart from them", stacklevel=2)
    return apart < NEAR


def residual_block(first: nn.Conv2d, second: nn.Conv2d, h: Tensor) -> Tensor:
    """``h + second(relu(first(h)))`` of ``(n, width, y, x)``; gradients flow where they are asked for."""
    weights = (first.weight, first.bias, second.weight, second.bias)
    if torch.is_grad_enabled():
        out: Tensor = _Block.apply(h, *weights)  # type: ignore[no-untyped-call]
        return out
    packed = _cached_weight(first.weight, h.dtype), _cached_weight(second.weight, h.dtype)
    return _there(h.contiguous(memory_format=torch.channels_last), packed, first.bias, second.bias)[1]


def _there(
    h: Tensor, packed: tuple[Tensor, Tensor], first_bias: Tensor | None, second_bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Intermediate and output tensors of a residual block."""
    hidden = convolve(h, packed[0], bias=first_bias, relu=True)
    return hidden, convolve(hidden, packed[1], bias=second_bias, add=h)


def affine(layer: nn.Conv2d, x: Tensor, h: Tensor) -> Tensor:
    """``h * (1 + scale) + shift`` without gradients; ``layer(x)``, 1x1, holds scales, then shifts."""
    assert layer.bias is not None  # see ``fits``
    x, h = (tensor.contiguous(memory_format=torch.channels_last) for tensor in (x.to(h.dtype), h))
    out, pixels = torch.empty_like(h), h.numel() // h.shape[1]
    weight = _cached_weight(layer.weight, h.dtype)
    sizes = {"INPUTS": x.shape[1], "WIDTH": h.shape[1], "ROWS": ROWS}
    affine_kernel[(triton.cdiv(pixels, ROWS),)](x, h, weight, layer.bias, out, pixels, **sizes)
    return out


class _Block(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, *weights: Tensor) -> Tensor:
        h = h.contiguous(memory_format=torch.channels_last)
        first, first_bias, second, second_bias = weights
        packed = packed_weight(first, h.dtype), packed_weight(second, h.dtype)
        hidden, out = _there(h, packed, first_bias, second_bias)
        ctx.save_for_backward(h, hidden, *packed)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        h, hidden, first, second = ctx.saved_tensors
        gradient = gradient.to(h.dtype).contiguous(memory_format=torch.channels_last)
        wanted = ctx.needs_input_grad
        # cuDNN first: it makes the GPU this thread's, which the kernels' descriptors rely on
        second_weight = weight_gradient(hidden, gradient).float() if wanted[3] else None
        inner, first_bias = conv_input_gradient(gradient, second, mask=hidden)
        outer, second_bias = conv_input_gradient(inner, first, add=gradient)
        first_weight = weight_gradient(h, inner).float() if wanted[1] else None
        return outer, first_weight, first_bias, second_weight, second_bias


def packed_weight(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Weights ``(outputs, inputs, 3, 3)`` as ``(9 inputs, outputs)``, the tap slowest."""
    return weight.detach().permute(2, 3, 1, 0).to(dtype).reshape(-1, weight.shape[0]).contiguous()


_Key = tuple[int, int, torch.dtype]
_packed: MutableMapping[Tensor, tuple[_Key, Tensor]] = WeakTensorKeyDictionary()


def _cached_weight(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """The same, kept until the weights change or go."""
    if weight.is_inference():  # such tensors do not count their changes
        return packed_weight(weight, dtype)
    key = (weight.data_ptr(), weight._version, dtype)
    found = _packed.get(weight)
    if found is None or found[0] != key:
        found = _packed[weight] = (key, packed_weight(weight, dtype))
    return found[1]


def convolve(
    x: Tensor, packed: Tensor, *, bias: Tensor | None, relu: bool = False, add: Tensor | None = None
) -> Tensor:
    """A convolution of ``(n, width, y, x)`` in channels-last order, a bias, and a ReLU or the sum with ``add``."""
    return _launch_convolution(x, packed, bias=bias, relu=relu, add=add)[0]


def conv_input_gradient(
    gradient: Tensor, packed: Tensor, *, add: Tensor | None = None, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The gradient of a convolution's input by that of its result, and that of a bias.

    Args:
        gradient: ``(n, width, y, x)``, channels last.
        packed: weights, from ``packed_weight``.
        add: added to the result; its sum over pixels is the gradient of the bias.
        mask: the result is zero where this is not positive; its own sum is then the gradient of the bias.

    Returns:
        Of the same shape, and ``(width,)`` in float32.
    """
    return _launch_convolution(gradient, packed, turned=True, add=add, mask=mask)


def _launch_convolution(
    x: Tensor,
    packed: Tensor,
    *,
    bias: Tensor | None = None,
    relu: bool = False,
    add: Tensor | None = None,
    mask: Tensor | None = None,
    turned: bool = False,
) -> tuple[Tensor, Tensor]:
    count, width, height, length = x.shape
    plan = CONVOLVE
    channels, (tile_y, tile_x) = min(plan.channels, width), plan.tile
    tiles_y, tiles_x = triton.cdiv(height, tile_y), triton.cdiv(length, tile_x)
    tiles = count * tiles_y * tiles_x
    out, whole = torch.empty_like(x), [1, tile_y, tile_x, width]
    other = add if mask is None else mask
    programs = min(tiles, plan.resident * _multiprocessors(x.device))
    sums = x.new_empty((programs, width), dtype=torch.float32) if turned else packed
    convolve_kernel[(programs,)](
        _pixels(x, [1, tile_y, tile_x, channels]),
        TensorDescriptor.from_tensor(packed, [width, channels] if turned else [channels, width]),
        _pixels(out, whole),
        _pixels(out if other is None else other, whole),
        packed if bias is None else bias,
        sums,
        tiles,
        tiles_y,
        tiles_x,
        WIDTH=width,
        CHANNELS=channels,
        TILE_Y=tile_y,
        TILE_X=tile_x,
        STAGES=plan.stages,
        TURNED=turned,
        RELU=relu,
        ADD=add is not None,
        MASK=mask is not None,
        num_warps=plan.warps,
    )
    return out, sums.sum(dim=0) if turned else sums


def weight_gradient(x: Tensor, gradient: Tensor) -> Tensor:
    """Gradient ``(outputs, inputs, 3, 3)`` of a convolution of ``x`` by that of its result; cuDNN does this best."""
    width = x.shape[1]
    weight = x.new_empty((width, width, 3, 3)).to(memory_format=torch.channels_last)  # only its kind is read
    geometry = ([1, 1], [1, 1], [1, 1], False, [0, 0], 1)
    wanted = [False, True, False]
    found: Tensor = torch.ops.aten.convolution_backward(gradient, x, weight, None, *geometry, wanted)[1]
    return found


def _multiprocessors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1


def _pixels(x: Tensor, box: list[int]) -> TensorDescriptor:
    """``(n, c, y, x)`` in channels-last order, fetched in boxes ``(n, y, x, c)``."""
    return TensorDescriptor.from_tensor(x.permute(0, 2, 3, 1), box)
