"""Point spread function that a scene is taken to have, and where it comes from.

BatchOptions: options (``sensor``, ``fwhm``, ``kernel``), product metadata (``SceneMetadata.sensor``), else the bicubic
kernel is assumed. An estimate from the scene is used where it is asked for (``fwhm="auto"``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError, SceneMetadata, Source
from shsrd.degradation import SENSORS, Degradation
from shsrd.degradation.sensors import get_sensor
from shsrd.upscaling.blur_noise_estimate import BlurNoiseEstimate, estimate_blur_noise
from shsrd.upscaling.options import UpscaleOptions

SHARP = 0.95  # pixels: edges of scenes made by the bicubic kernel are estimated to be so wide, or less
PSF_CONFLICT_SIGMAS = 3.0  # standard errors by which edges must be sharper than a published width to speak against it

Origin = Literal["assumed", "kernel", "sensor", "fwhm", "product", "estimate"]


@dataclass(frozen=True)
class Instrument:
    """Point spread function of a scene.

    Attributes:
        origin: ``assumed`` (bicubic kernel, nothing is known), ``kernel`` (bicubic kernel, asked for), ``sensor`` and
            ``fwhm`` (the options of that name), ``product`` (metadata of a recognised product), ``estimate`` (of edges
            as sharp as the bicubic kernel's, if no width is given).
        sensor: a key of ``SENSORS``, where its published widths are taken.
        fwhm: widths along y and x in low-resolution pixels, where they are given or estimated.
        error: standard errors of an estimate.
        north_up: rows and columns of a product are those of a map, turned against the sensor's: both directions take
            the mean of the widths along and across track.
    """

    origin: Origin = "assumed"
    sensor: str | None = None
    fwhm: tuple[float, float] | None = None
    error: tuple[float, float] | None = None
    north_up: bool = False

    @property
    def bicubic(self) -> bool:
        """True if nothing has to be corrected."""
        return self.sensor is None and self.fwhm is None

    def fwhm_at(self, wavelength_nm: NDArray[np.float64] | None, bands: int) -> NDArray[np.float64]:
        """Full widths at half maximum of every band ``(B, 2)`` along y and x, in low-resolution pixels.

        Raises:
            SceneError: no such sensor.
        """
        if self.fwhm is not None:
            return np.tile(np.array(self.fwhm), (bands, 1))
        assert self.sensor is not None  # it is not bicubic
        widths = get_sensor(self.sensor).fwhm_at(wavelength_nm, bands)
        return np.repeat(widths.mean(axis=1, keepdims=True), 2, axis=1) if self.north_up else widths

    def degradation(self, scale: int) -> Degradation | None:
        """The mean of all bands as a degradation by ``scale``; None for the bicubic kernel.

        Raises:
            SceneError: no such sensor.
        """
        if self.bicubic:
            return None
        along_y, along_x = (scale * self.fwhm_at(None, 1)[0]).tolist()
        return Degradation(kernel="gaussian", scale=scale, fwhm_pixels=along_y, fwhm_x_pixels=along_x)


def resolve_psf(source: Source, options: UpscaleOptions) -> Instrument:
    """Point spread function of a scene; its edges are analysed only if the options request an estimate.

    Raises:
        SceneError: options that contradict each other, no such sensor, or an estimate that the scene does not allow.
    """
    if options.fwhm != "auto":
        return declared_psf(source.metadata, options)
    options.check_psf_options()
    width = estimate_blur_noise(source).width
    if width is None:
        raise SceneError(
            f"{source.metadata.source}: has too few sharp edges to estimate its blur; give --sensor or --fwhm Y,X, or "
            "leave out --fwhm auto"
        )
    if max(width.lower) <= SHARP:
        return Instrument("estimate")
    return Instrument("estimate", fwhm=width.lower, error=width.error)


def declared_psf(metadata: SceneMetadata, options: UpscaleOptions) -> Instrument:
    """Point spread function by options and metadata.

    Raises:
        SceneError: options that contradict each other, or no such sensor.
    """
    options.check_psf_options()
    if options.kernel == "bicubic":
        return Instrument("kernel")
    if options.sensor is not None:
        get_sensor(options.sensor)
        return Instrument("sensor", sensor=options.sensor)
    if isinstance(options.fwhm, tuple):
        return Instrument("fwhm", fwhm=options.fwhm)
    if options.fwhm == "auto":  # of a scene that is not corrected
        return Instrument("estimate")
    if metadata.sensor in SENSORS:
        return Instrument("product", sensor=metadata.sensor, north_up=metadata.transform is not None)
    if options.snr is not None:
        raise SceneError("--snr belongs to a point spread function; give --sensor or --fwhm as well")
    return Instrument()


def blur_and_noise_summary(source: Source) -> dict[str, Any]:
    """Blur and noise of a scene in plain numbers, and the blur that it is corrected for by default.

    Returns:
        ``psf``: the point spread function that ``upscale`` takes, in words; ``psf_fwhm``: its widths ``[y, x]`` in
        pixels, None for the bicubic kernel; ``psf_estimate`` and ``psf_error``: widths that the edges show and their
        standard errors, None where they do not; ``psf_edges``: their number; ``psf_note``: what follows from all
        that, or None; ``snr_db``: ``[lowest, median, highest]`` of the bands.

    Raises:
        SceneError: pixels that cannot be read.
    """
    metadata = source.metadata
    instrument, observed = declared_psf(metadata, UpscaleOptions()), estimate_blur_noise(source)
    widths = None if instrument.bicubic else instrument.fwhm_at(metadata.wavelength_nm, metadata.shape[0]).mean(axis=0)
    width = observed.width
    return {
        "psf": _in_words(instrument, metadata.sensor),
        "psf_fwhm": None if widths is None else widths.round(3).tolist(),
        "psf_estimate": None if width is None else [round(value, 3) for value in width.fwhm],
        "psf_error": None if width is None else [round(value, 3) for value in width.error],
        "psf_edges": observed.edges,
        "psf_note": _remark(widths, observed),
        "snr_db": (np.quantile(observed.snr_db, (0, 0.5, 1)).round(1) + 0.0).tolist() if observed.snr_db.size else None,
    }


def _in_words(instrument: Instrument, sensor: str | None) -> str:
    if instrument.sensor is not None:
        turned = ", mean of along and across track since rows run along a map" if instrument.north_up else ""
        return f"{instrument.sensor}, as published (product metadata){turned}"
    return "bicubic kernel assumed" + ("" if sensor is None else f": no width of {sensor} is published")


def _remark(widths: NDArray[np.float64] | None, observed: BlurNoiseEstimate) -> str | None:
    """Note on the estimate beside the declared width; an estimate includes the blur of the scene."""
    if observed.width is None:
        return "too few sharp edges to estimate the blur"
    lower, error = np.array(observed.width.lower), np.array(observed.width.error)
    if widths is None:
        hint = "--fwhm auto corrects for its lower end, {:.2f},{:.2f}".format(*lower)
        return hint if (lower > SHARP).any() else None
    if (widths > np.array(observed.width.fwhm) + PSF_CONFLICT_SIGMAS * error).any():
        return "edges are sharper than the published width allows; --fwhm auto takes what they show"
    return None
