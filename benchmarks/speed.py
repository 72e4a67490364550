"""How fast is the posterior mean, and how much of the machine does it use?

    python benchmarks/speed.py [--quick] [--json] [--threads 2]

Reading the output:

* *peak*: the best 3x3 convolution rate that this machine reaches in torch (channels last, several widths and sizes),
  measured, not taken from a data sheet. The network's *share of peak* is its own arithmetic, counted layer by layer,
  over the time of its encoder and over the peak at the same precision. Low shares mean time lost in memory.
* *CAVE-sized scene*: 128 x 128 x 31 in, 512 x 512 x 31 out, synthetic, warm, median of 5. ``bands`` runs every band
  triplet through the network, ``eigen`` the leading eigenimages alone. *wall* is the clock, *cpu* the processor time of
  all threads: on a busy machine believe cpu, and the breakdown's shares.
* *breakdown*: the same steps run one by one. Frame: moments, eigenvectors, guide. Encoder: channels, guide maps and the
  network. Interpolation: U. Consistency: back-projection and its check. Other: what the parts do not add up to (halo,
  copies, assembly, weights).
* *ratios*: the same scene by torch's bicubic, and by an EDSR-baseline (Lim et al. 2017: 16 blocks of 64 channels, x4
  pixel-shuffle head, random weights) that sees eleven band triplets at the same precision, without any halo.
* *growth*: time per low-resolution pixel for 64, 128 and 256 pixels a side (flat is linear; small scenes pay for their
  halo), and the price of 480 bands over 31 (``eigen`` should be near the ratio of its interpolation alone; ``bands``
  grows with the number of bands).

Set ``OMP_NUM_THREADS`` to the same number of threads: more threads than free cores are slower than one.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from shsrd.cube import Cube, Storage
from shsrd.datasets import phantom
from shsrd.degradation import Degradation, back_project, back_projection_reach, bicubic_up, degrade
from shsrd.model import Model, Network, load_weights
from shsrd.spectral import FrameName, scene_statistics
from shsrd.upscaling import UpscaleOptions, upscale
from shsrd.upscaling.engine import Engine, Precision
from shsrd.upscaling.frames import guided_frame
from shsrd.upscaling.options import choose_precision
from shsrd.upscaling.tiles import Window, read_window
from shsrd.upscaling.upscale import DEFAULT_HALO

SCALE = 4
FRAMES: tuple[FrameName, ...] = ("bands", "eigen")
PEAK_WIDTHS, PEAK_SIDES = (64, 96, 128, 256), (64, 128, 192)


@dataclass(frozen=True)
class Arguments:
    """Measure speed.

    Attributes:
        model: weights.
        threads: of torch; 0 leaves them as they are.
        quick: fewer repetitions and no growth.
        json: print JSON.
    """

    model: str = "cave-x4"
    threads: int = 0
    quick: bool = False
    json: bool = False


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


def encoder_flops(network: Network, pixels: int, triplets: int) -> int:
    """Multiplications and additions of the encoder; every convolution runs once on each low-resolution pixel."""
    layers = list(network.encoder.modules())
    per_pixel = sum(2 * layer.weight.numel() for layer in layers if isinstance(layer, nn.Conv2d))
    per_triplet = sum(2 * layer.weight.numel() for layer in layers if isinstance(layer, nn.Linear))
    return triplets * (per_pixel * pixels + per_triplet)


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


def scene(side: int, bands: int = 31) -> Cube:
    """A synthetic low-resolution scene of 400 to 700 nm, or to 2500 nm where there are many bands."""
    lam = np.linspace(400, 700 if bands <= 31 else 2500, bands)
    made = phantom(rows=side, columns=side, wavelength_nm=lam, pixel_m=4)
    return made.replace(storage=Storage(), good_bands=np.ones(bands, bool))


def whole(low: Cube, model: Model, frame: FrameName, repeats: int) -> Timing:
    """The posterior mean of a scene, weights loaded."""
    options = UpscaleOptions(frame=frame, device="cpu")
    return timed(lambda: upscale(low, SCALE, options=options, model=model), repeats)


def breakdown(low: Cube, model: Model, frame: FrameName, precision: Precision, repeats: int) -> dict[str, Any]:
    """Times of the parts, arithmetic and share of it; the scene must fit one tile."""
    engine = Engine(model.network, precision=precision)
    degradation = Degradation(scale=SCALE)
    window = Window(0, 0, *low.shape[1:]).grown(max(DEFAULT_HALO, back_projection_reach(degradation)))
    seen = read_window(low.pixels, window)
    guided = guided_frame(scene_statistics(low.pixels), frame, low.wavelength_nm)
    given, estimate = torch.from_numpy(low.pixels), bicubic_up(torch.from_numpy(low.pixels), SCALE)
    parts = {
        "frame": lambda: guided_frame(scene_statistics(low.pixels), frame, low.wavelength_nm),
        "encoder": lambda: engine.mean(seen, guided),
        "interpolation": lambda: bicubic_up(torch.from_numpy(seen), SCALE),
        "consistency": lambda: (back_project(estimate, given, degradation), degrade(estimate, degradation)),
    }
    total = whole(low, model, frame, repeats)
    times = {name: timed(part, repeats) for name, part in parts.items()}
    flops = encoder_flops(model.network, window.rows * window.columns, len(guided.triplets))
    return {
        "total": asdict(total),
        "parts_cpu": {name: part.cpu for name, part in times.items()},
        "other_cpu": total.cpu - sum(part.cpu for part in times.values()),
        "triplets": len(guided.triplets),
        "gflop": flops / 1e9,
        "encoder_gflops": flops / times["encoder"].cpu * torch.get_num_threads() / 1e9,
    }


def growth(model: Model, repeats: int) -> dict[str, Any]:
    """Processor time per low-resolution pixel against size and band count, in microseconds."""
    sides = {side: scene(side) for side in (64, 128, 256)}
    pixels: dict[str, dict[str, float]] = {
        frame: {str(side): 1e6 * whole(low, model, frame, repeats).cpu / side**2 for side, low in sides.items()}
        for frame in FRAMES
    }
    many = scene(64, 480)
    bands = {frame: 1e6 * whole(many, model, frame, 1).cpu / 64**2 for frame in FRAMES}
    return {"us_per_pixel": pixels, "us_per_pixel_480_bands": bands} | {
        "ratio_480_to_31_bands": {frame: bands[frame] / pixels[frame]["64"] for frame in FRAMES}
    }


def measure(arguments: Arguments) -> dict[str, Any]:
    """Every figure."""
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    repeats = 2 if arguments.quick else 5
    model, low = load_weights(arguments.model), scene(128)
    precision = choose_precision("auto", torch.device("cpu"))
    found: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "model": f"{model.name} ({model.fingerprint})",
        "precision": precision,
        "peak_gflops": {name: peak_flops(name) / 1e9 for name in ("bf16", "fp32")},
    }
    for frame in FRAMES:
        found[frame] = breakdown(low, model, frame, precision, repeats)
        found[frame]["share_of_peak"] = found[frame]["encoder_gflops"] / found["peak_gflops"][precision]
    bicubic = timed(lambda: bicubic_up(torch.from_numpy(low.pixels), SCALE), repeats)
    edsr = edsr_time(low, precision, repeats)
    found["bicubic"], found["edsr_baseline"] = asdict(bicubic), asdict(edsr)
    for frame in FRAMES:
        ours = Timing(**found[frame]["total"])
        found[frame] |= {"over_bicubic": ours.over(bicubic), "over_edsr_baseline": ours.over(edsr)}
    return found if arguments.quick else found | {"growth": growth(model, 1)}


def show(found: dict[str, Any]) -> None:
    """Tables."""
    console = Console(width=120)
    peaks = ", ".join(f"{name} {value:.0f}" for name, value in found["peak_gflops"].items())
    console.print(f"{found['model']}, {found['threads']} threads, {found['precision']}; peak Gflop/s: {peaks}")
    table = Table("128 x 128 x 31 to 512 x 512 x 31", *FRAMES, title="CAVE-sized scene", title_justify="left")
    rows: dict[str, Callable[[dict[str, Any]], str]] = {
        "wall, s": lambda f: f"{f['total']['wall']:.2f}",
        "cpu, s": lambda f: f"{f['total']['cpu']:.2f}",
        **{
            f"  {part}": lambda f, part=part: _share(f["parts_cpu"][part], f)  # type: ignore[misc]
            for part in found["bands"]["parts_cpu"]
        },
        "  other": lambda f: _share(f["other_cpu"], f),
        "triplets": lambda f: str(f["triplets"]),
        "arithmetic, Gflop": lambda f: f"{f['gflop']:.0f}",
        "encoder, Gflop/s": lambda f: f"{f['encoder_gflops']:.0f}",
        "share of peak": lambda f: f"{f['share_of_peak']:.0%}",
        f"times bicubic ({found['bicubic']['cpu']:.3f} s cpu)": lambda f: f"{f['over_bicubic']:.1f}",
        f"times EDSR-baseline ({found['edsr_baseline']['cpu']:.2f} s cpu)": lambda f: f"{f['over_edsr_baseline']:.2f}",
    }
    for name, text in rows.items():
        table.add_row(name, *(text(found[frame]) for frame in FRAMES))
    console.print(table)
    if "growth" in found:
        console.print(_growth_table(found["growth"]))


def _share(seconds: float, found: dict[str, Any]) -> str:
    return f"{seconds:.3f} ({seconds / found['total']['cpu']:.0%})"


def _growth_table(found: dict[str, Any]) -> Table:
    table = Table("cpu, microseconds a low-resolution pixel", *FRAMES, title="growth", title_justify="left")
    for side in found["us_per_pixel"]["bands"]:
        table.add_row(f"{side} x {side}, 31 bands", *(f"{found['us_per_pixel'][f][side]:.1f}" for f in FRAMES))
    table.add_row("64 x 64, 480 bands", *(f"{found['us_per_pixel_480_bands'][f]:.1f}" for f in FRAMES))
    table.add_row("480 bands over 31", *(f"{found['ratio_480_to_31_bands'][f]:.1f}" for f in FRAMES))
    return table


def main() -> None:
    """Measure and print."""
    arguments = tyro.cli(Arguments, config=(tyro.conf.FlagCreatePairsOff,))
    found = measure(arguments)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)


if __name__ == "__main__":
    main()
