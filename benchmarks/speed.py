"""How fast is the posterior mean, and how much of the machine does it use?

    python benchmarks/speed.py [--quick] [--json] [--threads 2]
    python benchmarks/speed.py --against COMMIT [--pairs 3] [--quick]      # ratios to an older build, both run in turn

Reading the output:

* *peak*: the best 3x3 convolution rate that this machine reaches in torch (channels last, several widths and sizes),
  measured, not taken from a data sheet. The network's *share of peak* is its own arithmetic, counted layer by layer,
  over the time of its encoder and over the peak in bf16 (fp32 where the processor has no bf16). Where most of the
  encoder runs in integers, whose peak is twice as high, the share could be up to 2.
* *CAVE-sized scene*: 128 x 128 x 31 in, 512 x 512 x 31 out, synthetic, warm, median of 5. ``bands`` runs every band
  triplet through the network, ``12 bands`` and ``3 bands`` as many evenly spaced ones, ``pca`` the leading
  eigenimages. *wall* is the clock, *cpu* the processor time of all threads: on a busy machine believe cpu, and the
  breakdown's shares.
* *breakdown*: the same steps run one by one. Frame: moments, eigenvectors, guide. Encoder: channels, guide maps and the
  network. Consistency: filter, interpolation, detail and back-projection, and the check. Other: what the
  parts do not add up to (halo, copies, assembly, weights).
* *beside it*: reading the scene as ENVI and writing the result as GeoTIFF; the denoiser of eight samples (four times
  the difference between three samples and one, so without what they share).
* *GPU*: scenes a second with everything on the device (``benchmarks/gpu.py``), where there is one.
* *ratios*: the same scene by torch's bicubic, and by an EDSR-baseline (Lim et al. 2017: 16 blocks of 64 channels, x4
  pixel-shuffle head, random weights) that sees eleven band triplets in bf16 (or fp32), without any halo.
* *growth*: time per low-resolution pixel for 64, 128 and 256 pixels a side (flat is linear; small scenes pay for their
  halo), and the price of 480 bands over 31: one interpolation, the synthesis and the check of every band (of 480 bands
  the network sees 24 in ``bands``, of 31 all).

Set ``OMP_NUM_THREADS`` to the same number of threads: more threads than free cores are slower than one.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import nn

from against import CASES, compare
from gpu import described, gpu_line
from shsrd.cube import Cube, Storage
from shsrd.datasets import synthetic_scene
from shsrd.degradation import Degradation, bicubic_up, degrade
from shsrd.io import open_cube, save_cube
from shsrd.model import Model, Network, load_weights
from shsrd.spectral import scene_statistics
from shsrd.upscaling import UpscaleOptions, upscale
from shsrd.upscaling.bases import GuidedBasis, guided_basis
from shsrd.upscaling.composition import compose_estimate
from shsrd.upscaling.inference import Engine, Precision
from shsrd.upscaling.options import choose_precision, inference_precision
from shsrd.upscaling.tiles import BORDER, Window, read_window
from yardsticks import Timing, edsr_time, peak_flops, timed

SCALE = 4
LOOKS = {  # what the network sees
    "bands": UpscaleOptions(basis="bands", device="cpu"),
    "12 bands": UpscaleOptions(basis="bands", channels=12, device="cpu"),
    "3 bands": UpscaleOptions(basis="bands", channels=3, device="cpu"),
    "pca": UpscaleOptions(basis="pca", device="cpu"),
}


@dataclass(frozen=True)
class Arguments:
    """Measure speed.

    Attributes:
        model: weights.
        threads: of torch; 0 leaves them as they are.
        quick: fewer repetitions, no files, no samples and no growth; with ``against`` the smallest scene alone.
        json: print JSON.
        against: a commit; nothing but today's build against it is measured, see ``against.py``.
        pairs: runs of each build.
    """

    model: str = "cave-x4"
    threads: int = 0
    quick: bool = False
    json: bool = False
    against: str | None = None
    pairs: int = 3


def encoder_flops(network: Network, pixels: int, triplets: int) -> int:
    """Multiplications and additions of the encoder; every convolution runs once on each low-resolution pixel."""
    layers = list(network.encoder.modules())
    per_pixel = sum(2 * layer.weight.numel() for layer in layers if isinstance(layer, nn.Conv2d))
    per_triplet = sum(2 * layer.weight.numel() for layer in layers if isinstance(layer, nn.Linear))
    return triplets * (per_pixel * pixels + per_triplet)


def scene(side: int, bands: int = 31) -> Cube:
    """A synthetic low-resolution scene of 400 to 700 nm, or to 2500 nm where there are many bands."""
    lam = np.linspace(400, 700 if bands <= 31 else 2500, bands)
    made = synthetic_scene(rows=side, columns=side, wavelength_nm=lam, pixel_m=4)
    return made.replace(storage=Storage(), good_bands=np.ones(bands, bool))


def whole(low: Cube, model: Model, options: UpscaleOptions, repeats: int) -> Timing:
    """The posterior mean of a scene, weights loaded."""
    return timed(lambda: upscale(low, SCALE, options=options, model=model), repeats)


def breakdown(low: Cube, model: Model, options: UpscaleOptions, precision: Precision, repeats: int) -> dict[str, Any]:
    """Times of the parts, arithmetic and share of it; the scene must fit one tile."""
    engine = Engine(model.network, precision=precision)
    degradation = Degradation(scale=SCALE)
    window = Window(0, 0, *low.shape[1:]).grown(BORDER)
    pixels, seen = torch.from_numpy(low.pixels), torch.from_numpy(read_window(low.pixels, window))

    def made() -> GuidedBasis:
        statistics, guides = scene_statistics(low.pixels), model.network.config.guides
        return guided_basis(statistics, options.basis or "bands", low.wavelength_nm, options.channels, guides=guides)

    guided = made()
    detail = engine.mean(pixels, guided)

    def composed_again() -> torch.Tensor:
        filtered = guided.basis.filtered(pixels, detail)
        return compose_estimate(pixels, filtered, guided.basis, scale=SCALE, degradation=degradation)

    estimate = composed_again()

    def consistent() -> None:
        composed_again()
        degrade(estimate, degradation)

    parts = {
        "basis": made,
        "encoder": lambda: engine.mean(seen, guided),
        "consistency": consistent,
    }
    total = whole(low, model, options, repeats)
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


def beside(low: Cube, model: Model) -> dict[str, float]:
    """Processor seconds of what the posterior mean of a scene in memory does not need: files and samples."""
    fine = upscale(low, SCALE, options=LOOKS["pca"], model=model).cube
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "low.hdr", Path(name) / "fine.tif"
        save_cube(low, source)
        reading = timed(lambda: open_cube(source), 3)
        writing = timed(lambda: save_cube(fine, target, overwrite=True), 1)

    def drawn(samples: int) -> Timing:
        options = UpscaleOptions(basis="pca", device="cpu", steps=8, samples=samples)
        return timed(lambda: upscale(low, SCALE, options=options, model=model), 1)

    return {
        "read ENVI": reading.cpu,
        "write GeoTIFF": writing.cpu,
        "denoiser, 8 samples of 8 steps": 4 * (drawn(3).cpu - drawn(1).cpu),
    }


def growth(model: Model, repeats: int) -> dict[str, Any]:
    """Processor time per low-resolution pixel against size and band count, in microseconds."""
    sides = {side: scene(side) for side in (64, 128, 256)}
    pixels: dict[str, dict[str, float]] = {
        look: {str(side): 1e6 * whole(low, model, options, repeats).cpu / side**2 for side, low in sides.items()}
        for look, options in LOOKS.items()
    }
    many = scene(64, 480)
    bands = {look: 1e6 * whole(many, model, options, 1).cpu / 64**2 for look, options in LOOKS.items()}
    return {"us_per_pixel": pixels, "us_per_pixel_480_bands": bands} | {
        "ratio_480_to_31_bands": {look: bands[look] / pixels[look]["64"] for look in LOOKS}
    }


def measure(arguments: Arguments) -> dict[str, Any]:
    """Every figure."""
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    repeats = 2 if arguments.quick else 5
    model, low = load_weights(arguments.model), scene(128)
    cpu = torch.device("cpu")
    plain, precision = choose_precision("auto", cpu), inference_precision("auto", cpu)
    found: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "model": f"{model.name} ({model.fingerprint})",
        "precision": precision,
        "peak_gflops": {name: peak_flops(name) / 1e9 for name in ("bf16", "fp32")},
    }
    for look, options in LOOKS.items():
        found[look] = breakdown(low, model, options, precision, repeats)
        found[look]["share_of_peak"] = found[look]["encoder_gflops"] / found["peak_gflops"][plain]
    bicubic = timed(lambda: bicubic_up(torch.from_numpy(low.pixels), SCALE), repeats)
    edsr = edsr_time(low, plain, repeats)
    found["bicubic"], found["edsr_baseline"] = asdict(bicubic), asdict(edsr)
    for look in LOOKS:
        ours = Timing(**found[look]["total"])
        found[look] |= {"over_bicubic": ours.over(bicubic), "over_edsr_baseline": ours.over(edsr)}
    found["gpu"] = gpu_line(low, model)
    return found if arguments.quick else found | {"beside_cpu": beside(low, model), "growth": growth(model, 1)}


def show(found: dict[str, Any]) -> None:
    """Tables."""
    console = Console(width=120)
    peaks = ", ".join(f"{name} {value:.0f}" for name, value in found["peak_gflops"].items())
    console.print(f"{found['model']}, {found['threads']} threads, {found['precision']}; peak Gflop/s: {peaks}")
    table = Table("128 x 128 x 31 to 512 x 512 x 31", *LOOKS, title="CAVE-sized scene", title_justify="left")
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
        table.add_row(name, *(text(found[look]) for look in LOOKS))
    console.print(table)
    console.print(described(found["gpu"]))
    if "growth" in found:
        console.print("beside it, s cpu: " + ", ".join(f"{n} {v:.2f}" for n, v in found["beside_cpu"].items()))
        console.print(_growth_table(found["growth"]))


def _share(seconds: float, found: dict[str, Any]) -> str:
    return f"{seconds:.3f} ({seconds / found['total']['cpu']:.0%})"


def _growth_table(found: dict[str, Any]) -> Table:
    table = Table("cpu, microseconds a low-resolution pixel", *LOOKS, title="growth", title_justify="left")
    for side in found["us_per_pixel"]["bands"]:
        table.add_row(f"{side} x {side}, 31 bands", *(f"{found['us_per_pixel'][f][side]:.1f}" for f in LOOKS))
    table.add_row("64 x 64, 480 bands", *(f"{found['us_per_pixel_480_bands'][f]:.1f}" for f in LOOKS))
    table.add_row("480 bands over 31", *(f"{found['ratio_480_to_31_bands'][f]:.1f}" for f in LOOKS))
    return table


def main() -> None:
    """Measure and print."""
    arguments = tyro.cli(Arguments, config=(tyro.conf.FlagCreatePairsOff,))
    if arguments.against is not None:
        cases = CASES[:1] if arguments.quick else CASES
        compare(arguments.against, model=arguments.model, pairs=arguments.pairs, cases=cases)
        return
    found = measure(arguments)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)


if __name__ == "__main__":
    main()
