"""Files that are plain numbers in a fixed place (ENVI images, ``.npy``): written where they belong, in any order."""

from __future__ import annotations

import math
from io import BytesIO, FileIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from shsrd.cube import SceneMetadata, Storage
from shsrd.io.encoding import decode, encode

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class CompleteWriteFile(FileIO):
    """An unbuffered file that takes all it is given: a plain one may take less, and only the next call says why."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write everything; gives the number of bytes."""
        left = memoryview(data).cast("B")
        size = len(left)
        while left:
            left = left[super().write(left) :]
        return size


class RawFile:
    """Little-endian numbers ``(band, y, x)``, band after band, after a head.

    The file has its full length from the start and takes disk only where it is written. Numbers go through
    ``write`` and not through a memory map: there a full disk kills the process without a word.
    """

    def __init__(self, path: Path, *, shape: tuple[int, int, int], dtype: str, head: bytes = b"") -> None:
        self._shape, self._head = shape, len(head)
        self._kind = np.dtype(dtype).newbyteorder("<")
        self._file = CompleteWriteFile(path, "w")
        self._file.write(head)
        self._file.truncate(self._head + math.prod(shape) * self._kind.itemsize)

    def write_block(self, stored: NDArray[np.generic], row: int, column: int) -> None:
        """Write a rectangle ``(band, y, x)`` at an offset of the scene."""
        _, rows, columns = self._shape
        whole = stored.shape[2] == columns  # rows that touch are one piece
        for band, numbers in enumerate(np.asarray(stored, self._kind)):
            pieces = [numbers] if whole else numbers
            for step, piece in enumerate(pieces):
                position = (band * rows + row + step) * columns + column
                self._file.seek(self._head + position * self._kind.itemsize)
                self._file.write(np.ascontiguousarray(piece).tobytes())

    def close(self) -> None:
        """Calling it twice is harmless."""
        self._file.close()


class NpySink:
    """Pixels only, ``(band, y, x)``: as stored where scale and no-data are trivial, else float32 with NaN.

    The pixels are those that any other format gives back on reading: stored numbers, decoded.
    """

    def __init__(self, part: Path, metadata: SceneMetadata) -> None:
        self._storage = storage = metadata.storage
        self._plain = storage.scale == 1 and storage.offset == 0 and storage.nodata is None
        dtype = storage.dtype if self._plain else "float32"
        self._file = RawFile(part, shape=metadata.shape, dtype=dtype, head=_npy_head(metadata.shape, dtype))

    def write_block(self, stored: NDArray[np.generic], row: int, column: int) -> None:
        """Write a rectangle of stored numbers."""
        if not self._plain:
            stored = encode(decode(stored, self._storage), Storage("float32"))
        self._file.write_block(stored, row, column)

    def finish(self) -> None:
        """Close the file."""
        self._file.close()

    def abort(self) -> None:
        """Close the file."""
        self._file.close()


def _npy_head(shape: tuple[int, int, int], dtype: str) -> bytes:
    head = BytesIO()
    kind = np.dtype(dtype).newbyteorder("<")
    fields = {"shape": shape, "fortran_order": False, "descr": npy.dtype_to_descr(kind)}
    npy.write_array_header_1_0(head, fields)
    return head.getvalue()
