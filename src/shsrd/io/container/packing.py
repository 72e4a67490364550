"""Packed numbers of the CF conventions and of products: scale, offset, unsigned integers, and what is missing.

Lists (coordinates, wavelengths) are unpacked by xarray; scenes are read block by block, so their storage is told apart
here: stored numbers that are missing for any other reason than the no-data value are given that value while reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Storage
from shsrd.io.container.group import Array, find_attribute, normalize_name, parse_numbers, plain_text
from shsrd.io.encoding import nodata_fits

_FILLS = ("_FillValue", "missing_value", "Data_Ignore_Value", "nodata", "no_data_value", "nodata_value", "FillValue",
          "fill_value", "no_data", "bad_value")  # fmt: skip
_CF = ("scale_factor", "add_offset", "_Unsigned", "_FillValue", "missing_value")
_LIMITS: Mapping[str, tuple[int, ...]] = {"valid_range": (0, 1), "valid_min": (0,), "valid_max": (1,)}
_HUGE = 1e30  # float limits are printed with few digits
_SLACK = 1e-6  # of a stored unit: limits given in unpacked numbers


@dataclass(frozen=True)
class Packing:
    """An array and what its numbers mean.

    Attributes:
        array: its stored numbers; whatever is missing is ``storage.nodata`` (NaN for floats without one).
        storage: scale, offset, no-data value; of the first band where they differ.
        bands: scale and offset of every band, where the file has one of them for each.
        notes: what was guessed or left out.
    """

    array: Array
    storage: Storage
    bands: tuple[tuple[float, float], ...]
    notes: tuple[str, ...]


def packing_of(array: Array) -> Packing:
    """The meaning of an array's stored numbers, from its attributes in any spelling."""
    notes: list[str] = []
    signed = array
    array = _sign_changed(array)
    scales = _scales(array.attributes, notes)
    offsets = _offsets(array.attributes, notes)
    missing = _missing(array, signed.dtype, notes)
    low, high = _valid_limits(array, signed.dtype, (scales[0], offsets[0]), notes)
    nodata = _nodata(array.dtype, missing, (low, high), notes)
    if len(missing) > 1 or low is not None or high is not None:
        array = _masked(array, missing, (low, high), nodata)
    count = max(len(scales), len(offsets))
    bands = tuple(zip(_repeated(scales, count), _repeated(offsets, count), strict=True)) if count > 1 else ()
    return Packing(array, Storage(array.dtype.name, scales[0], offsets[0], nodata), bands, tuple(notes))


def unpacked_list(array: Array) -> NDArray[np.generic]:
    """Values of a list: packed ones (scale, offset, unsigned) as xarray decodes them, others as they are stored."""
    values = array.read()
    attributes = {name: value for name in _CF if (value := find_attribute(array.attributes, name)) is not None}
    if not {"scale_factor", "add_offset", "_Unsigned"} & attributes.keys() or values.dtype.kind not in "iuf":
        return values
    import xarray

    plain = {"_Unsigned": "true"} if _is_true(attributes.pop("_Unsigned", None)) else {}
    numbers = {name: found[0] for name, value in attributes.items() if (found := parse_numbers(value))}
    variable = xarray.Variable(tuple(f"axis{n}" for n in range(values.ndim)), values, {**numbers, **plain})
    decoded = xarray.conventions.decode_cf_variable("list", variable, decode_times=False, decode_timedelta=False)
    return np.asarray(decoded.values, np.float64)


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "1")


def _sign_changed(array: Array) -> Array:
    """The same bytes as unsigned (or signed) integers where ``_Unsigned`` says so."""
    unsigned = array.attribute("_Unsigned")
    wanted = (
        None if unsigned is None else "u" if _is_true(unsigned) else "i" if str(unsigned).lower() == "false" else None
    )
    if wanted is None or array.dtype.kind not in "iu" or array.dtype.kind == wanted:
        return array
    dtype, part = np.dtype(f"{array.dtype.byteorder}{wanted}{array.dtype.itemsize}"), array.read_block
    return replace(array, dtype=dtype, read_block=lambda key: np.asarray(part(key)).view(dtype))


def _scales(attributes: Mapping[str, Any], notes: list[str]) -> list[float]:
    """``scale_factor`` multiplies (CF); in NEON's spelling, and as a reflectance scale factor, above 1 it divides."""
    for key, value in attributes.items():
        name = normalize_name(key)
        if name not in ("scalefactor", "reflectancescalefactor", "slope"):
            continue
        numbers = parse_numbers(value)
        if not numbers:
            notes.append(f"{key} = {str(value)[:40]!r} is no number; stored numbers are used as they are.")
            continue
        if key != "scale_factor" and name != "slope" and numbers[0] > 1:
            return [1 / number if number else 0.0 for number in numbers]
        return numbers
    return [1.0]


def _offsets(attributes: Mapping[str, Any], notes: list[str]) -> list[float]:
    value = find_attribute(attributes, "add_offset")
    if value is None and find_attribute(attributes, "slope") is not None:
        value = find_attribute(attributes, "intercept", "offset")
    if value is None:
        return [0.0]
    numbers = parse_numbers(value)
    if not numbers:
        notes.append(f"add_offset = {str(value)[:40]!r} is no number; none is added.")
    return numbers or [0.0]


def _repeated(numbers: Sequence[float], count: int) -> list[float]:
    return list(numbers) if len(numbers) == count else [numbers[0]] * count


