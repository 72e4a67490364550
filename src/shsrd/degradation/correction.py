"""The correction filter: what a sensor measured becomes what the bicubic kernel would have given.

The networks undo the bicubic kernel ``B``. A sensor has another one, ``G``. On the low-resolution grid, with the
aliases ``w_k`` of a frequency ``f``, the power spectrum ``c S(w)`` of the scene and white noise of variance 1, the
linear estimate of ``B x`` from ``G x + n`` with the least error is

    H(f) = sum_k B(w_k) G(w_k) c S(w_k) / (sum_k (G(w_k)^2 + E(w_k)^2) c S(w_k) + 1),    S(w) = 1 / |w|^2

(without noise and ``E``: Abu Hussein, Tirer and Giryes, CVPR 2020). ``E`` is the error of ``G`` if its width is wrong
by ``FWHM_UNCERTAINTY``. One ``H`` for a whole image sharpens noise in its flat parts. So it is split into steps,
``H = H_n + (H_n-1 - H_n) + ... + (H_1 - H_2)`` with the noise taken as ``NOISE_LEVELS`` times what it is. Each step is
let through at every pixel by as much as its local power exceeds the noise's, ``max(0, 1 - noise / power)``: where there
is a signal the image is sharpened, elsewhere it is smoothed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shsrd.degradation.degradation import Degradation
from shsrd.degradation.kernels import gaussian_taps

NOISE_LEVELS = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0)  # assumed noise variance, in units of the true one
NOISE_ONLY = 1.02  # variance, in units of the noise's, below which a component holds no signal: it is smoothed alone
WINDOW = 5  # low-resolution pixels on a side of the square whose power decides
NOISE_THRESHOLD = 1.5  # times the noise's power: what the power has to exceed; averages over few pixels scatter
FWHM_UNCERTAINTY = 0.05  # share by which a width may be wrong
OPEN = 0.5  # of the noise's deviation where all steps are let through, what is left: 0.37 to 0.74 in 12 scenes
NOISE_GRID_SIZE = 32  # low-resolution pixels: side of the grid on which noise that is left is summed
MIN_FREQUENCY = 0.01  # radians a pixel: below it the power spectrum is flat

Plane = NDArray[np.float32]


@lru_cache(maxsize=32)
def _sums(sensor: Degradation, side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``sum_k B G S`` and ``sum_k (G^2 + E^2) S``, each ``(side, side)``, on the grid of a two-dimensional FFT."""
    w = _aliases(side, sensor.scale)
    bicubic = _transfer(_bicubic_taps(sensor.scale), w)
    sigmas = (sensor.sigma, sensor.sigma_x)
    along_y, along_x = (_transfer(gaussian_taps(sensor.scale, sigma), w) for sigma in sigmas)
    power = 1 / (w[:, None, :, None] ** 2 + w[None, :, None, :] ** 2 + MIN_FREQUENCY**2)
    both = np.einsum("ik,jl,ijkl->ij", bicubic * along_y, bicubic * along_x, power)
    steepness = (sigmas[0] * w[:, None, :, None]) ** 2 + (sigmas[1] * w[None, :, None, :]) ** 2
    own = np.einsum("ik,jl,ijkl->ij", along_y**2, along_x**2, power * (1 + (FWHM_UNCERTAINTY * steepness) ** 2))
    return both, own


def _aliases(side: int, scale: int) -> NDArray[np.float64]:
    """High-resolution frequencies ``(side, scale)``, radians a pixel, that fall together on each low-resolution one."""
    w = 2 * np.pi / scale * (np.fft.fftfreq(side)[:, None] + np.arange(scale))
    return np.asarray((w + np.pi) % (2 * np.pi) - np.pi, np.float64)


def _transfer(taps: Sequence[float], w: NDArray[np.float64]) -> NDArray[np.float64]:
    """Transfer function of symmetric taps around their centre, like ``w``."""
    offset = np.arange(len(taps)) - (len(taps) - 1) / 2
    answer: NDArray[np.float64] = np.cos(w[..., None] * offset) @ np.asarray(taps)
    return answer


def _bicubic_taps(scale: int) -> tuple[float, ...]:
    """Weights of antialiased bicubic shrinking (Keys 1981, a = -0.5) around a block's centre, sum 1."""
    distance = np.abs(np.arange(4 * scale) - (4 * scale - 1) / 2) / scale
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = np.where(distance < 1, near, far)
    return tuple((weights / weights.sum()).tolist())


def corrected(components: Plane, variance: NDArray[np.float64], sensor: Degradation) -> Plane:
    """Image as the bicubic kernel would have measured it, smoothed where there is no signal.

    Args:
        components: ``(K, side, side)``, with zero mean over the scene and white noise of variance 1; the image is taken
            as periodic, so give it a margin.
        variance: ``(K,)`` of the components over the scene, noise included.
        sensor: Gaussian kernel and scale.

    Returns:
        ``(K, side, side)``.
    """
    from scipy.fft import irfft2, rfft2

    side = components.shape[-1]
    half = slice(0, side // 2 + 1)
    out = np.empty_like(components)
    for number, spectrum in enumerate(rfft2(components)):
        levels = _levels(float(variance[number]))
        filters = [_filter(float(variance[number]), sensor, side, level) for level in levels]
        images = [irfft2(spectrum * h[:, half].astype(np.float32), s=(side, side)) for h in filters]
        total = images[-1]
        for step in range(len(filters) - 2, -1, -1):
            gained = float(np.square(filters[step] - filters[step + 1]).mean())
            total = total + _local_wiener(images[step] - images[step + 1], gained)
        out[number] = total
    return out


def _levels(variance: float) -> tuple[float, ...]:
    """Levels of noise that a component is split by; the last alone where there is no signal."""
    return NOISE_LEVELS if variance > NOISE_ONLY else NOISE_LEVELS[-1:]


def _filter(variance: float, sensor: Degradation, side: int, level: float) -> NDArray[np.float64]:
    """``H`` of a component at a level of noise, ``(side, side)``."""
    both, own = _sums(sensor, side)
    mean_power = (own.sum() - own[0, 0]) / own.size  # of a component of variance 1 and spectrum S, but for its mean
    signal = max(variance - 1, 1e-6) / mean_power
    return np.asarray(signal * both / (signal * own + level))


def residual_noise(variance: NDArray[np.float64], sensor: Degradation) -> NDArray[np.float64]:
    """Typical variance ``(K,)`` of what is left of the noise of components, whose variance was 1.

    Args:
        variance: ``(K,)`` of the components, noise included.
        sensor: as for ``corrected``.
    """
    filters = (_filter(v, sensor, NOISE_GRID_SIZE, _levels(v)[0]) for v in variance.tolist())
    return np.array([OPEN**2 * np.square(h).mean() for h in filters])


def _local_wiener(step: Plane, noise: float) -> Plane:
    """A step ``(y, x)`` where its local power exceeds that of the noise in it."""
    from scipy.ndimage import uniform_filter

    power = uniform_filter(np.square(step), WINDOW, mode="wrap")
    share = 1 - NOISE_THRESHOLD * noise / np.maximum(power, 1e-12)
    return np.asarray(step * np.maximum(share, 0), np.float32)
