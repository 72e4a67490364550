"""Writing a scene piece by piece: every pixel once, one file, under its name only when complete."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Cube, SceneMetadata
from shsrd.io.atomic_write import recover, staged
from shsrd.io.block_buffer import BLOCK_SIZE, Sink
from shsrd.io.compression import Compression
from shsrd.io.encoding import check_storable, encode_bands
from shsrd.io.file_checks import write_errors
from shsrd.io.targets import check_target, open_sink, written_files


def open_writer(
    path: str | os.PathLike[str],
    metadata: SceneMetadata,
    *,
    overwrite: bool = False,
    cog: bool = False,
    compress: Compression | None = None,
) -> Writer:
    """A writer of one scene; use it in a ``with`` block.

    The same pixels give the same bytes, whatever rectangles they come in.

    Args:
        path: the file; its ending decides the format, as for :func:`shsrd.io.save_cube`.
        metadata: all that is known beyond the pixels; ``metadata.storage`` says how they are stored.
        overwrite: replace an existing file.
        cog: make a ``.tif`` cloud optimised.
        compress: how a ``.tif`` is compressed: ``deflate`` (also by default), ``zstd`` or ``none``.

    Returns:
        The writer; nothing is on disk before its ``with`` block begins.

    Raises:
        SceneError: a target that exists or cannot be written, or a scene that the format cannot hold.
    """
    if Path(path).parent.is_dir():
        recover(*written_files(Path(path), metadata))
    target = check_target(path, overwrite=overwrite, metadata=metadata, cog=cog, compress=compress)
    return Writer(target, metadata, overwrite=overwrite, cog=cog, compress=compress)


class Writer:
    """Takes a scene from the top down and completes its file at the end of the ``with`` block.

    Leaving the block by an exception, an interrupt included, leaves nothing: no file and no temporary one.
    """

    def __init__(
        self,
        target: Path,
        metadata: SceneMetadata,
        *,
        overwrite: bool = False,
        cog: bool = False,
        compress: Compression | None = None,
    ) -> None:
        self._target, self._metadata, self._cog, self._compress = target, metadata, cog, compress
        self._overwrite = overwrite
        self._filled = np.zeros(metadata.shape[2], np.int64)  # rows written, by column
        self._stack = ExitStack()
        self._sink: Sink | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            parts = stack.enter_context(staged(*written_files(self._target, self._metadata), overwrite=self._overwrite))
            with write_errors(self._target):
                self._sink = open_sink(parts, self._metadata, cog=self._cog, compress=self._compress)
            stack.callback(self._sink.abort)
            self._stack = stack.pop_all()
        return self

    def write(self, block: NDArray[np.float32], row: int, column: int) -> None:
        """Encode pixels to the stored type and write them.

        Args:
            block: ``(band, y, x)`` in physical units; NaN is no-data.
            row: of the block's upper-left pixel in the scene.
            column: of the same pixel.

        Raises:
            SceneError: no-data that the stored type cannot express, or the disk refuses.
            ValueError: a rectangle that is outside, out of turn, or has other bands.
        """
        self.write_stored(encode_bands(block, self._metadata.storage, source=self._metadata.source), row, column)

    def write_stored(self, stored: NDArray[np.generic], row: int, column: int) -> None:
        """Write numbers that :func:`shsrd.io.encoding.encode_bands` made.

        Args:
            stored: ``(band, y, x)`` in the stored type.
            row: of the block's upper-left pixel in the scene.
            column: of the same pixel.

        Raises:
            SceneError: the disk refuses.
            ValueError: a rectangle that is outside, out of turn, or has another type or other bands.
        """
        if self._sink is None:
            raise ValueError(f"{self._target}: the writer is not open; use it in a with block")
        self._check(stored, row, column)
        with write_errors(self._target):
            self._sink.write_block(stored, row, column)
        self._filled[column : column + stored.shape[2]] += stored.shape[1]

    def _check(self, stored: NDArray[np.generic], row: int, column: int) -> None:
        """Each column is filled downwards without gaps, so every pixel is written once at most."""
        bands, rows, columns = self._metadata.shape
        kind = np.dtype(self._metadata.storage.dtype)
        if stored.ndim != 3 or stored.shape[0] != bands or stored.dtype != kind or 0 in stored.shape:
            raise ValueError(f"a block of {stored.dtype} {stored.shape} is no part of {bands} bands of {kind}")
        bottom, right = row + stored.shape[1], column + stored.shape[2]
        if min(row, column) < 0 or bottom > rows or right > columns:
            raise ValueError(f"rows {row}:{bottom}, columns {column}:{right} are outside {rows} x {columns} pixels")
        if not (self._filled[column:right] == row).all():
            raise ValueError(f"rows {row}:{bottom}, columns {column}:{right} are not next; write from the top down")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stack, sink, self._sink = self._stack.pop_all(), self._sink, None
        if error is not None:
            stack.__exit__(kind, error, trace)
            return
        with stack:
            assert sink is not None  # __enter__ made it
            _, rows, columns = self._metadata.shape
            written, wanted = int(self._filled.sum()), rows * columns
            if written != wanted:
                raise ValueError(f"{self._target}: only {written} of {wanted} pixels were written; nothing is kept")
            with write_errors(self._target):
                sink.finish()


def save_cube(
    cube: Cube,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    cog: bool = False,
    compress: Compression | None = None,
) -> None:
    """Save a scene: ``.hdr``/``.img``/``.bsq``/``.dat`` (ENVI), ``.tif``, ``.nc``, ``.zarr``, ``.mat``, NumPy.

    Numbers are stored as ``cube.storage`` says; integers are rounded and clipped, NaN becomes no-data.
    ``.npy`` keeps pixels only.

    Args:
        cube: the scene.
        path: where it goes; for ENVI the image or the header, both are written.
        overwrite: replace an existing target.
        cog: make a ``.tif`` cloud optimised: readers behind a network fetch only what they show.
        compress: how a ``.tif`` is compressed: ``deflate`` (also by default), ``zstd`` or ``none``.

    Raises:
        SceneError: a target that exists or cannot be written, or numbers that the storage cannot express.
    """
    check_storable(cube)
    _, rows, columns = cube.shape
    with open_writer(path, cube.metadata, overwrite=overwrite, cog=cog, compress=compress) as writer:
        for row in range(0, rows, BLOCK_SIZE):
            for column in range(0, columns, BLOCK_SIZE):
                writer.write(cube.pixels[:, row : row + BLOCK_SIZE, column : column + BLOCK_SIZE], row, column)
