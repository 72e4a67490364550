"""Command-line options of a simulated low resolution: noise and widths, with their checks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from shsrd.cli.console import option
from shsrd.cube import SceneError

if TYPE_CHECKING:
    from shsrd.degradation import NoiseModel, ObservationModel

KernelName = Literal["bicubic", "gaussian", "detector", "area"]
KERNEL_METAVAR = "{bicubic,gaussian,detector,area}"
SHARPEST, MAX_FWHM = 0.1, 8  # low-resolution pixels: widths outside belong to no sensor


@dataclass(frozen=True, kw_only=True)
class NoiseOptions:
    """Noise that is added to the low resolution.

    Attributes:
        snr: signal-to-noise ratio of every band in dB: root mean square of the band over the noise's deviation.
        shot_noise: 0 to 1, share of the noise's variance that grows with the signal; 0 is white noise.
        stripes: deviation of the columns' offsets, as a share of the noise's; each column keeps its own along the
            flight (y).
    """

    snr: Annotated[float | None, option("DB")] = None
    shot_noise: Annotated[float, option("SHARE")] = 0.0
    stripes: Annotated[float, option("SHARE")] = 0.0

    def noise(self) -> NoiseModel | None:
        """The noise, or None where none was asked for.

        Raises:
            SceneError: a number out of range, or shares of a noise that is not given.
        """
        if not 0 <= self.shot_noise <= 1:
            raise SceneError(f"--shot-noise {self.shot_noise:g} is no share; give 0 to 1")
        if not 0 <= self.stripes <= 100:
            raise SceneError(f"--stripes {self.stripes:g} is out of range; give 0 to 100 deviations of the noise")
        if self.snr is None:
            if self.shot_noise > 0 or self.stripes > 0:
                raise SceneError("--shot-noise and --stripes are shares of the noise; give --snr as well")
            return None
        check_snr(self.snr)
        from shsrd.degradation import NoiseModel

        return NoiseModel(snr_db=self.snr, photon_share=self.shot_noise, stripe_offset=self.stripes)


def check_snr(snr_db: float) -> None:
    """Refuse what is no signal-to-noise ratio.

    Raises:
        SceneError: not between 0 and 200 dB.
    """
    if not 0 < snr_db <= 200:
        raise SceneError(f"--snr {snr_db:g} is out of range; give decibels between 0 and 200")


def parse_fwhm(text: str) -> list[float]:
    """Widths along y and x of ``Y`` or ``Y,X``; an empty list where the text is neither."""
    try:
        widths = [float(part) for part in text.split(",")]
    except ValueError:
        return []
    good = len(widths) in (1, 2) and all(math.isfinite(width) and width > 0 for width in widths)
    return [widths[0], widths[-1]] if good else []


def psf_summary(model: ObservationModel) -> str:
    """Sentence on the simulated width in fine and coarse pixels; empty for kernels without a width."""
    if model.fwhm is None or model.kernel not in ("gaussian", "detector"):
        return ""
    along_y, along_x = (sorted(set(axis)) for axis in zip(*model.fwhm, strict=True))
    coarse = " x ".join(_span(axis) for axis in (along_y, along_x))
    fine = " x ".join(_span([width * model.scale for width in axis]) for axis in (along_y, along_x))
    mean = ",".join(f"{sum(axis) / len(model.fwhm):.4g}" for axis in zip(*model.fwhm, strict=True))
    by_band = " by band" if len(along_y) > 1 or len(along_x) > 1 else ""
    return (
        f"Point spread function: {model.kernel}, FWHM (y x x){by_band} {fine} pixels of the source, {coarse} of the "
        f"result: upscale it with --fwhm {mean}."
    )


def _span(widths: list[float]) -> str:
    return f"{widths[0]:.3g}" if len(widths) == 1 else f"{widths[0]:.3g}-{widths[-1]:.3g}"
