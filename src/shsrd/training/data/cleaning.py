"""Scenes made fit for training: what would teach nothing, or something false, is left out and named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Cube, fill_nodata, varying_bands
from shsrd.training.config import TrainingError

STEPS = 65535  # scenes are packed as uint16 fractions of their largest value
BRIGHT_QUANTILE = 0.999  # quantile of the values above zero that stands for the brightest ordinary pixel
EXTREME = 256.0  # times that: no measurement; a scene packed up to it would keep fewer than 8 bits of all others
NEGATIVE_SHARE = 0.05  # of pixels below zero, from which on they are worth a note
NEGATIVE_DEPTH = 0.1  # of the brightest ordinary pixel, likewise


@dataclass(frozen=True)
class CleanedScene:
    """A scene as training may see it.

    Attributes:
        pixels: float32 ``(band, y, x)``, finite, zero and up.
        bands: numbers of its bands in the scene, from 0.
        notes: one sentence for everything that was left out or changed.
    """

    pixels: NDArray[np.float32]
    bands: NDArray[np.intp]
    notes: tuple[str, ...]


def clean_scene(cube: Cube) -> CleanedScene:
    """Usable bands that vary, holes and extreme values filled with the nearest valid pixel, negative values set to 0.

    Raises:
        TrainingError: nothing is left.
    """
    bands = np.flatnonzero(cube.usable_bands)
    if not len(bands):
        raise TrainingError(f"{cube.source}: no good band has a valid pixel; leave the scene out")
    pixels = np.where(np.isfinite(cube.pixels[bands]), cube.pixels[bands], np.float32(np.nan))
    positive = pixels[pixels > 0]
    if not positive.size:
        raise TrainingError(f"{cube.source}: {_dark(float(np.nanmax(pixels)))}")
    varying = varying_bands(pixels)
    notes = [*_unusable(cube), *_constant_bands_note(cube, bands[~varying], pixels[~varying])]
    bands, pixels = bands[varying], pixels[varying]
    if not len(bands):
        raise TrainingError(f"{cube.source}: every band is constant; leave the scene out")
    bright = float(np.quantile(positive, BRIGHT_QUANTILE))
    notes += [*_mask_outliers(pixels, bright), *_negative(pixels, bright)]
    filled = np.maximum(fill_nodata(pixels), 0)
    seen = np.ptp(np.rint(filled * (STEPS / filled.max(initial=1e-37))), axis=(1, 2)) > 0
    if not seen.any():
        raise TrainingError(f"{cube.source}: every band is constant; leave the scene out")
    if not seen.all():
        notes.append(f"{_named(cube, bands[~seen])} left out: nothing above zero, or too dark beside the brightest.")
    return CleanedScene(filled[seen], bands[seen], tuple(notes))


def _dark(largest: float) -> str:
    if largest == 0:
        return "the scene is zero everywhere, or below; leave it out"
    return (
        f"no value is above zero (largest: {largest:g}); training takes reflectance or radiance, which are not "
        "negative: leave the scene out, or add an offset"
    )


def _constant_bands_note(cube: Cube, bands: NDArray[np.intp], pixels: NDArray[np.float32]) -> list[str]:
    if not len(bands):
        return []
    found = np.unique(np.nanmax(pixels, axis=(1, 2)))
    values = ", ".join(f"{value:g}" for value in found[:3].tolist()) + (" …" if len(found) > 3 else "")
    return [f"{_named(cube, bands)} left out: constant ({values})."]


def _unusable(cube: Cube) -> list[str]:
    """Bands without a valid pixel that no bad-band list names."""
    empty = np.flatnonzero(cube.good_bands & ~cube.usable_bands)
    return [f"{_named(cube, empty)} left out: no finite pixel."] if len(empty) else []


def _mask_outliers(pixels: NDArray[np.float32], bright: float) -> list[str]:
    """Make values that no measurement has into holes."""
    extreme = np.abs(pixels) > EXTREME * bright
    if not extreme.any():
        return []
    worst = float(pixels[extreme][np.abs(pixels[extreme]).argmax()])
    pixels[extreme] = np.nan
    return [
        f"{np.count_nonzero(extreme)} values such as {worst:g} are more than {EXTREME:g} times the brightest ordinary "
        f"one ({bright:.4g}) and are taken for no-data; --nodata says so for good."
    ]


def _negative(pixels: NDArray[np.float32], bright: float) -> list[str]:
    below = pixels < 0
    share = np.count_nonzero(below) / max(1, int(np.count_nonzero(np.isfinite(pixels))))
    least = float(pixels.min(where=below, initial=0))
    if share <= NEGATIVE_SHARE and least >= -NEGATIVE_DEPTH * bright:
        return []
    return [f"{100 * share:.3g} % of the values are negative, down to {least:g}, and are set to 0; check the no-data."]


def _named(cube: Cube, bands: NDArray[np.intp]) -> str:
    """Numbers from 1, with names or wavelengths where there are few."""
    numbers = ", ".join(str(band + 1) for band in bands[:8].tolist()) + (" …" if len(bands) > 8 else "")
    word = "band" if len(bands) == 1 else f"{len(bands)} bands:"
    if len(bands) == 1 and cube.wavelength_nm is not None:
        return f"{word} {numbers} ({cube.wavelength_nm[bands[0]]:g} nm)"
    return f"{word} {numbers}"
