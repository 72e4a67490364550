"""``compare``: scores of an estimate against its reference, with bicubic for comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from shsrd.cube import Cube, SceneError, fill_nodata
from shsrd.degradation import Degradation, ObservationModel, bicubic_up, blurred, observe_cube
from shsrd.evaluation.pairing import Pairing, format_bands, georeferencing_notes, pair_bands, unit_notes
from shsrd.metrics import Scores, consistency, evaluate, mpsnr

REFLECTANCE_LIMIT = 1.5  # brighter scenes are not reflectance; their own maximum is the range then


@dataclass(frozen=True)
class Comparison:
    """Scores of an estimate, and of bicubic interpolation of the degraded reference.

    Attributes:
        ours: scores of the estimate.
        bicubic: scores of bicubic interpolation.
        data_range: range used in PSNR, SSIM and consistency.
        bands: number of evaluated bands.
        excluded_bands: reason for every band of the reference that was excluded, by its number from 1.
        notes: one sentence for everything that was reordered or excluded, or is doubtful.
    """

    ours: Scores
    bicubic: Scores
    data_range: float
    bands: int
    excluded_bands: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def exclusion_notes(self) -> list[str]:
        """One sentence for every reason of exclusion, with its bands."""
        bands: dict[str, list[int]] = {}
        for band, reason in self.excluded_bands.items():
            bands.setdefault(reason, []).append(band - 1)
        return [f"{format_bands(numbers)} left out: {reason}." for reason, numbers in bands.items()]

    def excluded_bands_json(self) -> list[dict[str, int | str]]:
        """``band`` (from 1) and ``reason`` of every excluded band."""
        return [{"band": band, "reason": reason} for band, reason in self.excluded_bands.items()]


def compare(
    estimate: Cube,
    reference: Cube,
    scale: int,
    *,
    data_range: float | None = None,
    degradation: Degradation | ObservationModel | None = None,
    measured: Cube | None = None,
) -> Comparison:
    """Scores of an estimate against its reference, and the same for bicubic.

    Bands are matched by wavelength if both scenes have them. Bands that are bad, without a finite pixel, or constant in
    the reference are excluded from every score and listed.

    Args:
        estimate: super-resolved scene ``(B, s y, s x)``.
        reference: true scene; rows and columns beyond the last multiple of the scale are cropped at the lower right.
        scale: super-resolution factor ``s``.
        data_range: range of pixel values; None for 1, or for the reference's maximum if that is above 1.5.
        degradation: of the low resolution, for bicubic and consistency, without noise; None for the bicubic kernel.
            Widths by band are those of the reference's bands.
        measured: low resolution with noise; None to degrade the reference.

    Raises:
        SceneError: the two do not have the same bands and size, or no band can be evaluated.
        ValueError: a degradation of another scale.
    """
    observation = _observation(degradation, scale)
    if observation.scale != scale:
        raise ValueError(f"degradation of scale {observation.scale} for a comparison at scale {scale}; give one scale")
    if data_range is not None and not data_range > 0:
        raise SceneError(f"data range {data_range} must be above 0; leave it out to take it from the reference")
    truth = _truth(estimate, reference, scale)
    pairing = pair_bands(estimate, truth)
    reasons = _reasons(estimate, truth, pairing)
    kept = [number for number, band in enumerate(pairing.reference) if int(band) not in reasons]
    if not kept:
        raise SceneError(_no_common_band(estimate, reference, reasons))
    bands = pairing.reference[kept]
    ours, target = estimate.pixels[pairing.estimate[kept]], truth.pixels[bands]  # (b, s y, s x)
    span = data_range if data_range is not None else _range(target)
    low = (measured or observe_cube(truth, observation)).pixels[bands]  # (b, y, x)
    own, bicubic = _scores([ours, _bicubic(low, scale)], target, low, observation.select_bands(bands), span)
    notes = (*pairing.notes, *georeferencing_notes(estimate, truth), *unit_notes(ours, target))
    notes += _identity_notes(bands, ours, target)
    excluded_bands = {band + 1: reasons[band] for band in sorted(reasons)}
    return Comparison(own, bicubic, span, len(kept), excluded_bands, notes)


def _bicubic(low: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    pixels: NDArray[np.float32] = bicubic_up(torch.from_numpy(fill_nodata(low)), scale).numpy()
    return pixels


def _scores(
    cubes: list[NDArray[np.float32]],
    target: NDArray[np.float32],
    low: NDArray[np.float32],
    observation: ObservationModel,
    span: float,
) -> list[Scores]:
    """Scores of several cubes ``(b, s y, s x)``, with MPSNR over common bands."""
    scores = []
    for pixels in cubes:
        error = _consistency(pixels, low, observation, span)
        scores.append(evaluate(pixels, target, scale=observation.scale, data_range=span, consistency=error))
    return _mpsnr_on_common_bands(scores, cubes, target, span)


def _identity_notes(bands: NDArray[np.intp], ours: NDArray[np.float32], target: NDArray[np.float32]) -> tuple[str, ...]:
    """Sentence on bands without any difference, if there are other bands."""
    identical = _identical(ours, target)
    if not identical.any() or identical.all():
        return ()
    numbers = [int(band) for band in bands[identical]]
    return (f"{format_bands(numbers)} identical in both: infinite PSNR, left out of MPSNR.",)


def _observation(degradation: Degradation | ObservationModel | None, scale: int) -> ObservationModel:
    """Observation model without noise."""
    if isinstance(degradation, ObservationModel):
        return degradation.model_copy(update={"noise": None})
    return ObservationModel.of(degradation or Degradation(kernel="bicubic", scale=scale))


def _truth(estimate: Cube, reference: Cube, scale: int) -> Cube:
    """Reference cropped to a multiple of the scale, which must be the grid of the estimate."""
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
    """Reasons to exclude bands of the reference, by their number from 0."""
    partner = dict(zip(pairing.reference.tolist(), pairing.estimate.tolist(), strict=True))
    reasons = {}
    for band in range(truth.shape[0]):
        if band not in partner:
            reasons[band] = "not in the estimate"
        elif not truth.good_bands[band] or not estimate.good_bands[partner[band]]:
            reasons[band] = "flagged as bad"
        elif (reason := _exclusion_reason(estimate.pixels[partner[band]], truth.pixels[band])) is not None:
            reasons[band] = reason
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
    """Data range: 1 for reflectance, else the largest value."""
    peak = float(truth.max(where=np.isfinite(truth), initial=-np.inf))
    return 1.0 if peak <= REFLECTANCE_LIMIT else peak


def _identical(pixels: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Bool ``(band,)``: bands without any difference where both are finite."""
    both = np.isfinite(pixels) & np.isfinite(truth)
    return np.asarray(((pixels == truth) | ~both).all(axis=(1, 2)))


