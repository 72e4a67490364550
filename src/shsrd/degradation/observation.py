"""Observation model of a sensor: width of every band, kernel, scale and noise.

``Degradation`` is one kernel for all bands. An ``ObservationModel`` holds what differs between them. Training,
benchmarks and the command line degrade by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, field_validator
from torch import Tensor

from shsrd.cube import Cube, SceneError
from shsrd.degradation.degradation import (
    FWHM_KERNELS,
    Degradation,
    Kernel,
    add_noise,
    apply_degradation,
    check_scale,
    degrade,
)
from shsrd.degradation.noise import NoiseModel, noise_sample
from shsrd.degradation.sensors import get_sensor


class ObservationModel(BaseModel):
    """Point spread function and noise of every band of a sensor.

    Attributes:
        kernel: as in ``Degradation``.
        scale: integer factor, 2 to 16.
        fwhm: full widths at half maximum along y and x in low-resolution pixels: one pair for all bands, or one for
            each. None is the kernel's own width (one low-resolution pixel for ``gaussian`` and ``detector``).
        noise: of the low resolution; None adds none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kernel: Kernel = "bicubic"
    scale: int = 4
    fwhm: tuple[tuple[float, float], ...] | None = None
    noise: NoiseModel | None = None

    @field_validator("fwhm")
    @classmethod
    def _positive(cls, fwhm: tuple[tuple[float, float], ...] | None) -> tuple[tuple[float, float], ...] | None:
        if fwhm is not None and not (fwhm and all(0 < width < np.inf for pair in fwhm for width in pair)):
            raise ValueError("widths are above 0, and there is at least one pair")
        return fwhm

    @classmethod
    def of(cls, degradation: Degradation, noise: NoiseModel | None = None) -> Self:
        """The same kernel and width in all bands."""
        widths = None
        if degradation.kernel in FWHM_KERNELS or degradation.fwhm_pixels is not None:
            along_y = degradation.scale if degradation.fwhm_pixels is None else degradation.fwhm_pixels
            along_x = along_y if degradation.fwhm_x_pixels is None else degradation.fwhm_x_pixels
            widths = ((along_y / degradation.scale, along_x / degradation.scale),)
        return cls(kernel=degradation.kernel, scale=degradation.scale, fwhm=widths, noise=noise)

    @classmethod
    def of_sensor(
        cls,
        name: str,
        *,
        scale: int = 4,
        wavelength_nm: NDArray[np.float64] | None = None,
        kernel: Kernel = "gaussian",
        noise: NoiseModel | None = None,
    ) -> Self:
        """Observation model of a sensor with pixels ``scale`` times as large.

        Its flight direction is taken as y. The blur of the scene that is degraded adds to it and is not subtracted.

        Args:
            name: a key of ``SENSORS``.
            scale: integer factor.
            wavelength_nm: of the bands, for sensors whose sharpness differs between spectral ranges; None takes the
                sensor's mean for all.
            kernel: ``gaussian`` or ``detector``.
            noise: of the low resolution.

        Raises:
            SceneError: no such sensor.
        """
        check_scale(scale)
        sensor = get_sensor(name)
        widths = [sensor.fwhm] if wavelength_nm is None else sensor.fwhm_at(wavelength_nm, len(wavelength_nm)).tolist()
        return cls(kernel=kernel, scale=scale, fwhm=tuple((y, x) for y, x in widths), noise=noise)

    def select_bands(self, bands: Sequence[int] | NDArray[np.int_]) -> Self:
        """The model of some bands of the scene, in their order."""
        fwhm, noise = self.fwhm, self.noise
        if fwhm is not None and len(fwhm) > 1:
            fwhm = tuple(fwhm[band] for band in bands)
        if noise is not None and isinstance(noise.snr_db, tuple) and len(noise.snr_db) > 1:
            noise = noise.model_copy(update={"snr_db": tuple(noise.snr_db[band] for band in bands)})
        return self.model_copy(update={"fwhm": fwhm, "noise": noise})

    @property
    def mean(self) -> Degradation:
        """One kernel for all bands, of their mean width."""
        return self._degradation(None if self.fwhm is None else tuple(np.mean(self.fwhm, axis=0).tolist()))

    def groups(self, bands: int) -> dict[Degradation, list[int]]:
        """Bands (from 0) by their kernel.

        Raises:
            SceneError: widths of another number of bands.
        """
        given = (None,) if self.fwhm is None else self.fwhm
        if len(given) not in (1, bands):
            raise SceneError(f"{len(given)} widths for {bands} bands; give one, or one for each band")
        found: dict[Degradation, list[int]] = {}
        for band in range(bands):
            found.setdefault(self._degradation(given[band % len(given)]), []).append(band)
        return found

    def _degradation(self, widths: tuple[float, ...] | None) -> Degradation:
        if widths is None:
            return Degradation(kernel=self.kernel, scale=self.scale)
        along_y, along_x = (self.scale * width for width in widths)
        return Degradation(kernel=self.kernel, scale=self.scale, fwhm_pixels=along_y, fwhm_x_pixels=along_x)


