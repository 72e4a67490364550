"""Writing Zarr, version 2 of the format (GDAL 3.10 reads no other), by the CF conventions."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numcodecs import Blosc
from numpy.typing import NDArray
from zarr.core.sync import sync

from shsrd.cube import SceneMetadata
from shsrd.io.block_buffer import BLOCK_SIZE, BlockBuffer
from shsrd.io.container.cf import (
    CONVENTIONS,
    LATLON_ATTRIBUTES,
    PIXEL_VARIABLE,
    axis_attributes,
    band_axis,
    band_lists,
    fill_value,
    grid_mapping,
)
from shsrd.io.container.group import HEADERS
from shsrd.io.encoding import GEOLOCATION_FILL, fill_invalid

_DIMENSIONS = "_ARRAY_DIMENSIONS"  # how xarray and GDAL name axes in version 2


class ZarrSink:
    """A folder with the arrays of the NetCDF file; one chunk is 512 x 512 pixels of one band.

    Chunks without any valid pixel have no file: a reader fills in no-data.
    """

    def __init__(self, part: Path, metadata: SceneMetadata) -> None:
        try:
            self._begin(part, metadata)
        except BaseException:
            self.abort()
            raise

    def _begin(self, part: Path, metadata: SceneMetadata) -> None:
        heads: dict[str, Any] = {"Conventions": CONVENTIONS, HEADERS: json.dumps(dict(metadata.headers))}
        self._group = zarr.open_group(part, mode="w-", zarr_format=2, attributes=heads)
        bands, _, _ = band_axis(metadata)
        self._scene = _scene(self._group, metadata, dimensions=[bands, "y", "x"])
        for name, values, attributes in (band_axis(metadata), *band_lists(metadata)):
            _variable(self._group, name, np.array(values), {**attributes, _DIMENSIONS: [bands]})
        for name, centres in metadata.pixel_centres().items():
            _variable(self._group, name, centres, {**axis_attributes(name), _DIMENSIONS: [name]})
        if grid_mapping(metadata):
            _variable(self._group, "crs", np.array(0, np.int32), {**grid_mapping(metadata), _DIMENSIONS: []})
        self._geolocation = metadata.geolocation
        self._places = (
            [] if metadata.geolocation is None else [_table(self._group, name, metadata) for name in LATLON_ATTRIBUTES]
        )
        self._squares = BlockBuffer(metadata.shape, metadata.storage.dtype, self._write)

    def write_block(self, stored: NDArray[np.generic], row: int, column: int) -> None:
        """Take a rectangle of stored numbers."""
        self._squares.write_block(stored, row, column)

    def _write(self, square: NDArray[np.generic], row: int, column: int) -> None:
        _, height, width = square.shape
        for band, numbers in enumerate(square):
            self._scene[band, row : row + height, column : column + width] = numbers

    def finish(self) -> None:
        """Write latitudes and longitudes; gather all metadata in one file: a store behind a network opens at once."""
        if self._geolocation is not None:
            for square, row, column in self._geolocation.blocks():
                _, height, width = square.shape
                for table, degrees in zip(self._places, fill_invalid(square), strict=True):
                    table[row : row + height, column : column + width] = degrees
        zarr.consolidate_metadata(self._group.store, zarr_format=2)

    def abort(self) -> None:
        """Wait until nothing is written any more.

        Where one of several files cannot be written, zarr says so at once and goes on with the others in its threads;
        they would make files in a folder that is being deleted.
        """
        sync(_other_tasks())


async def _other_tasks() -> None:
    """Wait for all that zarr's event loop has in hand."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others)


def _scene(group: zarr.Group, metadata: SceneMetadata, *, dimensions: list[str]) -> Any:
    storage = metadata.storage
    attributes: dict[str, Any] = {_DIMENSIONS: dimensions}
    if storage.scale != 1 or storage.offset != 0:
        attributes |= {"scale_factor": storage.scale, "add_offset": storage.offset}
    if grid_mapping(metadata):
        attributes["grid_mapping"] = "crs"
    if metadata.geolocation is not None:
        attributes["coordinates"] = " ".join(LATLON_ATTRIBUTES)
    if metadata.crs is not None:
        attributes["_CRS"] = {"wkt": metadata.crs}  # GDAL's own word
    return group.create_array(
        PIXEL_VARIABLE,
        shape=metadata.shape,
        dtype=storage.dtype,
        chunks=(1, BLOCK_SIZE, BLOCK_SIZE),
        compressors=_packing(),
        fill_value=fill_value(storage),
        attributes=attributes,
    )


def _table(group: zarr.Group, name: str, metadata: SceneMetadata) -> Any:
    """Latitude or longitude of every pixel, an auxiliary coordinate of the scene."""
    return group.create_array(
        name,
        shape=metadata.shape[1:],
        dtype="float64",
        chunks=(BLOCK_SIZE, BLOCK_SIZE),
        compressors=_packing(),
        fill_value=GEOLOCATION_FILL,
        attributes={**LATLON_ATTRIBUTES[name], _DIMENSIONS: ["y", "x"]},
    )


def _packing() -> Blosc:
    return Blosc("zstd", clevel=5, shuffle=Blosc.SHUFFLE)


def _variable(group: zarr.Group, name: str, values: NDArray[Any], attributes: dict[str, Any]) -> None:
    """A list without a fill value: xarray would take every number equal to it for missing."""
    group.create_array(name, data=values, compressors=None, fill_value=None, attributes=attributes)
