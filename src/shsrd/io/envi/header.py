"""The text of an ENVI header: ``key = value`` lines, braces around lists, nothing thrown away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from shsrd.cube import SceneError
from shsrd.cube.grid_keys import normalize_key

_MAX_HEADER_BYTES = 64 * 2**20
_MAX_KEYS = 10_000


def read_header(path: Path) -> Header:
    """Every key of an ENVI header with its value as written (braces and line breaks kept, ends stripped).

    Args:
        path: the ``.hdr`` file.

    Raises:
        SceneError: not an ENVI header, a brace that never closes, or a size no header has.
    """
    if path.stat().st_size > _MAX_HEADER_BYTES:
        raise SceneError(f"{path}: too large for an ENVI header; give the header that belongs to the image")
    raw = path.read_bytes()
    if not raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"ENVI") or b"\0" in raw:
        raise SceneError(f"{path}: not an ENVI header (its first line must be ENVI); give the right file")
    return parse_header(_decode(raw), source=str(path))


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


class Header(dict[str, str]):
    """Keys of an ENVI header with their values as written.

    Attributes:
        notes: a sentence for every key that the header gives twice with different values.
    """

    notes: tuple[str, ...] = ()


def parse_header(text: str, *, source: str) -> Header:
    """Keys and values of header text; the last of two equal keys (whatever their case) wins.

    A value may open on a line below its key, and go on after a line that ends with a comma.

    Raises:
        SceneError: a brace that never closes, or more keys than any header has.
    """
    values, notes = Header(), list[str]()
    spelled: dict[str, str] = {}  # keys in plain spelling, to keys as written
    lines = _Lines(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    for line in lines:
        if not _is_key(line):
            continue
        before, _, after = line.partition("=")
        key, value = before.strip(), _value(after.strip(), lines, key=before.strip(), source=source)
        older = spelled.pop(normalize_key(key), None)
        if older is not None:
            notes += _twice(key, values.pop(older), value)
        values[key], spelled[normalize_key(key)] = value, key
    check_keys(values, source=source)
    values.notes = tuple(notes)
    return values


def _twice(key: str, first: str, last: str) -> list[str]:
    """A note on two values of one key; nothing where they say the same."""
    if items(first) == items(last):
        return []
    return [f"{key[:40]!r} stands twice in the header ({first[:30]!r}, {last[:30]!r}); the last is used."]


class _Lines:
    """Lines one after the other; the next one can be looked at before it is taken."""

    def __init__(self, lines: list[str]) -> None:
        self._lines, self._at = lines, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._at >= len(self._lines):
            raise StopIteration
        self._at += 1
        return self._lines[self._at - 1]

    def coming(self) -> str:
        """The next line that is not blank, without taking it; empty at the end."""
        while self._at < len(self._lines) and not self._lines[self._at].strip():
            self._at += 1
        return self._lines[self._at].strip() if self._at < len(self._lines) else ""


def _is_key(line: str) -> bool:
    key, equals, _ = line.partition("=")
    key = key.strip()
    return bool(equals and key) and not key.startswith(";") and "{" not in key and "}" not in key


def _value(value: str, lines: _Lines, *, key: str, source: str) -> str:
    """The value that begins on the line of its key, or below it."""
    if not value:
        following = lines.coming()
        if following.startswith("{") or not (_is_key(following) or following.startswith(";")):
            value = next(lines).strip() if following else ""
    if value.startswith("{"):
        return value if "}" in value else _list_of_lines(value, lines, key=key, source=source)
    while value.endswith(","):
        following = lines.coming()
        if not following or _is_key(following) or following.startswith(";"):
            break
        value += "\n" + next(lines).strip()
    return value


def _list_of_lines(first: str, lines: Iterator[str], *, key: str, source: str) -> str:
    parts = [first]
    while "}" not in parts[-1]:
        following = next(lines, None)
        if following is None:
            raise SceneError(f"{source}: the list of {key[:60]!r} never closes; add the missing brace")
        parts.append(following)
    return "\n".join(parts).strip()


def check_keys(values: Mapping[str, str], *, source: str) -> None:
    """Refuse more keys than any header has; each is looked at many times.

    Raises:
        SceneError: there are too many.
    """
    if len(values) > _MAX_KEYS:
        raise SceneError(f"{source}: {len(values)} header keys, at most {_MAX_KEYS} are read; correct the header")


def lookup(values: Mapping[str, str], key: str) -> str | None:
    """The value of a key whatever its case (``data_ignore_value`` is ``data ignore value``), or None."""
    wanted = normalize_key(key)
    return next((value for name, value in values.items() if normalize_key(name) == wanted), None)


def strip_braces(value: str) -> str:
    """The inside of ``{...}``, or the value itself."""
    value = value.strip()
    if value.startswith("{"):
        value = value[1:].rsplit("}", 1)[0]
    return value.strip()


def items(value: str) -> list[str]:
    """The comma-separated items of a list value; an empty list has none."""
    parts = [part.strip() for part in strip_braces(value).split(",")]
    return parts[:-1] if parts and not parts[-1] else parts


def integer(values: Mapping[str, str], key: str, *, source: str, default: int | None = None) -> int:
    """A whole number of the header.

    Raises:
        SceneError: the key is missing (and has no default) or holds something else.
    """
    text = lookup(values, key)
    if text is None:
        if default is not None:
            return default
        raise SceneError(f"{source}: the header has no {key!r}; add the line '{key} = ...'")
    plain = strip_braces(text)
    try:
        return int(plain)
    except ValueError:
        pass
    try:
        value = float(plain)  # some write 0.0
    except ValueError:
        value = float("nan")
    if value.is_integer():
        return int(value)
    raise SceneError(f"{source}: {key} = {text[:40]!r} is no whole number; correct the header")


def numbers_of(texts: Iterable[str]) -> list[float] | None:
    """Numbers of texts, or None where one of them is none."""
    try:
        return [float(text) for text in texts]
    except ValueError:
        return None


def format_header(values: Mapping[str, str]) -> str:
    """Header text from keys and values that already carry their braces."""
    return "ENVI\n" + "".join(f"{key} = {value}\n" for key, value in values.items())
