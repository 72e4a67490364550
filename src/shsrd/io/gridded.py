"""Scenes in self-describing containers (HDF5, NetCDF): which array, which wavelengths, which place on Earth."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from shsrd.cube import Facts, SceneError, Storage, labelled
from shsrd.io.arrays import choose
from shsrd.io.axes import find_axes
from shsrd.io.codec import fits
from shsrd.io.map_info import transform_of, wkt_of
from shsrd.io.sources import StoredSource, array_numbers
from shsrd.io.wavelengths import shortest_text, to_nanometres, unit_power

HEADERS = labelled.HEADERS  # also an attribute of whole files
NO_COORDINATE = "This is a netCDF dimension but not a netCDF variable."
_LONGEST_LIST = 10**6
_WAVELENGTHS = ("wavelength", "wavelengths", "wavelength_nm", "band_wavelength", "center_wavelengths")
_WIDTHS = ("fwhm", "fwhm_nm")
_NAMES = ("band_names", "band_name")
_GOOD = ("good_wavelengths", "good_bands", "bbl")
_AXES = {
    "b": ("band", "bands", "b", "channel", "channels", "spectral", *_WAVELENGTHS),
    "y": ("y", "lat", "latitude", "row", "rows", "line", "lines", "downtrack", "northing"),
    "x": ("x", "lon", "longitude", "column", "columns", "sample", "samples", "crosstrack", "easting"),
}


@dataclass(frozen=True)
class Array:
    """One array of a container, read when asked for.

    Attributes:
        shape: extents.
        dims: names of the axes, None where the container does not say.
        attributes: as plain Python values.
        dtype: of its numbers.
        part: gives a block of the numbers, one slice an axis.
        check: raises SceneError where the numbers cannot be read.
        chunks: the block that is stored together, None where all is.
    """

    shape: tuple[int, ...]
    dims: tuple[str | None, ...]
    attributes: Mapping[str, Any]
    dtype: np.dtype[Any]
    part: Callable[[tuple[slice, ...]], NDArray[np.generic]] = field(repr=False)
    check: Callable[[], None] = field(repr=False, default=lambda: None)
    chunks: tuple[int, ...] | None = None

    def read(self) -> NDArray[np.generic]:
        """All numbers; for lists, not for scenes.

        Raises:
            SceneError: numbers that cannot be read.
            ValueError: more than a list has.
        """
        self.check()
        if math.prod(self.shape) > _LONGEST_LIST:
            raise ValueError(f"an array of shape {self.shape} is no list of bands, rows or columns")
        return np.asarray(self.part((slice(None),) * len(self.shape)))


@dataclass(frozen=True)
class Container:
    """A file of arrays, by path without the leading slash, and its own attributes."""

    arrays: Mapping[str, Array]
    attributes: Mapping[str, Any]
    source: str

    def near(self, scene: str, names: tuple[str, ...]) -> str | None:
        """The array with one of these last names (any case) that shares most of its path with the scene."""
        found = [p for p in self.arrays if p.rpartition("/")[2].lower() in names]
        return max(found, key=lambda path: (_shared(path, scene), -len(path)), default=None)


def source_from_container(
    box: Container,
    *,
    dataset: str | None,
    wavelengths: str | None,
    axes: str | None,
) -> StoredSource:
    """The scene of a container, read when asked for.

    The axis order comes from ``axes``, else from the names of the axes, else from the number of wavelengths,
    else it is ``(y, x, band)``.

    Args:
        box: the container.
        dataset: path or unique last name of the scene.
        wavelengths: path or unique last name of the list of wavelengths.
        axes: order of the axes, such as ``"byx"``.

    Raises:
        SceneError: no scene, several scenes, or contents that contradict each other.
    """
    shapes = {path: array.shape for path, array in box.arrays.items()}
    wanted = None if dataset is None else _path(box, dataset)
    name = choose(shapes, wanted=wanted, option="dataset", source=box.source)
    scene = box.arrays[name]
    scene.check()
    lists = _spectral(box, name, wavelengths)
    listed = lists["wavelength_nm"]
    spoken = axes or _named_axes(scene)
    bands = None if listed is None else listed.size
    found = find_axes(scene.shape, bands=bands, axes=spoken, source=box.source)
    order = found.order
    good = box.near(name, _GOOD)
    facts = Facts(
        (scene.shape[order[0]], scene.shape[order[1]], scene.shape[order[2]]),
        wavelength_nm=listed,
        fwhm_nm=lists["fwhm_nm"],
        good_bands=np.ones(0, bool) if good is None else box.arrays[good].read().ravel() > 0,  # type: ignore[operator]
        band_names=_band_names(box, name),
        crs=_crs(box, name),
        transform=_transform(box, name),
        storage=_storage(scene, scene.dtype.name),
        headers=_headers(box, scene),
        source=box.source,
        notes=found.notes,
    )
    return replace(source_of_array(scene, order, facts), name=name)


def source_of_array(scene: Array, order: Sequence[int], facts: Facts) -> StoredSource:
    """A source of one array of a container; whole chunks are the cheapest rows.

    Args:
        scene: the array, checked.
        order: at which of its axes band, y and x lie.
        facts: what is known of it.

    Raises:
        SceneError: numbers that cannot be pixels.
    """
    numbers = array_numbers(scene.part, order, dtype=scene.dtype, source=facts.source)
    step = 1 if scene.chunks is None else scene.chunks[order[1]]
    return StoredSource(facts, numbers, min(step, facts.shape[1]))


def _band_names(box: Container, scene: str) -> tuple[str, ...]:
    path = box.near(scene, _NAMES)
    if path is None or len(box.arrays[path].shape) != 1:  # NetCDF 3 has names as tables of letters
        return ()
    return tuple(_text(np.array([v])) for v in box.arrays[path].read().ravel())


def _shared(first: str, second: str) -> int:
    pairs = zip(first.split("/"), second.split("/"), strict=False)
    count = 0
    for a, b in pairs:
        if a != b:
            break
        count += 1
    return count


def _path(box: Container, given: str) -> str:
    """The full path a person means: exact, or the end of exactly one path."""
    plain = given.strip("/")
    ending = [path for path in box.arrays if path == plain or path.endswith("/" + plain)]
    exact = [path for path in ending if path == plain]
    return exact[0] if exact else ending[0] if len(ending) == 1 else plain


def _spectral(box: Container, scene: str, wavelengths: str | None) -> dict[str, NDArray[np.float64] | None]:
    path = box.near(scene, _WAVELENGTHS) if wavelengths is None else _path(box, wavelengths)
    if path is None:
        return {"wavelength_nm": None, "fwhm_nm": None}
    if path not in box.arrays:
        raise SceneError(f"{box.source}: no wavelengths {wavelengths!r} in the file; give the path of a list")
    texts = shortest_text(box.arrays[path].read())
    plain = to_nanometres(texts, 0, what=path, source=box.source)
    power = unit_power(_unit(box.arrays[path], path), plain.tolist(), source=box.source)
    width = box.near(path, _WIDTHS)
    widths = None
    if width is not None:
        own = _unit(box.arrays[width], width)
        width_power = power if own is None else unit_power(own, plain.tolist(), source=box.source)
        widths = to_nanometres(shortest_text(box.arrays[width].read()), width_power, what=width, source=box.source)
    return {"wavelength_nm": to_nanometres(texts, power, what=path, source=box.source), "fwhm_nm": widths}


def _unit(array: Array, path: str) -> str | None:
    if path.endswith("_nm"):
        return "nm"
    return next((str(v) for k, v in array.attributes.items() if k.lower() in ("unit", "units")), None)


def _named_axes(scene: Array) -> str | None:
    letters = [next((letter for letter, names in _AXES.items() if _last(dim) in names), "?") for dim in scene.dims]
    if letters.count("?") == 1:  # two known axes name the third
        letters[letters.index("?")] = next((letter for letter in "byx" if letter not in letters), "?")
    return "".join(letters) if sorted(letters) == ["b", "x", "y"] else None


def _last(dim: str | None) -> str:
    return (dim or "").rpartition("/")[2].lower()


def _storage(scene: Array, dtype: str) -> Storage:
    """CF ``scale_factor`` multiplies; NEON's ``Scale_Factor`` divides; both name their no-data value."""
    marks = scene.attributes
    scale = float(marks.get("scale_factor", 1.0))
    if "Scale_Factor" in marks:
        scale = 1 / float(marks["Scale_Factor"])
    keys = ("_FillValue", "missing_value", "Data_Ignore_Value", "nodata")
    nodata = next((float(marks[key]) for key in keys if key in marks), None)
    if nodata is not None and (np.isnan(nodata) or not fits(nodata, dtype)):
        nodata = None  # NaN is no-data anyway
    return Storage(dtype, scale, float(marks.get("add_offset", 0.0)), nodata)


