"""Separable sensor kernels: filter by mirrored borders, keep one sample a block, centred on the block.

LR pixel ``i`` covers the HR pixels ``s*i .. s*i + s - 1``; its centre lies at HR position ``s*i + (s - 1) /
2``. Every kernel here has as many taps as parity demands to sit on that centre, so LR and HR share their
outer corner.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from shsrd.degradation.resample import mirror, pad_symmetric

FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))  # 2.3548: full width at half maximum of a Gaussian of sigma 1
SHARPEST = 0.05  # HR pixels: the Gaussian of a smaller deviation is the nearest samples alone, to double precision
GAUSSIAN_TRUNCATE = 4.0  # taps are cut where the Gaussian is below 3.4e-4 of its peak


def decimate(x: Tensor, taps: Sequence[float], scale: int, *, taps_x: Sequence[float] | None = None) -> Tensor:
    """Filter ``(..., y, x)`` separably by ``taps`` with mirrored borders and keep every ``scale``-th sample.

    Args:
        x: ``(..., y, x)``, both sides multiples of ``scale``.
        taps: symmetric weights, at least ``scale`` of them and of the same parity.
        scale: integer step; 1 filters without decimation.
        taps_x: weights along x, where they are others than along y.

    Returns:
        ``(..., y / scale, x / scale)``.

    Raises:
        ValueError: sides that are no multiples of ``scale``, or taps that cannot be centred on a block.
    """
    if x.shape[-2] % scale or x.shape[-1] % scale:
        raise ValueError(f"sides {tuple(x.shape[-2:])} are no multiples of scale {scale}; crop first")
    taps_x = taps if taps_x is None else taps_x
    margin_y, margin_x = _margin(taps, scale), _margin(taps_x, scale)
    rows, columns = x.shape[-2] // scale, x.shape[-1] // scale
    margin = max(margin_y, margin_x)
    padded = pad_symmetric(x, margin)
    first_y, first_x = margin - margin_y, margin - margin_x
    shifted = [padded[..., k : k + scale * (rows - 1) + 1 : scale, :] for k in range(first_y, first_y + len(taps))]
    along_y = _weighted(taps, shifted)
    shifted = [along_y[..., k : k + scale * (columns - 1) + 1 : scale] for k in range(first_x, first_x + len(taps_x))]
    return _weighted(taps_x, shifted)


def _margin(taps: Sequence[float], scale: int) -> int:
    """Taps beyond a block on each side."""
    margin, odd = divmod(len(taps) - scale, 2)
    if odd or margin < 0:
        raise ValueError(f"{len(taps)} taps cannot be centred on blocks of {scale}; same parity and not fewer")
    return margin


def _weighted(taps: Sequence[float], views: Sequence[Tensor]) -> Tensor:
    total = views[0] * taps[0]
    for weight, view in zip(taps[1:], views[1:], strict=True):
        total.add_(view, alpha=weight)
    return total


@lru_cache(maxsize=64)
def gaussian_taps(scale: int, sigma: float) -> tuple[float, ...]:
    """Weights of a Gaussian of ``sigma`` HR pixels, sampled around a block's centre, sum 1."""
    sigma = max(sigma, SHARPEST)
    count = max(scale, math.ceil(2 * GAUSSIAN_TRUNCATE * sigma) + 1)
    count += (count - scale) % 2
    weights = [math.exp(-0.5 * ((k - (count - 1) / 2) / sigma) ** 2) for k in range(count)]
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)


@lru_cache(maxsize=64)
def detector_taps(scale: int, sigma: float) -> tuple[float, ...]:
    """Weights of optics with a Gaussian blur in front of a detector that averages one low-resolution pixel, sum 1.

    The optics' width is such that both together have, at the Nyquist frequency of the low resolution, the modulation
    transfer function of a Gaussian of ``sigma``. At other frequencies they have their own.

    Args:
        scale: integer factor; the detector is ``scale`` HR pixels wide.
        sigma: standard deviation of the equally sharp Gaussian in HR pixels, above ``detector_sigma(scale)``.

    Raises:
        ValueError: a Gaussian that is sharper than the detector alone.
    """
    optics = math.sqrt(max(sigma**2 - detector_sigma(scale) ** 2, 0))
    if not optics > 0:
        raise ValueError(f"sigma {sigma} is sharper than a detector of {scale} pixels; give a wider one")
    weights = np.convolve(gaussian_taps(1, optics), np.full(scale, 1 / scale))
    return tuple(weights.tolist())


