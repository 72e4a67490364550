"""How far an output leaves the local range of its input: sharpening without ringing, on scenes without a reference.

    python benchmarks/overshoot.py SCENE... --fwhm 1.2 [1.5 ...] [--model cave-x4-fast-dev] [--channels 6]

For every scene and width the output is compared, band by band, with the smallest and largest input in the 5 x 5
low-resolution pixels around. Printed is the overshoot that one pixel in a thousand exceeds, as a share of that local
range and of the band's range (1st to 99th percentile), the share of pixels with more than 10 % of the local range, and
the residual ``y - D x`` in units of the noise, on which self-consistency is judged;
with `--truth` the scenes are truths that are degraded first, and theirs stand beside.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.ndimage import maximum_filter, minimum_filter

from shsrd.cube import Cube
from shsrd.degradation import Degradation, degrade_cube
from shsrd.io import open_cube
from shsrd.model import load_weights
from shsrd.upscaling import UpscaleOptions, upscale

Block = NDArray[np.float32]

AROUND = 5  # low-resolution pixels on a side
ALLOWED = 0.1  # of the local range


def overshoots(fine: Block, low: Block) -> tuple[float, float, float]:
    """Of one pixel in a thousand: in local ranges, in ranges of the band; and the share beyond ``ALLOWED``.

    Args:
        fine: ``(B, s y, s x)``.
        low: ``(B, y, x)``; NaN where nothing was measured.
    """
    scale = fine.shape[1] // low.shape[1]
    locally, widely = [], []
    for band, measured in zip(fine, low, strict=True):
        known = np.isfinite(measured)
        if not known.any() or not np.isfinite(band).any():
            continue
        highest = maximum_filter(np.where(known, measured, -np.inf), AROUND)
        lowest = minimum_filter(np.where(known, measured, np.inf), AROUND)
        near, far = (np.repeat(np.repeat(limit, scale, 0), scale, 1) for limit in (lowest, highest))
        beyond = np.maximum(band - far, near - band)
        valid = np.isfinite(beyond)
        low_end, high_end = np.percentile(measured[known], [1, 99])
        span = max(float(high_end - low_end), 1e-12)
        locally.append((beyond / np.maximum(far - near, 1e-3 * span))[valid])
        widely.append(beyond[valid] / span)
    local, wide = np.concatenate(locally), np.concatenate(widely)
    return float(np.quantile(local, 0.999)), float(np.quantile(wide, 0.999)), float((local > ALLOWED).mean())


def main() -> None:
    """Print a row for every scene and width."""
    given = arguments()
    model = load_weights(given.model)
    scale = model.network.config.scale
    heads = ["scene", "FWHM", "taken", "of local range", "of band's range", "beyond 10 %", "left, in noise"]
    rows = Table(*heads, *(f"truth: {head}" for head in heads[3:6] if given.truth))
    for path, width in ((path, width) for path in given.scenes for width in given.fwhm):
        scene = open_cube(path)
        low = degraded(scene, width, scale) if given.truth else scene
        options = UpscaleOptions(
            channels=given.channels, self_check=False, precision="fp32", overshoot=given.overshoot, **told(width)
        )
        result = upscale(low, scale, options=options, model=model)
        usable = low.usable_bands
        row = [path.stem, f"{width:g}", taken(result.report.fwhm)]
        row += written(overshoots(result.cube.pixels[usable], low.pixels[usable]))
        left = result.report.consistency_noise_ratio
        row.append("-" if left is None else f"{left:.2f}")
        if given.truth:
            _, height, breadth = result.cube.shape
            row += written(overshoots(scene.pixels[usable, :height, :breadth], low.pixels[usable]))
        rows.add_row(*row)
    Console(width=160).print(rows)


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="+", type=Path)
    parser.add_argument("--fwhm", nargs="+", type=float, default=[1.2], help="widths in pixels; 0: the bicubic kernel")
    parser.add_argument("--model", default="cave-x4-fast-dev")
    parser.add_argument("--channels", type=int)
    parser.add_argument("--overshoot", type=float, default=1.0)
    parser.add_argument("--truth", action="store_true")
    return parser.parse_args()


def told(width: float) -> dict[str, object]:
    """Options that name a width, or the bicubic kernel."""
    return {"fwhm": (width, width)} if width else {"kernel": "bicubic"}


def degraded(scene: Cube, width: float, scale: int) -> Cube:
    """A truth as a sensor of that width sees it; 0 is the bicubic kernel."""
    if not width:
        return degrade_cube(scene, Degradation(scale=scale))
    return degrade_cube(scene, Degradation(kernel="gaussian", scale=scale, fwhm_pixels=scale * width))


def taken(fwhm: tuple[float, float] | None) -> str:
    """The width that the scene was corrected for."""
    return "-" if fwhm is None else f"{fwhm[0]:.2f}"


def written(found: tuple[float, float, float]) -> list[str]:
    """Figures of ``overshoots``."""
    local, wide, share = found
    return [f"{100 * local:.0f} %", f"{100 * wide:.1f} %", f"{100 * share:.2f} %"]


if __name__ == "__main__":
    main()