def _grid_mapping(box: Container, scene: str) -> Mapping[str, Any]:
    name = box.arrays[scene].attributes.get("grid_mapping")
    array = None if name is None else box.arrays.get(_path(box, str(name)))
    return {} if array is None else array.attributes


def _crs(box: Container, scene: str) -> str | None:
    mapping = _grid_mapping(box, scene)
    for key in ("spatial_ref", "crs_wkt"):
        if mapping.get(key):
            return wkt_of(str(mapping[key]), source=box.source)
    code = box.near(scene, ("epsg code", "epsg_code", "epsg"))
    if code is not None:
        text = _text(box.arrays[code].read()).removeprefix("EPSG:")
        return wkt_of(f"EPSG:{text}", source=box.source)
    dims = {_last(dim) for dim in box.arrays[scene].dims}
    return wkt_of("EPSG:4326", source=box.source) if {"lat", "lon"} <= dims else None


def _transform(box: Container, scene: str) -> Affine | None:
    written = _grid_mapping(box, scene).get("GeoTransform")
    if written is not None:
        return Affine.from_gdal(*(float(part) for part in str(written).split()))
    info = box.near(scene, ("map_info",))
    if info is not None:
        return transform_of(_text(box.arrays[info].read()), source=box.source)
    steps = {letter: _axis(box, scene, letter) for letter in "xy"}
    x, y = steps["x"], steps["y"]
    return None if x is None or y is None else Affine(x[1], 0.0, x[0], 0.0, y[1], y[0])


def _axis(box: Container, scene: str, letter: str) -> tuple[float, float] | None:
    """Outer edge and step of a regular coordinate axis (coordinates are pixel centres), or None."""
    dim = next((d for d in box.arrays[scene].dims if _last(d) in _AXES[letter]), None)
    array = box.arrays.get(dim) if dim is not None else None
    if array is None or len(array.shape) != 1 or array.shape[0] < 2:
        return None
    centres = array.read().astype(np.float64)
    step = (centres[-1] - centres[0]) / (centres.size - 1)
    if step == 0 or not np.allclose(np.diff(centres), step, rtol=1e-3):
        return None
    return float(centres[0] - step / 2), float(step)


def _text(values: NDArray[np.generic]) -> str:
    first = np.asarray(values).ravel()[0]
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)


def _headers(box: Container, scene: Array) -> dict[str, str]:
    """The file's own attributes, and our own JSON of header keys; bookkeeping (leading underscore) stays behind."""
    plain = {k: str(v) for k, v in box.attributes.items() if not k.startswith("_") and np.size(v) == 1}
    own = plain.pop(HEADERS, scene.attributes.get(HEADERS))
    return plain if own is None else {str(k): str(v) for k, v in json.loads(own).items()}
