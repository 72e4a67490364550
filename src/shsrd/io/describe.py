"""A scene in numbers, for people and for JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Cube

if TYPE_CHECKING:
    from affine import Affine


def describe(cube: Cube) -> dict[str, Any]:
    """What ``shsrd info`` shows: plain numbers, texts and lists only, ready for ``json.dumps``.

    Returns:
        Keys ``source, shape, wavelength_nm, fwhm_nm, dtype, scale, offset, nodata, nodata_share, bad_bands,
        empty_bands, crs, pixel_size, bounds, value_range, band_names, headers``; None where the scene does
        not say. ``shape`` is bands, rows, columns; ranges are ``[lowest, highest]``; ``bounds`` is
        ``[left, bottom, right, top]`` of the outer corners.
    """
    counts = [int(np.isfinite(band).sum()) for band in cube.pixels]
    total = math.prod(cube.shape)
    return {
        "source": cube.source,
        "shape": list(cube.shape),
        "wavelength_nm": _range(cube.wavelength_nm),
        "fwhm_nm": _range(cube.fwhm_nm),
        "dtype": cube.storage.dtype,
        "scale": cube.storage.scale,
        "offset": cube.storage.offset,
        "nodata": _plain(cube.storage.nodata),
        "nodata_share": 1 - sum(counts) / total,
        "bad_bands": int((~cube.good_bands).sum()),
        "empty_bands": counts.count(0),
        "crs": _crs_name(cube.crs),
        "pixel_size": _pixel_size(cube.transform),
        "bounds": bounds(cube),
        "value_range": _value_range(cube.pixels),
        "band_names": len(cube.band_names),
        "headers": sorted(cube.headers),
    }


def bounds(cube: Cube) -> list[float] | None:
    """``[left, bottom, right, top]`` of the outer corners, rotation included; None without a transform."""
    if cube.transform is None:
        return None
    _, rows, columns = cube.shape
    corners = [cube.transform * corner for corner in ((0, 0), (columns, 0), (0, rows), (columns, rows))]
    xs, ys = zip(*corners, strict=True)
    return [min(xs), min(ys), max(xs), max(ys)]


def _range(values: NDArray[np.float64] | None) -> list[float] | None:
    return None if values is None else [float(values.min()), float(values.max())]


def _plain(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


def _value_range(pixels: NDArray[np.float32]) -> list[float] | None:
    valid = [band[np.isfinite(band)] for band in pixels]
    lows = [float(v.min()) for v in valid if v.size]
    highs = [float(v.max()) for v in valid if v.size]
    return [min(lows), max(highs)] if lows else None


def _pixel_size(transform: Affine | None) -> list[float] | None:
    if transform is None:
        return None
    return [math.hypot(transform.a, transform.d), math.hypot(transform.b, transform.e)]


def _crs_name(crs: str | None) -> str | None:
    if crs is None:
        return None
    from rasterio.crs import CRS

    code = CRS.from_wkt(crs).to_epsg()
    return f"EPSG:{code}" if code else crs
