"""Scenes in files, read a rectangle at a time: only the numbers that were asked for are ever in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Facts, MemorySource, SceneError, Source, Storage
from shsrd.io.codec import check_numeric, decode, decode_bands
from shsrd.io.files import reading

Numbers = Callable[[slice, slice], NDArray[np.generic]]


def _nothing() -> None:
    """There is no file to let go of."""


@dataclass(frozen=True)
class StoredSource:
    """Stored numbers of a rectangle, and what they mean.

    Attributes:
        facts: all that is known without pixels.
        numbers: gives the stored numbers ``(band, y, x)`` of rows and columns, in any memory order.
        row_step: rows that are cheapest to read together.
        release: closes the file.
        decoding: what the numbers mean, one for each band; None where ``facts.storage`` holds for all.
        name: path of the scene inside the file, where it has one.
        mask: gives where there is data ``(y, x)``, beside what no-data numbers say; None for everywhere.
    """

    facts: Facts
    numbers: Numbers
    row_step: int = 1
    release: Callable[[], None] = _nothing
    decoding: Sequence[Storage] | None = None
    name: str = ""
    mask: Callable[[slice, slice], NDArray[np.bool_]] | None = None

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Pixels ``(band, y, x)``; see :meth:`shsrd.cube.Source.read`."""
        stored = self.numbers(rows, columns)
        if self.decoding is None:
            pixels = decode(stored, self.facts.storage, source=self.facts.source)
        else:
            pixels = decode_bands(stored, self.decoding, source=self.facts.source)
        if self.mask is not None:
            pixels[:, ~self.mask(rows, columns)] = np.nan
        return pixels

    def close(self) -> None:
        """Close the file."""
        self.release()


@dataclass(frozen=True)
class Options:
    """What a person said about the inside of a file."""

    variable: str | None = None
    wavelengths: str | None = None
    axes: str | None = None


@dataclass(frozen=True)
class Opened:
    """What a format's reader found.

    Attributes:
        kind: the format in words.
        data: the file that holds the pixels.
        source: the scene.
    """

    kind: str
    data: Path
    source: Source


class FileSource:
    """A scene in a file: refuses what changed under it, and travels to another process as path and options.

    Attributes:
        size: bytes of the file of pixels when it was opened; 0 for a folder.

    Args:
        path: what a person opened.
        options: what a person said about it.
        opened: the scene found there.
    """

    def __init__(self, path: Path, options: Options, opened: Opened) -> None:
        self._path, self._options = path, options
        self._opened: Opened | None = opened
        self._facts, self._row_step = opened.source.facts, opened.source.row_step
        self.size = 0 if opened.data.is_dir() else opened.data.stat().st_size
        # a scene that was read whole needs its file no more
        self._watched = None if isinstance(opened.source, MemorySource) or opened.data.is_dir() else opened.data

    @property
    def facts(self) -> Facts:
        """All that is known without reading pixels."""
        return self._facts

    @property
    def row_step(self) -> int:
        """Rows that are cheapest to read together."""
        return self._row_step

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Pixels ``(band, y, x)`` of a rectangle; see :meth:`shsrd.cube.Source.read`.

        Raises:
            SceneError: a file that is damaged, gone, or of another size than when it was opened.
            ValueError: a rectangle that is not inside the scene, or a source that was closed.
        """
        if self._opened is None:
            raise ValueError(f"{self._path}: this source is closed; open it again")
        for axis, extent, part in zip("yx", self._facts.shape[1:], (rows, columns), strict=True):
            check_inside(part, extent, axis=axis)
        self._check_unchanged()
        with reading(self._opened.data, self._opened.kind):
            return self._opened.source.read(rows, columns)

    def close(self) -> None:
        """Let go of the file; calling it twice is harmless."""
        if self._opened is not None:
            self._opened.source.close()
            self._opened = None

    def _check_unchanged(self) -> None:
        """A map or an open file of another size would give wrong pixels, or kill the program."""
        if self._watched is None:
            return
        try:
            size = self._watched.stat().st_size
        except OSError:
            raise SceneError(
                f"{self._watched}: the file cannot be found any more since it was opened; put it back and run again"
            ) from None
        check_same_size(self._watched, before=self.size, now=size)

    def __reduce__(self) -> tuple[Callable[..., Source], tuple[Path, Options, int]]:
        return _reopen, (self._path.absolute(), self._options, self.size)


def check_inside(part: slice, extent: int, *, axis: str) -> None:
    """Refuse a part of an axis that is empty, stepped, or not inside it.

    Raises:
        ValueError: such a part.
    """
    start, stop = part.start, part.stop
    if part.step not in (None, 1) or start is None or stop is None or not 0 <= start < stop <= extent:
        raise ValueError(f"{part} is no part of axis {axis} with {extent} pixels; give start and stop within it")


def check_same_size(path: Path, *, before: int, now: int) -> None:
    """Refuse a file that grew or shrank.

    Raises:
        SceneError: it did.
    """
    if now != before:
        raise SceneError(
            f"{path}: the file had {before} bytes when it was opened and has {now} now; wait until it is complete "
            "and run again"
        )


def _reopen(path: Path, options: Options, size: int) -> Source:
    """The same source in another process, or on another machine that sees the same files."""
    from shsrd.io.opening import open_source

    source = open_source(path, variable=options.variable, wavelengths=options.wavelengths, axes=options.axes)
    assert isinstance(source, FileSource)  # open_source makes nothing else
    check_same_size(path, before=size, now=source.size)
    return source


def array_numbers(
    part: Callable[[tuple[slice, ...]], NDArray[np.generic]],
    order: Sequence[int],
    *,
    dtype: np.dtype[np.generic],
    source: str,
) -> Numbers:
    """Numbers of an array in a file, whatever its axes.

    Args:
        part: reads a block, given as one slice for each axis of the file.
        order: at which axis of the file band, y and x lie.
        dtype: of the stored numbers.
        source: file name for messages.

    Raises:
        SceneError: complex or non-numeric numbers.
    """
    check_numeric(dtype, source=source)

    def numbers(rows: slice, columns: slice) -> NDArray[np.generic]:
        key = [slice(None)] * 3
        key[order[1]], key[order[2]] = rows, columns
        return part(tuple(key)).transpose(order)

    return numbers
