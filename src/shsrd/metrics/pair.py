"""Valid pixels of a pair of cubes: known in both and allowed by the mask."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError

Pixels = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


def counted(estimate: Pixels, reference: Pixels, mask: Mask | None) -> Mask:
    """Bool ``(band, y, x)``: finite in both cubes and, where a mask is given, True in it.

    Args:
        estimate: ``(band, y, x)``; NaN is no-data.
        reference: ``(band, y, x)``; NaN is no-data.
        mask: ``(y, x)`` or ``(band, y, x)``, True where a pixel counts; None counts all.

    Raises:
        SceneError: shapes differ, or nothing is left to compare.
    """
    if estimate.ndim != 3 or estimate.shape != reference.shape:
        raise SceneError(
            f"cannot compare shapes {estimate.shape} and {reference.shape}; give two cubes (band, y, x) of one size"
        )
    valid: Mask = np.isfinite(estimate) & np.isfinite(reference)
    if mask is not None:
        if mask.shape not in (reference.shape, reference.shape[1:]):
            raise SceneError(f"mask of shape {mask.shape} does not fit a cube of shape {reference.shape}")
        valid &= mask.astype(bool)
    if not valid.any():
        raise SceneError("the two cubes share no valid pixel; check their no-data and the mask")
    return valid