def _mpsnr_on_common_bands(
    scores: list[Scores], cubes: list[NDArray[np.float32]], truth: NDArray[np.float32], span: float
) -> list[Scores]:
    """Scores with MPSNR over the same bands, those that differ from the reference in every cube."""
    alike = np.array([_identical(pixels, truth) for pixels in cubes])
    judged = ~alike.any(axis=0)
    if judged.all() or not judged.any():
        return scores
    return [
        score if same.all() else replace(score, mpsnr=mpsnr(pixels[judged], truth[judged], data_range=span))
        for score, pixels, same in zip(scores, cubes, alike, strict=True)
    ]


def _consistency(
    pixels: NDArray[np.float32], low: NDArray[np.float32], observation: ObservationModel, span: float
) -> float:
    """RMSE(D(estimate), D(reference)) / range, over low-resolution pixels whose whole surroundings are valid."""
    again = blurred(torch.from_numpy(fill_nodata(pixels)), observation).numpy()
    holes = ~np.isfinite(pixels)
    if holes.any():
        touched = blurred(torch.from_numpy(holes.astype(np.float32)), observation)
        again = np.where(np.abs(touched.numpy()) > 0, np.nan, again)
    if not (np.isfinite(again) & np.isfinite(low)).any():
        return float("nan")
    return consistency(again, low, data_range=span)
