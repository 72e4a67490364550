"""Convolutions followed by a ReLU, a product or a sum: one pass over memory where a CPU computes without gradients.

The network's layers are thin, so on a CPU the passes beside its convolutions cost a third of their time. oneDNN applies
such operations to each part of a convolution's result while that is still in the processor's cache; in bf16 their
result is also rounded once instead of twice. On an NVIDIA GPU ``shsrd.model.backends.gpu`` does the like. Elsewhere the
plain operations run.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from shsrd.model.layer_ops import LayerOps, modulate


def conv_relu(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """``relu(layer(x))``."""
    if not _can_fuse(x):
        return torch.relu(layer(x))
    one_type = _cast_all(x, layer.weight, layer.bias)
    fused: Tensor = torch.ops.mkldnn._convolution_pointwise(*one_type, *_conv_arguments(layer), "relu", [], "")
    return fused


def conv_add(layer: nn.Conv2d, x: Tensor, other: Tensor) -> Tensor:
    """``other + layer(x)``."""
    return _binary(layer, layer.weight, layer.bias, "add", x, other) if _can_fuse(x) else other + layer(x)


def residual(first: nn.Conv2d, second: nn.Conv2d, h: Tensor) -> Tensor:
    """``h + second(relu(first(h)))``."""
    if not _on_gpu(first, h):
        return conv_add(second, conv_relu(first, h), h)
    from shsrd.model.backends.gpu import residual_block

    return residual_block(first, second, h)


def affine(layer: nn.Conv2d, x: Tensor, h: Tensor) -> Tensor:
    """``h * (1 + scale) + shift``; ``layer(x)`` holds the scales in its first half, the shifts in its second."""
    if not torch.is_grad_enabled() and _on_gpu(layer, h):
        from shsrd.model.backends.gpu import affine as affine_on_gpu

        return affine_on_gpu(layer, x, h)
    if not _can_fuse(x) or layer.bias is None:
        return modulate(h, layer(x))
    (weight, shift_weight), (bias, shift_bias) = layer.weight.chunk(2), layer.bias.chunk(2)
    scaled = _binary(layer, weight, bias + 1, "mul", x, h)
    return _binary(layer, shift_weight, shift_bias, "add", x, scaled)


def _on_gpu(layer: nn.Conv2d, h: Tensor) -> bool:
    """Return True if ``shsrd.model.backends.gpu`` can compute this layer."""
    if not h.is_cuda or torch.compiler.is_compiling() or not _has_triton():
        return False
    from shsrd.model.backends.gpu import fits

    return fits(layer, h)


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def _can_fuse(x: Tensor) -> bool:
    """Return True if oneDNN is available and neither gradients nor a trace are needed."""
    if x.device.type != "cpu" or not torch.is_inference_mode_enabled() or torch.compiler.is_compiling():
        return False
    if not (torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled):  # type: ignore[no-untyped-call]
        return False
    return _type(x) is torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _type(x: Tensor) -> torch.dtype:
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


def _cast_all(x: Tensor, *others: Tensor | None) -> tuple[Tensor | None, ...]:
    dtype = _type(x)
    return tuple(None if tensor is None else tensor.to(dtype) for tensor in (x, *others))


def _conv_arguments(layer: nn.Conv2d) -> tuple[list[int], list[int], list[int], int]:
    assert not isinstance(layer.padding, str)
    return list(layer.padding), list(layer.stride), list(layer.dilation), layer.groups


def _binary(layer: nn.Conv2d, weight: Tensor, bias: Tensor | None, name: str, x: Tensor, other: Tensor) -> Tensor:
    one_type = _cast_all(x, other, weight, bias)
    geometry = _conv_arguments(layer)
    fused: Tensor = torch.ops.mkldnn._convolution_pointwise.binary(*one_type, *geometry, name, 1.0, None, [], None)
    return fused


FUSED = LayerOps(conv_relu, residual, affine)
