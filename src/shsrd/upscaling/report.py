"""The report of ``upscale``: what was computed, and how far the output can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shsrd.spectral import BasisName
from shsrd.upscaling.scene_psf import Origin

RANGE_TOLERANCE = 0.25  # share of the input's range that the output may leave it by without a warning
RENAMED = {  # keys of reports and records written before they had their present names
    "frame": "basis",
    "domain_score_db": "self_check_gain_db",
    "domain_sam_ratio": "self_check_sam_ratio",
    "outside_domain": "worse_than_bicubic",
    "bands_held_back": "bands_attenuated",
    "psf_from": "psf_origin",
    "fwhm_told": "fwhm_requested",
    "values_limited": "values_clipped",
    "suspicious": "suspect_notes",
    "some_left_out": "suspects_excluded",
}


@dataclass(frozen=True)
class Report:
    """Settings of a run and the measures of its quality.

    Attributes:
        model: name of the weights.
        fingerprint: of the weight file.
        scale: super-resolution factor.
        basis: spectral basis of the posterior mean.
        channels: number of channels of that basis.
        steps: diffusion steps.
        samples: number of posterior samples.
        seed: of the noise of the samples.
        bands_bicubic: number of bands that are interpolated only (flagged bad, or without valid pixels).
        consistency: RMSE(D(output), input) as a share of the input's range, over valid pixels; None if nothing
            could be compared.
        self_check_gain_db: PSNR gain over bicubic in the self-check, mean over bands, dB; measured one scale step
            coarser, on the posterior mean (``upscaling/self_check.py``). None if not assessed.
        self_check_sam_ratio: spectral angle as a share of bicubic's in the self-check; None if not assessed.
        sensor_gain_db: PSNR gain over bicubic in the self-check with sensor correction, dB: the scene is degraded by
            its own point spread function and noise, corrected and super-resolved again. ``self_check_gain_db`` then
            compares with bicubic interpolation of the corrected scene. None if nothing was corrected or assessed.
        sensor_sam_ratio: spectral angle as a share of bicubic's in the same check.
        worse_than_bicubic: True if the gain is below -0.05 dB.
        bands_attenuated: number of bands whose detail was scaled down because of that.
        device: of the network.
        precision: int8, bf16 or fp32.
        ensemble: number of flips and rotations that the posterior mean is averaged over.
        stride: distance of successive band triplets, in bands.
        sensor: name of the sensor whose published point spread function was corrected; None if its width was given or
            estimated, or nothing was corrected.
        psf_origin: source of the point spread function: ``product`` (metadata), ``sensor`` or ``fwhm`` (option),
            ``estimate`` (from the scene), ``kernel`` (the bicubic kernel, as requested), ``assumed`` (the bicubic
            kernel, for lack of knowledge).
        fwhm_error: standard errors of estimated widths.
        fwhm: full widths at half maximum along y and x, low-resolution pixels; None if nothing was corrected.
        fwhm_requested: requested widths, where ``fwhm`` had to be smaller because the corrected scene rang.
        snr_db: median over bands of the signal-to-noise ratio in the correction, dB.
        noise: root mean square of that noise as a share of the data range, to compare with ``consistency``.
        notes: one sentence for everything that was guessed, dropped or contradictory in the scene.
        input_range: smallest and largest measured value of the super-resolved bands, without suspicious values and
            no-data.
        output_range: the same of the output; None if it has no valid pixel.
        values_clipped: number of output values limited to the local range of the input (``overshoot``).
        suspect_notes: one sentence for every kind of suspicious input value, and for differences between detectors
            at the same wavelengths. Suspicious values count in neither ``consistency`` nor the ranges.
        suspects_excluded: True if suspicious values were excluded.
    """

    model: str
    fingerprint: str
    scale: int
    basis: BasisName
    channels: int
    steps: int
    samples: int
    seed: int
    bands_bicubic: int
    consistency: float | None
    self_check_gain_db: float | None
    self_check_sam_ratio: float | None
    worse_than_bicubic: bool
    bands_attenuated: int
    device: str
    precision: str
    ensemble: int
    stride: int
    sensor: str | None = None
    psf_origin: Origin = "assumed"
    fwhm_error: tuple[float, float] | None = None
    fwhm: tuple[float, float] | None = None
    fwhm_requested: tuple[float, float] | None = None
    snr_db: float | None = None
    sensor_gain_db: float | None = None
    sensor_sam_ratio: float | None = None
    noise: float | None = None
    input_range: tuple[float, float] = (0.0, 0.0)
    output_range: tuple[float, float] | None = None
    values_clipped: int = 0
    suspect_notes: tuple[str, ...] = ()
    suspects_excluded: bool = False
    notes: tuple[str, ...] = ()

    @property
    def consistency_noise_ratio(self) -> float | None:
        """Consistency error as a multiple of the noise: about 1 if only noise is left; None without a sensor."""
        if self.consistency is None or not self.noise:
            return None
        return self.consistency / self.noise

    @property
    def exceeds_input_range(self) -> bool:
        """True if the output leaves the input's range by more than ``RANGE_TOLERANCE`` of it."""
        if self.output_range is None:
            return False
        (low, high), (lowest, highest) = self.input_range, self.output_range
        excess = max(low - lowest, highest - high)
        return low < high and excess > RANGE_TOLERANCE * (high - low)  # a constant input has no range

    def as_json(self) -> dict[str, Any]:
        """Attributes as plain values."""
        return asdict(self)


def with_current_keys(record: Mapping[str, Any], *, prefix: str = "") -> dict[str, Any]:
    """Copy of a report or record in which keys of earlier versions have their present names.

    Args:
        record: values by key.
        prefix: of every key, such as ``shsrd:``.
    """
    renamed = {prefix + old: prefix + new for old, new in RENAMED.items()}
    return {renamed.get(key, key): value for key, value in record.items()}