def detector_sigma(scale: int) -> float:
    """Standard deviation in HR pixels of the Gaussian with the MTF, at the LR Nyquist frequency, of a block mean."""
    mtf = 1 / (scale * math.sin(math.pi / (2 * scale)))
    return scale / math.pi * math.sqrt(-2 * math.log(mtf))


def gaussian_down(x: Tensor, scale: int, sigma: float, *, sigma_x: float | None = None) -> Tensor:
    """A sensor with a Gaussian point spread function, then decimation at the block centres.

    Args:
        x: ``(..., y, x)``, both sides multiples of ``scale``.
        scale: integer factor.
        sigma: standard deviation of the PSF in HR pixels; ``FWHM / 2.3548``.
        sigma_x: the same along x, where it is another than along y.

    Returns:
        ``(..., y / scale, x / scale)``; borders are mirrored.
    """
    sigma_x = sigma if sigma_x is None else sigma_x
    if not min(sigma, sigma_x) > 0:
        raise ValueError(f"sigma {min(sigma, sigma_x)} of a Gaussian must be above 0 HR pixels")
    return decimate(x, gaussian_taps(scale, sigma), scale, taps_x=gaussian_taps(scale, sigma_x))


def gaussian_planes_down(x: Tensor, scale: int, sigma: Tensor) -> Tensor:
    """``gaussian_down`` of many images, each with its own widths, in one pass: for training on random sensors.

    Args:
        x: ``(plane, y, x)``, both sides multiples of ``scale``; small, such as training patches.
        scale: integer factor.
        sigma: ``(plane, 2)`` standard deviations along y and x in HR pixels, above 0.

    Returns:
        ``(plane, y / scale, x / scale)``.
    """
    if x.shape[-2] % scale or x.shape[-1] % scale:
        raise ValueError(f"sides {tuple(x.shape[-2:])} are no multiples of scale {scale}; crop first")
    along_y, along_x = (
        _gaussian_matrices(int(side), scale, width.to(x)) for side, width in zip(x.shape[-2:], sigma.T, strict=True)
    )
    return along_y @ x @ along_x.mT


def _gaussian_matrices(size: int, scale: int, sigma: Tensor) -> Tensor:
    """One axis of ``gaussian_planes_down`` as matrices ``(plane, size / scale, size)``."""
    widest = len(gaussian_taps(scale, float(sigma.max())))
    offset = torch.arange(widest, device=sigma.device, dtype=sigma.dtype) - (widest - 1) / 2
    reach = torch.ceil(2 * GAUSSIAN_TRUNCATE * sigma) + 1  # taps of each plane, as in gaussian_taps
    count = reach.clamp(min=scale) + (reach.clamp(min=scale) - scale) % 2
    weights = torch.exp(-0.5 * (offset / sigma[:, None]) ** 2) * (offset.abs() <= (count[:, None] - 1) / 2)
    weights = weights / weights.sum(1, keepdim=True)
    blocks = torch.arange(size // scale, device=sigma.device)
    index = mirror(blocks[:, None] * scale + torch.arange(widest, device=sigma.device) - (widest - scale) // 2, size)
    matrices = sigma.new_zeros(len(sigma), len(blocks), size)
    return matrices.scatter_add_(2, index.expand(len(sigma), -1, -1), weights[:, None].expand(-1, len(blocks), -1))


def area_down(x: Tensor, scale: int) -> Tensor:
    """The mean of each block of ``(..., y, x)``: an ideal detector without optics blur."""
    return decimate(x, (1 / scale,) * scale, scale)
