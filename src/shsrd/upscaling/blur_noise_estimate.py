"""Blur and noise of a scene, estimated from a sample of its pixels; no more than nine windows are read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Source
from shsrd.degradation.edge_width import PsfEstimate, edge_width
from shsrd.degradation.edges import HALF, Edges, detect_edges
from shsrd.spectral import SceneStatistics
from shsrd.upscaling.noise_estimate import MIN_NOISE_RATIO, estimate_noise_std
from shsrd.upscaling.tiles import Window, filled_with

WHOLE = 256  # pixels on a side: smaller scenes are read whole
WINDOW, ACROSS = 96, 3  # side of the windows of larger ones, and how many there are in a row and in a column
COMPONENTS = 2  # leading noise-adjusted components that are searched for edges
SIGNAL = 4.0  # variance of a component in units of its noise's, below which it shows no edges
MOST_EDGES, FEWEST_EDGES = 400, 60  # that are looked at: of a component, and of a window
MISSING = 0.05  # share of the bands; a pixel where more are missing is near no edge that counts
ENOUGH = 1.5  # differences of pixels for each band, from which noise is told
FAR = 10.0  # ordinary ranges away from the ordinary values: no measurement
Block = NDArray[np.float32]
Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BlurNoiseEstimate:
    """Blur and noise of a scene.

    Attributes:
        width: point spread function, blur of the scene included; None where the scene does not tell.
        edges: number of edges that were found.
        bands: numbers of the bands that were looked at.
        snr_db: their root mean square over the standard deviation of their noise, dB; empty where there are too few
            pixels for so many bands.
    """

    width: PsfEstimate | None
    edges: int
    bands: NDArray[np.intp]
    snr_db: Vector


def estimate_blur_noise(source: Source) -> BlurNoiseEstimate:
    """Estimate blur and noise of a scene.

    Raises:
        SceneError: pixels that cannot be read.
    """
    _, rows, columns = source.metadata.shape
    windows = _windows(rows, columns)
    parts = [_plausible(source.read(*window.slices)) for window in windows]
    finite = np.isfinite(values := _side_by_side(parts))
    lowest = np.min(values, axis=1, initial=np.inf, where=finite)
    highest = np.max(values, axis=1, initial=-np.inf, where=finite)
    bands = np.flatnonzero(source.metadata.good_bands & (lowest < highest))
    if not bands.size:
        return BlurNoiseEstimate(None, 0, bands, np.zeros(0))
    parts = [part[bands] for part in parts]
    statistics = _statistics(parts)
    std = np.sqrt(np.maximum(np.diag(statistics.covariance), 0))
    noise = np.maximum(estimate_noise_std(statistics), MIN_NOISE_RATIO * np.maximum(std, 1e-30))
    snr_db = 20 * np.log10(np.maximum(np.hypot(statistics.mean, std), 1e-300) / noise)
    if statistics.differences < ENOUGH * len(bands):
        snr_db = np.zeros(0)
    edges = _edges(parts, windows, statistics, noise)
    return BlurNoiseEstimate(edge_width(edges), len(edges), bands, snr_db)


def _windows(rows: int, columns: int) -> list[Window]:
    """The whole scene, or windows spread evenly over it."""
    if max(rows, columns) <= WHOLE:
        return [Window(0, 0, rows, columns)]
    starts = [
        np.unique(np.linspace(0, max(size - WINDOW, 0), ACROSS).round().astype(int)).tolist()
        for size in (rows, columns)
    ]
    return [Window(row, column, WINDOW, WINDOW).clipped(rows, columns) for row in starts[0] for column in starts[1]]


def _side_by_side(parts: list[Block]) -> Block:
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _plausible(part: Block) -> Block:
    """Pixels without those far from all others of their band, which become NaN."""
    values = part.reshape(len(part), -1)[:, :: max(1, part[0].size // 4096)]
    with np.errstate(all="ignore"):
        ordinary = np.where(np.isfinite(values).any(axis=1, keepdims=True), values, 0)
        low, high = np.asarray(np.nanpercentile(ordinary, (1, 99), axis=1))[:, :, None, None]
        reach = FAR * (high - low)
        return np.where((part >= low - reach) & (part <= high + reach), part, np.float32(np.nan)).astype(np.float32)


def _statistics(parts: list[Block]) -> SceneStatistics:
    """Of pixels valid in every band; of filled ones where those are few."""
    statistics = SceneStatistics(len(parts[0]))
    for part in parts:
        statistics.add(part)
    if statistics.count < sum(part[0].size for part in parts) / 10:
        statistics = SceneStatistics(len(parts[0]))
        for part in parts:
            statistics.add(filled_with(part, np.zeros(len(part), np.float32)))
    return statistics


def _edges(parts: list[Block], windows: list[Window], statistics: SceneStatistics, noise: Vector) -> Edges:
    """Edges of the leading noise-adjusted components, by their place in the scene."""
    variance, basis = np.linalg.eigh(statistics.covariance / np.outer(noise, noise))
    leading = basis[:, -1 : -COMPONENTS - 1 : -1][:, variance[: -COMPONENTS - 1 : -1] > SIGNAL]
    found = list[Edges]()
    most = max(FEWEST_EDGES, MOST_EDGES // len(parts))
    for part, window in zip(parts, windows, strict=True):
        missing = _near_missing(part)
        filled = filled_with(part, statistics.mean.astype(np.float32))
        units = (filled - statistics.mean[:, None, None]) / noise[:, None, None]
        for image in np.tensordot(leading.T, units, 1):
            edges = detect_edges(image, most)
            found.append(edges.only(~missing[edges.row, edges.column]).moved(window.row, window.column))
    return Edges.joined(found)


def _near_missing(part: Block) -> NDArray[np.bool_]:
    """Pixels ``(y, x)`` whose surroundings have missing values in more than a few bands."""
    from scipy.ndimage import maximum_filter

    missing = np.asarray(np.mean(~np.isfinite(part), axis=0) > MISSING)
    return np.asarray(maximum_filter(missing, 2 * HALF + 1))
