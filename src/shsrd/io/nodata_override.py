"""No-data value of the user, instead of the one in the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Cube, MemorySource, SceneError, SceneMetadata, Source, Storage
from shsrd.io.encoding import decode, nodata_fits
from shsrd.io.sources import StoredSource


def override_nodata(source: Source, requested: float | str) -> Source:
    """The same scene with another stored number for "no data"; a note says so where the file has one too.

    Args:
        source: a scene in a file.
        requested: the stored number; ``"nan"``: NaN alone; ``"none"``: no number.

    Raises:
        SceneError: a number that the file's numbers cannot be.
    """
    value = None if isinstance(requested, str) else float(requested)
    if isinstance(source, StoredSource):
        storages = [source.metadata.storage] if source.band_storage is None else source.band_storage
        _check(value, storages, source.metadata.source)
        band_storage = (
            None if source.band_storage is None else [replace(one, nodata=value) for one in source.band_storage]
        )
        return replace(
            source,
            metadata=_with_nodata_metadata(source.metadata, storages, value, requested),
            band_storage=band_storage,
        )
    assert isinstance(source, MemorySource)  # readers make no others
    cube = source.cube
    _check(value, [cube.storage], cube.source)
    updated = _with_nodata_metadata(cube.metadata, [cube.storage], value, requested)
    return replace(source, cube=Cube.of(_decoded_again(cube, value), updated))


def _check(value: float | None, storages: Sequence[Storage], source: str) -> None:
    for storage in storages:
        if value is not None and not nodata_fits(value, storage.dtype):
            raise SceneError(
                f"{source}: --nodata {value:g} cannot occur among its {storage.dtype} numbers; give a stored number "
                "(before scale and offset), or none"
            )


def _with_nodata_metadata(
    metadata: SceneMetadata, storages: Sequence[Storage], value: float | None, requested: float | str
) -> SceneMetadata:
    """Metadata with the new no-data value if they are of the stored numbers, else unchanged."""
    before = {storage.nodata for storage in storages if storage.nodata is not None}
    changed = metadata.storage if metadata.storage not in storages else replace(metadata.storage, nodata=value)
    updated = metadata.replace(storage=changed)
    if not before - {value}:
        return updated
    said = ", ".join(f"{number:g}" for number in sorted(before))
    return updated.with_notes(
        f"The file's no-data value is {said}; --nodata {requested if value is None else f'{value:g}'} is used."
    )


def _decoded_again(cube: Cube, value: float | None) -> NDArray[np.float32]:
    """Pixels of a scene that was decoded with another no-data value, as far as that can be undone."""
    storage, pixels = cube.storage, cube.pixels.copy()
    if storage.nodata is not None and np.dtype(storage.dtype).kind != "f":
        pixels[np.isnan(pixels)] = _pixel(storage.nodata, storage)
    if value is not None:
        pixels[pixels == _pixel(value, storage)] = np.nan
    return pixels


def _pixel(stored: float, storage: Storage) -> np.float32:
    number = np.array([[[stored]]], storage.dtype)
    return np.float32(decode(number, replace(storage, nodata=None))[0, 0, 0])
