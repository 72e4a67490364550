"""MATLAB files of level 5: arrays of numbers and texts, each unpacked when asked for.

Layout: MathWorks, "MAT-File Format", chapter 1. Read here and not by a library, because damaged type numbers crash the
one there is; cells, structures, objects and functions are passed over unread.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError
from shsrd.io.file_checks import MAX_COMPRESSION_RATIO

_HEADER = 128  # bytes
_MATRIX, _PACKED = 14, 15
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CHAR = 4
_CLASSES = {6: "float64", 7: "float32", 8: "int8", 9: "uint8", 10: "int16", 11: "uint16", 12: "int32", 13: "uint32",
            14: "int64", 15: "uint64"}  # fmt: skip
_COMPLEX = 0x0800
_MAX_AXES = 32
_MAX_NAME_LENGTH = 4096
_PIECE = 2**20


@dataclass(frozen=True)
class Variable:
    """One array of a file.

    Attributes:
        name: of the array.
        shape: as MATLAB shows it.
        dtype: numpy name of its numbers; None for text.
        complex: whether it has an imaginary part.
        start: byte of its first tag.
        order: ``<`` or ``>``.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str | None
    complex: bool
    start: int
    order: str


class _ElementReader:
    """Bytes of one element, unpacked as they are asked for."""

    def __init__(self, file: BinaryIO, size: int, *, packed: bool) -> None:
        self._file, self._left = file, size
        self._unpacker = zlib.decompressobj() if packed else None
        self.most = size * (MAX_COMPRESSION_RATIO if packed else 1)  # bytes that can come out

    def read(self, size: int) -> bytearray:
        """Exactly so many bytes.

        Raises:
            ValueError: there are fewer.
        """
        if size > self.most:
            raise ValueError(f"{size} bytes are promised where {self.most} could be at most")
        taken = bytearray()
        while len(taken) < size:
            piece = self._more(size - len(taken))
            if not piece:
                raise ValueError("an array is cut short")
            taken += piece
        return taken

    def skip(self, size: int) -> None:
        """Pass over up to so many bytes; the last array of a file may lack them."""
        while size > 0 and (piece := self._more(size)):
            size -= len(piece)

    def _more(self, wanted: int) -> bytes:
        if self._unpacker is None:
            piece = self._file.read(min(wanted, self._left))
            self._left -= len(piece)
            return piece
        while not self._unpacker.eof:
            fresh = self._unpacker.unconsumed_tail or self._file.read(min(_PIECE, self._left))
            if not self._unpacker.unconsumed_tail:
                self._left -= len(fresh)
            piece = self._unpacker.decompress(fresh, wanted)
            if piece or not fresh:
                return piece
        return b""


def variables(path: Path) -> list[Variable]:
    """Every array of numbers or text in a file, in its order, without unpacking more than the names.

    Raises:
        SceneError: not MATLAB 5, or two arrays of one name.
        ValueError: a damaged file.
    """
    with path.open("rb") as file:
        found = list(_variables(file, path))
    if len({variable.name for variable in found}) != len(found):
        raise SceneError(f"{path}: several arrays have the same name; save the file again")
    return found


def read_variable(path: Path, variable: Variable) -> NDArray[np.generic]:
    """The numbers, or the rows of a text.

    Raises:
        ValueError: a damaged file.
    """
    with path.open("rb") as file:
        file.seek(variable.start)
        part, _ = _element(file, variable.order)
        _metadata(part, variable)
        kind, data = _data(part, variable.order, most=part.most)
        if variable.dtype is None:
            return _text(kind, data, variable)
        real = _numbers(kind, data, variable)
        if not variable.complex:
            return real
        imaginary = _numbers(*_data(part, variable.order, most=part.most), variable)
        return np.asarray(real + 1j * imaginary)  # type: ignore[operator]


