"""Damage to bytes that knows nothing of formats: flips, cuts, splices, numbers swapped for impossible ones."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable, Mapping

NUMBERS = ("0", "-1", "1", "2147483647", "2147483648", "4294967296", "9223372036854775808", "1e308", "-1e308", "1e-320",
           "nan", "inf", "-inf", "1e999999999", "99999999999999999999999999", "0x10", "1_000", "٣", "")  # fmt: skip
INTEGERS = (0, 1, 2, 255, 256, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)
TEXTS = ("", " ", "\x1b[31mred", "line\nbreak", "nul\0", "9" * 5000, "A" * 100_000, " " * 100_000, "{" * 1000,
         "[" * 100_000, "../../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:9/x", "%s%n",
         "\ufeff", "é" * 500)  # fmt: skip
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def spoil(data: bytes, dice: random.Random) -> tuple[bytes, str]:
    """One kind of damage anywhere in the bytes, and its name."""
    names = sorted(_WAYS)
    name = dice.choice(names)
    return (_WAYS[name](data, dice) if data else bytes([dice.randrange(256)])), name


def _span(data: bytes, dice: random.Random) -> tuple[int, int]:
    """A part of the bytes, mostly short and mostly near the front, where headers are."""
    reach = len(data) if dice.random() < 0.5 else min(len(data), 1024)
    start = dice.randrange(reach)
    return start, min(len(data), start + dice.choice((1, 2, 4, 8, 16, 64, 512, len(data))))


def _flip(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4, 16))):
        changed[_span(data, dice)[0]] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _overwrite(data: bytes, dice: random.Random) -> bytes:
    start, stop = _span(data, dice)
    filling = dice.choice((b"\0", b"\xff", None))
    part = dice.randbytes(stop - start) if filling is None else filling * (stop - start)
    return data[:start] + part + data[stop:]


def _cut(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data))]


def _delete(data: bytes, dice: random.Random) -> bytes:
    start, stop = _span(data, dice)
    return data[:start] + data[stop:]


def _repeat(data: bytes, dice: random.Random) -> bytes:
    start, stop = _span(data, dice)
    return data[:stop] + data[start:stop] * dice.choice((1, 1, 2, 50)) + data[stop:]


def _splice(data: bytes, dice: random.Random) -> bytes:
    start, stop = _span(data, dice)
    place = _span(data, dice)[0]
    return data[:place] + data[start:stop] + data[place + stop - start :]


def _extend(data: bytes, dice: random.Random) -> bytes:
    return data + dice.choice((b"\0" * 100, dice.randbytes(50), data))


def _integer(data: bytes, dice: random.Random) -> bytes:
    """A binary integer of 1, 2, 4 or 8 bytes, little or big end first, at a place that is a multiple of its size."""
    size = dice.choice((1, 2, 4, 8))
    start = _span(data, dice)[0] // size * size
    number = dice.choice(INTEGERS) % 2 ** (8 * size)
    packed = struct.pack(dice.choice("<>") + {1: "B", 2: "H", 4: "I", 8: "Q"}[size], number)
    return data[:start] + packed + data[start + size :]


def _text_number(data: bytes, dice: random.Random) -> bytes:
    """A number written as text becomes another one."""
    found = list(_NUMBER.finditer(data[:200_000]))
    if not found:
        return _integer(data, dice)
    match = dice.choice(found)
    return data[: match.start()] + dice.choice(NUMBERS).encode() + data[match.end() :]


def _insert_text(data: bytes, dice: random.Random) -> bytes:
    place = _span(data, dice)[0]
    return data[:place] + dice.choice(TEXTS).encode() + data[place:]


def _swap_lines(data: bytes, dice: random.Random) -> bytes:
    lines = data.split(b"\n")
    first, second = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


_WAYS: Mapping[str, Callable[[bytes, random.Random], bytes]] = {
    "flip": _flip,
    "overwrite": _overwrite,
    "cut": _cut,
    "delete": _delete,
    "repeat": _repeat,
    "splice": _splice,
    "extend": _extend,
    "integer": _integer,
    "number": _text_number,
    "text": _insert_text,
    "lines": _swap_lines,
}
