"""Cubes as xarray arrays in the conventions of rioxarray: dimensions band, y, x; CRS in ``spatial_ref``."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube.errors import SceneError
from shsrd.cube.geolocation import Geolocation
from shsrd.cube.metadata import SceneMetadata, Storage
from shsrd.cube.wavelength_units import in_nanometres

if TYPE_CHECKING:  # a heavy library that most programs with cubes never need
    import xarray
    from affine import Affine

HEADERS = "shsrd_headers"  # attribute with the header keys of other formats as JSON
_AXES = {
    "y": ("y", "latitude", "lat", "northing", "row", "rows", "line"),
    "x": ("x", "longitude", "lon", "easting", "column", "columns", "sample"),
}
_PLACES = {
    "lat": {"standard_name": "latitude", "units": "degrees_north"},
    "lon": {"standard_name": "longitude", "units": "degrees_east"},
}
_SAME_PIXEL = 1e-6  # of a pixel: coordinates and written transform say the same place


def to_dataarray(values: Any, metadata: SceneMetadata) -> xarray.DataArray:
    """Values ``(band, y, x)`` with everything known about them.

    Coordinates are ``wavelength`` and ``fwhm`` (nm), ``good_bands``, ``band_name``, and ``y`` and ``x`` (pixel
    centres) where the grid lies straight on a map, ``lat`` and ``lon`` ``(y, x)`` where it is the sensor's own; how a
    file stores the numbers is in ``encoding``.

    Args:
        values: an array or a lazily indexed one.
        metadata: what is known.
    """
    import rioxarray  # noqa: F401  (gives arrays their .rio)
    import xarray

    array = xarray.DataArray(xarray.Variable(("band", "y", "x"), values), _coordinates(metadata), name="reflectance")
    array.attrs = {"source": metadata.source} | (
        {HEADERS: json.dumps(dict(metadata.headers))} if metadata.headers else {}
    )
    array.encoding = _encoding(metadata.storage)
    if metadata.crs is not None:
        array.rio.write_crs(metadata.crs, inplace=True)  # a copy would read lazy values
    if metadata.transform is not None and not _in_coordinates(array, metadata.transform):
        array.rio.write_transform(metadata.transform, inplace=True)
    return array


def _coordinates(metadata: SceneMetadata) -> dict[str, Any]:
    coordinates: dict[str, Any] = {"band": np.arange(1, metadata.shape[0] + 1)}
    for name, numbers in (("wavelength", metadata.wavelength_nm), ("fwhm", metadata.fwhm_nm)):
        if numbers is not None:
            coordinates[name] = ("band", numbers, {"units": "nm"})
    coordinates["good_bands"] = ("band", metadata.good_bands)
    if metadata.band_names:
        coordinates["band_name"] = ("band", list(metadata.band_names))
    coordinates |= metadata.pixel_centres()
    if metadata.geolocation is not None:
        tables = zip(_PLACES.items(), metadata.geolocation.read_all(), strict=True)
        coordinates |= {name: (("y", "x"), degrees, attributes) for (name, attributes), degrees in tables}
    return coordinates


def _in_coordinates(array: xarray.DataArray, transform: Affine) -> bool:
    """Return True if the coordinates alone give the transform: an attribute becomes wrong with every selection."""
    if not {"y", "x"} <= set(array.coords) or min(array.shape[1:]) < 2:
        return False
    return bool(array.rio.transform(recalc=True) == transform)


def _encoding(storage: Storage) -> dict[str, Any]:
    packed = {"scale_factor": storage.scale, "add_offset": storage.offset}
    encoding: dict[str, Any] = {"dtype": storage.dtype}
    if packed != {"scale_factor": 1.0, "add_offset": 0.0}:
        encoding |= packed
    return encoding if storage.nodata is None else encoding | {"_FillValue": storage.nodata}


def from_dataarray(array: xarray.DataArray) -> tuple[NDArray[np.float32], SceneMetadata]:
    """Pixels and metadata of an array from :func:`to_dataarray`, or of any other with bands, y and x.

    Numbers that are still packed (``scale_factor`` among the attributes) are unpacked.

    Raises:
        SceneError: not three axes, none of them y and x, or lists that do not fit.
    """
    source = str(array.attrs.get("source", "<xarray>"))
    ordered = array.transpose(*_dims(array, source))
    storage, values = _unpacked(ordered, source)
    bands, rows, columns = values.shape
    band = ordered.dims[0]
    good = _along(ordered, ("good_bands", "good_wavelengths", "bbl"), band)
    names = _along(ordered, ("band_name", "band_names"), band)
    metadata = SceneMetadata(
        (bands, rows, columns),
        wavelength_nm=_nanometres(ordered, ("wavelength", "wavelengths"), band, source),
        fwhm_nm=_nanometres(ordered, ("fwhm",), band, source),
        good_bands=np.ones(bands, bool) if good is None else np.asarray(good) > 0,
        band_names=() if names is None else tuple(str(name) for name in np.asarray(names)),
        crs=_crs(ordered),
        transform=_transform(ordered),
        storage=storage,
        headers=json.loads(array.attrs[HEADERS]) if HEADERS in array.attrs else _texts(array.attrs),
        source=source,
        geolocation=_geolocation(ordered),
    )
    return values, metadata


def axes_of(array: xarray.DataArray) -> tuple[Hashable, ...]:
    """Dimensions of an array in the order band, y, x.

    Raises:
        SceneError: others than a band axis, y and x.
    """
    return _dims(array, str(array.attrs.get("source", "<xarray>")))


def _dims(array: xarray.DataArray, source: str) -> tuple[Hashable, ...]:
    found = {axis: [d for d in array.dims if str(d).lower() in names] for axis, names in _AXES.items()}
    if array.ndim != 3 or any(len(dims) != 1 for dims in found.values()):
        raise SceneError(f"{source}: dimensions {array.dims} are not a band axis, y and x; rename or select them first")
    place = (*found["y"], *found["x"])
    return (*(d for d in array.dims if d not in place), *place)


def _unpacked(array: xarray.DataArray, source: str) -> tuple[Storage, NDArray[np.float32]]:
    values = np.asarray(array.values)
    if values.dtype.kind not in "iufb":
        raise SceneError(f"{source}: pixels are {values.dtype}; give real numbers (magnitude or reflectance)")
    packed = {key: array.attrs.get(key) for key in ("scale_factor", "add_offset", "_FillValue")}
    encoding = {key: array.encoding.get(key) if value is None else value for key, value in packed.items()}
    if any(np.ndim(value) > 0 for value in encoding.values() if value is not None):
        raise SceneError(f"{source}: bands have different scales; unpack them first (mask_and_scale=True)")
    nodata = None if encoding["_FillValue"] is None else float(encoding["_FillValue"])
    kind = str(np.dtype(array.encoding.get("dtype", values.dtype)).name)
    scale = 1.0 if encoding["scale_factor"] is None else float(encoding["scale_factor"])
    offset = 0.0 if encoding["add_offset"] is None else float(encoding["add_offset"])
    pixels = values.astype(np.float64)
    if packed["_FillValue"] is not None:
        pixels[values == packed["_FillValue"]] = np.nan
    if packed["scale_factor"] is not None or packed["add_offset"] is not None:
        pixels = pixels * scale + offset
    return Storage(kind, scale, offset, nodata), pixels.astype(np.float32)


def _along(array: xarray.DataArray, names: tuple[str, ...], band: Hashable) -> xarray.DataArray | None:
    return next((array.coords[n] for n in names if n in array.coords and array.coords[n].dims == (band,)), None)


def _nanometres(
    array: xarray.DataArray, names: tuple[str, ...], band: Hashable, source: str
) -> NDArray[np.float64] | None:
    found = _along(array, names, band)
    if found is None:
        return None
    unit = found.attrs.get("units", found.attrs.get("unit"))
    numbers = in_nanometres(np.asarray(found, np.float64), None if unit is None else str(unit))
    if numbers is None:
        raise SceneError(f"{source}: unit {unit!r} of {names[0]} is not known; give nm or um")
    if not (np.isfinite(numbers) & (numbers > 0)).all():
        raise SceneError(f"{source}: {names[0]} must be above 0 in every band; correct the coordinate")
    return numbers


def _crs(array: xarray.DataArray) -> str | None:
    import rioxarray  # noqa: F401  (gives arrays their .rio)

    return None if array.rio.crs is None else str(array.rio.crs.to_wkt())


def _transform(array: xarray.DataArray) -> Affine | None:
    """Coordinates tell the truth after a selection; the written transform is exact where both agree."""
    from affine import Affine

    y, x = array.dims[1:]
    written = Affine(*array.rio.set_spatial_dims(x, y).rio.transform()[:6])
    if not {x, y} <= set(array.coords) or min(array.shape[1:]) < 2:
        return None if written == Affine.identity() else written
    down, across = (np.asarray(array.coords[dim], np.float64) for dim in (y, x))
    steps = [(c[-1] - c[0]) / (c.size - 1) for c in (across, down)]
    shown = Affine(steps[0], 0.0, across[0] - steps[0] / 2, 0.0, steps[1], down[0] - steps[1] / 2)
    near = np.allclose(written[:6], shown[:6], rtol=0, atol=_SAME_PIXEL * min(map(abs, steps)))
    return written if near else shown


def _geolocation(array: xarray.DataArray) -> Geolocation | None:
    found = [array.coords.get(name) for name in _PLACES]
    tables = [np.asarray(c, np.float64) for c in found if c is not None and c.dims == array.dims[1:]]
    return Geolocation.of(*tables) if len(tables) == len(_PLACES) else None


def _texts(attributes: Mapping[Any, Any]) -> dict[str, str]:
    meant = ("source", "scale_factor", "add_offset", "_FillValue", "grid_mapping", "coordinates")
    return {str(k): str(v) for k, v in attributes.items() if k not in meant and np.size(v) == 1}
