"""``comparison_figure``: pictures, a detail, error maps and spectra of a super-resolved scene."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from shsrd.cube import Cube, SceneError
from shsrd.metrics import mpsnr, sam_deg
from shsrd.report.colour import rgb, stretch_of
from shsrd.report.points_of_interest import PixelIndex, max_gradient_window, representative_pixels

MARKER_COLOURS = ("#e4572e", "#2a9d8f", "#5b5bd6")  # one colour a pixel, told apart also without red and green
LINES = {
    "input": ("#9aa0a6", ":"),
    "bicubic": ("#e0a030", "--"),
    "ours": ("#1f5fbf", "-"),
    "truth": ("#202124", "-"),
}
DPI = 130
WIDE = 3.0  # inches a picture
Map = NDArray[np.float64]


def comparison_figure(
    path: Path,
    *,
    low: Cube,
    bicubic: Cube,
    ours: Cube,
    truth: Cube | None = None,
    uncertainty: NDArray[np.floating[Any]] | None = None,
) -> Path:
    """Draw input, bicubic, ours and truth side by side and save the figure.

    First row: colour pictures with one stretch. Second row: the window with the largest mean gradient. Third row: error
    maps (RMSE over good bands) on one colour scale if the truth is given, and the uncertainty if given. Last row:
    spectra of three pixels of different materials.

    Args:
        path: image file to write; its ending decides the format.
        low: input scene.
        bicubic: its bicubic enlargement.
        ours: its super-resolution, on the grid of ``bicubic``.
        truth: true scene, if it is known.
        uncertainty: standard deviation ``(y, x)`` or ``(band, y, x)``, drawn as a map.

    Returns:
        ``path``.

    Raises:
        SceneError: the grids do not fit each other.
    """
    scenes = {"input": low, "bicubic": bicubic, "ours": ours}
    if truth is not None:
        scenes["truth"] = truth
    _check(scenes)
    maps = _maps(scenes, uncertainty)
    figure, strips = _layout(ours, len(scenes), has_maps=bool(maps))
    spots = representative_pixels(truth or ours)
    _pictures(strips[0], strips[1], scenes, spots=spots)
    if maps:
        _draw_maps(strips[2], maps)
    _spectra(strips[-1], scenes, spots=spots)
    figure.savefig(path, dpi=DPI, facecolor="white")
    return path


def _layout(ours: Cube, pictures: int, *, has_maps: bool) -> tuple[Figure, list[SubFigure]]:
    """Empty figure and its rows, for a number of pictures side by side."""
    _, rows, columns = ours.shape
    tall = float(np.clip(WIDE * rows / columns, 1.0, 5.0)) + 0.35
    heights = [tall, WIDE + 0.1, *([tall] if has_maps else []), 2.6]
    figure = Figure(figsize=(WIDE * pictures + 0.3, sum(heights)), layout="constrained")
    return figure, list(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])


def _check(scenes: dict[str, Cube]) -> None:
    ours = scenes["ours"].shape
    for name, cube in scenes.items():
        if name != "input" and cube.shape != ours:
            raise SceneError(f"{name} has shape {cube.shape}, ours {ours}; compare scenes on one grid")
    bands, rows, columns = scenes["input"].shape
    if bands != ours[0] or ours[1] % rows or ours[2] % columns or ours[1] // rows != ours[2] // columns:
        raise SceneError(f"input {scenes['input'].shape} is no coarser version of {ours}; give the matching input")


def _pictures(whole: SubFigure, closer: SubFigure, scenes: dict[str, Cube], *, spots: list[PixelIndex]) -> None:
    """Draw the first two rows: whole scenes with marks, and the detail."""
    reference = scenes.get("truth", scenes["ours"])
    stretch = stretch_of(reference)
    _, rows, columns = reference.shape
    window = max_gradient_window(rgb(reference, stretch), max(24, min(rows, columns) // 4))
    for count, (name, cube) in enumerate(scenes.items(), 1):
        for strip in (whole, closer):
            axes = strip.add_subplot(1, len(scenes), count)
            axes.imshow(rgb(cube, stretch), extent=(0, columns, rows, 0), interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            if strip is whole:
                axes.set_title(_caption(name, cube, scenes.get("truth")), fontsize=9, loc="left")
                _mark(axes, window, spots)
            else:
                axes.set(xlim=(window[1].start, window[1].stop), ylim=(window[0].stop, window[0].start))


def _mark(axes: Any, window: tuple[slice, slice], spots: list[PixelIndex]) -> None:
    """Draw a frame around the detail, and a ring around each pixel whose spectrum is shown."""
    size = (window[1].stop - window[1].start, window[0].stop - window[0].start)
    axes.add_patch(Rectangle((window[1].start, window[0].start), *size, fill=False, ec="white", lw=1.4))
    for (row, column), colour in zip(spots, MARKER_COLOURS, strict=False):
        for ink, width in (("white", 2.8), (colour, 1.5)):
            axes.plot(column + 0.5, row + 0.5, "o", ms=6, mfc="none", mec=ink, mew=width)


def _caption(name: str, cube: Cube, truth: Cube | None) -> str:
    """Name with size, or with MPSNR and SAM over good bands; the range is 1, or the truth's maximum if larger."""
    _, rows, columns = cube.shape
    if truth is None or name in ("input", "truth"):
        return f"{name}  {columns} × {rows}"
    good = truth.usable_bands
    estimate, reference = cube.pixels[good], truth.pixels[good]
    peak = max(1.0, float(np.nanmax(reference)))
    psnr = mpsnr(estimate, reference, data_range=peak)
    return f"{name}  {psnr:.2f} dB  {sam_deg(estimate, reference):.2f}°"


