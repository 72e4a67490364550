"""An estimate against the truth, with bicubic beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from shsrd.cube import Cube, SceneError, fill_nodata
from shsrd.degradation import Degradation, ObservationModel, bicubic_up, blurred, observe_cube
from shsrd.evaluation.pairing import Pairing, listed, pair_bands, place_notes, unit_notes
from shsrd.metrics import Scores, consistency, evaluate, mpsnr

REFLECTANCE_LIMIT = 1.5  # brighter scenes are not reflectance; their own maximum is the range then


@dataclass(frozen=True)
class Comparison:
    """Scores of an estimate and of bicubic interpolation of the degraded reference.

    Attributes:
        ours: of the estimate.
        bicubic: of bicubic interpolation.
        data_range: range used in PSNR, SSIM and consistency.
        bands: number of bands that counted.
        left_out: reason by number (from 1) of every band of the reference that did not count.
        notes: one sentence for everything that was reordered, left out, or speaks against the comparison.
    """

    ours: Scores
    bicubic: Scores
    data_range: float
    bands: int
    left_out: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def exclusion_notes(self) -> list[str]:
        """One sentence for every reason, with the bands that it concerns."""
        bands: dict[str, list[int]] = {}
        for band, reason in self.left_out.items():
            bands.setdefault(reason, []).append(band - 1)
        return [f"{listed(numbers)} left out: {reason}." for reason, numbers in bands.items()]

    def excluded_bands_json(self) -> list[dict[str, int | str]]:
        """``band`` (from 1) and ``reason`` of every band of the reference that did not count."""
        return [{"band": band, "reason": reason} for band, reason in self.left_out.items()]


def compare(
    estimate: Cube,
    reference: Cube,
    scale: int,
    *,
    data_range: float | None = None,
    degradation: Degradation | ObservationModel | None = None,
    measured: Cube | None = None,
) -> Comparison:
    """Every figure of an estimate, and the same for bicubic.

    Bands are matched by wavelength where both scenes have them. A band that is bad, without a finite pixel, or
    constant in the reference says nothing about an estimate: it is left out of every figure and listed.

    Args:
        estimate: the super-resolved scene.
        reference: the truth; rows and columns beyond the last multiple of the scale are cropped at the lower right.
        scale: factor.
        data_range: range of pixel values; None means 1, or the reference's maximum where that is above 1.5.
        degradation: how the low resolution was made, for bicubic and consistency, without noise; None is the bicubic
            kernel. Widths by band are those of the reference's bands.
        measured: the low resolution itself, where it holds more than that (noise); None degrades the reference.

    Raises:
        SceneError: the two do not have the same bands and size, or no band can be judged.
        ValueError: a degradation of another scale.
    """
    seen = _observation(degradation, scale)
    if seen.scale != scale:
        raise ValueError(f"degradation of scale {seen.scale} for a comparison at scale {scale}; give one scale")
    truth = _truth(estimate, reference, scale)
    if data_range is not None and not data_range > 0:
        raise SceneError(f"data range {data_range} must be above 0; leave it out to take it from the reference")
    pairing = pair_bands(estimate, truth)
    reasons = _reasons(estimate, truth, pairing)
    kept = [number for number, band in enumerate(pairing.reference) if int(band) not in reasons]
    if not kept:
        raise SceneError(_no_common_band(estimate, reference, reasons))
    ours, target = estimate.pixels[pairing.estimate[kept]], truth.pixels[pairing.reference[kept]]
    span = data_range if data_range is not None else _range(target)
    low = (measured or observe_cube(truth, seen)).pixels[pairing.reference[kept]]
    interpolated = bicubic_up(torch.from_numpy(fill_nodata(low)), scale).numpy()

    seen_kept = seen.select_bands(pairing.reference[kept])

    def judged(pixels: NDArray[np.float32]) -> Scores:
        agreement = _consistency(pixels, low, seen_kept, span)
        return evaluate(pixels, target, scale=scale, data_range=span, consistency=agreement)

    own, bicubic = _mpsnr_on_common_bands([judged(ours), judged(interpolated)], [ours, interpolated], target, span)
    notes = (*pairing.notes, *place_notes(estimate, truth), *unit_notes(ours, target))
    left_out = {band + 1: reasons[band] for band in sorted(reasons)}
    identical = _identical(ours, target)
    if identical.any() and not identical.all():
        bands = listed([int(pairing.reference[kept[number]]) for number in np.flatnonzero(identical)])
        notes = (*notes, f"{bands} identical in both: infinite PSNR, left out of MPSNR.")
    return Comparison(own, bicubic, span, len(kept), left_out, notes)


def _observation(degradation: Degradation | ObservationModel | None, scale: int) -> ObservationModel:
    """How the low resolution was made, without its noise."""
    if isinstance(degradation, ObservationModel):
        return degradation.model_copy(update={"noise": None})
    return ObservationModel.of(degradation or Degradation(kernel="bicubic", scale=scale))


def _truth(estimate: Cube, reference: Cube, scale: int) -> Cube:
    """The reference, cropped to a multiple of the scale, on the estimate's grid."""
    _, rows, columns = reference.shape
    if not 2 <= scale <= min(rows, columns):
        raise SceneError(f"{reference.source}: scale {scale} does not fit {rows} x {columns} pixels; choose 2 or more")
    truth = reference.crop(rows=rows // scale * scale, columns=columns // scale * scale)
    if estimate.shape[1:] != truth.shape[1:]:
        raise SceneError(
            f"{estimate.source} has (bands, rows, columns) {estimate.shape} but {reference.source} has {truth.shape} "
            f"after cropping to scale {scale}; compare scenes of the same grid"
        )
    return truth


def _reasons(estimate: Cube, truth: Cube, pairing: Pairing) -> dict[int, str]:
    """Why bands of the truth (from 0) say nothing about an estimate, for those that do not."""
    partner = dict(zip(pairing.reference.tolist(), pairing.estimate.tolist(), strict=True))
    reasons = {}
    for band in range(truth.shape[0]):
        if band not in partner:
            reasons[band] = "not in the estimate"
        elif not truth.good_bands[band] or not estimate.good_bands[partner[band]]:
            reasons[band] = "flagged as bad"
        elif (why := _exclusion_reason(estimate.pixels[partner[band]], truth.pixels[band])) is not None:
            reasons[band] = why
    return reasons


def _exclusion_reason(estimate: NDArray[np.float32], truth: NDArray[np.float32]) -> str | None:
    valid = np.isfinite(truth)
    if not valid.any():
        return "no finite pixel in the reference"
    if np.ptp(truth[valid]) == 0:
        return f"constant in the reference ({float(truth[valid][0]):g})"
    if not (valid & np.isfinite(estimate)).any():
        return "no finite pixel in common"
    return None


def _no_common_band(estimate: Cube, reference: Cube, reasons: Mapping[int, str]) -> str:
    why = ", ".join(dict.fromkeys(reasons.values()))
    return (
        f"{estimate.source} and {reference.source} share no band that can be judged ({why}); check their bands and "
        "bad-band lists"
    )


def _range(truth: NDArray[np.float32]) -> float:
    """1 for reflectance, else the largest value."""
    peak = float(truth.max(where=np.isfinite(truth), initial=-np.inf))
    return 1.0 if peak <= REFLECTANCE_LIMIT else peak


def _identical(pixels: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Bool ``(band,)``: bands without any difference where both are finite."""
    both = np.isfinite(pixels) & np.isfinite(truth)
    return np.asarray(((pixels == truth) | ~both).all(axis=(1, 2)))


def _mpsnr_on_common_bands(
    scores: list[Scores], cubes: list[NDArray[np.float32]], truth: NDArray[np.float32], span: float
) -> list[Scores]:
    """MPSNR of all cubes over the same bands: those that differ from the truth in every cube."""
    alike = np.array([_identical(pixels, truth) for pixels in cubes])
    judged = ~alike.any(axis=0)
    if judged.all() or not judged.any():
        return scores
    return [
        score if same.all() else replace(score, mpsnr=mpsnr(pixels[judged], truth[judged], data_range=span))
        for score, pixels, same in zip(scores, cubes, alike, strict=True)
    ]


def _consistency(pixels: NDArray[np.float32], low: NDArray[np.float32], seen: ObservationModel, span: float) -> float:
    """RMSE(D(estimate), D(reference)) / range, over low-resolution pixels whose whole surroundings are valid."""
    again = blurred(torch.from_numpy(fill_nodata(pixels)), seen).numpy()
    holes = ~np.isfinite(pixels)
    if holes.any():
        touched = blurred(torch.from_numpy(holes.astype(np.float32)), seen)
        again = np.where(np.abs(touched.numpy()) > 0, np.nan, again)
    if not (np.isfinite(again) & np.isfinite(low)).any():
        return float("nan")
    return consistency(again, low, data_range=span)
