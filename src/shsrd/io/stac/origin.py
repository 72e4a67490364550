"""Origin of a scene: a file, or a STAC item with more metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Origin:
    """Source of a result, as its STAC item names it.

    Attributes:
        href: absolute path, or address, of the source's item or file.
        file: the source itself.
        media_type: of what ``href`` names, where it is known.
        properties: of the source's own STAC item; empty without one.
    """

    href: str
    file: Path
    media_type: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


def origin_of_file(path: Path) -> Origin:
    """A scene of which nothing more is known than its file."""
    return Origin(str(path.resolve()), path)
