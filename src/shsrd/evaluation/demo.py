"""Demonstration: degrade a synthetic scene, super-resolve it, and evaluate the result against the original."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from shsrd.cube import Cube, MemorySource, fill_nodata
from shsrd.datasets import synthetic_scene
from shsrd.degradation import Degradation, bicubic_up, degrade_cube
from shsrd.evaluation.compare import Comparison, compare
from shsrd.io import save_cube, write_json
from shsrd.report import comparison_figure
from shsrd.report.preview import preview
from shsrd.upscaling import UpscaleOptions, UpscaleResult, upscale

SCALE = 4
SIDE = 384  # pixels of the synthetic truth


@dataclass(frozen=True)
class DemoResult:
    """Result of the demonstration.

    Attributes:
        folder: holds lr.tif, sr.tif, uncertainty.tif, preview.png, panel.png and metrics.json.
        comparison: scores of super-resolution and bicubic.
        upscaled: the super-resolved scene, its uncertainty and report.
        seconds: wall time of super-resolution and uncertainty.
    """

    folder: Path
    comparison: Comparison
    upscaled: UpscaleResult
    seconds: float


def run_demo(folder: Path, *, seed: int = 0, progress: Callable[[int, int], None] | None = None) -> DemoResult:
    """Generate, degrade, super-resolve, evaluate; files of an earlier demonstration in ``folder`` are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = synthetic_scene(rows=SIDE, columns=SIDE, seed=seed)
    low = degrade_cube(truth, Degradation(kernel="bicubic", scale=SCALE))
    start = time.perf_counter()
    result = upscale(low, SCALE, options=UpscaleOptions(uncertainty=True), progress=progress)
    seconds = time.perf_counter() - start
    comparison = compare(result.cube, truth, SCALE)
    save_cube(low, folder / "lr.tif", overwrite=True)
    save_cube(result.cube, folder / "sr.tif", overwrite=True)
    assert result.uncertainty is not None  # asked for above
    save_cube(result.uncertainty, folder / "uncertainty.tif", overwrite=True)
    preview(folder / "preview.png", MemorySource(low), MemorySource(result.cube))
    interpolated = _bicubic(low)
    comparison_figure(
        folder / "panel.png",
        low=low,
        bicubic=interpolated,
        ours=result.cube,
        truth=truth,
        uncertainty=result.uncertainty.pixels,
    )
    demo = DemoResult(folder, comparison, result, seconds)
    _write_metrics(demo, seed)
    return demo


def _bicubic(low: Cube) -> Cube:
    pixels = bicubic_up(torch.from_numpy(fill_nodata(low.pixels)), SCALE).numpy()
    return low.replace(pixels=pixels, transform=low.finer_transform(SCALE))


def _write_metrics(demo: DemoResult, seed: int) -> None:
    metrics = {
        "scene": f"synthetic (shsrd phantom, seed {seed}), {SIDE} x {SIDE} pixels; not a measurement",
        "scale": SCALE,
        "ours": demo.comparison.ours.as_json(),
        "bicubic": demo.comparison.bicubic.as_json(),
        "data_range": demo.comparison.data_range,
        "report": demo.upscaled.report.as_json(),
        "seconds": round(demo.seconds, 2),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
    }
    write_json(metrics, demo.folder / "metrics.json")
