"""Power of an image by octaves of spatial frequency, a measure of visible texture.

A posterior mean is smooth where the measurement says nothing, so its fine octaves hold less power than the truth's; a
posterior sample should hold as much. PSNR cannot see this.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

NYQUIST = 0.5  # cycles per pixel


def octave_edges(octaves: int) -> NDArray[np.float64]:
    """Edges ``(octaves + 1,)`` in cycles per pixel, coarse to fine; the finest octave ends at Nyquist.

    Example:
        >>> octave_edges(3).tolist()
        [0.0625, 0.125, 0.25, 0.5]
    """
    if octaves < 1:
        raise ValueError(f"{octaves} octaves cannot be measured; ask for at least 1")
    edges: NDArray[np.float64] = NYQUIST * np.exp2(np.arange(-octaves, 1, dtype=np.float64))
    return edges


def octave_power(images: NDArray[np.floating[Any]], *, octaves: int = 5) -> NDArray[np.float64]:
    """Mean power spectral density of images in each octave of radial frequency.

    The mean is taken off and a Hann window is applied, so that opposite borders, which do not fit together, make no
    power of their own. White noise of variance ``v`` has density ``v`` in every octave. Frequencies in the corners,
    beyond Nyquist radially, and below the coarsest octave are left out.

    Args:
        images: ``(..., y, x)``, finite.
        octaves: how many, counted down from Nyquist (0.5 cycles per pixel).

    Returns:
        ``(..., octaves)``, coarse to fine, in squared units of the pixels; NaN for an octave without any frequency
        (an image too small for it).

    Raises:
        ValueError: pixels that are not finite, or no image.

    Example:
        >>> x = np.arange(64)
        >>> wave = np.sin(2 * np.pi * x / 6) * np.ones((64, 1))  # 0.167 cycles per pixel
        >>> int(octave_power(wave, octaves=3).argmax())
        1
    """
    pixels = np.asarray(images, np.float64)
    if pixels.ndim < 2 or not np.isfinite(pixels).all():
        raise ValueError("a spectrum needs images (..., y, x) without missing pixels; fill or crop them first")
    rows, columns = pixels.shape[-2:]
    window = _hann(rows)[:, None] * _hann(columns)
    centred = pixels - pixels.mean(axis=(-2, -1), keepdims=True)
    density = np.abs(np.fft.fft2(centred * window)) ** 2 / np.square(window).sum()
    radius = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns))
    edges = octave_edges(octaves)
    rings = [(radius > low) & (radius <= high) for low, high in pairwise(edges)]
    powers = [density[..., ring].mean(axis=-1) if ring.any() else _unknown(pixels) for ring in rings]
    return np.stack(powers, axis=-1)


def _hann(count: int) -> NDArray[np.float64]:
    """A Hann window without zeros at its ends, so that even single pixels keep a weight."""
    window: NDArray[np.float64] = np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 2
    return window


def _unknown(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.full(pixels.shape[:-2], np.nan)
