"""PRISMA products (HDF-EOS 5): two cubes of a swath, VNIR and SWIR, joined into one scene.

Layout: ASI, "PRISMA Products Specification Document", issue 2.3. The cubes are (row, band, column); wavelengths,
widths, scales and corners are attributes of the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from affine import Affine
from numpy.typing import NDArray

from shsrd.cube import SceneError, SceneMetadata, Storage
from shsrd.io.container.geolocation_reader import geolocation_of
from shsrd.io.container.group import Array
from shsrd.io.container.hdf5_arrays import attributes_of, dataset_array
from shsrd.io.container.swath import swath_headers
from shsrd.io.envi.map_info import wkt_of
from shsrd.io.sources import StoredSource
from shsrd.io.wavelengths import shortest_text, to_nanometres

_SWATH = re.compile(r"PRS_L(1|2B|2C|2D)_(HCO|HRC)")
_FULL = 65535  # L2 numbers run from 0 to this between the two scale attributes
_PIXEL_M = 30.0
_TOLERANCE_M = 1.0
_READ_HERE = re.compile(r"List_(Cw|Fwhm)_.*|L2Scale.*|(ScaleFactor|Offset)_(Vnir|Swir|Pan)")


@dataclass(frozen=True)
class _Detector:
    """One of the two cubes; the lists are one entry a band of the file."""

    name: str
    array: Array
    wavelength: NDArray[np.generic]
    fwhm: NDArray[np.generic]
    flagged: NDArray[np.bool_]
    storage: Storage

    @property
    def used(self) -> NDArray[np.intp]:
        """Bands that the product fills; unused ones have wavelength 0."""
        return np.flatnonzero(self.wavelength > 0)  # type: ignore[operator]


def is_prisma(file: h5py.File) -> bool:
    """Return True if an open HDF5 file holds hyperspectral cubes of PRISMA."""
    return "List_Cw_Vnir" in file.attrs and _swath(file) is not None


def open_prisma(file: h5py.File, path: Path) -> StoredSource:
    """The scene of an open PRISMA product, bands by ascending wavelength (the detectors overlap near 950 nm).

    Level 1 gives radiance, ``number / factor - offset``; levels 2 reflectance between the scale attributes, with 0
    as no-data. Where VNIR and SWIR have different scales these are applied and storage becomes float32.

    Raises:
        SceneError: cubes, lists or corners that contradict each other.
    """
    swath = _swath(file)
    assert swath is not None  # is_prisma said so
    attributes = attributes_of(file.attrs)
    pair = [_detector(file, path, swath, attributes, name) for name in ("VNIR", "SWIR")]
    rows, columns = _common_shape(pair, path)
    detector_bands = [(detector, band) for detector in pair for band in detector.used]
    order = np.argsort([float(d.wavelength[b]) for d, b in detector_bands], kind="stable")
    detector_bands = [detector_bands[position] for position in order]
    alike = pair[0].storage == pair[1].storage
    transform = _transform(attributes, rows, columns, path)
    tables = [] if transform is not None else _tables(file, swath)
    grid = {} if transform is not None else swath_headers(tables, path, rows, columns)
    metadata = SceneMetadata(
        (len(detector_bands), rows, columns),
        wavelength_nm=_listed([d.wavelength[b] for d, b in detector_bands], "List_Cw", path),
        fwhm_nm=_listed([d.fwhm[b] for d, b in detector_bands], "List_Fwhm", path),
        good_bands=np.array([not d.flagged[b] for d, b in detector_bands]),
        band_names=tuple(f"{d.name} {b + 1}" for d, b in detector_bands),
        crs=_crs(attributes, path),
        transform=transform,
        storage=pair[0].storage if alike else Storage("float32"),
        headers=_headers(attributes, swath) | grid,
        source=str(path),
        geolocation=geolocation_of(_latlon_arrays(file, tables, path), path, shape=(rows, columns)),
        sensor="prisma",
    )
    band_storage = None if alike else [d.storage for d, _ in detector_bands]
    return StoredSource(metadata, _Joined(pair, order), _block_height(pair), band_storage=band_storage)


def _common_shape(pair: list[_Detector], path: Path) -> tuple[int, int]:
    """Rows and columns of both cubes.

    Raises:
        SceneError: they differ.
    """
    shapes = [(d.array.shape[0], d.array.shape[2]) for d in pair]
    if shapes[0] != shapes[1]:
        raise SceneError(f"{path}: VNIR has {shapes[0]} pixels and SWIR {shapes[1]}; download the product again")
    return shapes[0]


def _swath(file: h5py.File) -> str | None:
    """The swath with the cubes; of two in a level 1 product the co-registered one (HCO)."""
    swaths = file.get("HDFEOS/SWATHS")
    if not isinstance(swaths, h5py.Group):
        return None
    names = sorted(name for name in swaths if _SWATH.fullmatch(name))
    return next((name for name in names if f"{name}/Data Fields/VNIR_Cube" in swaths), None)


def _detector(file: h5py.File, path: Path, swath: str, attributes: dict[str, Any], name: str) -> _Detector:
    cube_path = f"HDFEOS/SWATHS/{swath}/Data Fields/{name}_Cube"
    item = file.get(cube_path)
    if not isinstance(item, h5py.Dataset) or item.ndim != 3:
        raise SceneError(f"{path}: {cube_path} is missing or has not three axes; download the product again")
    array = dataset_array(item, path)
    array.check()
    word, bands = name.capitalize(), item.shape[1]
    lists = {key: np.atleast_1d(attributes.get(f"List_{key}_{word}", [])) for key in ("Cw", "Fwhm")}
    for key, values in lists.items():
        if values.size != bands:
            raise SceneError(
                f"{path}: List_{key}_{word} has {values.size} values for {bands} bands; download the product again"
            )
    flags = np.atleast_1d(attributes.get(f"List_Cw_{word}_Flags", np.ones(bands)))
    flagged = flags == 0 if flags.size == bands else np.zeros(bands, bool)
    storage = _storage(attributes, word, item.dtype.name, level=swath[5], path=path)
    return _Detector(name, array, lists["Cw"], lists["Fwhm"], flagged, storage)


def _storage(attributes: dict[str, Any], word: str, dtype: str, *, level: str, path: Path) -> Storage:
    keys = ("ScaleFactor_{}", "Offset_{}") if level == "1" else ("L2Scale{}Min", "L2Scale{}Max")
    named = [key.format(word) for key in keys]
    missing = [key for key in named if not isinstance(attributes.get(key), (int, float))]
    if missing:
        raise SceneError(f"{path}: the attribute {missing[0]} is missing; download the product again")
    first, second = (float(attributes[key]) for key in named)
    if level == "1":
        if not (np.isfinite(first) and first > 0):
            raise SceneError(f"{path}: {named[0]} is {first:g}, it must be above 0; download the product again")
        return Storage(dtype, 1 / first, -second)
    if not (np.isfinite([first, second]).all() and second > first):
        raise SceneError(f"{path}: {named[1]} {second:g} must be above {named[0]} {first:g}; download it again")
    return Storage(dtype, (second - first) / _FULL, first, 0)


@dataclass(frozen=True)
class _Joined:
    """Numbers of both cubes in the order of the scene's bands."""

    pair: list[_Detector]
    order: NDArray[np.intp]

    def __call__(self, rows: slice, columns: slice) -> NDArray[np.generic]:
        """Stored numbers ``(band, y, x)``."""
        blocks = [d.array.read_block((rows, slice(None), columns))[:, d.used] for d in self.pair]
        return np.concatenate(blocks, axis=1).transpose(1, 0, 2)[self.order]


