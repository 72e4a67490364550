"""Missing pixels: NaN stands for no-data inside the program, per band and pixel."""

import numpy as np
from numpy.typing import NDArray


def fill_nodata(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace NaN by the nearest valid pixel of the same band, so that filters never mix no-data in.

    Args:
        pixels: ``(band, y, x)``; NaN is no-data.

    Returns:
        The same array where nothing is missing, else a filled copy; a band without any valid pixel becomes 0.
    """
    missing = ~np.isfinite(pixels)
    if not missing.any():
        return pixels
    from scipy.ndimage import distance_transform_edt

    filled = pixels.copy()
    nearest: dict[bytes, NDArray[np.intp]] = {}  # bands usually share one mask: one distance transform each
    for band, hole in enumerate(missing):
        if not hole.any():
            continue
        if hole.all():
            filled[band] = 0
            continue
        key = np.packbits(hole).tobytes()
        if key not in nearest:
            nearest[key] = distance_transform_edt(hole, return_distances=False, return_indices=True)
        rows, columns = nearest[key]
        filled[band] = pixels[band][rows, columns]
    return filled


def varying_bands(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Bool ``(band,)``: bands whose finite pixels are not all equal; the others hold no information.

    Args:
        pixels: ``(band, y, x)``; NaN is no-data.
    """
    finite = np.isfinite(pixels)
    lowest = pixels.min(axis=(1, 2), where=finite, initial=np.inf)
    highest = pixels.max(axis=(1, 2), where=finite, initial=-np.inf)
    return np.asarray(highest > lowest)
