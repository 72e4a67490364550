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
    """Read an estimate and its reference with the same options of ``open_source``.

    Options that locate an array or its axes apply to each file that accepts them. A no-data value applies to the
    estimate only if its file has none. Bands and window are cut from both, or from the reference alone if the estimate
    already has their number or size.

    Args:
        estimate: file of the super-resolved scene.
        reference: file of the true scene.
        scale: super-resolution factor; a window's size is rounded down to a multiple of it.
        opening: further arguments of ``open_source``.

    Raises:
        SceneError: one of the two cannot be opened with these options.
    """
    options = dict(opening)
    window_text, band_text = options.pop("window", None), options.pop("bands", None)
    without_nodata = {key: value for key, value in options.items() if key != "nodata"}
    with ExitStack() as stack:
        ours, accepted = _open_leniently(estimate, without_nodata, SceneError)
        stack.callback(ours.close)
        lenient = UnusedOptionError if without_nodata.keys() == accepted.keys() else ()
        truth, _ = _open_leniently(reference, options, lenient)
        stack.callback(truth.close)
        if "nodata" in options and ours.metadata.storage.nodata is None:
            ours = open_source(estimate, **accepted, nodata=options["nodata"])
            stack.callback(ours.close)
        window = None if window_text is None else _round_down(parse_window(window_text), scale)
        bands = None if band_text is None else format_bands(band_text)
        cut = read_cube(subset_source(truth, bands=bands, window=window))
        if window is not None and ours.metadata.shape[1:] == (window[3], window[2]):
            window = None
        if bands is not None and _has_these_bands(ours, truth, bands):
            bands = None
        return read_cube(subset_source(ours, bands=bands, window=window)), cut


def _has_these_bands(ours: Source, truth: Source, bands: str) -> bool:
    """True if the estimate has as many bands as are cut from a reference with more."""
    return ours.metadata.shape[0] == len(resolve_bands(bands, truth.metadata)) < truth.metadata.shape[0]


def _round_down(window: Window, scale: int) -> Window:
    column, row, width, height = window
    if scale < 2 or min(width, height) < scale:
        raise SceneError(f"--window {width} x {height} pixels are too few for --scale {scale}; give a larger window")
    return column, row, width // scale * scale, height // scale * scale


def _open_leniently(
    path: Path, options: dict[str, Any], lenient: type[SceneError] | tuple[()]
) -> tuple[Source, dict[str, Any]]:
    """Scene and the options that its file accepted; after an error of type ``lenient``, without the hints."""
    try:
        return open_source(path, **options), options
    except lenient:
        accepted = {key: value for key, value in options.items() if key not in _HINTS}
        return open_source(path, **accepted), accepted
