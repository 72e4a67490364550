"""A Zarr store in a folder whose chunks are weighed before they are unpacked: a gigabyte can be packed in kilobytes."""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from zarr.storage import LocalStore

from shsrd.cube import SceneError

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

_SLACK = 2**16  # bytes beyond a whole chunk: checksums, and chunks that others pad
_METADATA = (".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json")


class SizeCheckedStore(LocalStore):
    """A folder that is only read.

    Attributes:
        limits: by path of an array, its compressor and the bytes of one whole chunk.
    """

    limits: Mapping[str, tuple[str, int]] = {}

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Read the value of a key.

        Raises:
            SceneError: a chunk that would unpack to more than a chunk, or that is cut.
        """
        found = await super().get(key, prototype, byte_range)
        if found is not None and not key.endswith(_METADATA):
            array = max((name for name in self.limits if key.startswith(name)), key=len, default=None)
            if array is not None:
                self._check_chunk_size(key, found.to_bytes(), *self.limits[array])
        return found

    def _check_chunk_size(self, key: str, chunk: bytes, method: str, whole: int) -> None:
        if method == "blosc" and len(chunk) != _blosc_length(chunk):
            # the library does not look where the chunk ends, and takes what lies behind it in memory for pixels
            raise SceneError(f"{self.root}: not a readable Zarr store ({key} is not as long as it says); copy it again")
        limit = whole + _SLACK
        unpacked = _WEIGHTS[method](chunk, limit) if method in _WEIGHTS else 0
        if unpacked > limit:
            raise SceneError(f"{self.root}: the chunk {key} unpacks to more than its {whole} bytes; copy it again")


def _blosc(chunk: bytes, limit: int) -> int:
    """Bytes 4 to 8 of the header."""
    return int.from_bytes(chunk[4:8], "little")


def _blosc_length(chunk: bytes) -> int:
    """Bytes 12 to 16 of the header: the length of the chunk itself."""
    return int.from_bytes(chunk[12:16], "little")


def _zstd(chunk: bytes, limit: int) -> int:
    """The content size of the frame header (RFC 8878, section 3.1.1.1); as good as endless where it is not told."""
    if len(chunk) < 5 or chunk[:4] != b"\x28\xb5\x2f\xfd":
        return 0  # the library refuses it
    flags = chunk[4]
    single = flags >> 5 & 1
    size = (1 if single else 0, 2, 4, 8)[flags >> 6]
    if not size:
        return limit + 1
    start = 5 + (0 if single else 1) + (0, 1, 2, 4)[flags & 3]
    return int.from_bytes(chunk[start : start + size], "little") + (256 if size == 2 else 0)


def _bz2(chunk: bytes, limit: int) -> int:
    return _unpacked(bz2.BZ2Decompressor, chunk, limit)


def _lzma(chunk: bytes, limit: int) -> int:
    return _unpacked(lambda: lzma.LZMADecompressor(memlimit=2**28), chunk, limit)


def _unpacked(start: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor], chunk: bytes, limit: int) -> int:
    """Unpack for trial, no more than the limit; streams may follow each other."""
    total = 0
    while chunk and total <= limit:
        unpacker = start()
        total += len(unpacker.decompress(chunk, limit + 1 - total))
        if not unpacker.eof:
            break
        chunk = unpacker.unused_data
    return total


_WEIGHTS: Mapping[str, Callable[[bytes, int], int]] = {"blosc": _blosc, "zstd": _zstd, "bz2": _bz2, "lzma": _lzma}
