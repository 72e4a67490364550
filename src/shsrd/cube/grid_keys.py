"""Header keys that count pixels of a grid: counted anew for another grid, or dropped with a note."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SIZES = {  # sides of a pixel in units of the ground
    *("pixel size", "pixelsize", "pixel size x", "pixel size y", "pixelsize x", "pixelsize y", "x pixel size"),
    *("y pixel size", "xpixelsize", "ypixelsize", "pixel resolution", "spatial resolution", "spatialresolution"),
    *("ground sample distance", "ground sampling distance", "gsd", "ground resolution", "cell size", "cellsize"),
    *("geospatial lat resolution", "geospatial lon resolution", "geospatial x resolution", "geospatial y resolution"),
}
_STARTS = {"x start": "column", "y start": "row", "xstart": "column", "ystart": "row"}  # 1 is the first pixel
_LAYOUT = {"major frame offsets", "minor frame offsets"}  # of the bytes in the old file
_LOST = {
    *("geo points", "rpc info", "read procedures", "autodarkstartline", "line off", "samp off", "line scale"),
    *("samp scale", "rpc line off", "rpc samp off", "rpc line scale", "rpc samp scale", "sample off", "sample scale"),
    *("line offset", "sample offset", "tile row offset", "tile col offset"),
}
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def normalize_key(key: str) -> str:
    """A key in lower case with single spaces for underscores and runs of spaces."""
    return " ".join(key.lower().replace("_", " ").split())


@dataclass(frozen=True)
class Grid:
    """Another grid as seen from the old one; attributes as the arguments of ``SceneMetadata.on_grid``."""

    pixel: float
    row: float
    column: float

    @property
    def is_identity(self) -> bool:
        """Return True if it is the old grid."""
        return self.pixel == 1 and self.row == 0 and self.column == 0


def regridded_headers(headers: Mapping[str, str], grid: Grid) -> tuple[dict[str, str], tuple[str, ...]]:
    """Header keys for another grid, and a note for each that had to be dropped.

    Args:
        headers: keys as in an ENVI header, in any spelling.
        grid: the new one.
    """
    if grid.is_identity:
        return dict(headers), ()
    kept, notes = {}, []
    for key, text in headers.items():
        moved = _moved(normalize_key(key), text, grid)
        if moved is not None:
            kept[key] = moved
        elif normalize_key(key) not in _LAYOUT:
            notes.append(f"{key[:40]!r} counts pixels of the old grid and is left out.")
    return kept, tuple(notes)


def _moved(name: str, text: str, grid: Grid) -> str | None:
    """The value of a key on the new grid, or None where it cannot be told."""
    if name in _LOST or name in _LAYOUT:
        return None
    if name in _SIZES:
        return _scaled(text, grid.pixel)
    if name in _STARTS:
        return _started(text, first=getattr(grid, _STARTS[name]), pixel=grid.pixel)
    return _placed(text, grid) if name == "map info" else text


def _scaled(text: str, factor: float) -> str | None:
    """A text with the first number of each item multiplied; None where there is none."""
    parts, found = text.split(","), 0
    for at, part in enumerate(parts):
        match = _NUMBER.search(part)
        if match and not re.search(r"[A-Za-z=]", part[: match.start()]):
            parts[at] = f"{part[: match.start()]}{float(match[0]) * factor:.15g}{part[match.end() :]}"
            found += 1
    return ",".join(parts) if found else None


def _started(text: str, *, first: float, pixel: float) -> str | None:
    try:
        old = float(text.strip().strip("{}"))
    except ValueError:
        return None
    return f"{(old - 1 + first) / pixel + 1:.15g}"


def _placed(text: str, grid: Grid) -> str | None:
    """``map info`` with another reference pixel and pixel size; its other words stay."""
    parts = [part.strip() for part in text.strip().strip("{}").split(",")]
    if (grid.row or grid.column) and "rotation" in text.lower():
        return None  # the writers make it again from the transform
    try:
        column, row, _, _, dx, dy = (float(part) for part in parts[1:7])
    except ValueError:
        return None
    reference = ((column - 1 - grid.column) / grid.pixel + 1, (row - 1 - grid.row) / grid.pixel + 1)
    moved = [*map(repr, reference), *parts[3:5], repr(dx * grid.pixel), repr(dy * grid.pixel)]
    return "{" + ", ".join([parts[0], *moved, *parts[7:]]) + "}"
