"""Fused operations are the plain ones, in whatever type the network computes."""

import pytest
import torch
from torch import nn

from shsrd.model.backends.fused import affine, conv_add, conv_relu
from shsrd.model.layer_ops import modulate

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2**-6}
PRECISIONS = list(TOLERANCE)


@pytest.fixture
def tensors():
    generator = torch.Generator().manual_seed(0)
    x, h = (torch.randn(2, channels, 9, 13, generator=generator) for channels in (8, 16))
    return tuple(t.to(memory_format=torch.channels_last) for t in (x, h))


def layer(outputs, size=3, *, bias=True):
    torch.manual_seed(1)
    return nn.Conv2d(8, outputs, size, padding=size // 2, bias=bias).to(memory_format=torch.channels_last)


OPERATIONS = {
    "ReLU": (layer(16), lambda f, x, h: conv_relu(f, x), lambda f, x, h: torch.relu(f(x))),
    "sum": (layer(16), conv_add, lambda f, x, h: h + f(x)),
    "sum, no bias": (layer(16, bias=False), conv_add, lambda f, x, h: h + f(x)),
    "affine": (layer(32, 1), affine, lambda f, x, h: modulate(h, f(x))),
}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_fused_is_plain(tensors, operation, precision):
    convolution, fused, plain = OPERATIONS[operation]
    with torch.autocast("cpu", torch.bfloat16, enabled=precision is torch.bfloat16):
        with torch.inference_mode():
            ours = fused(convolution, *tensors)
        with torch.no_grad():
            theirs = plain(convolution, *tensors)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    scale = float(theirs.abs().max())
    torch.testing.assert_close(ours.float(), theirs.float(), rtol=0, atol=scale * TOLERANCE[precision])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_gradients_flow_where_they_are_wanted(tensors, operation):
    convolution, fused, _ = OPERATIONS[operation]
    convolution.zero_grad()
    fused(convolution, *tensors).sum().backward()
    assert convolution.weight.grad.any()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_silent_layer_changes_no_bit(tensors, precision):
    x, h = tensors
    silent = layer(32, 1)
    nn.init.zeros_(silent.weight)
    nn.init.zeros_(silent.bias)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision is torch.bfloat16):
        h = h.to(precision)
        assert torch.equal(affine(silent, x, h), h)


def test_one_image_is_the_same_alone_and_among_others(tensors):
    convolution = layer(16)
    with torch.inference_mode():
        together = conv_relu(convolution, tensors[0])
        assert torch.equal(together[1:], conv_relu(convolution, tensors[0][1:]))
