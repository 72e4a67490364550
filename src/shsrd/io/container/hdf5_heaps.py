"""Heaps of an HDF5 file, where texts and references of any length lie: in a damaged one the library loops forever.

Layout: The HDF Group, "HDF5 File Format Specification", III.E, "Global Heap".
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from shsrd.cube import SceneError

_MARK = b"GCOL\1\0\0\0"
_ENTRY = 16  # bytes of the head of a heap, and of each entry in it
_PIECE = 2**24
_ENDS = 2**27  # bytes looked through at each end of a larger file; that is where libraries write heaps


def check_heaps(path: Path, *, width: int) -> None:
    """Refuse a file in which an entry of a heap does not lead to the next.

    Args:
        path: the file.
        width: bytes of a length in this file.

    Raises:
        SceneError: such an entry.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        for offset in _marks(path, size):
            file.seek(offset + 8)
            length = int.from_bytes(file.read(width), "little")
            file.seek(offset)
            if not _leads_to_its_end(file.read(min(length, size - offset)), width):
                raise SceneError(f"{path}: its heap at byte {offset} is damaged; copy or download the file again")


def _marks(path: Path, size: int) -> Iterator[int]:
    """Offsets of the heaps in bytes; the pieces searched overlap by the length of a mark."""
    starts = [at for at in range(0, size, _PIECE) if at < _ENDS or at + _PIECE > size - _ENDS]
    with path.open("rb") as file:
        for start in starts:
            file.seek(start)
            piece = file.read(_PIECE + len(_MARK) - 1)
            found = piece.find(_MARK)
            while found >= 0:
                yield start + found
                found = piece.find(_MARK, found + 1)


def _leads_to_its_end(heap: bytes, width: int) -> bool:
    """Walk through the entries; entry 0 is the free rest, whose length counts its own head."""
    offset = _ENTRY
    while offset + _ENTRY <= len(heap):
        number = int.from_bytes(heap[offset : offset + 2], "little")
        length = int.from_bytes(heap[offset + 8 : offset + 8 + width], "little")
        step = length if number == 0 else _ENTRY + -(-length // 8) * 8
        if step < _ENTRY or offset + step > len(heap):
            return False
        offset += step
    return True
