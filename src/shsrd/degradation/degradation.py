"""The degradation D as a value: which sensor, which scale; applied to tensors and to whole cubes."""

from collections.abc import Callable
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from shsrd.cube import Cube, SceneError, fill_nodata
from shsrd.degradation.kernels import (
    FWHM_PER_SIGMA,
    area_down,
    decimate,
    detector_sigma,
    detector_taps,
    gaussian_down,
    gaussian_taps,
)
from shsrd.degradation.noise import NoiseModel, noise_sample
from shsrd.degradation.resample import SUPPORT, bicubic_down
from shsrd.degradation.sensors import get_sensor

SCALES = range(2, 17)
Kernel = Literal["bicubic", "gaussian", "detector", "area"]
FWHM_KERNELS = ("gaussian", "detector")  # kernels that take a width
NODATA_SHARE = 0.5  # an LR pixel is no-data when at least this share of its block is


class Degradation(BaseModel):
    """Degradation operator: kernel and scale that turn a high-resolution scene into a low-resolution one.

    Attributes:
        kernel: ``bicubic`` (antialiased, MATLAB ``imresize``, the benchmarks), ``gaussian`` (sensor PSF),
            ``detector`` (Gaussian optics in front of a detector of one LR pixel) or ``area`` (block mean).
        scale: integer factor, 2 to 16; a value outside is refused where it is used, with a SceneError.
        fwhm_pixels: full width at half maximum of the Gaussian PSF in HR pixels; None means one LR pixel
            (``scale``). Of ``detector`` it is the width of the Gaussian with the same MTF at the LR Nyquist frequency.
            The other kernels have their own width and refuse it.
        fwhm_x_pixels: the same along x, where it is another; ``fwhm_pixels`` is then that along y.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kernel: Kernel = "bicubic"
    scale: int = 4
    fwhm_pixels: float | None = Field(default=None, gt=0)
    fwhm_x_pixels: float | None = Field(default=None, gt=0)

    @classmethod
    def of_sensor(cls, name: str, *, scale: int = 4) -> Self:
        """Degradation of a sensor with pixels ``scale`` times as large: a Gaussian of its published MTF.

        Its flight direction is taken as y, as in the sensor's own grid. The blur of the scene that is degraded adds to
        it and is not subtracted.

        Args:
            name: a key of ``SENSORS``, which has the figures and their sources.
            scale: integer factor.

        Raises:
            SceneError: no such sensor (the message lists those there are), or scale out of range.
        """
        check_scale(scale)
        along_y, along_x = (scale * fwhm for fwhm in get_sensor(name).fwhm)
        return cls(kernel="gaussian", scale=scale, fwhm_pixels=along_y, fwhm_x_pixels=along_x)

    @property
    def sigma(self) -> float:
        """Standard deviation of the Gaussian PSF along y in HR pixels."""
        return (self.scale if self.fwhm_pixels is None else self.fwhm_pixels) / FWHM_PER_SIGMA

    @property
    def sigma_x(self) -> float:
        """Standard deviation of the Gaussian PSF along x in HR pixels."""
        return self.sigma if self.fwhm_x_pixels is None else self.fwhm_x_pixels / FWHM_PER_SIGMA

    def widened(self, factor: float) -> Self:
        """The same with a point spread function wider by a factor along both axes; below 1 it is narrower."""
        along_y, along_x = (factor * sigma * FWHM_PER_SIGMA for sigma in (self.sigma, self.sigma_x))
        return self.model_copy(update={"fwhm_pixels": along_y, "fwhm_x_pixels": along_x})

    @property
    def turned(self) -> Self:
        """The same with y and x exchanged."""
        if self.fwhm_x_pixels is None:
            return self
        along_y = self.scale if self.fwhm_pixels is None else self.fwhm_pixels
        return self.model_copy(update={"fwhm_pixels": self.fwhm_x_pixels, "fwhm_x_pixels": along_y})

    @property
    def reach(self) -> int:
        """Radius of the kernel beyond an LR pixel's own block, in LR pixels."""
        widest = max(self.sigma, self.sigma_x)
        match self.kernel:
            case "bicubic":
                taps = 2 * SUPPORT * self.scale
            case "gaussian":
                taps = len(gaussian_taps(self.scale, widest))
            case "detector":
                taps = len(detector_taps(self.scale, widest))
            case "area":
                taps = self.scale
        return -(-(taps - self.scale) // (2 * self.scale))


def degrade(x: Tensor, degradation: Degradation) -> Tensor:
    """The low-resolution image ``D x``.

    Args:
        x: ``(..., y, x)``, finite, both sides multiples of the scale.
        degradation: kernel and scale.

    Returns:
        ``(..., y / scale, x / scale)``.

    Raises:
        SceneError: scale out of range or larger than the image, or a width given for a kernel that has none.
    """
    _check(degradation, (int(x.shape[-2]), int(x.shape[-1])), "the image")
    match degradation.kernel:
        case "bicubic":
            return bicubic_down(x, degradation.scale)
        case "gaussian":
            return gaussian_down(x, degradation.scale, degradation.sigma, sigma_x=degradation.sigma_x)
        case "detector":
            along_y, along_x = (detector_taps(degradation.scale, width) for width in psf_sigmas(degradation))
            return decimate(x, along_y, degradation.scale, taps_x=along_x)
        case "area":
            return area_down(x, degradation.scale)


def psf_sigmas(degradation: Degradation) -> tuple[float, float]:
    """Standard deviations of the PSF along y and x in HR pixels."""
    return degradation.sigma, degradation.sigma_x


def degrade_cube(cube: Cube, degradation: Degradation) -> Cube:
    """A whole scene as a coarser sensor would have delivered it.

    Rows and columns beyond the last multiple of the scale are cropped at the lower right, so the upper-left
    corner stays. No-data is filled from the nearest valid pixel before filtering; an LR pixel is no-data
    when at least half of its own block is. Storage, wavelengths, CRS and headers travel along unchanged.

    Args:
        cube: the scene; NaN is no-data.
        degradation: kernel and scale.

    Returns:
        The coarser scene with its own transform.

    Raises:
        SceneError: scale out of range or larger than the scene.
    """
    return apply_degradation(cube, degradation, lambda pixels: degrade(pixels, degradation))


def apply_degradation(cube: Cube, degradation: Degradation, shrink: Callable[[Tensor], Tensor]) -> Cube:
    """A whole scene after ``shrink``, with the crop, no-data and metadata of ``degrade_cube``.

    Args:
        cube: the scene.
        degradation: scale, and what is checked before.
        shrink: ``(band, y, x)`` without missing pixels to ``(band, y / scale, x / scale)``.
    """
    s = degradation.scale
    _, rows, columns = cube.shape
    _check(degradation, (rows, columns), cube.source)
    pixels = cube.pixels[:, : rows // s * s, : columns // s * s]
    filled = torch.from_numpy(np.ascontiguousarray(fill_nodata(pixels)))
    low = shrink(filled).numpy()
    low[_nodata_mask(pixels, s)] = np.nan
    return Cube.of(low, cube.metadata.coarser(s))


def add_noise(cube: Cube, noise: float | NoiseModel, *, seed: int = 0) -> Cube:
    """A scene with the noise of a sensor.

    The noise of a band depends on the seed, the band's number and its own pixels alone.

    Args:
        cube: the scene; NaN stays NaN.
        noise: the model, or a signal-to-noise ratio in dB (white noise): root mean square of a band's valid pixels
            over the noise's standard deviation.
        seed: of the noise, 0 or more.

    Raises:
        SceneError: a model of another number of bands.
    """
    model = noise if isinstance(noise, NoiseModel) else NoiseModel(snr_db=noise)
    ratios = model.ratios(cube.shape[0], cube.source)
    pixels = np.empty_like(cube.pixels)
    for band, clean in enumerate(cube.pixels):
        rng = np.random.default_rng([seed, band])
        white, columns, gains = (
            rng.standard_normal(size, np.float32) for size in (clean.shape, clean.shape[1], clean.shape[1])
        )
        level = np.float32(rms(clean))
        pixels[band] = clean + noise_sample(
            clean, white, columns, gains, sigma=level * ratios[band], level=level, of=model
        )
    return cube.replace(pixels=pixels)


def rms(pixels: NDArray[np.float32]) -> float:
    """Root mean square of the finite values; 0 where there are none."""
    valid = pixels[np.isfinite(pixels)].astype(np.float64)
    return float(np.sqrt(np.mean(np.square(valid)))) if valid.size else 0.0


def _nodata_mask(pixels: NDArray[np.float32], scale: int) -> NDArray[np.bool_]:
    bands, rows, columns = pixels.shape
    blocks = ~np.isfinite(pixels).reshape(bands, rows // scale, scale, columns // scale, scale)
    missing: NDArray[np.bool_] = blocks.mean(axis=(2, 4)) >= NODATA_SHARE
    return missing


def _check(degradation: Degradation, size: tuple[int, int], source: str) -> None:
    s = degradation.scale
    check_scale(s)
    if min(size) < s:
        raise SceneError(f"{source}: {size[0]} x {size[1]} pixels are fewer than scale {s}; choose a smaller scale")
    widths = (degradation.fwhm_pixels, degradation.fwhm_x_pixels)
    if widths != (None, None) and degradation.kernel not in FWHM_KERNELS:
        raise SceneError(f"fwhm_pixels belongs to the gaussian kernel, not to {degradation.kernel}; leave it out")
    if degradation.kernel == "detector" and not min(psf_sigmas(degradation)) > detector_sigma(s):
        least = detector_sigma(s) * FWHM_PER_SIGMA
        raise SceneError(
            f"a width of {min(psf_sigmas(degradation)) * FWHM_PER_SIGMA:.3g} pixels is sharper than a detector of {s} "
            f"pixels; give more than {least:.3g}, or the area kernel"
        )


def check_scale(scale: int) -> None:
    """Refuse a scale factor that nothing is made for.

    Raises:
        SceneError: not within ``SCALES``.
    """
    if scale not in SCALES:
        raise SceneError(f"scale {scale} is out of range; choose {SCALES.start} to {SCALES.stop - 1}")
