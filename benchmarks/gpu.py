"""How many scenes a second does a GPU take through the network?

    python benchmarks/gpu.py [--device cuda] [--scenes 32] [--channels 15] [--together 4]

The posterior mean of CAVE-sized scenes (128 x 128 x 31, so eleven band triplets each where all bands are seen) with
everything already on the device: encoder and head, and the shuffle to 512 x 512 pixels; no frame, no halo, no
consistency, no transfers. One call a scene (or ``--together`` of them: a processor may launch a scene's layers more
slowly than a large GPU computes them), a batch of scenes queued, the device synchronised before and after the
batch; cuDNN chooses its convolutions by trial. ``benchmarks/speed.py`` prints the same line where there is a GPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import tyro

from shsrd.cube import Cube
from shsrd.model import Model, SpectralInformation, channels_last, load_weights, unpack
from shsrd.spectral import GuideName, scene_statistics
from shsrd.upscaling.bases import guided_basis
from shsrd.upscaling.inference import Precision
from shsrd.upscaling.options import choose_precision

BATCHES = 3  # timed, after one to warm up; the fastest counts


@dataclass(frozen=True)
class Load:
    """What a device is given to do.

    Attributes:
        scenes: in a batch.
        together: scenes in one call of the network, a divisor of ``scenes``.
        channels: bands that the network sees; None: all 31.
    """

    scenes: int = 32
    together: int = 1
    channels: int | None = None


@dataclass(frozen=True)
class Arguments(Load):
    """Measure scenes a second on a device.

    Attributes:
        model: weights.
        device: cuda, cuda:1, or cpu to see that the measurement works.
        side: low-resolution pixels along each side.
    """

    model: str = "cave-x4"
    device: str = "cuda"
    side: int = 128


def resident(
    low: Cube, guides: GuideName, device: torch.device, load: Load
) -> tuple[torch.Tensor, SpectralInformation]:
    """All triplets of the scenes of one call and what the injection knows of them, on the device."""
    guided = guided_basis(scene_statistics(low.pixels), "bands", low.wavelength_nm, load.channels, guides=guides)
    pixels = torch.from_numpy(low.pixels)
    maps = guided.guide.maps(guided.guide.guide_components(pixels), guided.triplets)
    descriptor = torch.from_numpy(guided.guide.descriptors(guided.triplets)).to(device)
    triplets = guided.basis.project(pixels)[torch.from_numpy(guided.triplets)]
    images = [torch.cat([tensor] * load.together) for tensor in (triplets, maps)]
    placed = [tensor.to(device, memory_format=torch.channels_last) for tensor in images]
    return placed[0], SpectralInformation(placed[1], torch.cat([descriptor] * load.together))


def scene_rate(low: Cube, model: Model, device: torch.device, load: Load, precision: Precision) -> float:
    """Scenes a second; the weights come back to the processor afterwards."""
    network = channels_last(model.network.to(device)).eval()
    triplets, information = resident(low, network.config.guides, device, load)
    calls = load.scenes // load.together
    mixed = torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()

    torch.backends.cudnn.benchmark = True

    def batch() -> None:
        for _ in range(calls):
            unpack(network.encode(triplets, information).mean, network.config.scale)

    try:
        with torch.inference_mode(), mixed:
            return calls * load.together / fastest(batch, device)
    finally:
        model.network.to("cpu")


def fastest(work: Callable[[], None], device: torch.device) -> float:
    """Seconds on the clock, from an idle device to an idle device."""
    seconds = []
    for _ in range(1 + BATCHES):
        synchronise(device)
        start = time.perf_counter()
        work()
        synchronise(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


def synchronise(device: torch.device) -> None:
    """Wait until the device has done everything it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def gpu_line(low: Cube, model: Model, load: Load | None = None) -> dict[str, Any]:
    """What ``speed.py`` reports: the rate on the first GPU, or why there is none."""
    if not torch.cuda.is_available():
        return {"skipped": "torch sees no CUDA device here"}
    device = torch.device("cuda")
    precision = choose_precision("auto", device)
    rate = scene_rate(low, model, device, load or Load(), precision)
    return {"device": torch.cuda.get_device_name(device), "precision": precision, "scenes_per_s": rate}


def described(found: dict[str, Any]) -> str:
    """``gpu_line`` as a sentence."""
    if "skipped" in found:
        return f"GPU: not measured, {found['skipped']}"
    return f"GPU: {found['scenes_per_s']:.1f} scenes/s resident, {found['precision']}, {found['device']}"


def main() -> None:
    """Measure and print."""
    from speed import scene

    arguments = tyro.cli(Arguments, config=(tyro.conf.FlagCreatePairsOff,))
    model, low, device = load_weights(arguments.model), scene(arguments.side), torch.device(arguments.device)
    if device.type == "cuda":
        print(described(gpu_line(low, model, arguments)))
        return
    precision = choose_precision("auto", device)
    rate = scene_rate(low, model, device, arguments, precision)
    print(f"{device}: {rate:.3f} scenes/s, {precision}")


if __name__ == "__main__":
    main()
