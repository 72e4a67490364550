"""Points of interest: pixels of different materials, and the window with the largest mean gradient."""

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Cube

CANDIDATES = 4096
ROUNDS = 12
PixelIndex = tuple[int, int]


def representative_pixels(cube: Cube, count: int = 3) -> list[PixelIndex]:
    """Rows and columns of ``count`` pixels with the scene's most common distinct spectra, fewer if it has fewer pixels.

    Spectra are clustered by angle; the result is the pixel nearest to each centre. This is k-means on the unit sphere
    with a farthest-first start, which is deterministic; ``scipy.cluster.vq`` has no such start.
    """
    spots = _candidates(cube)
    usable = cube.pixels[cube.usable_bands]
    spectra = np.nan_to_num(usable[:, spots[:, 0], spots[:, 1]].T.astype(np.float64))
    norm = np.linalg.norm(spectra, axis=1)
    bright = norm > max(0.3 * float(np.median(norm)), 1e-12) if norm.size else np.zeros(0, bool)
    spots, unit = spots[bright], spectra[bright] / norm[bright][:, None]
    if len(spots) <= count:
        return [(int(row), int(column)) for row, column in spots]
    centres = _farthest_first(unit, count)
    for _ in range(ROUNDS):
        group = (unit @ centres.T).argmax(axis=1)
        centres = np.stack([unit[group == k].mean(axis=0) if (group == k).any() else centres[k] for k in range(count)])
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    chosen = dict.fromkeys((unit @ centres.T).argmax(axis=0).tolist())  # ordered, each once
    return [(int(spots[k, 0]), int(spots[k, 1])) for k in chosen]


def _candidates(cube: Cube) -> NDArray[np.intp]:
    """Pixels with data in every usable band, away from the border; at most a few thousand, ``(n, 2)``."""
    valid = np.asarray(cube.valid[cube.usable_bands].all(axis=0))
    margin = min(valid.shape) // 25
    spots: NDArray[np.intp] = (
        np.argwhere(valid[margin : valid.shape[0] - margin, margin : valid.shape[1] - margin]) + margin
    )
    return spots[:: max(1, len(spots) // CANDIDATES)]


def _farthest_first(unit: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    mean = unit.mean(axis=0)
    chosen = [int((unit @ mean).argmax())]
    while len(chosen) < count:
        nearest = (unit @ unit[chosen].T).max(axis=1)
        chosen.append(int(nearest.argmin()))
    return unit[chosen]


def max_gradient_window(picture: NDArray[np.uint8], side: int) -> tuple[slice, slice]:
    """Window of ``side`` x ``side`` pixels with the largest mean gradient in a picture ``(y, x, 3)``."""
    grey = picture.mean(axis=2)
    rows, columns = grey.shape
    height, width = min(side, rows), min(side, columns)
    slope = np.abs(np.diff(grey, axis=0, append=grey[-1:])) + np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    summed = np.pad(slope.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = summed[height:, width:] - summed[:-height, width:] - summed[height:, :-width] + summed[:-height, :-width]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return slice(int(top), int(top) + height), slice(int(left), int(left) + width)
