"""A scene in a file as an xarray array whose pixels are read when they are used."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Unpack

import numpy as np
import xarray
from numpy.typing import NDArray
from xarray.backends import BackendArray, BackendEntrypoint
from xarray.core import indexing

from shsrd.cube import Source
from shsrd.cube.xarray_bridge import to_dataarray
from shsrd.io.opening import open_source
from shsrd.io.sources import OpenKeywords


def open_xarray(path: str | os.PathLike[str], **options: Unpack[OpenKeywords]) -> xarray.DataArray:
    """Open a scene as an xarray array ``(band, y, x)``; selections read only the rows and columns they need.

    Args:
        path: as for :func:`shsrd.io.open_source`.
        options: see :class:`shsrd.io.sources.OpenKeywords`.

    Returns:
        float32; coordinates as in :meth:`shsrd.cube.Cube.to_xarray`; ``close()`` lets go of the file.

    Raises:
        SceneError: as for :func:`shsrd.io.open_source`.
    """
    source = open_source(path, **options)
    array = to_dataarray(indexing.LazilyIndexedArray(_Pixels(source)), source.metadata)
    array.set_close(source.close)
    return array


class SceneBackend(BackendEntrypoint):
    """Engine ``shsrd`` of :func:`xarray.open_dataset`: any scene of :func:`shsrd.io.open_source`, read lazily."""

    description = "Hyperspectral scenes: ENVI, GeoTIFF, MATLAB, HDF5, NetCDF, Zarr, PRISMA, EnMAP, Tanager (shsrd)"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", *OpenKeywords.__annotations__)

    def open_dataset(  # type: ignore[override]
        self,
        filename_or_obj: str | os.PathLike[str],
        *,
        drop_variables: str | Iterable[str] | None = None,
        **options: Unpack[OpenKeywords],
    ) -> xarray.Dataset:
        """Data set with the scene as variable ``reflectance`` ``(band, y, x)``.

        Args:
            filename_or_obj: path of the scene.
            drop_variables: names of variables and coordinates to leave out.
            options: see :class:`shsrd.io.sources.OpenKeywords`.

        Raises:
            SceneError: as for :func:`shsrd.io.open_source`.
        """
        array = open_xarray(filename_or_obj, **options)
        dataset = array.to_dataset()
        dataset.set_close(array.close)
        dropped = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables or ())
        return dataset.drop_vars([name for name in dropped if name in dataset.variables])

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Return False: the engine is used where it is named, and takes no file from another engine."""
        return False


class _Pixels(BackendArray):
    """The pixels of a source, as xarray asks for them."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.shape = source.metadata.shape
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[np.float32]:
        wanted: NDArray[np.float32] = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._read
        )
        return wanted

    def _read(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        """Read the rows and columns from the first to the last that are wanted, then choose among them."""
        parts = [_span(part, extent) for part, extent in zip(key[1:], self.shape[1:], strict=True)]
        (rows, chosen_rows), (columns, chosen_columns) = parts
        if rows.start == rows.stop or columns.start == columns.stop:
            return np.asarray(np.broadcast_to(np.float32(0), self.shape)[key])
        return np.asarray(self.source.read(rows, columns)[key[0], chosen_rows, chosen_columns])


def _span(part: int | slice, extent: int) -> tuple[slice, int | slice]:
    """The shortest part of an axis that holds what is wanted, and what is wanted within it."""
    if not isinstance(part, slice):
        index = range(extent)[part]
        return slice(index, index + 1), 0
    indices = range(extent)[part]
    assert indices.step > 0  # xarray turns arrays round itself
    stop = indices[-1] + 1 if indices else indices.start
    return slice(indices.start, stop), slice(None, None, indices.step)
