"""The degradation D as a value: which sensor, which scale; applied to tensors and to whole cubes."""

from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from shsrd.cube import Cube, SceneError, fill_nodata
from shsrd.degradation.kernels import FWHM_PER_SIGMA, area_down, gaussian_down, gaussian_taps
from shsrd.degradation.resample import SUPPORT, bicubic_down
from shsrd.degradation.sensors import sensor_named

SCALES = range(2, 17)
NODATA_SHARE = 0.5  # an LR pixel is no-data when at least this share of its block is


class Degradation(BaseModel):
    """How a low-resolution scene is made from a high-resolution one.

    Attributes:
        kernel: ``bicubic`` (antialiased, MATLAB ``imresize``, the benchmarks), ``gaussian`` (sensor PSF) or
            ``area`` (block mean).
        scale: integer factor, 2 to 16; a value outside is refused where it is used, with a SceneError.
        fwhm_pixels: full width at half maximum of the Gaussian PSF in HR pixels; None means one LR pixel
            (``scale``). The other kernels have their own width and refuse it.
        fwhm_x_pixels: the same along x, where it is another; ``fwhm_pixels`` is then that along y.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kernel: Literal["bicubic", "gaussian", "area"] = "bicubic"
    scale: int = 4
    fwhm_pixels: float | None = Field(default=None, gt=0)
    fwhm_x_pixels: float | None = Field(default=None, gt=0)

    @classmethod
    def of_sensor(cls, name: str, *, scale: int = 4) -> Self:
        """What a sensor would see whose pixels are ``scale`` times as large: a Gaussian of its published MTF.

        Its flight direction is taken as y, as in the sensor's own grid. The blur of the scene that is degraded adds to
        it and is not subtracted.

        Args:
            name: a key of ``SENSORS``, which has the figures and their sources.
            scale: integer factor.

        Raises:
            SceneError: no such sensor (the message lists those there are), or scale out of range.
        """
        _check_scale(scale)
        along_y, along_x = (scale * fwhm for fwhm in sensor_named(name).fwhm)
        return cls(kernel="gaussian", scale=scale, fwhm_pixels=along_y, fwhm_x_pixels=along_x)

    @property
    def sigma(self) -> float:
        """Standard deviation of the Gaussian PSF along y in HR pixels."""
        return (self.scale if self.fwhm_pixels is None else self.fwhm_pixels) / FWHM_PER_SIGMA

    @property
    def sigma_x(self) -> float:
        """Standard deviation of the Gaussian PSF along x in HR pixels."""
        return self.sigma if self.fwhm_x_pixels is None else self.fwhm_x_pixels / FWHM_PER_SIGMA

    @property
    def turned(self) -> Self:
        """The same with y and x exchanged."""
        if self.fwhm_x_pixels is None:
            return self
        along_y = self.scale if self.fwhm_pixels is None else self.fwhm_pixels
        return self.model_copy(update={"fwhm_pixels": self.fwhm_x_pixels, "fwhm_x_pixels": along_y})

    @property
    def reach(self) -> int:
        """How far, in LR pixels beyond its own block, an LR pixel looks."""
        taps = {
            "bicubic": 2 * SUPPORT * self.scale,
            "gaussian": len(gaussian_taps(self.scale, max(self.sigma, self.sigma_x))),
            "area": self.scale,
        }
        return -(-(taps[self.kernel] - self.scale) // (2 * self.scale))


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
        case "area":
            return area_down(x, degradation.scale)


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
    s = degradation.scale
    _, rows, columns = cube.shape
    _check(degradation, (rows, columns), cube.source)
    pixels = cube.pixels[:, : rows // s * s, : columns // s * s]
    filled = torch.from_numpy(np.ascontiguousarray(fill_nodata(pixels)))
    low = degrade(filled, degradation).numpy()
    low[_mostly_missing(pixels, s)] = np.nan
    return Cube.of(low, cube.facts.coarser(s))


def add_noise(cube: Cube, snr_db: float, *, seed: int = 0) -> Cube:
    """A scene with white Gaussian noise in every band.

    Args:
        cube: the scene.
        snr_db: root mean square of a band's valid pixels over the noise's standard deviation, in dB.
        seed: of the noise.
    """
    power = np.nanmean(np.square(cube.pixels, dtype=np.float64), axis=(1, 2))
    sigma = np.sqrt(np.nan_to_num(power)) / 10 ** (snr_db / 20)
    white = np.random.default_rng(seed).standard_normal(cube.shape, np.float32)
    return cube.replace(pixels=cube.pixels + sigma[:, None, None].astype(np.float32) * white)


def _mostly_missing(pixels: NDArray[np.float32], scale: int) -> NDArray[np.bool_]:
    bands, rows, columns = pixels.shape
    blocks = ~np.isfinite(pixels).reshape(bands, rows // scale, scale, columns // scale, scale)
    missing: NDArray[np.bool_] = blocks.mean(axis=(2, 4)) >= NODATA_SHARE
    return missing


def _check(degradation: Degradation, size: tuple[int, int], source: str) -> None:
    s = degradation.scale
    _check_scale(s)
    if min(size) < s:
        raise SceneError(f"{source}: {size[0]} x {size[1]} pixels are fewer than scale {s}; choose a smaller scale")
    widths = (degradation.fwhm_pixels, degradation.fwhm_x_pixels)
    if widths != (None, None) and degradation.kernel != "gaussian":
        raise SceneError(f"fwhm_pixels belongs to the gaussian kernel, not to {degradation.kernel}; leave it out")


def _check_scale(scale: int) -> None:
    if scale not in SCALES:
        raise SceneError(f"scale {scale} is out of range; choose {SCALES.start} to {SCALES.stop - 1}")