def _maps(scenes: dict[str, Cube], uncertainty: NDArray[np.floating[Any]] | None) -> dict[str, Map]:
    """Maps of the third row by title; empty without truth and uncertainty."""
    maps = {}
    if truth := scenes.get("truth"):
        for name in ("bicubic", "ours"):
            maps[f"error, {name}"] = error_map(scenes[name], truth)
    if uncertainty is not None:
        std = np.asarray(uncertainty, np.float64)
        maps["uncertainty"] = std if std.ndim == 2 else _over_bands(std)
    return maps


def error_map(estimate: Cube, truth: Cube) -> Map:
    """Root mean square error over the good bands of each pixel, ``(y, x)``; NaN without a valid band."""
    good = truth.usable_bands
    difference = estimate.pixels[good].astype(np.float64) - truth.pixels[good]
    return _over_bands(difference)


def _over_bands(values: Map) -> Map:
    """Root mean square over the finite bands of ``(band, y, x)``, as ``(y, x)``; NaN without any."""
    known = np.isfinite(values)
    total, count = (np.where(known, values, 0) ** 2).sum(axis=0), known.sum(axis=0)
    mean: Map = np.where(count > 0, np.sqrt(total / np.maximum(count, 1)), np.nan)
    return mean


def _draw_maps(strip: SubFigure, maps: dict[str, Map]) -> None:
    errors = [values[np.isfinite(values)] for name, values in maps.items() if name != "uncertainty"]
    top = max((float(np.quantile(values, 0.99)) for values in errors if values.size), default=1.0) or 1.0
    for count, (name, values) in enumerate(maps.items(), 1):
        axes = strip.add_subplot(1, len(maps), count)
        own = name == "uncertainty"
        limit, colours = (None, "viridis") if own else (top, "magma")
        drawn = axes.imshow(values, cmap=colours, vmin=0, vmax=limit, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_title(name, fontsize=9, loc="left")
        bar = strip.colorbar(drawn, ax=axes, fraction=0.045, pad=0.02)
        bar.ax.tick_params(labelsize=7)
        bar.set_label("standard deviation" if own else "RMSE over bands", fontsize=7)


def _spectra(strip: SubFigure, scenes: dict[str, Cube], *, spots: list[PixelIndex]) -> None:
    """Draw the last row: spectra of every scene at the marked pixels, with gaps at bad bands."""
    ours = scenes["ours"]
    s = ours.shape[1] // scenes["input"].shape[1]
    lam = np.arange(ours.shape[0]) if ours.wavelength_nm is None else ours.wavelength_nm
    order = np.argsort(lam)
    for count, ((row, column), colour) in enumerate(zip(spots, MARKER_COLOURS, strict=False), 1):
        axes = strip.add_subplot(1, len(MARKER_COLOURS), count)
        for name, cube in scenes.items():
            y, x = (row // s, column // s) if name == "input" else (row, column)
            values = np.where(ours.good_bands, cube.pixels[:, y, x], np.nan)
            ink, dash = LINES[name]
            width = 1.9 if name == "ours" else 1.1
            axes.plot(lam[order], values[order], dash, color=ink, lw=width, label=name)
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.set_title(f"● row {row}, column {column}", fontsize=8, loc="left", color=colour)
        axes.set_xlabel("band" if ours.wavelength_nm is None else "wavelength, nm", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    if strip.axes:
        strip.axes[0].set_ylabel("pixel value", fontsize=8)
        lines, names = strip.axes[0].get_legend_handles_labels()
        strip.legend(lines, names, fontsize=8, frameon=False, ncols=len(names), loc="outside lower center")
