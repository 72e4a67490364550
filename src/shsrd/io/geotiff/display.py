"""Display metadata of a GeoTIFF: the bands for red, green and blue, and statistics of every band."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from shsrd.cube import SceneMetadata
from shsrd.cube.colour import true_colour_bands
from shsrd.io.encoding import nodata_mask
from shsrd.io.envi.header import items, lookup

_RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)


def color_interpretation(metadata: SceneMetadata) -> list[ColorInterp]:
    """GDAL's colour interpretation of every band: red, green and blue where the scene has them, else none.

    Where the wavelengths do not tell, the header key ``default bands`` does.
    """
    found = true_colour_bands(metadata.wavelength_nm, metadata.good_bands) or _default_bands(metadata)
    colours = [ColorInterp.undefined] * metadata.shape[0]
    if found is not None and len(set(found)) == len(_RGB):
        for band, colour in zip(found, _RGB, strict=True):
            colours[band] = colour
    return colours


def _default_bands(metadata: SceneMetadata) -> tuple[int, ...] | None:
    """Three bands that the producer of an ENVI scene wants to be seen, from 0."""
    parts = items(lookup(metadata.headers, "default bands") or "")
    if len(parts) != len(_RGB) or not all(part.isdecimal() for part in parts):
        return None
    bands = tuple(int(part) - 1 for part in parts)
    return bands if all(0 <= band < metadata.shape[0] for band in bands) else None


class Statistics:
    """Least, largest, mean and standard deviation of the valid stored numbers of every band.

    The sums are taken in the order of the calls (Chan et al. 1983), so the same order gives the same numbers.

    Args:
        bands: how many.
        nodata: stored number that is left out, or None.
    """

    def __init__(self, bands: int, nodata: float | None) -> None:
        self._nodata = nodata
        self._count = np.zeros(bands, np.int64)
        self._all = 0
        self._least, self._largest = np.full(bands, np.inf), np.full(bands, -np.inf)
        self._mean, self._squares = np.zeros(bands), np.zeros(bands)

    def add(self, stored: NDArray[np.generic]) -> None:
        """Take a rectangle of stored numbers ``(band, y, x)``."""
        self._all += stored[0].size
        for band, numbers in enumerate(stored):
            missing = nodata_mask(numbers, self._nodata)
            valid = numbers.ravel() if missing is None else numbers[~missing]
            if valid.size:
                self._add(band, valid)

    def _add(self, band: int, valid: NDArray[Any]) -> None:
        count, before = valid.size, int(self._count[band])
        self._least[band] = min(self._least[band], float(valid.min()))
        self._largest[band] = max(self._largest[band], float(valid.max()))
        values = valid.astype(np.float64)
        mean = values.mean()
        values -= mean
        apart, total = mean - self._mean[band], before + count
        self._squares[band] += values @ values + apart * apart * before * count / total
        self._mean[band] += apart * count / total
        self._count[band] = total

    def tags(self, band: int) -> dict[str, str]:
        """The numbers of a band, in GDAL's words; empty for a band without valid numbers."""
        count = int(self._count[band])
        if not count:
            return {}
        deviation = np.sqrt(self._squares[band] / count)
        numbers = {
            "MINIMUM": self._least[band],
            "MAXIMUM": self._largest[band],
            "MEAN": self._mean[band],
            "STDDEV": deviation,
        }
        share = {"VALID_PERCENT": f"{100 * count / self._all:.4g}"}
        return {f"STATISTICS_{k}": v for k, v in ({k: f"{v:.12g}" for k, v in numbers.items()} | share).items()}
