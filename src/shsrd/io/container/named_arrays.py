"""Files that are a bag of named arrays (MATLAB, NPZ): which is the scene, which are its wavelengths.

Axis conventions: MATLAB and NPZ scenes are ``(y, x, band)``; where the file has wavelengths and their count
fits exactly one axis, that axis is the band axis. ``axes="byx"`` (any order of the letters) overrides both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from shsrd.cube import SceneError, SceneMetadata, Storage
from shsrd.io.container.axes import find_axes
from shsrd.io.container.axis_names import MAYBE_WAVELENGTHS, is_wavelength_name
from shsrd.io.container.group import Array, normalize_name
from shsrd.io.container.squeeze import is_scene, squeeze_to_3d
from shsrd.io.envi.map_info import checked_wkt, wkt_of
from shsrd.io.sources import StoredSource, array_reader
from shsrd.io.wavelengths import NumberList, SpectralLists, are_nanometres, shortest_text, spectral_lists

SideArrays = Mapping[str, NDArray[np.generic]]

_NAMES = {  # what a side array means, by its name in lower case; the first found counts
    "wavelength": ("wavelength_nm", "wavelengths_nm", "wavelength", "wavelengths", "wl", "wvl", "lambda"),
    "fwhm": ("fwhm_nm", "fwhm"),
    "good": ("good_bands", "good_wavelengths", "bbl"),
    "scale": ("scale",),
    "offset": ("offset",),
    "nodata": ("nodata", "no_data"),
    "epsg": ("epsg",),
    "crs": ("crs",),
    "transform": ("transform",),
    "names": ("band_names",),
    "headers": ("headers",),
}


SIDE_LIMIT = 100_000  # numbers of a side array: a list with one entry a band; larger ones are other data


def plain_array(
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    read_block: Callable[[tuple[slice, ...]], NDArray[np.generic]],
    *,
    source: str,
) -> Array:
    """Array with three axes of a file without names of axes; spare axes of one entry are dropped.

    Args:
        name: of the array, for messages.
        shape: extents, in the order of the file.
        dtype: of its numbers.
        read_block: reads a block, given as one slice an axis.
        source: file name for messages.

    Raises:
        SceneError: fewer than three axes, or more than three that are longer than 1.
    """
    bare = (None,) * len(shape)
    axes = squeeze_to_3d(shape, bare, name=name, source=source, option="variable")
    return Array(shape, bare, {}, dtype, read_block).squeezed(axes)


def choose_array(shapes: Mapping[str, tuple[int, ...]], *, wanted: str | None, option: str, source: str) -> str:
    """The name of the scene among named arrays.

    Args:
        shapes: shape of every array in the file.
        wanted: the name a person gave, or None.
        option: how a person gives a name, for the message (``variable`` or ``dataset``).
        source: file name for messages.

    Raises:
        SceneError: no such array, none with three axes longer than 1, or several of which none was named.
    """
    scenes = [name for name, shape in shapes.items() if is_scene(shape)]
    listed = ", ".join(f"{name} {'x'.join(map(str, shapes[name]))}" for name in scenes[:12])
    if wanted is not None:
        choice = f"give one of {listed}" if listed else "it has no array with three axes longer than 1"
        if wanted not in shapes:
            raise SceneError(f"{source}: no array {wanted!r} in the file; {choice}")
        return wanted
    deep = next((name for name, shape in shapes.items() if sum(extent > 1 for extent in shape) > 3), None)
    if not scenes and deep is not None:
        size = "x".join(map(str, shapes[deep]))
        raise SceneError(
            f"{source}: {deep} ({size}) has more than three axes longer than 1, a scene has three; "
            "save one date or layer as a file of its own"
        )
    if not scenes:
        flat = ", ".join(f"{n} {'x'.join(map(str, s))}" for n, s in list(shapes.items())[:8]) or "nothing numeric"
        raise SceneError(
            f"{source}: no array with three axes longer than 1 in the file ({flat}); give a file with a scene"
        )
    if len(scenes) > 1:
        raise SceneError(f"{source}: several arrays could be the scene ({listed}); name one with --{option}")
    return scenes[0]


def find_side_array(side: SideArrays, meaning: str) -> tuple[str, NDArray[np.generic]] | None:
    """The side array with a meaning (``wavelength``, ``fwhm``, ...) and its name, or None."""
    lower = {name.lower(): name for name in side}
    for name in _NAMES[meaning]:
        if name in lower:
            return lower[name], side[lower[name]]
    return None


def spectral_from_arrays(
    side: SideArrays, shape: Sequence[int], *, wavelengths: str | None, source: str
) -> SpectralLists:
    """Wavelengths and widths from side arrays; units by the name's ``_nm``, by a text beside them, or by the numbers.

    Args:
        side: the other arrays of the file.
        shape: of the scene; a list as long as none of its axes is none of its own.
        wavelengths: the name a person gave, or None.
        source: file name for messages.

    Raises:
        SceneError: no such array, or one that holds no wavelengths of this scene.
    """
    if wavelengths is not None and wavelengths not in side:
        names = ", ".join(n for n, v in side.items() if v.size > 1 and v.size == max(v.shape)) or "none"
        raise SceneError(f"{source}: no wavelengths {wavelengths!r} in the file; its lists are {names}")
    name, notes = _centres(side, shape) if wavelengths is None else (wavelengths, [])
    if name is None:
        return SpectralLists(notes=tuple(notes))
    fwhm = find_side_array(side, "fwhm")
    widths = None if fwhm is None else NumberList(shortest_text(fwhm[1]), _unit(side, fwhm[0]), fwhm[0])
    lists = spectral_lists(NumberList(shortest_text(side[name]), _unit(side, name), name), widths)
    if wavelengths is not None and lists.wavelength_nm is None:
        raise SceneError(f"{source}: --wavelengths {name} holds no wavelengths ({' '.join(lists.notes)[:200]})")
    return replace(lists, notes=(*notes, *lists.notes))


def _centres(side: SideArrays, shape: Sequence[int]) -> tuple[str | None, list[str]]:
    """Name of the list of wavelengths: by its name and length, or ``bands`` with the numbers of wavelengths."""
    lists = {name: v for name, v in side.items() if 1 < v.size == max(v.shape, default=0)}
    known = [name for name in lists if is_wavelength_name(name)]
    known.sort(key=lambda name: _place(name, _NAMES["wavelength"]))
    fitting = [name for name in known if lists[name].size in shape]
    if fitting:
        return fitting[0], []
    if known:
        size = " x ".join(map(str, shape))
        return None, [f"{known[0]} has {lists[known[0]].size} values, no axis of the scene ({size}); it is left out."]
    words = {normalize_name(name) for name in MAYBE_WAVELENGTHS}
    for name, values in lists.items():
        if (
            normalize_name(name) in words
            and values.dtype.kind in "iuf"
            and values.size in shape
            and are_nanometres(values)
        ):
            return name, [f"{name} has the numbers of wavelengths; it is taken for them."]
    return None, []


def _place(name: str, names: Sequence[str]) -> int:
    return names.index(name.lower()) if name.lower() in names else len(names)


def _unit(side: SideArrays, name: str) -> str | None:
    """The unit of a list: the end of its name, or a text beside it."""
    ending = name.lower().rpartition("_")[2]
    if ending in ("nm", "um"):
        return ending
    unit_array = next((v for n, v in side.items() if normalize_name(n) in ("wavelengthunits", "wavelengthunit")), None)
    return str(unit_array.ravel()[0]) if unit_array is not None and unit_array.size == 1 else None


def source_from_arrays(
    scene: Array, side: SideArrays, *, wavelengths: str | None, axes: str | None, source: str
) -> StoredSource:
    """A source from the scene ``(y, x, band)`` and the other arrays of its file.

    Raises:
        SceneError: arrays that contradict each other.
    """
    lists = spectral_from_arrays(side, scene.shape, wavelengths=wavelengths, source=source)
    listed = lists.wavelength_nm
    count = _count(side, scene.shape) if listed is None else listed.size
    found = find_axes(scene.shape, bands=count, axes=axes, source=source)
    bands, rows, columns = (scene.shape[axis] for axis in found.order)
    good = find_side_array(side, "good")
    names = find_side_array(side, "names")
    metadata = SceneMetadata(
        (bands, rows, columns),
        wavelength_nm=listed,
        fwhm_nm=lists.fwhm_nm,
        good_bands=np.ones(bands, bool) if good is None else good[1].ravel() > 0,  # type: ignore[operator]
        band_names=() if names is None else tuple(str(n).rstrip() for n in names[1].ravel()),
        crs=_crs(side, source),
        transform=_transform(side),
        storage=Storage(scene.dtype.name, _scalar(side, "scale", 1.0), _scalar(side, "offset", 0.0), _nodata(side)),
        headers=_headers(side),
        source=source,
        notes=(*found.notes, *lists.notes),
    )
    return StoredSource(metadata, array_reader(scene.read_block, found.order, dtype=scene.dtype, source=source))


def _count(side: SideArrays, shape: Sequence[int]) -> int | None:
    """Number of bands by the other lists with one entry a band."""
    lists = [
        found[1].size for meaning in ("good", "fwhm", "names") if (found := find_side_array(side, meaning)) is not None
    ]
    return next((size for size in lists if size in shape), None)


def in_memory_source(
    scene: tuple[str, NDArray[np.generic]], side: SideArrays, *, wavelengths: str | None, axes: str | None, source: str
) -> StoredSource:
    """A source of a named array in memory; see :func:`source_from_arrays`."""
    name, values = scene
    part = plain_array(name, values.shape, values.dtype, values.__getitem__, source=source)
    return replace(source_from_arrays(part, side, wavelengths=wavelengths, axes=axes, source=source), in_memory=True)


def _scalar(side: SideArrays, meaning: str, default: float) -> float:
    found = find_side_array(side, meaning)
    return default if found is None or found[1].size != 1 else float(found[1].ravel()[0])


def _nodata(side: SideArrays) -> float | None:
    found = find_side_array(side, "nodata")
    return None if found is None or found[1].size != 1 else float(found[1].ravel()[0])


def _crs(side: SideArrays, source: str) -> str | None:
    text, epsg = find_side_array(side, "crs"), find_side_array(side, "epsg")
    if text is not None and text[1].size == 1:
        return checked_wkt(str(text[1].ravel()[0]), source=source)
    return None if epsg is None else wkt_of(f"EPSG:{int(epsg[1].ravel()[0])}", source=source)


def _transform(side: SideArrays) -> Affine | None:
    found = find_side_array(side, "transform")
    return Affine(*map(float, found[1].ravel())) if found is not None and found[1].size == 6 else None


def _headers(side: SideArrays) -> dict[str, str]:
    """Our own JSON of header keys, and every lone number or text with a name we do not know."""
    known = {name for names in _NAMES.values() for name in names}
    headers = {n: str(v.ravel()[0]) for n, v in side.items() if v.size == 1 and n.lower() not in known}
    found = find_side_array(side, "headers")
    if found is not None and found[1].size == 1:
        headers |= {str(k): str(v) for k, v in json.loads(str(found[1].ravel()[0])).items()}
    return headers
