"""A scene in numbers, for people and for JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Cube, Geolocation, MemorySource, SceneMetadata, Source, detector_groups, row_chunks
from shsrd.io.container.swath import GRID

if TYPE_CHECKING:
    from affine import Affine


def describe(scene: Cube | Source) -> dict[str, Any]:
    """Description of a scene as in ``shsrd info``: plain numbers, texts and lists, ready for ``json.dumps``.

    A source is read once, stripe by stripe.

    Returns:
        Keys ``source, shape, wavelength_nm, fwhm_nm, detectors, dtype, scale, offset, nodata, nodata_share, bad_bands,
        empty_bands, crs, pixel_size, bounds, control_points, rpc, grid, geolocation, lookup_table, value_range, sensor,
        band_names, headers, notes``; None where the scene does not say. ``shape`` is bands, rows, columns; ranges are
        ``[lowest, highest]``; ``detectors`` has a text such as "SWIR 92-224" (bands from 1) for each, None where there
        is one; ``bounds`` is ``[left, bottom, right, top]`` of the outer corners; ``grid`` tells that rows and columns
        are those of the sensor, not of a map; ``geolocation`` is ``[west, south, east, north]`` of the outermost pixel
        centres in degrees, where latitude and longitude of every pixel are known (west > east across the antimeridian);
        ``lookup_table`` is ``[rows, columns]`` of the orthorectified grid that the file describes; ``sensor`` is
        that of a recognised product.
    """
    source: Source = MemorySource(scene) if isinstance(scene, Cube) else scene
    metadata, statistics = source.metadata, _pixel_statistics(source)
    return {
        "source": metadata.source,
        "shape": list(metadata.shape),
        "wavelength_nm": _range(metadata.wavelength_nm),
        "fwhm_nm": _range(metadata.fwhm_nm),
        "detectors": detector_bands(metadata),
        **_describe_storage(metadata, statistics),
        **_describe_georeference(metadata),
        "value_range": [statistics.lowest, statistics.highest] if statistics.counts.any() else None,
        "sensor": metadata.sensor,
        "band_names": len(metadata.band_names),
        "headers": sorted(metadata.headers),
        "notes": list(metadata.notes),
    }


def _describe_storage(metadata: SceneMetadata, statistics: _PixelStatistics) -> dict[str, Any]:
    return {
        "dtype": metadata.storage.dtype,
        "scale": metadata.storage.scale,
        "offset": metadata.storage.offset,
        "nodata": _plain(metadata.storage.nodata),
        "nodata_share": 1 - int(statistics.counts.sum()) / math.prod(metadata.shape),
        "bad_bands": int((~metadata.good_bands).sum()),
        "empty_bands": int((statistics.counts == 0).sum()),
    }


def _describe_georeference(metadata: SceneMetadata) -> dict[str, Any]:
    geolocation = metadata.geolocation
    return {
        "crs": _crs_name(metadata.crs),
        "pixel_size": _pixel_size(metadata.transform),
        "bounds": bounds(metadata),
        "control_points": None if metadata.control_points is None else len(metadata.control_points.pixels),
        "rpc": metadata.rpc is not None,
        "grid": metadata.headers.get(GRID),
        "geolocation": None if geolocation is None else extent(geolocation),
        "lookup_table": None if geolocation is None or geolocation.glt is None else list(geolocation.glt.shape),
    }


def detector_bands(metadata: SceneMetadata) -> list[str] | None:
    """Name and bands (from 1) of every detector; None where there is one as far as can be told."""
    names = metadata.detectors
    if not names:
        return None
    return [f"{names[bands[0]]} {_numbers(bands)}" for bands in detector_groups(names, metadata.shape[0])]


def _numbers(bands: NDArray[np.intp]) -> str:
    runs = np.split(bands + 1, np.flatnonzero(np.diff(bands) > 1) + 1)
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


@dataclass(frozen=True)
class _PixelStatistics:
    """Statistics of the pixels: valid pixels of each band, and the range of all values."""

    counts: NDArray[np.int64]
    lowest: float
    highest: float


def _pixel_statistics(source: Source) -> _PixelStatistics:
    bands, _, columns = source.metadata.shape
    counts = np.zeros(bands, np.int64)
    lowest, highest = math.inf, -math.inf
    for row_chunk in row_chunks(source):
        for band, pixels in enumerate(source.read(row_chunk, slice(0, columns))):
            valid = pixels[np.isfinite(pixels)]
            if valid.size:
                counts[band] += valid.size
                lowest, highest = min(lowest, float(valid.min())), max(highest, float(valid.max()))
    return _PixelStatistics(counts, lowest, highest)


def bounds(scene: Cube | SceneMetadata) -> list[float] | None:
    """``[left, bottom, right, top]`` of the outer corners, rotation included; None without a transform."""
    if scene.transform is None:
        return None
    _, rows, columns = scene.shape
    corners = [scene.transform * corner for corner in ((0, 0), (columns, 0), (0, rows), (columns, rows))]
    xs, ys = zip(*corners, strict=True)
    return [min(xs), min(ys), max(xs), max(ys)]


def extent(geolocation: Geolocation) -> list[float] | None:
    """``[west, south, east, north]`` of all pixel centres in degrees; None where all are invalid.

    West is greater than east where the shorter way from one to the other crosses the antimeridian.
    """
    lowest, highest = np.full(3, math.inf), np.full(3, -math.inf)  # latitude, longitude from -180, longitude from 0
    for square, _, _ in geolocation.blocks():
        known = square[:, np.isfinite(square[0])]
        if known.size:
            turned = np.stack([known[0], (known[1] + 180) % 360 - 180, known[1] % 360])
            lowest, highest = np.minimum(lowest, turned.min(axis=1)), np.maximum(highest, turned.max(axis=1))
    if not np.isfinite(lowest).all():
        return None
    west, east = (float(ends[1]) for ends in (lowest, highest))
    if highest[2] - lowest[2] < east - west:
        west, east = (float((ends[2] + 180) % 360 - 180) for ends in (lowest, highest))
    return [west, float(lowest[0]), east, float(highest[0])]


def _range(values: NDArray[np.float64] | None) -> list[float] | None:
    return None if values is None else [float(values.min()), float(values.max())]


def _plain(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


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
