"""Acquisition time of a scene by its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

_START = (  # header keys, in lower case with underscores; the first found counts
    "acquisition_time", "acquisition_datetime", "acquisition_date", "datetime", "start_datetime",
    "product_starttime", "time_coverage_start", "starttime", "start_time",
)  # fmt: skip
_END = ("end_datetime", "product_stoptime", "time_coverage_end", "stoptime", "endtime", "stop_time", "end_time")
_MIN_LENGTH = len("20200101")


def acquisition_period(headers: Mapping[str, str]) -> tuple[datetime, datetime | None, str] | None:
    """Start, end (or None) and the name of the key that told it; None where no header tells.

    Only dates as in ISO 8601 count; one without a time zone is taken for UTC.

    Args:
        headers: header keys of a scene, as ``SceneMetadata.headers`` holds them.
    """
    plain = {key.strip().lower().replace(" ", "_"): key for key in headers}
    for name in _START:
        start = parse_time(headers[plain[name]]) if name in plain else None
        if start is not None:
            ends = (parse_time(headers[plain[other]]) for other in _END if other in plain)
            return start, next((end for end in ends if end is not None and end >= start), None), plain[name]
    return None


def modification_time(path: Path) -> datetime:
    """Time of the last change of a file."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def parse_time(text: str) -> datetime | None:
    """Time of a text in ISO 8601, in UTC; None for any other text. Times without a zone are taken for UTC."""
    plain = text.strip().strip("{}").strip()
    if len(plain) < _MIN_LENGTH:
        return None
    try:
        found = datetime.fromisoformat(plain)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
