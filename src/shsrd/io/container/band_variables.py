"""Scenes whose bands are variables of their own: ``Band1`` ... ``Band6`` of gdal_translate, ``rhos_443`` of ACOLITE."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError
from shsrd.io.container.group import Array, Container, base_name, normalize_name, parse_numbers
from shsrd.io.container.squeeze import is_scene

STACK = "bands of variables"
_NUMBERED = re.compile(r"(.*?)[ _-]?(\d+(?:\.\d+)?)(?: ?nm)?")
_AUXILIARY_NAMES = ("lat", "lon", "mask", "flag", "qa", "quality", "glt", "elev", "dem", "height", "slope", "aspect",
                    "angle", "zenith", "azimuth", "cloud", "time", "bnds", "bounds", "std", "uncert", "index",
                    "class")  # fmt: skip
_OWN = ("wavelength", "wavelength_nm", "central_wavelength", "center_wavelength", "radiation_wavelength")
_IN_WORDS = re.compile(r"(\d+(?:\.\d+)?) ?(nanomet(?:er|re)s?|nm|micromet(?:er|re)s?|microns?|um|µm)\b", re.IGNORECASE)
_COLOURS = ("coastal", "violet", "blue", "cyan", "green", "yellow", "orange", "red", "rededge", "nir", "nearir", "swir",
            "mwir", "lwir", "tir", "ultrablue", "deepblue")  # fmt: skip
_NAMED_NM = (300.0, 15_000.0)


def stack_band_variables(container: Container, dataset: str | None) -> tuple[Container, tuple[str, ...]]:
    """A container in which equal 2-D variables are one array, where it has no scene of its own; and notes.

    Args:
        container: the container.
        dataset: what a person named; the beginning of the names of the bands is enough.

    Raises:
        SceneError: several sets of variables could be the scene, and none is named.
    """
    paths = _band_paths(container, dataset)
    if not paths:
        return container, ()
    name = dataset.strip("/") if dataset is not None else STACK
    arrays = {path: array for path, array in container.arrays.items() if path not in paths}
    stack = _stack([container.arrays[path] for path in paths], paths)
    wavelengths = _wavelengths(container, paths)
    first, last = leaf_name(paths[0]), leaf_name(paths[-1])
    notes = [f"The bands are {len(paths)} variables, {first} to {last}.", *_others(container, paths)]
    if wavelengths is not None:
        arrays["wavelength_nm"] = wavelengths[0]
        notes += wavelengths[1]
    names = np.array([leaf_name(path) for path in paths])
    arrays["band_names"] = Array(names.shape, (None,), {}, names.dtype, names.__getitem__)
    return replace(container, arrays={name: stack, **arrays}), tuple(notes)


def _band_paths(container: Container, dataset: str | None) -> list[str]:
    """Paths of the variables that are the bands; empty if the container has a scene of its own, or no such set.

    Raises:
        SceneError: several sets of variables could be the scene, and none is named.
    """
    if dataset is not None and container.resolve_path(dataset) in container.arrays:
        return []
    if dataset is None and any(is_scene(array.shape) for array in container.arrays.values()):
        return []
    sets = _sets(container)
    if dataset is not None:
        sets = {name: paths for name, paths in sets.items() if normalize_name(name) == normalize_name(dataset)}
    if len(sets) > 1:
        listed = ", ".join(f"{name} {len(paths)} bands" for name, paths in list(sets.items())[:8])
        raise SceneError(
            f"{container.source}: several sets of variables could be the scene ({listed}); name one with --dataset"
        )
    return next(iter(sets.values()), [])


def leaf_name(path: str) -> str:
    """The last part of a path as it is written."""
    return path.rpartition("/")[2]


def _sets(container: Container) -> dict[str, list[str]]:
    """Variables that belong together, in the order of their numbers, by what their names begin with."""
    groups: dict[tuple[Any, ...], list[tuple[float, str]]] = {}
    plain: dict[tuple[Any, ...], list[str]] = {}
    for path, array in container.arrays.items():
        if not _may_be_band(path, array):
            continue
        kind = _kind(path, array)
        plain.setdefault(kind, []).append(path)
        numbered = _NUMBERED.fullmatch(leaf_name(path))
        if numbered:
            groups.setdefault((*kind, numbered[1]), []).append((float(numbered[2]), path))
    sets = {
        str(key[-1] or key[0] or "bands"): [p for _, p in sorted(found)]
        for key, found in groups.items()
        if len(found) > 1 and not _beside_colours([p for _, p in found], plain[key[:-1]])
    }
    if sets:
        return sets
    return {key[0] or "bands": paths for key, paths in plain.items() if len(paths) > 1}


def _beside_colours(numbered: Sequence[str], alike: Sequence[str]) -> bool:
    """Return True if numbered variables (``swir1``, ``swir2``) belong to bands that are named after colours."""
    others = [normalize_name(base_name(path)) for path in alike if path not in numbered]
    return any(name.strip("0123456789") in _COLOURS for name in others)


def _others(container: Container, paths: Sequence[str]) -> tuple[str, ...]:
    """A note on variables of the same size and type that are none of the bands."""
    kind = _kind(paths[0], container.arrays[paths[0]])
    names = [leaf_name(path) for path, array in container.arrays.items()
             if path not in paths and _may_be_band(path, array) and _kind(path, array) == kind]  # fmt: skip
    if not names:
        return ()
    listed = ", ".join(names[:6]) + (" ..." if names[6:] else "")
    return (f"{len(names)} more variables of this size ({listed}) are left out.",)


def _kind(path: str, array: Array) -> tuple[Any, ...]:
    return (path.rpartition("/")[0], _squeezed_shape(array), array.dims[-2:], array.dtype.str)


def _may_be_band(path: str, array: Array) -> bool:
    name = normalize_name(base_name(path))
    aside = any(name.startswith(word) or name.endswith(word) for word in _AUXILIARY_NAMES)
    return not aside and array.dtype.kind in "iuf" and len(array.shape) >= 2 and len(_squeezed_shape(array)) == 2


def _squeezed_shape(array: Array) -> tuple[int, ...]:
    return tuple(extent for extent in array.shape if extent > 1)


def _stack(bands: Sequence[Array], paths: Sequence[str]) -> Array:
    """Bands of one shape and type as one array ``(band, y, x)``; scales that differ are those of each band."""
    first = bands[0]
    places = [axis for axis, extent in enumerate(first.shape) if extent > 1]

    def part(key: tuple[slice, ...]) -> NDArray[np.generic]:
        return np.stack([_flat(band, places, key[1:]) for band in bands[key[0]]])

    def check() -> None:
        for band in bands:
            band.check()

    attributes: dict[str, Any] = dict(first.attributes)
    for key in ("scale_factor", "add_offset"):
        values = [parse_numbers(band.attributes.get(key)) or [1.0 if key == "scale_factor" else 0.0] for band in bands]
        if any(value != values[0] for value in values):
            attributes[key] = np.array([value[0] for value in values])
    for key in (*_OWN, "long_name"):
        attributes.pop(key, None)
    shape = (len(bands), *(first.shape[axis] for axis in places))
    chunks = None if first.chunks is None else (1, *(first.chunks[axis] for axis in places))
    dims = ("band", *(first.dims[axis] for axis in places))
    return Array(shape, dims, attributes, first.dtype, part, check, chunks)


def _flat(band: Array, places: Sequence[int], key: Sequence[slice]) -> NDArray[np.generic]:
    whole = [slice(None)] * len(band.shape)
    for axis, wanted in zip(places, key, strict=True):
        whole[axis] = wanted
    numbers = np.asarray(band.read_block(tuple(whole)))
    return numbers.reshape([numbers.shape[axis] for axis in places])


def _wavelengths(container: Container, paths: Sequence[str]) -> tuple[Array, list[str]] | None:
    """Wavelengths in nanometres that the bands' attributes, long names or names say."""
    wavelengths = [_attribute_wavelengths(container.arrays[path]) for path in paths]
    notes: list[str] = []
    if any(number is None for number in wavelengths):
        wavelengths = _in_names(paths)
        if wavelengths and all(number is not None for number in wavelengths):
            notes.append("The numbers in the names of the bands are taken for wavelengths in nanometres.")
    if not wavelengths or any(number is None for number in wavelengths):
        return None
    texts = np.array([repr(number) for number in wavelengths])
    return Array(texts.shape, ("band",), {}, texts.dtype, texts.__getitem__), notes


def _attribute_wavelengths(band: Array) -> float | None:
    from shsrd.cube.wavelength_units import in_nanometres

    value = parse_numbers(band.attribute(*_OWN))
    unit = band.attribute("wavelength_units", "wavelength_unit")
    if len(value) != 1:
        found = _IN_WORDS.search(str(band.attribute("long_name", "description") or ""))
        if found is None:
            return None
        value, unit = [float(found[1])], found[2]
    converted = in_nanometres(np.array(value), None if unit is None else str(unit))
    return None if converted is None or not converted[0] > 0 else round(float(converted[0]), 9)


def _in_names(paths: Sequence[str]) -> list[float | None]:
    found = [_NUMBERED.fullmatch(leaf_name(path)) for path in paths]
    numbers = [float(match[2]) for match in found if match]
    low, high = _NAMED_NM
    if len(numbers) != len(paths) or "band" in base_name(paths[0]):
        return []
    return list(numbers) if all(low <= number <= high for number in numbers) else []
