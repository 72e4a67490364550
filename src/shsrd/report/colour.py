"""RGB pictures of cubes: choice of three bands, and a contrast stretch that several pictures share."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Cube
from shsrd.cube.colour import true_colour_bands

GAMMA = 1.6
NODATA_GREY = 0.93


class Stretch(NamedTuple):
    """Bands for red, green and blue, and the values shown as black and white in each."""

    bands: tuple[int, int, int]
    black: tuple[float, float, float]
    white: tuple[float, float, float]


def rgb_bands(cube: Cube) -> tuple[tuple[int, int, int], bool]:
    """Bands for red, green and blue, and True if these are true colours.

    Usable bands nearest to 640, 550 and 460 nm. Without wavelengths near those: three usable bands spread over the
    cube, the last as red.
    """
    usable = np.flatnonzero(cube.usable_bands)
    usable = usable if usable.size else np.arange(cube.shape[0])
    found = true_colour_bands(cube.wavelength_nm, np.isin(np.arange(cube.shape[0]), usable))
    if found is not None:
        return found, True
    red, green, blue = usable[np.rint(np.array([0.85, 0.5, 0.15]) * (usable.size - 1)).astype(int)].tolist()
    return (red, green, blue), False


def stretch_of(cube: Cube, *, low: float = 0.005, high: float = 0.995) -> Stretch:
    """Stretch between two quantiles: of all three bands in true colour, of each band in false colour."""
    bands, true_colour = rgb_bands(cube)
    found = stretch_between(cube.pixels[list(bands)], true_colour=true_colour, low=low, high=high)
    return found._replace(bands=bands)


def stretch_between(
    planes: NDArray[np.float32], *, true_colour: bool, low: float = 0.005, high: float = 0.995
) -> Stretch:
    """Stretch as in :func:`stretch_of`, for planes ``(3, y, x)`` of red, green and blue."""
    groups = [planes] * 3 if true_colour else list(planes)
    limits = [_limits(group, low, high) for group in groups]
    (r0, r1), (g0, g1), (b0, b1) = limits
    return Stretch((0, 1, 2), (r0, g0, b0), (r1, g1, b1))


def _limits(values: NDArray[np.float32], low: float, high: float) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    black, white = (float(value) for value in np.quantile(finite, (low, high)))
    return black, white if white > black else black + 1.0


def rgb(cube: Cube, stretch: Stretch | None = None) -> NDArray[np.uint8]:
    """RGB picture of a cube.

    Args:
        cube: any scene; no-data becomes light grey.
        stretch: of another cube, so that pictures can be compared; None for that of this cube.

    Returns:
        uint8 ``(y, x, 3)``.
    """
    bands, black, white = stretch or stretch_of(cube)
    planes = np.moveaxis(cube.pixels[list(bands)].astype(np.float64), 0, -1)
    share = np.clip((planes - black) / (np.array(white) - black), 0, 1) ** (1 / GAMMA)
    share = np.where(np.isfinite(planes).all(axis=-1, keepdims=True), share, NODATA_GREY)
    return np.rint(255 * share).astype(np.uint8)
