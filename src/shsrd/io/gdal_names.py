"""Where a GeoTIFF keeps what is not pixels: names of GDAL's metadata domains and tags, and names of bands."""

import numpy as np
from numpy.typing import NDArray

NAMESPACE = "SHSRD"  # domain that carries the header keys of other formats
HEADERS_TAG = "SHSRD_HEADERS"  # the same in the common domain, which a cloud optimised GeoTIFF has too
GEOLOCATION = "GEOLOCATION"  # GDAL's own domain: which file tells where each pixel lies


def band_descriptions(wavelength_nm: NDArray[np.float64] | None) -> list[str] | None:
    """Names such as ``650 nm`` for bands that have no others; None without wavelengths."""
    return None if wavelength_nm is None else [f"{value:.6g} nm" for value in wavelength_nm.tolist()]
