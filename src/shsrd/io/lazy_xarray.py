"""A scene in a file as an xarray array whose pixels are read when they are used."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from shsrd.cube import Source
from shsrd.cube.xarray_bridge import to_dataarray
from shsrd.io.opening import open_source


def open_xarray(  # noqa: PLR0913
    path: str | os.PathLike[str],
    *,
    variable: str | None = None,
    dataset: str | None = None,
    wavelengths: str | None = None,
    axes: str | None = None,
    nodata: float | str | None = None,
    bands: str | Iterable[int | str] | None = None,
    window: str | Sequence[int] | None = None,
    strict: bool = False,
) -> xarray.DataArray:
    """Open a scene as an xarray array ``(band, y, x)``; selections read only the rows and columns they need.

    Args:
        path: as for :func:`shsrd.io.open_source`, and so are the others.
        variable: name of the array.
        dataset: path of the array inside an HDF5 file.
        wavelengths: name or path of the list of wavelengths inside the file.
        axes: order of the array's axes.
        nodata: stored number that means "no data".
        bands: bands to read.
        window: part to read: column, row, width, height.
        strict: refuse a scene with notes.

    Returns:
        float32; coordinates as in :meth:`shsrd.cube.Cube.to_xarray`; ``close()`` lets go of the file.

    Raises:
        SceneError: as for :func:`shsrd.io.open_source`.
    """
    source = open_source(
        path,
        variable=variable,
        dataset=dataset,
        wavelengths=wavelengths,
        axes=axes,
        nodata=nodata,
        bands=bands,
        window=window,
        strict=strict,
    )
    array = to_dataarray(indexing.LazilyIndexedArray(_Pixels(source)), source.metadata)
    array.set_close(source.close)
    return array


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
        place = range(extent)[part]
        return slice(place, place + 1), 0
    places = range(extent)[part]
    assert places.step > 0  # xarray turns arrays round itself
    stop = places[-1] + 1 if places else places.start
    return slice(places.start, stop), slice(None, None, places.step)