def _block_height(pair: list[_Detector]) -> int:
    return max(1 if d.array.chunks is None else min(d.array.chunks[0], d.array.shape[0]) for d in pair)


def _listed(numbers: list[Any], what: str, path: Path) -> NDArray[np.float64]:
    return to_nanometres(shortest_text(np.array(numbers)), 0, what=what, source=str(path))


def _crs(attributes: dict[str, Any], path: Path) -> str | None:
    code = attributes.get("Epsg_Code")
    return None if code is None else wkt_of(f"EPSG:{code}", source=str(path))


def _transform(attributes: dict[str, Any], rows: int, columns: int, path: Path) -> Affine | None:
    """Level 2D says where its corner pixels lie; whether centres or outer edges shows in the distance between them."""
    keys = [f"Product_{corner}corner_{axis}" for axis in ("easting", "northing") for corner in ("UL", "LR")]
    if any(not isinstance(attributes.get(key), (int, float)) for key in keys) or attributes.get("Epsg_Code") is None:
        return None
    left, right, top, bottom = (float(attributes[key]) for key in keys)
    for inset in (0.5, 0.0):
        wanted = ((columns - 2 * inset) * _PIXEL_M, (rows - 2 * inset) * _PIXEL_M)
        if abs(right - left - wanted[0]) <= _TOLERANCE_M and abs(top - bottom - wanted[1]) <= _TOLERANCE_M:
            return Affine(_PIXEL_M, 0.0, left - inset * _PIXEL_M, 0.0, -_PIXEL_M, top + inset * _PIXEL_M)
    raise SceneError(
        f"{path}: the corners lie {right - left:g} x {top - bottom:g} m apart, which {columns} x {rows} pixels of "
        f"{_PIXEL_M:g} m do not fill; download the product again"
    )


def _tables(file: h5py.File, swath: str) -> list[str]:
    """Latitude and longitude of every pixel; level 1 has them for each detector."""
    group = f"HDFEOS/SWATHS/{swath}/Geolocation Fields"
    fields = file.get(group)
    names = fields if isinstance(fields, h5py.Group) else ()
    return [f"{group}/{name}" for name in names if name.startswith(("Latitude", "Longitude"))]


def _latlon_arrays(file: h5py.File, tables: list[str], path: Path) -> tuple[Array, Array] | None:
    """Latitude and longitude of the scene; in level 1 those of VNIR, to which the co-registered SWIR was brought."""
    for suffix in ("", "_VNIR"):
        found = [table for name in ("Latitude", "Longitude") for table in tables if table.endswith(f"/{name}{suffix}")]
        items = [file[table] for table in found]
        if len(items) == 2 and all(isinstance(item, h5py.Dataset) for item in items):
            return dataset_array(items[0], path), dataset_array(items[1], path)
    return None


def _headers(attributes: dict[str, Any], swath: str) -> dict[str, str]:
    """Every single-valued attribute that is not in the metadata already, and the swath."""
    kept = {k: str(v) for k, v in attributes.items() if np.size(v) == 1 and not _READ_HERE.fullmatch(k)}
    return kept | {"swath": swath}
