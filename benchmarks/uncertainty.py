"""Does the uncertainty mean what it says?

    python benchmarks/uncertainty.py [SCENE ...] [--cave FOLDER --split validation] [--steps 0]
        [--sensor NAME --snr DB] [--json]

Each truth is degraded, super-resolved with its uncertainty, and compared, over all valid pixels of all good bands:

* *coverage*: share of truths inside the central intervals that the weights claim to hold 50, 80 and 90 %. Goal: within
  4 points.
* *CRPS / constant*: continuous ranked probability score of ``N(estimate, uncertainty^2)`` over that of the best
  Gaussian whose deviation is one constant for each band of this scene, fitted on the very errors it is judged by: the
  strongest constant there is (one for the whole scene, or one from other scenes, scores worse). Goal: below 1.
* *MSE* and *MAE ratio*: the error among the 10 % most uncertain pixels over the error among the rest. Goal: at least 4.

With ``--steps 0`` the uncertainty is the scale that the network predicts; with steps, the spread of samples around
their mean, which is then the estimate. The intervals' widths were measured for the former: with samples their coverage
is a by-product. With a sensor, truths are degraded as it sees them, with white noise if there is a ratio, and corrected
for its width and the noise that is estimated. Without scenes, two synthetic ones are used; they say whether the program
works, not how well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from shsrd.cube import Cube, Storage
from shsrd.datasets import cave_scenes, synthetic_scene
from shsrd.degradation import NoiseModel, ObservationModel, observe_cube
from shsrd.io import open_cube
from shsrd.metrics import best_constant_std, coverage, crps_gaussian, error_ratio
from shsrd.model import INTERVALS, Model, load_weights
from shsrd.upscaling import UpscaleOptions, upscale

SCALE = 4
Errors = NDArray[np.float32]


@dataclass(frozen=True)
class Arguments:
    """Judge an uncertainty.

    Attributes:
        scenes: truths, scene files.
        cave: folder of the CAVE archive.
        split: of the archive.
        model: weights.
        basis: of the posterior mean; the default is the model's.
        steps: 0 for the predicted scale, more for samples.
        samples: posterior samples where there are steps.
        sensor: that measures the truths (a key of ``SENSORS``), in place of the bicubic kernel.
        snr: signal-to-noise ratio in dB of the low resolution; without one there is no noise.
        side: pixels of the truths' sides, cropped at the upper left.
        json: print JSON.
    """

    scenes: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    cave: Path | None = None
    split: Literal["validation", "test", "train"] = "validation"
    model: str = "cave-x4"
    basis: Literal["pca", "bands"] | None = None
    steps: int = 0
    samples: int = 8
    sensor: str | None = None
    snr: float | None = None
    side: int = 512
    json: bool = False

    def observation(self, wavelength_nm: NDArray[np.float64] | None) -> ObservationModel:
        """How the low resolution is made."""
        noise = None if self.snr is None else NoiseModel(snr_db=self.snr)
        if self.sensor is None:
            return ObservationModel(scale=SCALE, noise=noise)
        return ObservationModel.of_sensor(self.sensor, scale=SCALE, wavelength_nm=wavelength_nm, noise=noise)


def truths(arguments: Arguments) -> Iterator[tuple[str, Cube]]:
    """Names and scenes, cropped to whole low-resolution pixels."""
    paths = [*arguments.scenes]
    if arguments.cave is not None:
        paths += cave_scenes(arguments.cave, arguments.split)
    scenes: Iterator[tuple[str, Cube]] = ((path.stem, open_cube(path)) for path in paths)
    if not paths:
        lam = np.linspace(400, 700, 31)
        scenes = (
            (f"phantom {seed}", synthetic_scene(rows=512, columns=512, wavelength_nm=lam, seed=seed)) for seed in (0, 1)
        )
    for name, scene in scenes:
        rows, columns = (min(size, arguments.side) // SCALE * SCALE for size in scene.shape[1:])
        yield name, scene.crop(rows=rows, columns=columns)


def errors_by_band(truth: Cube, model: Model, arguments: Arguments) -> list[tuple[Errors, Errors]]:
    """Errors and deviations at the valid pixels of each good band."""
    options = UpscaleOptions(
        basis=arguments.basis,
        uncertainty=True,
        steps=arguments.steps,
        samples=arguments.samples if arguments.steps else 1,
        sensor=arguments.sensor,
    )
    low = observe_cube(truth, arguments.observation(truth.wavelength_nm)).replace(storage=Storage())
    result = upscale(low, SCALE, options=options, model=model)
    assert result.uncertainty is not None
    error, std = result.cube.pixels - truth.pixels, result.uncertainty.pixels
    valid = np.isfinite(error) & np.isfinite(std)
    return [(error[band][valid[band]], std[band][valid[band]]) for band in np.flatnonzero(truth.usable_bands)]


def figures(bands: list[tuple[Errors, Errors]], factors: tuple[float, ...]) -> dict[str, float]:
    """Every figure of one scene."""
    error, std = (np.concatenate(parts) for parts in zip(*bands, strict=True))
    constants = [(e, np.full(e.shape, best_constant_std(e) or 1e-12)) for e, _ in bands if e.size]
    constant = crps_gaussian(*(np.concatenate(parts) for parts in zip(*constants, strict=True)))
    held = {
        f"coverage_{100 * share:.0f}": coverage(error, std, factor)
        for share, factor in zip(INTERVALS, factors, strict=True)
    }
    return held | {
        "crps_over_constant": crps_gaussian(error, std) / constant,
        "mse_ratio": error_ratio(error, std),
        "mae_ratio": error_ratio(error, std, power=1),
        "variance_over_mse": float(np.square(std).mean() / np.square(error).mean()),
    }


def measure(arguments: Arguments) -> dict[str, dict[str, float]]:
    """Figures by scene, and their mean over scenes."""
    model = load_weights(arguments.model)
    found: dict[str, dict[str, float]] = {}
    for name, truth in truths(arguments):
        start = time.perf_counter()
        bands = errors_by_band(truth, model, arguments)
        seconds = time.perf_counter() - start
        found[name] = figures(bands, model.network.config.interval_factors) | {"seconds": seconds}
    keys = next(iter(found.values()))
    found["mean"] = {key: float(np.mean([scene[key] for scene in found.values()])) for key in keys}
    return found


def main() -> None:
    """Print the figures."""
    arguments = tyro.cli(Arguments, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,))
    found = measure(arguments)
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    columns = [f"{100 * share:.0f} %" for share in INTERVALS]
    columns += ["CRPS / constant", "MSE ratio", "MAE ratio", "variance / MSE", "s"]
    table = Table("scene", title=f"{arguments.model}: coverage of intervals, CRPS, errors where uncertain")
    for column in columns:
        table.add_column(column, justify="right")
    for name, scene in found.items():
        values = list(scene.values())
        shares = [f"{100 * value:.1f}" for value in values[: len(INTERVALS)]]
        table.add_row(name, *shares, *(f"{value:.3g}" for value in values[len(INTERVALS) :]))
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
