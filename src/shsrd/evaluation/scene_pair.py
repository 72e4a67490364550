"""``open_pair``: open an estimate and its reference with the same options."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from shsrd.cube import Cube, SceneError, Source, read_cube
from shsrd.io import open_source
from shsrd.io.format_readers import UnusedOptionError
from shsrd.io.selection import subset_source
from shsrd.io.selection_syntax import Window, format_bands, parse_window, resolve_bands

_HINTS = ("variable", "dataset", "wavelengths", "axes")


def open_pair(estimate: Path, reference: Path, scale: int, opening: Mapping[str, Any]) -> tuple[Cube, Cube]:
    """Open both scenes with the same options of ``open_source``.

    What names an array or its axes holds for each of the two whose file takes it. A no-data value is the estimate's too
    where that has none of its own. Bands and window are cut from both, and from the reference alone where the estimate
    has just their size.

    Args:
        estimate: file of the super-resolved scene.
        reference: file of the truth.
        scale: factor; a window's size is taken down to its next multiple.
        opening: further arguments of ``open_source``.

    Raises:
        SceneError: one of the two cannot be opened so.
    """
    asked = dict(opening)
    window, bands = asked.pop("window", None), asked.pop("bands", None)
    plain = {key: value for key, value in asked.items() if key != "nodata"}
    with ExitStack() as stack:
        ours, taken = _opened(estimate, plain, SceneError)
        stack.callback(ours.close)
        truth, _ = _opened(reference, asked, UnusedOptionError if plain.keys() == taken.keys() else ())
        stack.callback(truth.close)
        if "nodata" in asked and ours.metadata.storage.nodata is None:
            ours = open_source(estimate, **taken, nodata=asked["nodata"])
            stack.callback(ours.close)
        part = None if window is None else _round_down(parse_window(window), scale)
        words = None if bands is None else format_bands(bands)
        cut = read_cube(subset_source(truth, bands=words, window=part))
        if part is not None and ours.metadata.shape[1:] == (part[3], part[2]):
            part = None
        if (
            words is not None
            and ours.metadata.shape[0] == len(resolve_bands(words, truth.metadata)) < truth.metadata.shape[0]
        ):
            words = None
        return read_cube(subset_source(ours, bands=words, window=part)), cut


def _round_down(window: Window, scale: int) -> Window:
    column, row, width, height = window
    if scale < 2 or min(width, height) < scale:
        raise SceneError(f"--window {width} x {height} pixels are too few for --scale {scale}; give a larger window")
    return column, row, width // scale * scale, height // scale * scale


def _opened(path: Path, asked: dict[str, Any], lenient: type[SceneError] | tuple[()]) -> tuple[Source, dict[str, Any]]:
    """A scene and the options that its file took: after a lenient error all but the hints."""
    try:
        return open_source(path, **asked), asked
    except lenient:
        taken = {key: value for key, value in asked.items() if key not in _HINTS}
        return open_source(path, **taken), taken
