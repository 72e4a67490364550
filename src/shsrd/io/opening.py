"""Opening a scene: the format is recognised by its first bytes, a header beside it, or its folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Cube, SceneError, SceneMetadata, Source, read_cube
from shsrd.io.encoding import check_scale
from shsrd.io.file_checks import read_errors
from shsrd.io.format_readers import OpenedScene, open_scene
from shsrd.io.nodata_override import override_nodata
from shsrd.io.selection import subset_source
from shsrd.io.sources import OpenKeywords, OpenOptions, is_in_memory


def open_cube(path: str | os.PathLike[str], **options: Unpack[OpenKeywords]) -> Cube:
    """Open a hyperspectral scene: ENVI, GeoTIFF, MATLAB, HDF5, NetCDF, Zarr, NumPy, CAVE.

    Args:
        path: the file (for ENVI the image or its header; for EnMAP and DESIS the image or the XML), or the
            folder of a Zarr store, a product or a CAVE scene.
        options: see :class:`shsrd.io.sources.OpenKeywords`.

    Returns:
        The scene; pixels are ``stored * scale + offset`` with NaN for no-data.

    Raises:
        SceneError: one sentence that names the file, what is wrong, and the remedy.
        TypeError: there is no such option.
    """
    source = open_source(path, **options)
    try:
        return read_cube(source)
    finally:
        source.close()


def open_source(path: str | os.PathLike[str], **options: Unpack[OpenKeywords]) -> Source:
    """Open a scene to be read rectangle by rectangle, for scenes larger than memory.

    MATLAB v5, NPZ, NetCDF 3 and CAVE scenes are read whole; of all others only what is asked for.
    The source pickles as path and options: another process opens the file itself.

    Args:
        path: as for :func:`open_cube`.
        options: see :class:`shsrd.io.sources.OpenKeywords`.

    Raises:
        SceneError: one sentence that names the file, what is wrong, and the remedy.
        TypeError: there is no such option.
    """
    file = Path(path)
    try:
        requested = OpenOptions.of(**options)
    except SceneError as error:
        raise SceneError(f"{file}: {error}") from None
    with read_errors(file, "scene"):
        opened = open_scene(file, requested)
        try:
            return FileSource(file, requested, _chosen(opened, requested, file))
        except BaseException:
            opened.source.close()
            raise


def _chosen(opened: OpenedScene, options: OpenOptions, path: Path) -> OpenedScene:
    """Checked source of the requested bands and window, with the requested no-data value."""
    _check_scene(opened.source.metadata, path)
    part = subset_source(opened.source, bands=options.bands, window=options.window)
    if options.strict:
        check_strict(part.metadata)
    if options.nodata is not None:
        part = subset_source(override_nodata(opened.source, options.nodata), bands=options.bands, window=options.window)
    return replace(opened, source=part)


def check_strict(metadata: SceneMetadata, *, known: Collection[str] = ()) -> None:
    """Check that a scene has no notes.

    Args:
        metadata: of the scene.
        known: notes that do not count.

    Raises:
        SceneError: naming the first of them.
    """
    for note in metadata.notes:
        if note not in known:
            raise SceneError(f"{metadata.source}: refused by --strict: {note}")


def _check_scene(metadata: SceneMetadata, path: Path) -> None:
    if metadata.shape[0] == 1:
        raise SceneError(f"{path}: this is a 2-D image (one band); give a scene with one band a wavelength")
    check_scale(metadata.storage, source=str(path))


class FileSource:
    """Source of a file; checks that the file has not changed, and pickles as path and options.

    Attributes:
        size: bytes of the file of pixels when it was opened; 0 for a folder.

    Args:
        path: what a person opened.
        options: what a person said about it.
        opened: the scene found there.
    """

    def __init__(self, path: Path, options: OpenOptions, opened: OpenedScene) -> None:
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
        with read_errors(self._opened.data, self._opened.kind):
            return self._opened.source.read(rows, columns)

    def close(self) -> None:
        """Close the file; calling it twice is harmless."""
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

    def __reduce__(self) -> tuple[Callable[..., Source], tuple[Path, OpenOptions, int]]:
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
    """Check that a file has the same size as before.

    Raises:
        SceneError: it did.
    """
    if now != before:
        raise SceneError(
            f"{path}: the file had {before} bytes when it was opened and has {now} now; wait until it is complete "
            "and run again"
        )


def _reopen(path: Path, options: OpenOptions, size: int) -> Source:
    """Open the source again in another process, or on another machine with the same files."""
    source = open_source(path, **options.as_json())
    assert isinstance(source, FileSource)  # open_source makes nothing else
    check_same_size(path, before=size, now=source.size)
    return source
