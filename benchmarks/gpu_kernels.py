"""How fast is a residual block on a GPU, by our kernels and by cuDNN?

    python benchmarks/gpu_kernels.py [--width 128] [--images 64] [--side 48] [--plans]

Prints, for the convolution with each of its endings and a whole block there and back: time, Tflop/s, and how many
times faster than the same by cuDNN (channels last, bf16, chosen by trial), with their relative distance. ``--plans``
tries several divisions of the work (``Plan``) instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from shsrd.model.backends import gpu
from shsrd.model.backends.gpu import Plan

CONVOLUTIONS = (
    Plan((16, 16), 64, 3, 8),
    Plan((16, 16), 64, 4, 8),
    Plan((16, 16), 128, 2, 8),
    Plan((8, 16), 64, 3, 4, 2),
)


def milliseconds(work: Callable[[], object], calls: int = 5, repeats: int = 5) -> float:
    """Median time on the GPU of a call, several replayed as one graph: a processor's launches would take longer."""
    for _ in range(2):
        work()
    graph, times = torch.cuda.CUDAGraph(), []
    with torch.cuda.graph(graph):
        for _ in range(calls):
            work()
    for _ in range(repeats):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end) / calls)
    return float(torch.tensor(times).median())


def far(found: Tensor, truth: Tensor) -> float:
    """Relative distance."""
    return float((found.float() - truth.float()).norm() / truth.float().norm())


class Bench:
    """Inputs of one size."""

    def __init__(self, width: int, images: int, side: int) -> None:
        self.flops = 2 * 9 * width * width * images * side * side
        layers = [nn.Conv2d(width, width, 3, padding=1).cuda() for _ in range(2)]
        self.first, self.second = layers
        self.h, self.other = (
            torch.randn(images, width, side, side, device="cuda", dtype=torch.bfloat16).contiguous(
                memory_format=torch.channels_last
            )
            for _ in range(2)
        )
        self.packed = gpu.packed_weight(self.first.weight, torch.bfloat16)
        self.low = [p.detach().bfloat16() for p in (self.first.weight, self.first.bias)]
        self.low[0] = self.low[0].contiguous(memory_format=torch.channels_last)

    def lines(self) -> dict[str, tuple[Callable[[], Tensor], Callable[[], Tensor]]]:
        """By name: ours and cuDNN's."""
        h, other, packed, (weight, bias), first = self.h, self.other, self.packed, self.low, self.first.bias

        def turned() -> Tensor:
            return functional.conv_transpose2d(h, weight, padding=1)

        return {
            "bias, ReLU": (
                lambda: gpu.convolve(h, packed, bias=first, relu=True),
                lambda: torch.relu(functional.conv2d(h, weight, bias, padding=1)),
            ),
            "bias, sum": (
                lambda: gpu.convolve(h, packed, bias=first, add=other),
                lambda: other + functional.conv2d(h, weight, bias, padding=1),
            ),
            "back, mask": (lambda: gpu.conv_input_gradient(h, packed, mask=other)[0], lambda: turned() * (other > 0)),
            "back, sum": (lambda: gpu.conv_input_gradient(h, packed, add=other)[0], lambda: turned() + other),
        }

    def block(self, *, ours: bool) -> Callable[[], Tensor]:
        """A whole block, forwards and back."""

        def plain(h: Tensor) -> Tensor:
            return h + self.second(torch.relu(self.first(h)))

        def run() -> Tensor:
            h = self.h.detach().requires_grad_()
            with torch.autocast("cuda", torch.bfloat16):
                out = gpu.residual_block(self.first, self.second, h) if ours else plain(h)
            out.backward(self.other)
            assert h.grad is not None
            return h.grad

        return run


def compared(bench: Bench) -> None:
    """A table of ours and cuDNN's."""
    for name, (ours, theirs) in bench.lines().items():
        times = milliseconds(ours), milliseconds(theirs)
        rate = bench.flops / times[0] / 1e9
        print(f"{name:12s} {times[0]:7.3f} ms {rate:5.0f} Tflop/s  {times[1] / times[0]:5.2f} x cuDNN", end="")
        print(f"  apart {far(ours(), theirs()):.1e}", flush=True)
    times = milliseconds(bench.block(ours=True)), milliseconds(bench.block(ours=False))
    rate = 6 * bench.flops / times[0] / 1e9
    print(f"{'block':12s} {times[0]:7.3f} ms {rate:5.0f} Tflop/s  {times[1] / times[0]:5.2f} x cuDNN", end="")
    print(f"  apart {far(bench.block(ours=True)(), bench.block(ours=False)()):.1e}", flush=True)


def planned(bench: Bench) -> None:
    """A line for every plan."""
    lines = bench.lines()
    for plan in CONVOLUTIONS:
        gpu.CONVOLVE = plan
        _tried(plan, [ours for ours, _ in lines.values()], bench.flops)


def _tried(plan: Plan, kernels_work: list[Callable[[], Tensor]], flops: float) -> None:
    try:
        rates = [flops / milliseconds(work) / 1e9 for work in kernels_work]
    except (RuntimeError, ValueError) as error:  # too much shared memory
        print(plan, type(error).__name__, str(error)[:80], flush=True)
    else:
        print(plan, "Tflop/s:", *(f"{rate:.0f}" for rate in rates), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--side", type=int, default=48)
    parser.add_argument("--plans", action="store_true")
    arguments = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    found = Bench(arguments.width, arguments.images, arguments.side)
    (planned if arguments.plans else compared)(found)