def _missing(array: Array, written: np.dtype[Any], notes: list[str]) -> list[float]:
    """Stored numbers that mean no data, the first the file's own no-data value; NaN always does and is not listed."""
    found: dict[float, None] = {}
    wanted = {normalize_name(name): place for place, name in reversed(list(enumerate(_FILLS)))}
    keys = sorted((k for k in array.attributes if normalize_name(k) in wanted), key=lambda k: wanted[normalize_name(k)])
    for key in keys:
        value = array.attributes[key]
        numbers = parse_numbers(value)
        if not numbers and (plain_text(value) or "").lower() not in ("", "none"):
            notes.append(f"{key} = {str(value)[:40]!r} is no number; it is left out.")
        for number in numbers:
            stored = _as_stored(number, written, array.dtype)
            if np.isnan(stored):
                continue
            if nodata_fits(stored, array.dtype.name):
                found[stored] = None
            else:
                notes.append(f"{key} = {number:g} cannot occur among {array.dtype.name} numbers; it is left out.")
    return list(found)


def _as_stored(number: float, written: np.dtype[Any], read: np.dtype[Any]) -> float:
    """A number of an attribute as the array is read: -1 in signed bytes is 255 in unsigned ones."""
    if written == read or not nodata_fits(number, written.name):
        return number
    return float(np.array([int(number)], written).view(read)[0])


def _valid_limits(
    array: Array, written: np.dtype[Any], packed: tuple[float, float], notes: list[str]
) -> tuple[float | None, float | None]:
    """Smallest and largest stored number that is valid (CF 2.5.1)."""
    limits: list[float | None] = [None, None]
    for key, ends in _LIMITS.items():
        value = array.attribute(key)
        numbers = parse_numbers(value)
        if value is None:
            continue
        if len(numbers) != len(ends) or not np.isfinite(numbers).all():
            notes.append(f"{key} = {str(value)[:40]!r} cannot be read; it is left out.")
            continue
        places = ends
        if _is_unpacked(numbers, value, array.dtype, packed):
            numbers, places = _packed_limits(numbers, ends, packed)
        for place, number in zip(places, numbers, strict=True):
            limits[place] = _as_stored(number, written, array.dtype)
    low, high = limits
    if low is not None and high is not None and low > high:
        notes.append(f"valid_range {low:g} to {high:g} holds no number; it is left out.")
        return None, None
    smallest, largest = _type_limits(array.dtype)
    return (None if low is None or low <= smallest else low), (None if high is None or high >= largest else high)


def _is_unpacked(numbers: list[float], value: Any, dtype: np.dtype[Any], packed: tuple[float, float]) -> bool:
    """Return True if limits are in unpacked numbers: floats, of packed integers, within the range of the type."""
    is_float = isinstance(value, float) or getattr(value, "dtype", np.dtype("i4")).kind == "f"
    if dtype.kind == "f" or not is_float or packed == (1.0, 0.0) or packed[0] == 0:
        return False
    stored = sorted((number - packed[1]) / packed[0] for number in numbers)
    smallest, largest = _type_limits(dtype)
    return not (stored[0] < smallest and stored[-1] > largest)


def _packed_limits(
    numbers: list[float], places: tuple[int, ...], packed: tuple[float, float]
) -> tuple[list[float], tuple[int, ...]]:
    """Limits of unpacked numbers in stored ones, a little wider; a negative scale turns lower into upper ones."""
    scale, offset = packed
    if scale < 0:
        places = tuple(1 - place for place in places)
    slack = [_SLACK if place else -_SLACK for place in places]
    return [(n - offset) / scale + more for n, more in zip(numbers, slack, strict=True)], places


def _type_limits(dtype: np.dtype[Any]) -> tuple[float, float]:
    if dtype.kind not in "iu":
        return -np.inf, np.inf
    return float(np.iinfo(dtype.name).min), float(np.iinfo(dtype.name).max)


def _nodata(
    dtype: np.dtype[Any], missing: list[float], limits: tuple[float | None, float | None], notes: list[str]
) -> float | None:
    """The file's own no-data value, else one outside the valid range; floats have NaN."""
    if missing:
        return missing[0]
    low, high = limits
    if dtype.kind not in "iu" or (low is None and high is None):
        return None
    number = _type_limits(dtype)[0 if low is not None else 1]
    said = f"{'' if low is None else f'{low:g}'} to {'' if high is None else f'{high:g}'}".strip()
    notes.append(f"Stored numbers outside the valid range ({said}) are no data; {number:g} stands for them.")
    return number


def _masked(
    array: Array, missing: list[float], limits: tuple[float | None, float | None], nodata: float | None
) -> Array:
    part, (low, high) = array.read_block, limits
    hole = np.array(np.nan if nodata is None else nodata).astype(array.dtype)[()]

    def filled(key: tuple[slice, ...]) -> NDArray[np.generic]:
        stored = np.array(part(key))
        gone = np.zeros(stored.shape, bool)
        for number in missing:
            near = (np.abs(stored) > _HUGE) & (np.sign(stored) == np.sign(number)) if abs(number) > _HUGE else None
            gone |= stored == np.array(number).astype(stored.dtype) if near is None else near
        if low is not None:
            gone |= stored < low
        if high is not None:
            gone |= stored > high
        stored[gone] = hole
        return stored

    return replace(array, read_block=filled)
