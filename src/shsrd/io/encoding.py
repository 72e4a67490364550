"""Encoding and decoding of stored numbers: scale, offset, no-data, rounding. The only place of this arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Cube, SceneError, Storage

GEOLOCATION_FILL = -9999.0  # degrees: GDAL compares numbers, and NaN is not even equal to itself
_HUGE = 1e30  # headers print float limits with few digits (-3.40282e+38), so these are matched by magnitude


def decode(stored: NDArray[np.generic], storage: Storage, *, source: str = "<memory>") -> NDArray[np.float32]:
    """Pixels from stored numbers: ``stored * scale + offset``, no-data as NaN.

    Args:
        stored: ``(band, y, x)`` in any memory order; a memory map is read once, in file order.
        storage: what the numbers mean.
        source: file name for messages.

    Returns:
        float32 ``(band, y, x)``.

    Raises:
        SceneError: complex or non-numeric numbers.
    """
    check_numeric(stored.dtype, source=source)
    pixels = np.empty(stored.shape, np.float32)
    slowest = int(np.argmax(np.abs(stored.strides)))  # walk the file from front to back
    moved_in, moved_out = np.moveaxis(stored, slowest, 0), np.moveaxis(pixels, slowest, 0)
    for part in range(moved_in.shape[0]):
        moved_out[part] = _decode_part(moved_in[part], storage)
    return pixels


def decode_bands(
    stored: NDArray[np.generic], storages: Sequence[Storage], *, source: str = "<memory>"
) -> NDArray[np.float32]:
    """Like :func:`decode` where the numbers of every band ``(band, y, x)`` mean something else."""
    check_numeric(stored.dtype, source=source)
    pixels = np.empty(stored.shape, np.float32)
    for band, storage in enumerate(storages):
        pixels[band] = _decode_part(stored[band], storage)
    return pixels


def check_numeric(dtype: np.dtype[Any], *, source: str) -> None:
    """Check that numbers can be pixels.

    Raises:
        SceneError: complex or non-numeric numbers.
    """
    if dtype.kind not in "iufb":
        kind = "complex" if dtype.kind == "c" else f"{dtype} (not numeric)"
        raise SceneError(f"{source}: pixels are {kind}; give real numbers (magnitude or reflectance)")


def check_scale(storage: Storage, *, source: str) -> None:
    """Refuse a scale or an offset that makes no pixels of stored numbers.

    Args:
        storage: what a file says of its numbers.
        source: file name for messages.

    Raises:
        SceneError: a scale of 0, or one of them is not finite.
    """
    if not np.isfinite([storage.scale, storage.offset]).all() or storage.scale == 0:
        raise SceneError(
            f"{source}: its scale {storage.scale:g} and offset {storage.offset:g} make no pixels of stored numbers; "
            "correct them to finite numbers, the scale other than 0"
        )


def _decode_part(stored: NDArray[np.generic], storage: Storage) -> NDArray[np.float32]:
    if storage.scale == 1 and storage.offset == 0:
        values = stored.astype(np.float32)
    else:
        values = (stored.astype(np.float64) * storage.scale + storage.offset).astype(np.float32)
    missing = _is_nodata(stored, storage.nodata)
    if missing is not None:
        values[missing] = np.nan
    return values


def _is_nodata(stored: NDArray[np.generic], nodata: float | None) -> NDArray[np.bool_] | None:
    if nodata is None or np.isnan(nodata):
        return None
    if stored.dtype.kind != "f":
        return np.asarray(stored == int(nodata)) if nodata_fits(nodata, stored.dtype.name) else None
    if abs(nodata) > _HUGE:
        return np.asarray((np.abs(stored) > _HUGE) & (np.sign(stored) == np.sign(nodata)))
    return np.asarray(stored == np.array(nodata, stored.dtype))


def nodata_mask(stored: NDArray[np.generic], nodata: float | None) -> NDArray[np.bool_] | None:
    """Mask of the stored numbers that are no-data or not finite; None if the type excludes both.

    Args:
        stored: any shape.
        nodata: as in ``Storage``.
    """
    missing = _is_nodata(stored, nodata)
    if stored.dtype.kind != "f":
        return missing
    infinite = ~np.isfinite(stored)
    return infinite if missing is None else np.asarray(infinite | missing)


def nodata_fits(nodata: float, dtype: str) -> bool:
    """Return True if ``dtype`` can hold a no-data number (``-9999`` does not fit ``uint16``)."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return bool(abs(nodata) <= np.finfo(kind).max) or not np.isfinite(nodata)
    limits = np.iinfo(kind)
    return bool(np.isfinite(nodata)) and nodata == int(nodata) and limits.min <= nodata <= limits.max


