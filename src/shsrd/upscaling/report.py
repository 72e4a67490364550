"""What ``upscale`` says of what it did."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from shsrd.spectral import BasisName
from shsrd.upscaling.scene_psf import Origin

RANGE_TOLERANCE = 0.25  # of the input's range: an output that leaves it by more is worth a word


@dataclass(frozen=True)
class Report:
    """What was done, and how far the output may be believed.

    Attributes:
        model: name of the weights.
        fingerprint: of the weight file.
        scale: factor.
        frame: spectral frame of the posterior mean.
        channels: channels of that frame.
        steps: diffusion steps of the output.
        samples: posterior samples drawn.
        seed: of their noise.
        bands_bicubic: bands that are bicubic only (flagged bad, or without valid pixels).
        consistency: RMSE(D(output), input) as a share of the input's range, over valid pixels, or None if nothing
            could be compared.
        domain_score_db: gain over bicubic in the self-check, dB, mean over bands (see ``upscaling/domain.py``: measured
            one scale step coarser, on the posterior mean); None if not assessed.
        domain_sam_ratio: spectral angle over that of bicubic in the self-check; None if not assessed.
        sensor_gain_db: what the self-check found of a scene that was corrected for its sensor, degraded by the same
            point spread function with the same noise, corrected again and super-resolved: gain in dB over bicubic
            enlargement. ``domain_score_db`` is then the gain over bicubic enlargement of the corrected scene, that is,
            of the network alone. None where nothing was corrected or assessed.
        sensor_sam_ratio: spectral angles likewise.
        outside_domain: the score is below -0.05 dB: the network did worse than bicubic.
        bands_held_back: bands whose detail was scaled down because of that.
        device: where it was computed.
        precision: int8, bf16 or fp32.
        ensemble: flips and turns over which the posterior mean was averaged.
        stride: bands from one triplet to the next.
        sensor: whose published point spread function the scene was corrected for; None where it was not, or its
            width was given or estimated.
        psf_from: who says so: ``product`` (metadata), ``sensor`` or ``fwhm`` (option), ``estimate`` (from the scene);
            ``kernel`` is the bicubic kernel, asked for, ``assumed`` the same because nothing is known.
        fwhm_error: standard errors of estimated widths.
        fwhm: its full widths at half maximum along y and x in low-resolution pixels; None where nothing was corrected.
        fwhm_told: the widths that were asked for, where ``fwhm`` are smaller ones: with those the scene rang.
        snr_db: median over bands of the signal-to-noise ratio that the correction took, in dB.
        noise: root mean square of that noise as a share of the data range, to compare ``consistency`` with.
        notes: about the scene: what was guessed, dropped or contradictory, one sentence each.
        input_range: smallest and largest value of the super-resolved bands as they were measured; suspicious values and
            no-data are left out.
        output_range: the same of the output; None where nothing has data.
        values_limited: output values that had left the local range of the input and were limited (``overshoot``).
        suspicious: what is suspicious about the input's values, one sentence for each kind. Such values are not in
            ``consistency`` and the ranges. Also how two detectors differ where both measured the same wavelengths.
        some_left_out: whether any of that was values that were left out.
    """

    model: str
    fingerprint: str
    scale: int
    frame: BasisName
    channels: int
    steps: int
    samples: int
    seed: int
    bands_bicubic: int
    consistency: float | None
    domain_score_db: float | None
    domain_sam_ratio: float | None
    outside_domain: bool
    bands_held_back: int
    device: str
    precision: str
    ensemble: int
    stride: int
    sensor: str | None = None
    psf_from: Origin = "assumed"
    fwhm_error: tuple[float, float] | None = None
    fwhm: tuple[float, float] | None = None
    fwhm_told: tuple[float, float] | None = None
    snr_db: float | None = None
    sensor_gain_db: float | None = None
    sensor_sam_ratio: float | None = None
    noise: float | None = None
    input_range: tuple[float, float] = (0.0, 0.0)
    output_range: tuple[float, float] | None = None
    values_limited: int = 0
    suspicious: tuple[str, ...] = ()
    some_left_out: bool = False
    notes: tuple[str, ...] = ()

    @property
    def consistency_noise_ratio(self) -> float | None:
        """Consistency error in units of the noise: about 1 where all that is left is noise; None without a sensor."""
        if self.consistency is None or not self.noise:
            return None
        return self.consistency / self.noise

    @property
    def exceeds_input_range(self) -> bool:
        """Whether the output leaves the input's range by more than ``RANGE_TOLERANCE`` of it."""
        if self.output_range is None:
            return False
        (low, high), (lowest, highest) = self.input_range, self.output_range
        return low < high and max(low - lowest, highest - high) > RANGE_TOLERANCE * (
            high - low
        )  # a constant one has no range

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return asdict(self)
