"""Words of the CF conventions (NetCDF, Zarr): where a grid lies, and what is known of its bands."""

from __future__ import annotations

from typing import Any

import numpy as np
from rasterio.crs import CRS

from shsrd.cube import SceneMetadata, Storage

PIXEL_VARIABLE = "reflectance"
CONVENTIONS = "CF-1.8"
LATLON_ATTRIBUTES = {
    "lat": {"standard_name": "latitude", "long_name": "latitude of pixel centres", "units": "degrees_north"},
    "lon": {"standard_name": "longitude", "long_name": "longitude of pixel centres", "units": "degrees_east"},
}


def axis_attributes(name: str) -> dict[str, str]:
    """Attributes of the ``y`` or ``x`` axis."""
    return {"standard_name": f"projection_{name}_coordinate"}


def band_axis(metadata: SceneMetadata) -> tuple[str, Any, dict[str, str]]:
    """Name, values and attributes of the axis of bands: wavelengths, or numbers from 1 where there are none."""
    if metadata.wavelength_nm is None:
        return "band", np.arange(1, metadata.shape[0] + 1), {"long_name": "band number"}
    return "wavelength", metadata.wavelength_nm, {"units": "nm"}


def band_lists(metadata: SceneMetadata) -> list[tuple[str, Any, dict[str, str]]]:
    """Name, values and attributes of the other lists with one entry a band; names are a tuple of text."""
    lists: list[tuple[str, Any, dict[str, str]]] = [("good_bands", metadata.good_bands.astype(np.uint8), {})]
    if metadata.fwhm_nm is not None:
        lists.append(("fwhm", metadata.fwhm_nm, {"units": "nm"}))
    if metadata.band_names:
        lists.append(("band_names", metadata.band_names, {}))
    return lists


def fill_value(storage: Storage) -> Any:
    """The no-data number in the stored type; NaN for floats without one, None for integers without one.

    GDAL reads NaN in NetCDF as 0 where the file does not say that NaN is no-data.
    """
    kind = np.dtype(storage.dtype)
    if storage.nodata is None and kind.kind != "f":
        return None
    return np.array(np.nan if storage.nodata is None else storage.nodata).astype(kind)[()]


def grid_mapping(metadata: SceneMetadata) -> dict[str, str]:
    """Attributes of the ``crs`` variable; empty where nothing is known of the place."""
    attributes = {}
    if metadata.crs is not None:
        geographic = CRS.from_wkt(metadata.crs).is_geographic
        attributes = {"spatial_ref": metadata.crs, "crs_wkt": metadata.crs}
        attributes["grid_mapping_name"] = "latitude_longitude" if geographic else "projected"
    if metadata.transform is not None:
        attributes["GeoTransform"] = " ".join(repr(float(v)) for v in metadata.transform.to_gdal())
    return attributes
