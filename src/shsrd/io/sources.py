"""Scenes in files, read a rectangle at a time: only the numbers that were asked for are ever in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import MemorySource, SceneError, SceneMetadata, Source, Storage
from shsrd.io.encoding import check_numeric, decode, decode_bands
from shsrd.io.file_checks import reading
from shsrd.io.selection_syntax import Window, format_bands, parse_window

Numbers = Callable[[slice, slice], NDArray[np.generic]]


def _nothing() -> None:
    """There is no file to let go of."""


@dataclass(frozen=True)
class StoredSource:
    """Stored numbers of a rectangle, and what they mean.

    Attributes:
        metadata: all that is known without pixels.
        numbers: gives the stored numbers ``(band, y, x)`` of rows and columns, in any memory order.
        block_height: rows that are cheapest to read together.
        release: closes the file.
        decoding: what the numbers mean, one for each band; None where ``metadata.storage`` holds for all.
        name: path of the scene inside the file, where it has one.
        mask: gives where there is data ``(y, x)``, beside what no-data numbers say; None for everywhere.
        held: whether all numbers are in memory, so that the file is not needed any more.
    """

    metadata: SceneMetadata
    numbers: Numbers
    block_height: int = 1
    release: Callable[[], None] = _nothing
    decoding: Sequence[Storage] | None = None
    name: str = ""
    mask: Callable[[slice, slice], NDArray[np.bool_]] | None = None
    held: bool = False

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Pixels ``(band, y, x)``; see :meth:`shsrd.cube.Source.read`."""
        stored = self.numbers(rows, columns)
        if self.decoding is None:
            pixels = decode(stored, self.metadata.storage, source=self.metadata.source)
        else:
            pixels = decode_bands(stored, self.decoding, source=self.metadata.source)
        if self.mask is not None:
            pixels[:, ~self.mask(rows, columns)] = np.nan
        return pixels

    def narrowed(self, bands: slice) -> StoredSource:
        """The same scene with neighbouring bands only; the facts are left to the caller, but for their number."""
        numbers, decoding = self.numbers, self.decoding
        narrow: Callable[[slice], Numbers] | None = getattr(numbers, "narrowed", None)
        fewer = (lambda rows, columns: numbers(rows, columns)[bands]) if narrow is None else narrow(bands)
        plain = SceneMetadata((bands.stop - bands.start, *self.metadata.shape[1:]), storage=self.metadata.storage)
        metadata = plain.replace(source=self.metadata.source)
        return replace(self, metadata=metadata, numbers=fewer, decoding=None if decoding is None else decoding[bands])

    def close(self) -> None:
        """Close the file."""
        self.release()


@dataclass(frozen=True)
class Options:
    """How a file is to be read, as on the command line; ``None`` where nobody said.

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
    def of(cls, *, dataset: str | None = None, **given: Any) -> Options:
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
        """What was said about the pixels, for a manifest: plain values, nothing where nobody said anything."""
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


@dataclass(frozen=True)
class OpenedScene:
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

    def __init__(self, path: Path, options: Options, opened: OpenedScene) -> None:
        self._path, self._options = path, options
        self._opened: OpenedScene | None = opened
        self._metadata, self._block_height = opened.source.metadata, opened.source.block_height
        self.size = 0 if opened.data.is_dir() else opened.data.stat().st_size
        # a scene that was read whole needs its file no more
        self._watched = None if is_in_memory(opened.source) or opened.data.is_dir() else opened.data

    def __repr__(self) -> str:
        return f"<{self._opened.kind if self._opened else 'closed'} source of {self._metadata!r}>"

    @property
    def metadata(self) -> SceneMetadata:
        """All that is known without reading pixels."""
        return self._metadata

    @property
    def block_height(self) -> int:
        """Rows that are cheapest to read together."""
        return self._block_height

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Pixels ``(band, y, x)`` of a rectangle; see :meth:`shsrd.cube.Source.read`.

        Raises:
            SceneError: a file that is damaged, gone, or of another size than when it was opened.
            ValueError: a rectangle that is not inside the scene, or a source that was closed.
        """
        if self._opened is None:
            raise ValueError(f"{self._path}: this source is closed; open it again")
        for axis, extent, part in zip("yx", self._metadata.shape[1:], (rows, columns), strict=True):
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


def is_in_memory(source: Source) -> bool:
    """Whether all pixels of a source are in memory."""
    return isinstance(source, MemorySource) or bool(getattr(source, "held", False))


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

    source = open_source(path, **options.as_json())
    assert isinstance(source, FileSource)  # open_source makes nothing else
    check_same_size(path, before=size, now=source.size)
    return source


@dataclass(frozen=True)
class ArrayReader:
    """Numbers of an array in a file, whatever its axes; see :func:`array_reader`."""

    part: Callable[[tuple[slice, ...]], NDArray[np.generic]]
    order: Sequence[int]
    bands: slice | None = None

    def __call__(self, rows: slice, columns: slice) -> NDArray[np.generic]:
        """Stored numbers ``(band, y, x)``."""
        key = [self.bands or slice(None)] * 3
        key[self.order[1]], key[self.order[2]] = rows, columns
        return self.part(tuple(key)).transpose(self.order)

    def narrowed(self, bands: slice) -> ArrayReader:
        """Numbers of neighbouring bands."""
        return replace(self, bands=bands)


def array_reader(
    part: Callable[[tuple[slice, ...]], NDArray[np.generic]],
    order: Sequence[int],
    *,
    dtype: np.dtype[np.generic],
    source: str,
) -> ArrayReader:
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
    return ArrayReader(part, order)
