"""Lists of a container that go with the bands of a scene: its own axis is asked first, then names and lengths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError
from shsrd.cube.metadata import MAX_BANDS
from shsrd.cube.wavelength_units import has_unit, is_wavelength_unit
from shsrd.io.band_names import named_wavelengths
from shsrd.io.container.axis_names import GOOD, MAYBE_WAVELENGTHS, NAMES, WIDTHS, is_wavelength_name
from shsrd.io.container.group import (
    Array,
    Container,
    base_name,
    find_attribute,
    normalize_name,
    parse_numbers,
    plain_text,
    shared_path,
    text_of,
)
from shsrd.io.container.packing import unpacked_list
from shsrd.io.wavelengths import NumberList, SpectralLists, are_nanometres, shortest_text, spectral_lists


@dataclass(frozen=True)
class BandMetadata:
    """Everything that a container lists by band.

    Attributes:
        lists: wavelengths and widths.
        good: bool ``(band,)``; empty where nothing is said.
        names: of the bands, or nothing.
        notes: what was left out.
    """

    lists: SpectralLists
    good: NDArray[np.bool_]
    names: tuple[str, ...]
    notes: tuple[str, ...]


def candidate_band_counts(container: Container, scene: str, requested: str | None) -> list[int]:
    """Lengths of the lists that may be the scene's wavelengths, the likeliest first.

    Raises:
        SceneError: there is no list with the name that a person gave.
    """
    if requested is not None:
        return [_size(container.arrays[_requested_list(container, requested)])]
    paths = sorted(_candidates(container, scene), key=lambda path: _rank(container, scene, path, None), reverse=True)
    in_attributes = [len(numbers) for numbers in _told_wavelengths(container, scene).values()]
    return [_size(container.arrays[path]) for path in paths] + in_attributes


def band_metadata(
    container: Container, scene: str, *, bands: int, axis: str | None, requested: str | None
) -> BandMetadata:
    """Lists of a container with one entry for each band of a scene.

    Args:
        container: the container.
        scene: path of the scene.
        bands: number of bands.
        axis: name of the scene's axis of bands, or None.
        requested: list of wavelengths that a person named, or None.

    Raises:
        SceneError: the list that a person named is not there, or has not one number a band.
    """
    notes: list[str] = []
    centres, near = _centres(container, scene, bands=bands, axis=axis, requested=requested, notes=notes)
    lists, names = SpectralLists(), _names(container, scene, bands, axis)
    if centres is None:
        named = named_wavelengths(names)
        if named.complete:
            texts = [text or "" for text in named.texts]
            centres, near = NumberList(texts, named.unit, "the wavelength in names of bands"), scene
    if centres is not None:
        lists = spectral_lists(centres, _widths(container, scene, near, bands, notes))
    if requested is not None and lists.wavelength_nm is None:
        raise SceneError(
            f"{container.source}: --wavelengths {requested} holds no wavelengths ({' '.join(lists.notes)[:200]})"
        )
    return BandMetadata(lists, _good(container, scene, bands, notes), names, (*notes, *lists.notes))


def _requested_list(container: Container, requested: str) -> str:
    path = container.resolve_path(requested)
    if path not in container.arrays:
        raise SceneError(f"{container.source}: no wavelengths {requested!r} in the file; give the path of a list")
    return path


def _size(array: Array) -> int:
    return int(np.prod(array.shape, dtype=np.int64))


def _is_list(array: Array) -> bool:
    return array.dtype.kind in "iufSUO" and 1 <= _size(array) <= MAX_BANDS and _size(array) == max(array.shape or (1,))


def _candidates(container: Container, scene: str) -> list[str]:
    """Lists that are wavelengths by their name or their standard name."""
    return [p for p, array in container.arrays.items() if p != scene and _is_list(array) and _says_wavelength(p, array)]


def _says_wavelength(path: str, array: Array) -> bool:
    standard = str(array.attribute("standard_name") or "").lower()
    return is_wavelength_name(path) or standard.endswith("radiation_wavelength")


def _rank(container: Container, scene: str, path: str, axis: str | None) -> tuple[Any, ...]:
    array = container.arrays[path]
    on_axis = axis is not None and array.dims == (axis,)
    return axis is not None and path == axis, on_axis, shared_path(path, scene), -len(path)


def _centres(
    container: Container, scene: str, *, bands: int, axis: str | None, requested: str | None, notes: list[str]
) -> tuple[NumberList | None, str]:
    """The list of wavelengths, and the path beside which its widths are."""
    if requested is not None:
        path = _requested_list(container, requested)
        if _size(container.arrays[path]) != bands:
            raise SceneError(
                f"{container.source}: --wavelengths {requested} has {_size(container.arrays[path])} values for "
                f"{bands} bands; name a list with one value a band"
            )
        return _number_list(container, path), path
    found = _candidates(container, scene)
    fitting = [path for path in found if _size(container.arrays[path]) == bands]
    best = max(fitting, key=lambda path: _rank(container, scene, path, axis), default=None)
    if best is not None:
        _note_others(container, scene, (best, axis), fitting, notes)
        return _number_list(container, best), best
    listed = _attribute_wavelengths(container, scene, bands) or _band_axis_wavelengths(
        container, scene, bands, axis, notes
    )
    if listed is None and found:
        said = ", ".join(f"{path} {_size(container.arrays[path])}" for path in found[:4])
        notes.append(f"Lists of wavelengths ({said}) do not fit the {bands} bands; they are left out.")
    return listed or (None, scene)


def _note_others(
    container: Container, scene: str, chosen: tuple[str, str | None], fitting: list[str], notes: list[str]
) -> None:
    """Say so where another list fits as well and says otherwise."""
    best, axis = chosen
    top = _rank(container, scene, best, axis)[:3]
    others = [path for path in fitting if path != best and _rank(container, scene, path, axis)[:3] == top]
    if not others or any(top[:2]):
        return
    values = container.arrays[best].read().ravel()
    different = [path for path in others if not np.array_equal(container.arrays[path].read().ravel(), values)]
    if different:
        notes.append(f"{best} and {different[0]} both fit the bands; {best} is used (--wavelengths chooses).")


def _number_list(container: Container, path: str) -> NumberList:
    array = container.arrays[path]
    values = unpacked_list(array)
    if values.dtype.kind == "f" and values.dtype != array.dtype:  # unpacked: without the dust of binary fractions
        texts = [f"{value:.12g}" for value in values.ravel().tolist()]
    elif values.dtype.kind in "SO":
        texts = [text_of(np.array([value])) for value in values.ravel()]
    else:
        texts = shortest_text(values)
    return NumberList(texts, unit_of(array, path, container.attributes), path)


def unit_of(array: Array, path: str, beside: Mapping[str, Any]) -> str | None:
    """The unit of a list of wavelengths: by its name, its attributes, or those of the file."""
    ending = base_name(path).rpartition("_")[2]
    if ending in ("nm", "um"):
        return ending
    own = array.attribute("units", "unit", "wavelength_units", "wavelength_unit")
    unit = own if own is not None else find_attribute(beside, "wavelength_units", "wavelength_unit")
    return None if unit is None else str(unit)


def _told_wavelengths(container: Container, scene: str) -> dict[str, list[float]]:
    """Wavelengths among the attributes of the scene and of the file, by key."""
    found: dict[str, list[float]] = {}
    for attributes in (container.arrays[scene].attributes, container.attributes):
        for key, value in attributes.items():
            if is_wavelength_name(key) and 1 < len(numbers := parse_numbers(value)) <= MAX_BANDS:
                found.setdefault(key, numbers)
    return found


def _attribute_wavelengths(container: Container, scene: str, bands: int) -> tuple[NumberList, str] | None:
    for key, numbers in _told_wavelengths(container, scene).items():
        if len(numbers) == bands:
            attributes = {**container.attributes, **container.arrays[scene].attributes}
            unit = plain_text(find_attribute(attributes, "wavelength_units", "wavelength_unit", f"{key}_units"))
            unit = unit or next((u for u in ("nm", "um") if key.lower().endswith(f"_{u}")), None)
            return NumberList(_short(attributes[key], numbers), unit, f"attribute {key}"), scene
    return None


def _short(value: Any, numbers: list[float]) -> list[str]:
    return (
        shortest_text(value)
        if isinstance(value, np.ndarray) and value.dtype.kind in "iuf"
        else list(map(repr, numbers))
    )


def _band_axis_wavelengths(
    container: Container, scene: str, bands: int, axis: str | None, notes: list[str]
) -> tuple[NumberList, str] | None:
    """A list that is no wavelengths by its name but by its unit or its numbers, such as ``bands``."""
    words = {normalize_name(name) for name in MAYBE_WAVELENGTHS}
    for path, array in container.arrays.items():
        if (
            not (path == axis or normalize_name(base_name(path)) in words)
            or not _is_list(array)
            or _size(array) != bands
        ):
            continue
        if array.dtype.kind not in "iuf":
            continue
        listed = _number_list(container, path)
        if has_unit(listed.unit) and is_wavelength_unit(listed.unit):
            return listed, path
        if not has_unit(listed.unit) and are_nanometres(unpacked_list(array)):
            notes.append(f"{path} has the numbers of wavelengths; it is taken for them.")
            return listed, path
    return None


def _widths(container: Container, scene: str, near: str, bands: int, notes: list[str]) -> NumberList | None:
    path = container.nearest_array(near, WIDTHS)
    if path is not None and _is_list(container.arrays[path]):
        if _size(container.arrays[path]) == bands:
            return _number_list(container, path)
        notes.append(f"{path} has {_size(container.arrays[path])} values for {bands} bands; it is left out.")
    attributes = {**container.attributes, **container.arrays[scene].attributes}
    value = find_attribute(attributes, *WIDTHS)
    numbers = parse_numbers(value)
    if len(numbers) != bands:
        return None
    return NumberList(_short(value, numbers), None, "attribute fwhm")


def _good(container: Container, scene: str, bands: int, notes: list[str]) -> NDArray[np.bool_]:
    path = container.nearest_array(scene, GOOD)
    if path is None:
        return np.ones(0, bool)
    array = container.arrays[path]
    if array.dtype.kind not in "iufb" or _size(array) != bands:
        notes.append(f"{path} has not one number for each of {bands} bands; it is left out.")
        return np.ones(0, bool)
    return np.asarray(array.read().ravel().astype(np.float64) > 0)


def _names(container: Container, scene: str, bands: int, axis: str | None) -> tuple[str, ...]:
    spoken = axis is not None and axis in container.arrays and container.arrays[axis].dtype.kind in "SUOT"
    path = axis if spoken else container.nearest_array(scene, NAMES)
    if path is None or container.arrays[path].shape != (bands,):  # NetCDF 3 has names as tables of letters
        return ()
    return tuple(text_of(np.array([v])) for v in container.arrays[path].read().ravel())
