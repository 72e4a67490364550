"""Sources that read some bands or a window of another source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError, SceneMetadata, Source
from shsrd.cube.grid_keys import normalize_key
from shsrd.cube.source import CHUNK_PIXELS
from shsrd.io.envi.header import items
from shsrd.io.selection_syntax import WINDOW_FORMAT, Window, resolve_bands
from shsrd.io.sources import StoredSource, is_in_memory

_WHOLE = {"description", "map info", "geo points", "pixel size", "projection info", "rpc info", "z plot range"}
_MARKED = "default bands"  # numbers of bands, counted from 1


@dataclass(frozen=True)
class SubsetSource:
    """Some bands or a window of another source.

    Attributes:
        parent: the other source.
        bands: positions in its bands, or None for all of them.
        metadata: of the part.
        row: upper row of the window.
        column: left column of the window.
    """

    parent: Source
    bands: tuple[int, ...] | None
    metadata: SceneMetadata
    row: int = 0
    column: int = 0

    @property
    def block_height(self) -> int:
        """Rows that are cheapest to read together."""
        return min(self.parent.block_height, self.metadata.shape[1])

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Pixels ``(band, y, x)``; see :meth:`shsrd.cube.Source.read`."""
        moved = slice(rows.start + self.row, rows.stop + self.row)
        across = slice(columns.start + self.column, columns.stop + self.column)
        if self.bands is None:
            return self.parent.read(moved, across)
        pixels = np.empty((len(self.bands), moved.stop - moved.start, across.stop - across.start), np.float32)
        step = max(1, CHUNK_PIXELS // (self.parent.metadata.shape[0] * pixels.shape[2]))
        for top in range(moved.start, moved.stop, step):
            part = slice(top, min(top + step, moved.stop))
            pixels[:, part.start - moved.start : part.stop - moved.start] = self._bands_of(part, across)
        return pixels

    def _bands_of(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        return self.parent.read(rows, columns)[np.array(self.bands, np.intp)]

    @property
    def in_memory(self) -> bool:
        """Return True if all pixels are in memory."""
        return is_in_memory(self.parent)

    def close(self) -> None:
        """Close the file."""
        self.parent.close()


def subset_source(source: Source, *, bands: str | None, window: Window | None) -> Source:
    """Source of some bands and a window of another; the source itself if neither is given.

    Args:
        source: the scene.
        bands: see :mod:`shsrd.io.selection_syntax`.
        window: see :func:`parse_window`.

    Raises:
        SceneError: bands or pixels that the scene has not.
    """
    metadata, row, column = source.metadata, 0, 0
    if window is not None:
        column, row = window[:2]
        metadata = metadata.subset(*_slices(metadata, window))
    if bands is not None:
        chosen = resolve_bands(bands, metadata)
        metadata = select_band_metadata(metadata.with_detectors(metadata.detectors), chosen)
        return SubsetSource(*_slice_bands(source, chosen), metadata, row, column)
    return source if window is None else SubsetSource(source, None, metadata, row, column)


def _slice_bands(source: Source, bands: tuple[int, ...]) -> tuple[Source, tuple[int, ...]]:
    """A source that reads from the first to the last of some bands where that is possible, and the bands in it."""
    first, last = min(bands), max(bands)
    if not isinstance(source, StoredSource):
        return source, bands
    return source.slice_bands(slice(first, last + 1)), tuple(band - first for band in bands)


def _slices(metadata: SceneMetadata, window: Window) -> tuple[slice, slice]:
    column, row, width, height = window
    _, rows, columns = metadata.shape
    if column + width > columns or row + height > rows:
        raise SceneError(
            f"{metadata.source}: --window {','.join(map(str, window))} ({WINDOW_FORMAT}) reaches column "
            f"{column + width} and row {row + height}, the scene has {columns} columns and "
            f"{rows} rows; give a window inside"
        )
    return slice(row, row + height), slice(column, column + width)


def select_band_metadata(metadata: SceneMetadata, bands: Sequence[int]) -> SceneMetadata:
    """Metadata of some bands of a scene; every list with one entry a band is subset.

    Args:
        metadata: of the whole scene.
        bands: their positions, from 0.
    """
    chosen = np.array(bands, np.intp)
    lists = {
        name: None if getattr(metadata, name) is None else getattr(metadata, name)[chosen]
        for name in ("wavelength_nm", "fwhm_nm", "good_bands")
    }
    names = tuple(metadata.band_names[band] for band in bands) if metadata.band_names else ()
    headers = {key: _header_of(key, value, metadata.shape[0], bands) for key, value in metadata.headers.items()}
    kept = {key: value for key, value in headers.items() if value is not None}
    return metadata.replace(shape=(len(bands), *metadata.shape[1:]), band_names=names, headers=kept, **lists)


def _header_of(key: str, value: str, count: int, bands: Sequence[int]) -> str | None:
    """A header key of a scene with fewer bands; None where it says nothing of them."""
    plain, entries = normalize_key(key), items(value)
    if plain == _MARKED:
        return _renumbered(value, entries, bands)
    if plain in _WHOLE or count < 2 or len(entries) != count:
        return value
    listed = ", ".join(entries[band] for band in bands)
    return f"{{{listed}}}" if value.strip().startswith("{") else listed


def _renumbered(value: str, entries: Sequence[str], bands: Sequence[int]) -> str | None:
    """Default bands by their new numbers; None if one of them was left out."""
    new = {str(band + 1): str(number) for number, band in enumerate(bands, start=1)}
    if not all(entry in new for entry in entries):
        return None
    listed = ", ".join(new[entry] for entry in entries)
    return f"{{{listed}}}" if value.strip().startswith("{") else listed
