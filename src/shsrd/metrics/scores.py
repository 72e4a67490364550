"""All figures of one comparison, with the names they have in JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType

import numpy as np

from shsrd.metrics.angle import sam_deg
from shsrd.metrics.error import cc, ergas, mpsnr, psnr_cube, rmse
from shsrd.metrics.pair import Mask, Pixels, counted
from shsrd.metrics.structure import mssim

DEFINITIONS: Mapping[str, str] = MappingProxyType(
    {
        "mpsnr": "mean over bands of 10 log10(range^2 / MSE of the band), dB; identical bands (MSE 0) left out",
        "psnr_cube": "10 log10(range^2 / MSE of the whole cube), dB; the MCNet family's PSNR",
        "mssim": "mean over bands of SSIM, 7x7 uniform window, sample covariance (scikit-image's default)",
        "sam_deg": "mean angle between spectra in degrees, float64, pixels of non-zero norm",
        "ergas": "100 / scale * sqrt(mean over bands of MSE / mean^2), true scale factor",
        "cc": "mean over bands of Pearson's correlation",
        "rmse": "root mean square error over the whole cube, unit of the pixels",
        "consistency": "RMSE between the degraded estimate and the input, divided by the range",
    }
)


@dataclass(frozen=True)
class Scores:
    """The figures of one estimate against one reference; ``DEFINITIONS`` says what each is.

    A figure that has no meaning for the pair is NaN, that of identical cubes may be infinite.
    """

    mpsnr: float
    psnr_cube: float
    mssim: float
    sam_deg: float
    ergas: float
    cc: float
    rmse: float
    consistency: float = math.nan

    def as_json(self) -> dict[str, float | str | None]:
        """Numbers for strict JSON: a figure without meaning is None, an infinite one the text ``"inf"``.

        Example:
            >>> Scores(math.inf, 40.0, 1.0, 0.0, 0.0, 1.0, 0.0).as_json()["mpsnr"]
            'inf'
        """
        return {
            name: None if math.isnan(value) else "inf" if math.isinf(value) else value
            for name, value in asdict(self).items()
        }


def evaluate(
    estimate: Pixels,
    reference: Pixels,
    *,
    scale: int,
    data_range: float = 1.0,
    mask: Mask | None = None,
    consistency: float = math.nan,
) -> Scores:
    """Every figure of an estimate against the truth.

    Pixels that are NaN in either cube or False in ``mask`` do not count, band by band: a hole in one band
    leaves the others alone. SAM compares a pixel in the bands it has; SSIM drops each window that touches a
    hole.

    Args:
        estimate: ``(band, y, x)``.
        reference: ``(band, y, x)``, the truth.
        scale: scale factor, for ERGAS.
        data_range: largest minus smallest possible value, 1 for reflectance.
        mask: ``(y, x)`` or ``(band, y, x)``, True where a pixel counts.
        consistency: measured elsewhere (only ``degradation`` knows the sensor) and passed through.

    Raises:
        SceneError: shapes differ or nothing is left to compare.
    """
    valid = counted(estimate, reference, mask)
    return Scores(
        mpsnr=mpsnr(estimate, reference, data_range=data_range, mask=valid),
        psnr_cube=psnr_cube(estimate, reference, data_range=data_range, mask=valid),
        mssim=mssim(estimate, reference, data_range=data_range, mask=valid),
        sam_deg=sam_deg(estimate, reference, mask=valid),
        ergas=ergas(estimate, reference, scale=scale, mask=valid),
        cc=cc(estimate, reference, mask=valid),
        rmse=rmse(estimate, reference, mask=valid),
        consistency=consistency,
    )


def average(scores: Sequence[Scores]) -> Scores:
    """The mean of each figure over scenes, as the tables of the field print it; a NaN anywhere stays NaN.

    Example:
        >>> one = Scores(30.0, 30.0, 0.9, 4.0, 5.0, 0.9, 0.1)
        >>> two = Scores(40.0, 30.0, 0.9, 4.0, 5.0, 0.9, 0.1)
        >>> average([one, two]).mpsnr
        35.0
    """
    if not scores:
        raise ValueError("no scores to average; evaluate at least one scene")
    names = [field.name for field in fields(Scores)]
    return Scores(**{name: float(np.mean([getattr(score, name) for score in scores])) for name in names})
