"""``shsrd benchmark cave``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from shsrd.cli.terminal import parse, print_json, print_table, remark


@dataclass(frozen=True)
class Arguments:
    """Run a published protocol on your copy of its data; the printed rows of the literature stand beside ours.

    Attributes:
        dataset: which protocol.
        root: folder of the archive (nested or flat).
        scale: factor.
        split: val (4 scenes of the training half), test (the 12 of the literature) or train.
        model: name of bundled weights or path; the default is cave-x4 at scale 4.
        steps: diffusion steps; 0 is the posterior mean.
        detail: 0 to 1, how much texture a sample adds.
        samples: posterior samples; their mean is judged.
        seed: of the samples' noise.
        frame: eigen or bands; the default is the model's recommendation.
        ensemble: average the mean over flips (2, 4) and turns (8) of the scene; a little better, as many times slower.
        stride: bands frame only, bands from one triplet to the next; with 2 or 1 triplets overlap and are averaged.
        no_consistency: leave back-projection out.
        device: auto, cpu, cuda or mps.
        json: print JSON.
    """

    dataset: Annotated[Literal["cave"], tyro.conf.Positional]
    root: Path
    scale: int = 4
    split: Literal["val", "test", "train"] = "val"
    model: str | None = None
    steps: int = 0
    detail: float = 1.0
    samples: int = 1
    seed: int = 0
    frame: Literal["eigen", "bands"] | None = None
    ensemble: Literal[1, 2, 4, 8] = 1
    stride: Literal[1, 2, 3] = 3
    no_consistency: bool = False
    device: str = "auto"
    json: bool = False


def run(given: Sequence[str]) -> int:
    """Run the command."""
    arguments = parse(Arguments, "benchmark", given)
    from shsrd.datasets import printed
    from shsrd.evaluation import Comparison, benchmark_cave
    from shsrd.report import measured, quoted, table
    from shsrd.upscaling import UpscaleOptions

    options = UpscaleOptions(
        model=arguments.model,
        steps=arguments.steps,
        detail=arguments.detail,
        samples=arguments.samples,
        seed=arguments.seed,
        frame=arguments.frame,
        ensemble=arguments.ensemble,
        stride=arguments.stride,
        device=arguments.device,
        consistency=not arguments.no_consistency,
    )

    def told(name: str, scene: Comparison) -> None:
        gain = scene.ours.mpsnr - scene.bicubic.mpsnr
        remark(f"{name}: {scene.ours.mpsnr:.3f} dB ({gain:+.3f}), SAM {scene.ours.sam_deg:.3f}°")

    result = benchmark_cave(arguments.root, scale=arguments.scale, split=arguments.split, options=options, done=told)
    if arguments.json:
        print_json(result.as_json())
        return 0
    rows = [measured(f"shsrd {result.model}", result.ours), measured("bicubic", result.bicubic)]
    if arguments.split == "test":  # printed rows are of these very scenes
        rows += [quoted(row) for row in printed("cave", arguments.scale)]
    print_table(table(rows))
    return 0
