"""The CAVE protocol of the literature, to the letter."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from shsrd.datasets import cave_scenes, printed
from shsrd.degradation import Degradation, degrade_cube
from shsrd.evaluation.compare import Comparison, compare
from shsrd.io import open_cube
from shsrd.metrics import Scores, average
from shsrd.model import Model, load_weights
from shsrd.upscaling import UpscaleOptions, upscale

SPLITS = {"val": "validation", "test": "test", "train": "train"}
SplitName = Literal["val", "test", "train"]


@dataclass(frozen=True)
class BenchmarkResult:
    """Scores of every scene of a split.

    Attributes:
        split: which scenes.
        scale: factor.
        scenes: comparison by scene name.
        seconds: wall time of super-resolution by scene name.
        model: name and fingerprint of the weights.
    """

    split: str
    scale: int
    scenes: dict[str, Comparison]
    seconds: dict[str, float]
    model: str

    @property
    def ours(self) -> Scores:
        """Mean over scenes."""
        return average([scene.ours for scene in self.scenes.values()])

    @property
    def bicubic(self) -> Scores:
        """Mean over scenes, of bicubic."""
        return average([scene.bicubic for scene in self.scenes.values()])

    def as_json(self) -> dict[str, Any]:
        """``mean`` over scenes and ``scenes`` one by one, each with ``ours`` and ``bicubic``; the printed rows."""
        scenes = {
            name: {
                "ours": scene.ours.as_json(),
                "bicubic": scene.bicubic.as_json(),
                "seconds": round(self.seconds[name], 2),
            }
            for name, scene in self.scenes.items()
        }
        literature = [
            {"method": row.method, "mpsnr": row.mpsnr, "mssim": row.mssim, "sam_deg": row.sam_deg, "ergas": row.ergas}
            for row in printed("cave", self.scale)
        ]
        return {
            "benchmark": "cave",
            "split": self.split,
            "scale": self.scale,
            "model": self.model,
            "mean": {"ours": self.ours.as_json(), "bicubic": self.bicubic.as_json()},
            "scenes": scenes,
            "literature": literature,
        }


def benchmark_cave(
    root: Path,
    *,
    scale: int,
    split: SplitName,
    options: UpscaleOptions,
    done: Callable[[str, Comparison], None] | None = None,
) -> BenchmarkResult:
    """Degrade, super-resolve and judge every scene of a split; pixel values are stored counts / 65535, range 1.

    Args:
        root: folder of the CAVE archive.
        scale: factor.
        split: ``val`` (4 scenes of the training half), ``test`` (the 12 of the literature) or ``train``.
        options: of ``upscale``.
        done: called after every scene.
    """
    folders = cave_scenes(root, SPLITS[split])  # type: ignore[arg-type]
    model = load_weights(options.model or f"cave-x{scale}")
    scenes: dict[str, Comparison] = {}
    seconds: dict[str, float] = {}
    for folder in folders:
        comparison, spent = _judge(folder, scale, options, model)
        scenes[folder.name], seconds[folder.name] = comparison, spent
        if done is not None:
            done(folder.name, comparison)
    return BenchmarkResult(split, scale, scenes, seconds, f"{model.name} ({model.fingerprint})")


def _judge(folder: Path, scale: int, options: UpscaleOptions, model: Model) -> tuple[Comparison, float]:
    reference = open_cube(folder)
    low = degrade_cube(reference, Degradation(kernel="bicubic", scale=scale))
    low = low.replace(storage=low.storage.__class__())  # pixels stay float32: the benchmark rounds nothing
    start = time.perf_counter()
    estimate = upscale(low, scale, options=options, model=model).cube
    spent = time.perf_counter() - start
    return compare(estimate, reference, scale, data_range=1.0), spent
