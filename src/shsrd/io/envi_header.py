"""The text of an ENVI header: ``key = value`` lines, braces around lists, nothing thrown away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from shsrd.cube import SceneError

_LARGEST_HEADER = 64 * 2**20
_MOST_KEYS = 10_000


def read_header(path: Path) -> dict[str, str]:
    """Every key of an ENVI header with its value as written (braces and line breaks kept, ends stripped).

    Args:
        path: the ``.hdr`` file.

    Raises:
        SceneError: not an ENVI header, a brace that never closes, or a size no header has.
    """
    if path.stat().st_size > _LARGEST_HEADER:
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


def parse_header(text: str, *, source: str) -> dict[str, str]:
    """Keys and values of header text; the last of two equal keys (ignoring case) wins.

    Raises:
        SceneError: a brace that never closes, or more keys than any header has.
    """
    values: dict[str, str] = {}
    spelled: dict[str, str] = {}  # keys in lower case, to keys as written
    lines = iter(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    for line in lines:
        before, equals, after = line.partition("=")
        key, value = before.strip(), after.strip()
        if not equals or not key or key.startswith(";") or "{" in key or "}" in key:
            continue
        if value.startswith("{") and "}" not in value:
            value = _list_of_lines(value, lines, key=key, source=source)
        older = spelled.pop(key.lower(), None)
        if older is not None:
            del values[older]
        values[key], spelled[key.lower()] = value, key
    check_keys(values, source=source)
    return values


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
    if len(values) > _MOST_KEYS:
        raise SceneError(f"{source}: {len(values)} header keys, at most {_MOST_KEYS} are read; correct the header")


def lookup(values: Mapping[str, str], key: str) -> str | None:
    """The value of a key whatever its case (``data_ignore_value`` is ``data ignore value``), or None."""
    wanted = plain_key(key)
    return next((value for name, value in values.items() if plain_key(name) == wanted), None)


def plain_key(key: str) -> str:
    """A key in lower case with single spaces for underscores and runs of spaces."""
    return " ".join(key.lower().replace("_", " ").split())


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
    try:
        return int(text)
    except ValueError:
        raise SceneError(f"{source}: {key} = {text[:40]!r} is no whole number; correct the header") from None


def number(values: Mapping[str, str], key: str, *, source: str) -> float | None:
    """A number of the header, or None where the key is missing.

    Raises:
        SceneError: the key holds something else.
    """
    text = lookup(values, key)
    if text is None or not strip_braces(text):
        return None
    try:
        return float(strip_braces(text))
    except ValueError:
        raise SceneError(f"{source}: {key} = {text[:40]!r} is no number; correct the header") from None


def format_header(values: Mapping[str, str]) -> str:
    """Header text from keys and values that already carry their braces."""
    return "ENVI\n" + "".join(f"{key} = {value}\n" for key, value in values.items())
