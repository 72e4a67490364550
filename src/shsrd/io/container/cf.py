"""Words of the CF conventions (NetCDF, Zarr): where a grid lies, and what is known of its bands."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS

from shsrd.cube import Facts, Storage

SCENE = "reflectance"
CONVENTIONS = "CF-1.8"
NOWHERE = -9999.0  # degrees: GDAL compares numbers, and NaN is not even equal to itself
PLACES = {
    "lat": {"standard_name": "latitude", "long_name": "latitude of pixel centres", "units": "degrees_north"},
    "lon": {"standard_name": "longitude", "long_name": "longitude of pixel centres", "units": "degrees_east"},
}


def pixel_centres(facts: Facts) -> dict[str, NDArray[np.floating[Any]]]:
    """Map coordinates of the ``y`` and ``x`` axes, where the grid lies straight on a map; else nothing."""
    _, rows, columns = facts.shape
    t = facts.transform
    if t is None or t.b != 0 or t.d != 0:
        return {}
    return {"y": t.f + t.e * (np.arange(rows) + 0.5), "x": t.c + t.a * (np.arange(columns) + 0.5)}


def axis_attributes(name: str) -> dict[str, str]:
    """Attributes of the ``y`` or ``x`` axis."""
    return {"standard_name": f"projection_{name}_coordinate"}


def band_axis(facts: Facts) -> tuple[str, Any, dict[str, str]]:
    """Name, values and attributes of the axis of bands: wavelengths, or numbers from 1 where there are none."""
    if facts.wavelength_nm is None:
        return "band", np.arange(1, facts.shape[0] + 1), {"long_name": "band number"}
    return "wavelength", facts.wavelength_nm, {"units": "nm"}


def band_lists(facts: Facts) -> list[tuple[str, Any, dict[str, str]]]:
    """Name, values and attributes of the other lists with one entry a band; names are a tuple of text."""
    lists: list[tuple[str, Any, dict[str, str]]] = [("good_bands", facts.good_bands.astype(np.uint8), {})]
    if facts.fwhm_nm is not None:
        lists.append(("fwhm", facts.fwhm_nm, {"units": "nm"}))
    if facts.band_names:
        lists.append(("band_names", facts.band_names, {}))
    return lists


def fill_value(storage: Storage) -> Any:
    """The no-data number in the stored type; NaN for floats without one, None for integers without one.

    GDAL reads NaN in NetCDF as 0 where the file does not say that NaN is no-data.
    """
    kind = np.dtype(storage.dtype)
    if storage.nodata is None and kind.kind != "f":
        return None
    return np.array(np.nan if storage.nodata is None else storage.nodata).astype(kind)[()]


def grid_mapping(facts: Facts) -> dict[str, str]:
    """Attributes of the ``crs`` variable; empty where nothing is known of the place."""
    marks = {}
    if facts.crs is not None:
        geographic = CRS.from_wkt(facts.crs).is_geographic
        marks = {"spatial_ref": facts.crs, "crs_wkt": facts.crs}
        marks["grid_mapping_name"] = "latitude_longitude" if geographic else "projected"
    if facts.transform is not None:
        marks["GeoTransform"] = " ".join(repr(float(v)) for v in facts.transform.to_gdal())
    return marks


def filled(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places as they are stored: ``NOWHERE`` where there is none."""
    return np.where(np.isfinite(places), places, NOWHERE)
