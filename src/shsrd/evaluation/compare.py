"""An estimate against the truth, with bicubic beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from shsrd.cube import Cube, SceneError, fill_nodata
from shsrd.degradation import Degradation, bicubic_up, degrade, degrade_cube
from shsrd.metrics import Scores, consistency, evaluate

REFLECTANCE_LIMIT = 1.5  # brighter scenes are not reflectance; their own maximum is the range then


@dataclass(frozen=True)
class Comparison:
    """Scores of an estimate and of bicubic interpolation of the degraded reference.

    Attributes:
        ours: of the estimate.
        bicubic: of bicubic interpolation.
        data_range: range used in PSNR, SSIM and consistency.
        bands: number of bands that counted.
    """

    ours: Scores
    bicubic: Scores
    data_range: float
    bands: int


def compare(
    estimate: Cube,
    reference: Cube,
    scale: int,
    *,
    data_range: float | None = None,
    degradation: Degradation | None = None,
) -> Comparison:
    """Every figure of an estimate, and the same for bicubic.

    Args:
        estimate: the super-resolved scene.
        reference: the truth; rows and columns beyond the last multiple of the scale are cropped at the lower right.
        scale: factor.
        data_range: range of pixel values; None means 1, or the reference's maximum where that is above 1.5.
        degradation: how the low resolution was made, for bicubic and consistency; None is the bicubic kernel.

    Raises:
        SceneError: the two do not have the same bands and size.
        ValueError: a degradation of another scale.
    """
    seen = degradation or Degradation(kernel="bicubic", scale=scale)
    if seen.scale != scale:
        raise ValueError(f"degradation of scale {seen.scale} for a comparison at scale {scale}; give one scale")
    _, rows, columns = reference.shape
    if not 2 <= scale <= min(rows, columns):
        raise SceneError(f"{reference.source}: scale {scale} does not fit {rows} x {columns} pixels; choose 2 or more")
    if data_range is not None and not data_range > 0:
        raise SceneError(f"data range {data_range} must be above 0; leave it out to take it from the reference")
    truth = reference.crop(rows=rows // scale * scale, columns=columns // scale * scale)
    if estimate.shape != truth.shape:
        raise SceneError(
            f"{estimate.source} has (bands, rows, columns) {estimate.shape} but {reference.source} has {truth.shape} "
            f"after cropping to scale {scale}; compare scenes of the same grid"
        )
    used = truth.usable_bands & estimate.usable_bands
    if not used.any():
        raise SceneError(f"{estimate.source} and {reference.source} share no usable band; check their bad-band lists")
    peak = float(np.nanmax(truth.pixels[used]))
    span = data_range if data_range is not None else 1.0 if peak <= REFLECTANCE_LIMIT else peak
    low = degrade_cube(truth, seen).pixels[used]
    interpolated = bicubic_up(torch.from_numpy(fill_nodata(low)), scale).numpy()

    def judged(pixels: NDArray[np.float32]) -> Scores:
        agreement = _consistency(pixels, low, seen, span)
        return evaluate(pixels, truth.pixels[used], scale=scale, data_range=span, consistency=agreement)

    return Comparison(judged(estimate.pixels[used]), judged(interpolated), span, int(used.sum()))


def _consistency(pixels: NDArray[np.float32], low: NDArray[np.float32], degradation: Degradation, span: float) -> float:
    """RMSE(D(estimate), D(reference)) / range, over low-resolution pixels whose whole surroundings are valid."""
    again = degrade(torch.from_numpy(fill_nodata(pixels)), degradation).numpy()
    holes = ~np.isfinite(pixels)
    if holes.any():
        touched = degrade(torch.from_numpy(holes.astype(np.float32)), degradation)
        again = np.where(np.abs(touched.numpy()) > 0, np.nan, again)
    if not (np.isfinite(again) & np.isfinite(low)).any():
        return float("nan")
    return consistency(again, low, data_range=span)