def blurred(x: Tensor, model: ObservationModel) -> Tensor:
    """The low-resolution image of every band, without noise.

    Args:
        x: ``(..., band, y, x)``, finite, both sides multiples of the scale.
        model: the noise in it is left out.

    Returns:
        ``(..., band, y / scale, x / scale)``.

    Raises:
        SceneError: as ``degrade``, or widths of another number of bands.
    """
    groups = model.groups(int(x.shape[-3]))
    if len(groups) == 1:
        return degrade(x, next(iter(groups)))
    sides = (side // model.scale for side in x.shape[-2:])
    low = x.new_empty(*x.shape[:-2], *sides)
    for degradation, bands in groups.items():
        low[..., bands, :, :] = degrade(x[..., bands, :, :], degradation)
    return low


def observe(
    x: Tensor, model: ObservationModel, *, generator: torch.Generator | None = None, level: Tensor | None = None
) -> Tensor:
    """The low-resolution image of every band, with noise.

    Args:
        x: ``(..., band, y, x)``, finite, both sides multiples of the scale.
        model: kernels and noise.
        generator: of the noise, on the device of ``x``.
        level: of the signal, ``(..., band)``; None takes the root mean square of every band of ``x`` after the blur.

    Returns:
        ``(..., band, y / scale, x / scale)``.
    """
    low = blurred(x, model)
    return low if model.noise is None else noisy(low, model.noise, generator=generator, level=level)


def noisy(
    low: Tensor, noise: NoiseModel, *, generator: torch.Generator | None = None, level: Tensor | None = None
) -> Tensor:
    """A low-resolution image ``(..., band, y, x)`` with noise; arguments as for ``observe``."""
    height = (low.square().mean((-2, -1)).sqrt() if level is None else level)[..., None, None]
    ratios = torch.from_numpy(noise.ratios(int(low.shape[-3]))).to(low)[:, None, None]
    one_row = (*low.shape[:-2], 1, low.shape[-1])
    white, columns, gains = (
        torch.randn(size, generator=generator, device=low.device, dtype=low.dtype)
        for size in (low.shape, one_row, one_row)
    )
    return low + noise_sample(low, white, columns, gains, sigma=height * ratios, level=height, of=noise)


def observe_cube(cube: Cube, model: ObservationModel, *, seed: int = 0) -> Cube:
    """A whole scene as a coarser sensor would have delivered it: ``degrade_cube`` with widths by band, and noise.

    Args:
        cube: the scene; NaN is no-data.
        model: kernels and noise.
        seed: of the noise, 0 or more. The noise of a band depends on the seed, the band's number and its own pixels.

    Raises:
        SceneError: scale out of range or larger than the scene, or widths or ratios of another number of bands.
    """
    model.groups(cube.shape[0])
    low = apply_degradation(cube, model.mean, lambda pixels: blurred(pixels, model))
    return low if model.noise is None else add_noise(low, model.noise, seed=seed)