def check_storable(cube: Cube) -> None:
    """Check that a cube can be stored as its storage says.

    Raises:
        SceneError: unusable storage, or no-data pixels that the stored type cannot express.
    """
    check_storage(cube.storage, source=cube.source)
    for band in cube.pixels:
        check_expressible(band, cube.storage, source=cube.source)


def check_storage(storage: Storage, *, source: str) -> None:
    """Check a storage that pixels are written in.

    Args:
        storage: target.
        source: file name for messages.

    Raises:
        SceneError: no number type, no scale, or a no-data number that the type cannot hold.
    """
    kind = np.dtype(storage.dtype)
    if kind.kind not in "iuf" or not np.isfinite([storage.scale, storage.offset]).all() or storage.scale == 0:
        raise SceneError(
            f"{source}: cannot store as {storage.dtype} with scale {storage.scale} and offset "
            f"{storage.offset}; give an integer or float type and a finite scale other than 0"
        )
    if storage.nodata is not None and not nodata_fits(storage.nodata, storage.dtype):
        raise SceneError(
            f"{source}: no-data value {storage.nodata:g} does not fit {storage.dtype}; "
            "choose another no-data value or a float type"
        )


def check_expressible(pixels: NDArray[np.float32], storage: Storage, *, source: str) -> None:
    """Refuse no-data pixels where the stored type has no number for them.

    Args:
        pixels: any shape; NaN is no-data.
        storage: target.
        source: file name for messages.

    Raises:
        SceneError: there are some.
    """
    if np.dtype(storage.dtype).kind != "f" and storage.nodata is None and not np.isfinite(pixels).all():
        raise SceneError(
            f"{source}: some pixels are no-data but {storage.dtype} storage has no no-data value; "
            "set one or store as float32"
        )


def encode(pixels: NDArray[np.float32], storage: Storage) -> NDArray[np.generic]:
    """Stored numbers from pixels: ``(pixel - offset) / scale``; integers are rounded and clipped.

    Pixels that are not finite become the no-data number (or stay NaN in float storage without one); a valid
    pixel that would round onto the no-data number moves to its neighbour, so that it stays valid.

    Args:
        pixels: any shape; :func:`check_storage` and :func:`check_expressible` have passed.
        storage: target.

    Returns:
        The same shape in ``storage.dtype``.
    """
    kind = np.dtype(storage.dtype)
    values = pixels.astype(np.float64)
    if storage.scale != 1 or storage.offset != 0:
        values = (values - storage.offset) / storage.scale
    missing = ~np.isfinite(values)
    nodata = storage.nodata
    if kind.kind == "f":
        with np.errstate(over="ignore"):
            stored = values.astype(kind)
    else:
        stored = _round_and_clip(np.where(missing, 0, values), kind)
        if nodata is not None:
            neighbour = int(nodata) + (1 if nodata < np.iinfo(kind.name).max else -1)
            stored[stored == int(nodata)] = neighbour
    if nodata is not None:
        stored[missing] = np.array(nodata).astype(kind)
    return stored


def encode_bands(pixels: NDArray[np.float32], storage: Storage, *, source: str) -> NDArray[np.generic]:
    """:func:`encode` band by band, which needs little memory beside the result.

    Args:
        pixels: ``(band, y, x)``; NaN is no-data.
        storage: target.
        source: file name for messages.

    Raises:
        SceneError: no-data that the stored type cannot express.
    """
    stored = np.empty(pixels.shape, storage.dtype)
    for band, plane in enumerate(pixels):
        check_expressible(plane, storage, source=source)
        nothing = plane.size > 0 and bool(np.isnan(plane).all())  # most of a flight line, at hardly any cost
        stored[band] = encode(plane[:1, :1] if nothing else plane, storage)
    return stored


def _round_and_clip(values: NDArray[np.float64], kind: np.dtype[np.generic]) -> NDArray[np.generic]:
    limits = np.iinfo(kind.name)
    rounded = np.rint(values)
    stored = np.clip(rounded, limits.min, float(np.nextafter(float(limits.max), 0))).astype(kind)
    stored[rounded >= limits.max] = limits.max  # 2**63 - 1 is no float64: set it, do not cast it
    return stored


def fill_invalid(latlon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Latitudes and longitudes as they are stored: ``GEOLOCATION_FILL`` where there is none."""
    return np.where(np.isfinite(latlon), latlon, GEOLOCATION_FILL)
