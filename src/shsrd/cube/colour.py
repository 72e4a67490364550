"""Bands that show a scene in true colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TRUE_COLOUR_NM = (640.0, 550.0, 460.0)
MAX_DISTANCE_NM = 40.0  # a band farther than this from red, green or blue does not show it


def true_colour_bands(
    wavelength_nm: NDArray[np.float64] | None, usable: NDArray[np.bool_]
) -> tuple[int, int, int] | None:
    """Indices of the usable bands nearest to red, green and blue; None where one of them is not in the scene.

    Args:
        wavelength_nm: ``(band,)``, or None.
        usable: ``(band,)``, which bands may be shown.
    """
    chosen = np.flatnonzero(usable)
    if wavelength_nm is None or not chosen.size:
        return None
    away = np.abs(wavelength_nm[chosen][:, None] - TRUE_COLOUR_NM)
    if away.min(axis=0).max() > MAX_DISTANCE_NM:
        return None
    red, green, blue = chosen[away.argmin(axis=0)].tolist()
    return red, green, blue
