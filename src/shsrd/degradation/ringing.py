"""Ringing: a point spread function taken wider than it is makes a corrected image leave the range of its surroundings.

How far an image may leave the local range of what a sensor measured depends on the sensor: the wider its point spread
function, the more contrast it takes away. In scenes of the right width, the overshoot that one pixel in a thousand of
the leading component exceeds grows with the area of the point spread function, 0.7 w^2 - 0.5 local ranges for a width
of w pixels, and scatters by 20 to 30 % from scene to scene. A width 20 % too large trebles it. So the width is lowered
until the overshoot is no larger than in scenes of that width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shsrd.degradation.correction import Plane, corrected
from shsrd.degradation.degradation import Degradation
from shsrd.degradation.kernels import FWHM_PER_SIGMA

RINGING_QUANTILE = 0.001  # of the pixels may leave their local range by more than is allowed
ALLOWED = (0.78, 0.55)  # slope and offset of the allowance in the squared width: 20 CAVE scenes, and a margin of 0.1
MIN_ALLOWED_OVERSHOOT = 0.3  # local ranges: sensors as sharp as the bicubic kernel
NARROWEST = 1.0  # pixels, the mean of both axes: below it the bicubic kernel is the wider one, nothing is sharpened
BISECTION_STEPS = 6  # of the interval that holds the width
MIN_LOCAL_RANGE = 4.0  # times the noise's deviation: smaller local ranges are noise, which is no ringing
FEWEST = 400  # pixels from which something can be said


def limit_ringing(squares: Plane, valid: NDArray[np.bool_], variance: float, sensor: Degradation) -> Degradation:
    """The widest point spread function, no wider than ``sensor``, with which a scene does not ring.

    Args:
        squares: ``(n, side, side)`` of the scene's leading component in units of noise, see ``corrected``.
        valid: ``(n, side, side)``, pixels that are looked at: measured, and not in the margin.
        variance: of the component over the scene.
        sensor: Gaussian kernel and scale.

    Returns:
        ``sensor`` itself where it does not ring, or where there are too few pixels to tell.
    """
    plausible, too_wide = NARROWEST / np.sqrt(_area(sensor)), 1.0
    if plausible >= too_wide or valid.sum() < FEWEST or not _rings(squares, valid, variance, sensor):
        return sensor
    for _ in range(BISECTION_STEPS):
        share = (plausible + too_wide) / 2
        if _rings(squares, valid, variance, sensor.widened(share)):
            too_wide = share
        else:
            plausible = share
    return sensor.widened(plausible)


def max_overshoot(sensor: Degradation) -> float:
    """Local ranges by which one pixel in a thousand may leave the surroundings once it is corrected for a sensor."""
    slope, offset = ALLOWED
    return max(slope * _area(sensor) - offset, MIN_ALLOWED_OVERSHOOT)


def overshoot(image: Plane, measured: Plane, min_range: float = 1e-12) -> Plane:
    """Overshoot of every pixel ``(..., y, x)`` beyond the 3 x 3 measured ones around, in units of their range.

    Args:
        image: what is judged.
        measured: what it was made of.
        min_range: smaller ranges count as this.
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    around = (1,) * (measured.ndim - 2) + (3, 3)
    highest, lowest = maximum_filter(measured, around), minimum_filter(measured, around)
    beyond = np.maximum(image - highest, lowest - image)
    return np.asarray(beyond / np.maximum(highest - lowest, min_range), np.float32)


def _rings(squares: Plane, valid: NDArray[np.bool_], variance: float, sensor: Degradation) -> bool:
    images = np.concatenate([corrected(square[None], np.array([variance]), sensor) for square in squares])
    rare = float(np.quantile(overshoot(images, squares, MIN_LOCAL_RANGE)[valid], 1 - RINGING_QUANTILE))
    return rare > max_overshoot(sensor)


def _area(sensor: Degradation) -> float:
    """Product of both widths in squared pixels."""
    return sensor.sigma * sensor.sigma_x * (FWHM_PER_SIGMA / sensor.scale) ** 2
