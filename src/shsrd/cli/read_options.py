"""Command-line options for reading a scene, shared by all commands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

from shsrd.cli.console import log, option

if TYPE_CHECKING:
    from shsrd.cube import Cube


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """Hints for reading the file, and the part of it to use.

    Attributes:
        variable: name or path of the array, where a file has several.
        wavelengths: name or path of the list of wavelengths inside the file.
        axes: order of the array's axes, where the file does not tell: an order of the letters b (bands), y (rows) and
            x (columns), such as yxb.
        nodata: the stored number that means "no data", whatever the file says; none where no number does.
        bands: numbers counted from 1, ranges and wavelengths: 7 or 5-20 or 450-900nm or 1-20,650nm,2000-2300nm.
        window: column and row of the upper-left pixel, counted from 0, then width and height, as GDAL's -srcwin and
            rasterio's Window have them: 0,0,64,64.
        strict: refuse a scene about which something was guessed, dropped or contradictory (the notes of `shsrd info`).
    """

    variable: Annotated[str | None, option("NAME", aliases=["--dataset"])] = None
    wavelengths: Annotated[str | None, option("NAME")] = None
    axes: Annotated[str | None, option("ORDER")] = None
    nodata: Annotated[str | None, option("NUMBER")] = None
    bands: Annotated[str | None, option("LIST")] = None
    window: Annotated[str | None, option("COLUMN,ROW,WIDTH,HEIGHT")] = None
    strict: Annotated[bool, option()] = False

    def opening(self) -> dict[str, Any]:
        """Arguments of ``open_source`` and ``open_cube``: those that were given."""
        given = {name.name: getattr(self, name.name) for name in fields(self)}
        return {name: value for name, value in given.items() if value not in (None, False)}


def log_notes(notes: Iterable[str], *, of: str | None = None) -> None:
    """Say each note of a scene once, on stderr.

    Args:
        notes: sentences.
        of: the scene, where a command reads several.
    """
    for note in notes:
        log(f"note: {note}" if of is None else f"note: {of}: {note}")


def log_scene_notes(scene: Cube, *, of: str | None = None) -> Cube:
    """The scene, after its notes were said."""
    log_notes(scene.notes, of=of)
    return scene