def _variables(file: BinaryIO, path: Path) -> Iterator[Variable]:
    head = file.read(_HEADER)
    if len(head) < _HEADER or head[126:] not in (b"IM", b"MI") or 0 in head[:4]:
        raise SceneError(f"{path}: not a MATLAB file of level 5 or 7.3, which hold scenes; save it again with -v7")
    order = "<" if head[126:] == b"IM" else ">"
    size = path.stat().st_size
    while (start := file.tell()) + 8 <= size:
        part, length = _element(file, order)
        if start + 8 + length > size:
            raise ValueError("the last array is cut short")
        variable = _metadata(part, Variable("", (), None, False, start, order))
        if variable is not None and variable.name:
            yield variable
        file.seek(start + 8 + length)


def _element(file: BinaryIO, order: str) -> tuple[_ElementReader, int]:
    """The content of the next matrix, and the length of the element that holds it."""
    kind, length = struct.unpack(order + "II", file.read(8))
    if kind == _MATRIX:
        return _ElementReader(file, length, packed=False), length
    if kind != _PACKED:
        raise ValueError(f"element of type {kind} where an array belongs")
    part = _ElementReader(file, length, packed=True)
    inner, _ = struct.unpack(order + "II", part.read(8))
    if inner != _MATRIX:
        raise ValueError(f"element of type {inner} where an array belongs")
    return part, length


def _metadata(part: _ElementReader, known: Variable) -> Variable | None:
    """Name, shape and type; None for arrays of anything else."""
    order = known.order
    _, flags = _data(part, order, most=8)
    word = struct.unpack(order + "II", flags)[0]
    kind = word & 0xFF
    if kind not in _CLASSES and kind != _CHAR:
        return None
    _, extents = _data(part, order, most=4 * _MAX_AXES)
    shape = struct.unpack(f"{order}{len(extents) // 4}i", extents)
    if any(extent < 0 for extent in shape):
        raise ValueError(f"an array has the shape {shape}")
    _, name = _data(part, order, most=_MAX_NAME_LENGTH)
    return Variable(name.decode("latin-1"), shape, _CLASSES.get(kind), bool(word & _COMPLEX), known.start, known.order)


def _data(part: _ElementReader, order: str, *, most: int) -> tuple[int, bytearray]:
    """Type and bytes of the next part of a matrix, with what fills it up to eight bytes passed over."""
    tag = part.read(8)
    kind, size = struct.unpack(order + "II", tag)
    if kind >> 16:  # a small part: its bytes stand in the tag
        if kind >> 16 > 4:
            raise ValueError("a small part of an array has more than four bytes")
        return kind & 0xFFFF, tag[4 : 4 + (kind >> 16)]
    if size > most:
        raise ValueError(f"a part of an array has {size} bytes where {most} are the most")
    data = part.read(size)
    part.skip(-size % 8)
    return kind, data


def _numbers(kind: int, data: bytearray, variable: Variable) -> NDArray[np.generic]:
    """MATLAB packs whole doubles as small integers; the array is double all the same."""
    if kind not in _STORED:
        raise ValueError(f"numbers of type {kind}")
    values = np.frombuffer(data, np.dtype(variable.order + _STORED[kind]))
    if values.size != math.prod(variable.shape):
        raise ValueError(f"{variable.name} has {values.size} numbers and the shape {variable.shape}")
    return values.astype(variable.dtype).reshape(variable.shape, order="F")


def _text(kind: int, data: bytearray, variable: Variable) -> NDArray[np.generic]:
    """The rows of a table of letters."""
    if kind in _TEXTS:
        ending = "" if kind == 16 else "-le" if variable.order == "<" else "-be"
        letters = list(data.decode(_TEXTS[kind] + ending, "replace"))
    elif kind in _STORED:
        codes = np.frombuffer(data, np.dtype(variable.order + _STORED[kind]))
        letters = [chr(int(code)) for code in codes]
    else:
        raise ValueError(f"text of type {kind}")
    if not letters:
        return np.array([], "U1")
    table = np.array(letters).reshape(variable.shape, order="F")
    return np.array(["".join(row) for row in table.reshape(-1, variable.shape[-1])])
