"""Scenes in files, read a rectangle at a time: only the numbers that were asked for are ever in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import MemorySource, SceneError, SceneMetadata, Source, Storage
from shsrd.io.encoding import check_numeric, decode, decode_bands
from shsrd.io.selection_syntax import Window, format_bands, parse_window

StoredReader = Callable[[slice, slice], NDArray[np.generic]]


def _nothing() -> None:
    """Nothing to close."""


@dataclass(frozen=True)
class StoredSource:
    """Stored numbers of a rectangle, and what they mean.

    Attributes:
        metadata: all that is known without pixels.
        read_stored: gives the stored numbers ``(band, y, x)`` of rows and columns, in any memory order.
        block_height: rows that are cheapest to read together.
        release: closes the file.
        band_storage: what the numbers mean, one for each band; None where ``metadata.storage`` holds for all.
        name: path of the scene inside the file, where it has one.
        mask: gives where there is data ``(y, x)``, beside what no-data numbers say; None for everywhere.
        in_memory: whether all numbers are in memory, so that the file is not needed any more.
    """

    metadata: SceneMetadata
    read_stored: StoredReader
    block_height: int = 1
    release: Callable[[], None] = _nothing
    band_storage: Sequence[Storage] | None = None
    name: str = ""
    mask: Callable[[slice, slice], NDArray[np.bool_]] | None = None
    in_memory: bool = False

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Pixels ``(band, y, x)``; see :meth:`shsrd.cube.Source.read`."""
        stored = self.read_stored(rows, columns)
        if self.band_storage is None:
            pixels = decode(stored, self.metadata.storage, source=self.metadata.source)
        else:
            pixels = decode_bands(stored, self.band_storage, source=self.metadata.source)
        if self.mask is not None:
            pixels[:, ~self.mask(rows, columns)] = np.nan
        return pixels

    def slice_bands(self, bands: slice) -> StoredSource:
        """The same scene with neighbouring bands only; the facts are left to the caller, but for their number."""
        numbers, band_storage = self.read_stored, self.band_storage
        narrow: Callable[[slice], StoredReader] | None = getattr(numbers, "slice_bands", None)
        fewer = (lambda rows, columns: numbers(rows, columns)[bands]) if narrow is None else narrow(bands)
        plain = SceneMetadata((bands.stop - bands.start, *self.metadata.shape[1:]), storage=self.metadata.storage)
        metadata = plain.replace(source=self.metadata.source)
        return replace(
            self,
            metadata=metadata,
            read_stored=fewer,
            band_storage=None if band_storage is None else band_storage[bands],
        )

    def close(self) -> None:
        """Close the file."""
        self.release()


class OpenKeywords(TypedDict, total=False):
    """Keyword arguments of :func:`shsrd.io.open_cube`, :func:`shsrd.io.open_source` and :func:`shsrd.io.open_xarray`.

    Attributes:
        variable: name or path of the array, where a file has several.
        dataset: another name for ``variable``, as HDF5 has it.
        wavelengths: name or path of the list of wavelengths inside the file.
        axes: order of the array's axes, such as ``"yxb"``, where the file does not tell.
        nodata: stored number that means "no data", whatever the file says; ``"none"``: no number does.
        bands: bands to read: numbers counted from 1 and wavelengths, ``"1-20,35,450-900nm"`` or ``[3, 2, 1]``.
        window: part to read: column and row of its upper-left pixel, counted from 0, then width and height;
            ``"0,0,64,64"``, four numbers, or a rasterio window.
        strict: refuse a scene about which something was guessed, dropped or contradictory (see ``Cube.notes``).
    """

    variable: str | None
    dataset: str | None
    wavelengths: str | None
    axes: str | None
    nodata: float | str | None
    bands: str | Iterable[int | str] | None
    window: str | Sequence[int] | None
    strict: bool


@dataclass(frozen=True)
class OpenOptions:
    """User options of opening a file, as on the command line; None leaves the choice to the reader.

    Attributes:
        variable: name or path of the array.
        wavelengths: name or path of the list of wavelengths.
        axes: order of the array's axes, such as ``"yxb"``.
        nodata: stored number that means "no data" whatever the file says, or ``"none"`` where no number does.
        bands: bands to read, in words (:mod:`shsrd.io.selection_syntax`).
        window: column, row, width and height of the part to read.
        strict: whether a note about the scene is an error.
    """

    variable: str | None = None
    wavelengths: str | None = None
    axes: str | None = None
    nodata: float | str | None = None
    bands: str | None = None
    window: Window | None = None
    strict: bool = False

    @classmethod
    def of(cls, *, dataset: str | None = None, **given: Any) -> OpenOptions:
        """Options from what a person gave, in any of the forms that :func:`shsrd.io.open_source` takes.

        Raises:
            SceneError: one of them cannot be understood.
            TypeError: there is no such option.
        """
        variable = given.pop("variable", None)
        if variable is not None and dataset is not None and variable != dataset:
            raise SceneError(f"--variable {variable} and --dataset {dataset} name two arrays; give one")
        options = cls(variable=dataset if variable is None else variable, **given)
        return replace(
            options,
            axes=None if options.axes is None else options.axes.lower(),
            nodata=None if options.nodata is None else _nodata(options.nodata),
            bands=None if options.bands is None else format_bands(options.bands),
            window=None if options.window is None else parse_window(options.window),
        )

    def as_json(self) -> dict[str, Any]:
        """Options on the pixels as plain values for a manifest, without those that were not given."""
        said = {name.name: getattr(self, name.name) for name in fields(self) if name.name != "strict"}
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in said.items()}
        return {key: value for key, value in plain.items() if value is not None}


def _nodata(given: float | str) -> float | str:
    if isinstance(given, str) and given.strip().lower() == "none":
        return "none"
    try:
        value = float(given)
    except (TypeError, ValueError):
        raise SceneError(f"--nodata {given} is no number; give a stored number such as -9999, nan, or none") from None
    return "nan" if math.isnan(value) else value


def is_in_memory(source: Source) -> bool:
    """Return True if all pixels of a source are in memory."""
    return isinstance(source, MemorySource) or bool(getattr(source, "in_memory", False))


@dataclass(frozen=True)
class ArrayReader:
    """Numbers of an array in a file, whatever its axes; see :func:`array_reader`."""

    read_block: Callable[[tuple[slice, ...]], NDArray[np.generic]]
    order: Sequence[int]
    bands: slice | None = None

    def __call__(self, rows: slice, columns: slice) -> NDArray[np.generic]:
        """Stored numbers ``(band, y, x)``."""
        key = [self.bands or slice(None)] * 3
        key[self.order[1]], key[self.order[2]] = rows, columns
        return self.read_block(tuple(key)).transpose(self.order)

    def slice_bands(self, bands: slice) -> ArrayReader:
        """Numbers of neighbouring bands."""
        return replace(self, bands=bands)


def array_reader(
    read_block: Callable[[tuple[slice, ...]], NDArray[np.generic]],
    order: Sequence[int],
    *,
    dtype: np.dtype[np.generic],
    source: str,
) -> ArrayReader:
    """Numbers of an array in a file, whatever its axes.

    Args:
        read_block: reads a block, given as one slice for each axis of the file.
        order: at which axis of the file band, y and x lie.
        dtype: of the stored numbers.
        source: file name for messages.

    Raises:
        SceneError: complex or non-numeric numbers.
    """
    check_numeric(dtype, source=source)
    return ArrayReader(read_block, order)
