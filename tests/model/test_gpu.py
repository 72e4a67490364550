"""The GPU's kernels compute what the plain layers do, gradients included.

They need a GPU, or an interpreter on any machine: ``pip install triton`` and ``TRITON_INTERPRET=1``.
"""

import os
from importlib.util import find_spec

import pytest
import torch
from torch import nn

if find_spec("triton") is None:
    pytest.skip("triton is not installed: it comes with PyTorch for CUDA", allow_module_level=True)
if os.environ.get("TRITON_INTERPRET") == "1":
    DEVICE = "cpu"
elif torch.cuda.is_available() and torch.cuda.get_device_capability() >= (9, 0):
    DEVICE = "cuda"
else:
    pytest.skip("no GPU of compute capability 9 here, and TRITON_INTERPRET is not 1", allow_module_level=True)

from shsrd.model.backends import gpu
from shsrd.model.layer_ops import modulate

ROUNDING = 1e-3  # of fp16; the interpreter has no bf16 products
SIZES = [(2, 13, 20), (1, 8, 16), (3, 1, 33)]
LARGE = [] if DEVICE == "cpu" else [(33, 64, 64)]  # several tiles for each program of a large GPU


def images(width, size, seed=0):
    count, rows, columns = size
    drawn = torch.randn(count, width, rows, columns, generator=torch.Generator().manual_seed(seed))
    return drawn.half().contiguous(memory_format=torch.channels_last).to(DEVICE)


def layer(inputs, outputs, kernel=3):
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2).to(DEVICE)
    with torch.no_grad():
        for parameter in convolution.parameters():
            parameter.copy_(parameter.half())
    return convolution


def apart(found, truth):
    return ((found.float() - truth.float()).norm() / truth.float().norm()).item()


@pytest.mark.parametrize("size", SIZES + LARGE)
@pytest.mark.parametrize("width", gpu.WIDTHS)
def test_a_block_and_its_gradients_are_the_plain_ones(width, size):
    torch.manual_seed(0)
    first, second = layer(width, width), layer(width, width)
    parameters = [*first.parameters(), *second.parameters()]
    h, gradient = images(width, size).requires_grad_(), images(width, size, seed=1)
    out = gpu.residual_block(first, second, h)
    found = [out, *torch.autograd.grad(out, [h, *parameters], gradient)]
    x = h.detach().float().requires_grad_()
    plain = x + second(torch.relu(first(x)))
    wanted = [plain, *torch.autograd.grad(plain, [x, *parameters], gradient.float())]
    assert [apart(*pair) < ROUNDING for pair in zip(found, wanted, strict=True)] == [True] * len(wanted)


@pytest.mark.skipif(DEVICE == "cpu", reason="on a CPU the kernels are never chosen")
@pytest.mark.parametrize(("width", "trained"), [(64, False), (128, True)])
def test_only_widths_that_trained_well_have_gradients(width, trained):
    convolution, h = layer(width, width), images(width, (1, 8, 16))
    assert gpu.fits(convolution, h) == trained
    with torch.no_grad():
        assert gpu.fits(convolution, h)


def test_only_wanted_gradients_come_back():
    first, second = layer(32, 32), layer(32, 32)
    first.requires_grad_(requires_grad=False)
    gpu.residual_block(first, second, images(32, (1, 8, 16))).sum().backward()
    assert first.weight.grad is None
    assert second.weight.grad.any()


@pytest.mark.parametrize("size", SIZES)
def test_an_affine_map_is_the_plain_one(size):
    torch.manual_seed(0)
    convolution, x, h = layer(32, 128, kernel=1), images(32, size), images(64, size, seed=1)
    with torch.inference_mode():
        assert apart(gpu.affine(convolution, x, h), modulate(h.float(), convolution(x.float()))) < ROUNDING


def test_weights_packed_once_follow_their_changes():
    first, second, h = layer(32, 32), layer(32, 32), images(32, (1, 8, 16))
    with torch.inference_mode():
        before, again = gpu.residual_block(first, second, h), gpu.residual_block(first, second, h)
    with torch.no_grad():
        first.weight.mul_(2)
    with torch.inference_mode():
        after = gpu.residual_block(first, second, h)
    assert torch.equal(before, again)
    assert not torch.equal(before, after)


@pytest.mark.parametrize("broken", ["no compiler", "wrong result"])
def test_kernels_that_do_not_work_are_not_used(monkeypatch, broken):
    def block(first, second, h):
        if broken == "no compiler":
            raise RuntimeError("no C compiler")
        return torch.zeros_like(h)

    gpu.kernels_work.cache_clear()
    monkeypatch.setattr(gpu, "residual_block", block)
    with pytest.warns(UserWarning, match="slower layers are used on"):
        assert not gpu.kernels_work(torch.device(DEVICE))
    gpu.kernels_work.cache_clear()


@pytest.mark.skipif(DEVICE == "cpu", reason="the interpreter has no bf16 products")
def test_kernels_work_here():
    gpu.kernels_work.cache_clear()
    assert gpu.kernels_work(torch.device(DEVICE))
