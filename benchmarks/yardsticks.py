"""What speed is measured against: clocks, the best convolution rate of the machine, and a plain EDSR-baseline."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from shsrd.cube import Cube
from shsrd.upscaling.inference import Precision

PEAK_WIDTHS, PEAK_SIDES = (64, 96, 128, 256), (64, 128, 192)


@dataclass(frozen=True)
class Timing:
    """Medians in seconds: on the clock, and of the processor over all threads."""

    wall: float
    cpu: float

    def over(self, other: Timing) -> float:
        """How many times longer than ``other``, by processor time."""
        return self.cpu / other.cpu


def timed(work: Callable[[], object], repeats: int) -> Timing:
    """Run once to warm up, then time."""
    work()
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return Timing(statistics.median(walls), statistics.median(cpus))


def peak_flops(precision: Precision) -> float:
    """Best measured rate of a 3x3 convolution in operations a second: per processor-second, times threads."""
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    best = 0.0
    for width in PEAK_WIDTHS:
        layer = nn.Conv2d(width, width, 3, padding=1, bias=False).to(dtype=kind, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for side in PEAK_SIDES:
            image = torch.randn(1, width, side, side).to(dtype=kind, memory_format=torch.channels_last)
            with torch.inference_mode():
                timing = timed(lambda layer=layer, image=image: layer(image), 5)  # type: ignore[misc]
            best = max(best, 2 * 9 * width**2 * side**2 / timing.cpu * torch.get_num_threads())
    return best


class Edsr(nn.Module):
    """EDSR-baseline, x4 (Lim et al. 2017, table 1): 16 residual blocks of 64 channels, no batch normalisation."""

    def __init__(self, width: int = 64, blocks: int = 16) -> None:
        super().__init__()

        def conv(inputs: int, outputs: int) -> nn.Conv2d:
            return nn.Conv2d(inputs, outputs, 3, padding=1)

        self.stem = conv(3, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(conv(width, width), nn.ReLU(), conv(width, width)) for _ in range(blocks)
        )
        self.body = conv(width, width)
        stages = [layer for _ in range(2) for layer in (conv(width, 4 * width), nn.PixelShuffle(2))]
        self.head = nn.Sequential(*stages, conv(width, 3))

    def forward(self, image: Tensor) -> Tensor:
        """``(n, 3, y, x)`` to ``(n, 3, 4 y, 4 x)``."""
        first = h = self.stem(image)
        for block in self.blocks:
            h = h + block(h)
        out: Tensor = self.head(first + self.body(h))
        return out


def edsr_time(low: Cube, precision: Precision, repeats: int) -> Timing:
    """Eleven band triplets, one after the other (two at once would not fit the cache)."""
    network = Edsr().eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    starts = [min(start, low.shape[0] - 3) for start in range(0, low.shape[0], 3)]
    bands = torch.from_numpy(low.pixels)
    images = [bands[start : start + 3][None].to(memory_format=torch.channels_last) for start in starts]

    def forward() -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            for image in images:
                network(image).float()

    return timed(forward, repeats)
