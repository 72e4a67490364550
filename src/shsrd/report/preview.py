"""``preview``: picture of input, bicubic and result side by side, for scenes of any size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from shsrd.cube import Cube, SceneError, SceneMetadata, Source, fill_nodata
from shsrd.degradation import bicubic_up
from shsrd.io.atomic_write import replacing
from shsrd.report.colour import Stretch, rgb, rgb_bands, stretch_between
from shsrd.report.scale_bar import format_length, ground_sample_distance_m, scale_bar_m

SIDE = 128  # low-resolution pixels that are shown at most
_REACH = 3  # low-resolution pixels that bicubic interpolation looks at beyond them
_ROWS = 64  # of the result that are read together: a read gives all bands
_WIDE = 4.6  # inches a picture
_DPI = 150
Planes = NDArray[np.float32]


class _Window(NamedTuple):
    """Rows and columns of a part of the input."""

    rows: slice
    columns: slice


def check_preview(path: Path, *, overwrite: bool, others: Sequence[Path] = ()) -> None:
    """Refuse a path that a preview cannot be written to.

    Args:
        path: of the picture.
        overwrite: replace an existing one.
        others: files that the run reads or writes.

    Raises:
        SceneError: another ending than .png, a missing folder, or an existing file that must not be replaced.
    """
    if path.suffix.lower() != ".png":
        raise SceneError(f"{path}: a preview is a PNG picture; give --preview a name ending in .png")
    if not path.parent.is_dir():
        raise SceneError(f"{path}: the folder {path.parent} does not exist; create it first")
    if path.is_dir() or path.resolve() in {other.resolve() for other in others}:
        raise SceneError(f"{path}: this is no name for a preview; choose another")
    if path.exists() and not overwrite:
        raise SceneError(f"{path}: exists already; choose another name or allow overwriting (--overwrite)")


def preview(path: Path, low: Source, fine: Source, *, title: str = "shsrd") -> Path:
    """Draw input, bicubic enlargement and result of the same part of a scene, with one stretch.

    Colours are true, or false without bands in the visible range. Of scenes longer than ``SIDE`` low-resolution pixels
    only a part is read and shown: the middle, or one with more valid pixels.

    Args:
        path: PNG file to write or replace.
        low: input.
        fine: result, on a grid that is an integer factor finer.
        title: of the result.

    Returns:
        ``path``.

    Raises:
        SceneError: the grids do not fit each other, or the picture cannot be written.
    """
    metadata, scale = low.metadata, _scale(low.metadata, fine.metadata)
    window = _chosen(low)
    shown = Cube.of(low.read(*window), metadata.subset(*window))
    bands, true_colour = rgb_bands(shown)
    chosen = list(bands)
    pictures = {
        "input": shown.pixels[chosen],
        f"bicubic ×{scale}": _bicubic(low, window, chosen, scale),
        f"{title} ×{scale}": _result(fine, window, chosen, scale),
    }
    stretch = stretch_between(list(pictures.values())[-1], true_colour=true_colour)
    figure = _drawn(pictures, stretch, ground_sample_distance_m(shown.metadata))
    figure.suptitle(_caption(metadata, window, bands, true_colour=true_colour), fontsize=9)
    with replacing(path) as (part,):
        figure.savefig(part, dpi=_DPI, facecolor="white", format="png", metadata={"Software": None})
    return path


def _scale(low: SceneMetadata, fine: SceneMetadata) -> int:
    scale = fine.shape[1] // low.shape[1]
    if fine.shape != (low.shape[0], scale * low.shape[1], scale * low.shape[2]) or scale < 1:
        raise SceneError(f"{fine.source}: shape {fine.shape} is no finer grid of {low.source} {low.shape}")
    return scale


def _chosen(low: Source) -> _Window:
    """Window in the middle of the scene, or that of nine with most data if less than half of the middle has any."""
    _, rows, columns = low.metadata.shape
    windows = [_Window(y, x) for y in _thirds(rows) for x in _thirds(columns)]
    shares = []
    for window in windows:
        shares.append(float(np.isfinite(low.read(*window)).any(axis=0).mean()))
        if shares[0] >= 0.5:
            break
    return windows[int(np.argmax(shares))]


def _thirds(extent: int) -> list[slice]:
    """Middle, first and last ``SIDE`` pixels of an axis."""
    length = min(SIDE, extent)
    return [slice(start, start + length) for start in dict.fromkeys(((extent - length) // 2, 0, extent - length))]


def _bicubic(low: Source, window: _Window, bands: list[int], scale: int) -> Planes:
    """Bicubic enlargement ``(b, s y, s x)``, with the no-data of the input."""
    wide, cut = zip(
        *(_around(part, size) for part, size in zip(window, low.metadata.shape[1:], strict=True)), strict=True
    )
    planes = np.ascontiguousarray(low.read(*wide)[bands])
    large = bicubic_up(torch.from_numpy(fill_nodata(planes)), scale).numpy()
    large[np.isnan(planes).repeat(scale, axis=1).repeat(scale, axis=2)] = np.nan
    rows, columns = (slice(before * scale, (before + part.stop - part.start) * scale)
                     for before, part in zip(cut, window, strict=True))  # fmt: skip
    return np.asarray(large[:, rows, columns], np.float32)


def _around(part: slice, extent: int) -> tuple[slice, int]:
    """Slice of an axis widened by the reach of interpolation, and the number of pixels added before it."""
    start = max(0, part.start - _REACH)
    return slice(start, min(extent, part.stop + _REACH)), part.start - start


def _result(fine: Source, window: _Window, bands: list[int], scale: int) -> Planes:
    rows, columns = (slice(part.start * scale, part.stop * scale) for part in window)
    tops = range(rows.start, rows.stop, _ROWS)
    return np.concatenate([fine.read(slice(top, min(top + _ROWS, rows.stop)), columns)[bands] for top in tops], axis=1)


def _drawn(pictures: dict[str, Planes], stretch: Stretch, pixel_m: float | None) -> Figure:
    _, rows, columns = next(iter(pictures.values())).shape
    tall = float(np.clip(_WIDE * rows / columns, 1.2, 10.0))
    figure = Figure(figsize=(_WIDE * len(pictures), tall + 0.7), layout="constrained")
    for count, (name, planes) in enumerate(pictures.items(), 1):
        axes = figure.add_subplot(1, len(pictures), count)
        axes.imshow(rgb(Cube(planes), stretch), extent=(0, columns, rows, 0), interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"{name}   {planes.shape[2]} × {planes.shape[1]} pixels", fontsize=9, loc="left")
        if pixel_m is not None and count == len(pictures):
            _draw_scale_bar(axes, rows, columns, pixel_m)
    return figure


def _draw_scale_bar(axes: Any, rows: int, columns: int, pixel_m: float) -> None:
    """Draw a scale bar in the lower left corner."""
    length = scale_bar_m(columns * pixel_m)
    x, y, across = 0.04 * columns, 0.95 * rows, length / pixel_m
    for ink, width in (("black", 5), ("white", 2.5)):
        axes.plot([x, x + across], [y, y], color=ink, lw=width, solid_capstyle="butt")
    box = {"facecolor": "black", "alpha": 0.5, "pad": 1.5, "edgecolor": "none"}
    axes.text(x, y - 0.03 * rows, format_length(length), color="white", fontsize=8, va="bottom", bbox=box)
    axes.set(xlim=(0, columns), ylim=(rows, 0))


def _caption(metadata: SceneMetadata, window: _Window, bands: tuple[int, int, int], *, true_colour: bool) -> str:
    nm = metadata.wavelength_nm
    names = [f"band {band + 1}" if nm is None else f"{nm[band]:.0f} nm" for band in bands]
    words = f"{'true' if true_colour else 'false'} colour ({', '.join(names)})"
    _, rows, columns = metadata.shape
    if (window.rows.stop - window.rows.start, window.columns.stop - window.columns.start) == (rows, columns):
        return words
    return (
        f"{words}; rows {window.rows.start}–{window.rows.stop} of {rows}, "
        f"columns {window.columns.start}–{window.columns.stop} of {columns}"
    )
