"""Edges of an image, each fitted by a blurred step: how sharp an image is shows where it changes most abruptly.

A straight edge between two even surfaces, seen through a Gaussian point spread function of covariance
``diag(sy^2, sx^2)``, is along its normal ``(ny, nx)`` the step

    I(u) = a + b Phi((u - d) / w),    w^2 = ny^2 sy^2 + nx^2 sx^2,    Phi the normal distribution,

whatever its direction (the slanted edge of ISO 12233, at any angle). Surfaces are not even: a plane is fitted too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

REACH = 3.0  # pixels across the edge, on each side, that are fitted
SIDE = 1.5  # pixels along the edge, on each side
HALF = 4  # of the square that holds them
APART = 2  # pixels, at least one more lies between two edges
STEPS = 25  # of Levenberg and Marquardt
MAX_FIT_RESIDUAL = 0.06  # of an edge's height: a larger residual is no single straight edge
MAX_WIDTH_ERROR = 0.15  # of an edge's width: a larger error tells nothing
LEAST, MOST = 0.15, 2.0  # pixels: standard deviations that can be told from 7 pixels

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Edges:
    """Widths of edges; every array has one entry an edge.

    Attributes:
        row: of the pixel nearest to each.
        column: of the same.
        along_y: share ``ny^2`` of the normal that points along y.
        width: standard deviation ``w`` of the blur across the edge, pixels.
        error: standard error of ``width``.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    along_y: Values
    width: Values
    error: Values

    def __len__(self) -> int:
        return len(self.width)

    def only(self, chosen: NDArray[np.bool_]) -> Edges:
        """Some of them."""
        return Edges(
            self.row[chosen], self.column[chosen], self.along_y[chosen], self.width[chosen], self.error[chosen]
        )

    def moved(self, rows: int, columns: int) -> Edges:
        """The same edges in an image that has so many more rows and columns before them."""
        return replace(self, row=self.row + rows, column=self.column + columns)

    @classmethod
    def joined(cls, parts: list[Edges]) -> Edges:
        """All edges of several images."""
        none = np.zeros(0)
        lists = [(p.row, p.column, p.along_y, p.width, p.error) for p in parts]
        joined = [np.concatenate(values) for values in zip(*lists, strict=True)] or [none] * 5
        return cls(joined[0].astype(np.int64), joined[1].astype(np.int64), *joined[2:])


def detect_edges(image: Values, most: int = 400) -> Edges:
    """The straight, lone edges of an image ``(y, x)`` without missing pixels.

    Args:
        image: what is looked at.
        most: edges that are fitted at most, the strongest ones.
    """
    found = _gradient_peaks(np.asarray(image, np.float64), most)
    return _fit_steps(np.asarray(image, np.float64), *found) if len(found[0]) else Edges.joined([])


def _gradient_peaks(image: Values, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Values]:
    """Rows, columns and angles of the normal where the gradient is largest along itself, steepest first."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    down, right = (gaussian_filter(image, 0.7, order=order) for order in ((1, 0), (0, 1)))
    steepness = np.hypot(down, right)
    unit = np.stack([down, right]) / np.maximum(steepness, 1e-300)
    here = np.indices(image.shape).astype(np.float64)
    beside = (map_coordinates(steepness, here + side * unit, order=1, mode="nearest") for side in (1, -1))
    peak = (steepness >= np.maximum(*beside)) & (steepness > 0)
    peak[: HALF + 1] = peak[-HALF - 1 :] = peak[:, : HALF + 1] = peak[:, -HALF - 1 :] = False
    rows, columns = np.nonzero(peak)
    taken, kept = np.zeros(image.shape, bool), list[int]()
    for number in np.argsort(-steepness[rows, columns], kind="stable"):
        row, column = rows[number], columns[number]
        if not taken[row, column]:
            taken[max(row - APART, 0) : row + APART + 1, max(column - APART, 0) : column + APART + 1] = True
            kept.append(number)
        if len(kept) == most:
            break
    rows, columns = rows[kept], columns[kept]
    return rows, columns, np.arctan2(down[rows, columns], right[rows, columns])


class _StepModel:
    """Squares around edges, and the model of a step: ``a + b Phi + c t + e u`` along the normal u and the edge t.

    Parameters ``(n, 7)`` are a, b, c, e, angle of the normal, place d, logarithm of the width.
    """

    def __init__(self, image: Values, rows: NDArray[np.int64], columns: NDArray[np.int64], angle: Values) -> None:
        offset = np.arange(-HALF, HALF + 1)
        down, right = (axis.ravel() for axis in np.meshgrid(offset, offset, indexing="ij"))
        self.down, self.right = down.astype(np.float64), right.astype(np.float64)
        self.values = image[rows[:, None] + down, columns[:, None] + right]
        u, t = self.turned(angle[:, None])
        self.used = ((np.abs(u) <= REACH) & (np.abs(t) <= SIDE)).astype(np.float64)
        before, after = (self._mean(side * u < -1.5) for side in (1, -1))
        start = np.zeros((7, len(angle)))
        start[0], start[1], start[4], start[6] = before, after - before, angle, np.log(0.6)
        self.start: Values = start.T

    def turned(self, angle: Values) -> tuple[Values, Values]:
        """Distances of the pixels along the normal and along the edge."""
        sin, cos = np.sin(angle), np.cos(angle)
        return sin * self.down + cos * self.right, cos * self.down - sin * self.right

    def _mean(self, where: NDArray[np.bool_]) -> Values:
        weight = self.used * where
        mean: Values = (self.values * weight).sum(1) / np.maximum(weight.sum(1), 1)
        return mean

    def residual(self, parameters: Values) -> tuple[Values, Values]:
        """Residuals ``(n, pixels)`` and derivatives of the model ``(n, pixels, 7)``; zero in pixels not used."""
        from scipy.special import ndtr

        a, b, c, e, angle, place, logarithm = parameters.T[:, :, None]
        width = np.exp(logarithm)
        u, t = self.turned(angle)
        x = (u - place) / width
        bell, step = np.exp(-x * x / 2) / np.sqrt(2 * np.pi), ndtr(x)
        slopes = (np.ones_like(u), step, t, u, b * bell * t / width - c * u + e * t, -b * bell / width, -b * bell * x)
        residual = (self.values - (a + b * step + c * t + e * u)) * self.used
        return residual, np.stack(slopes, axis=2) * self.used[:, :, None]


def _fit_steps(image: Values, rows: NDArray[np.int64], columns: NDArray[np.int64], angle: Values) -> Edges:
    """The step that fits best at each place (Levenberg and Marquardt, all at once); bad fits are left out."""
    model = _StepModel(image, rows, columns, angle)
    found, (residual, slopes) = model.start, model.residual(model.start)
    squares, damping = np.square(residual).sum(1), np.full(len(rows), 1e-2)
    for _ in range(STEPS):
        normal = slopes.transpose(0, 2, 1) @ slopes  # (n, 7, 7)
        diagonal = np.einsum("nii->ni", normal) * damping[:, None]
        diagonal += 1e-12 * normal.max(axis=(1, 2), initial=1e-300)[:, None]
        step = np.linalg.solve(
            normal + diagonal[:, :, None] * np.eye(7), slopes.transpose(0, 2, 1) @ residual[..., None]
        )
        tried = found + step[..., 0]
        tried[:, 5], tried[:, 6] = np.clip(tried[:, 5], -2, 2), np.clip(tried[:, 6], np.log(0.1), np.log(2.5))
        other, other_slopes = model.residual(tried)
        total = np.square(other).sum(1)
        better = total < squares
        found = np.where(better[:, None], tried, found)
        residual, slopes = (
            np.where(better[:, None], other, residual),
            np.where(better[:, None, None], other_slopes, slopes),
        )
        squares, damping = np.where(better, total, squares), np.clip(damping * np.where(better, 0.2, 5), 1e-9, 1e6)
    return _good(model, found, squares, slopes, rows, columns)


def _good(
    model: _StepModel,
    found: Values,
    squares: Values,
    slopes: Values,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> Edges:
    """The edges whose fit can be believed."""
    variance = squares / np.maximum(model.used.sum(1) - 7, 1)
    covariance = np.linalg.pinv(slopes.transpose(0, 2, 1) @ slopes, hermitian=True)
    width = np.exp(found[:, 6])
    error = np.sqrt(np.maximum(covariance[:, 6, 6], 0) * variance) * width
    good = (np.sqrt(variance) < MAX_FIT_RESIDUAL * np.abs(found[:, 1])) & (np.abs(found[:, 5]) < 1)
    good &= (error < MAX_WIDTH_ERROR * width) & (width > LEAST) & (width < MOST) & (error > 0)
    return Edges(rows[good], columns[good], np.square(np.sin(found[good, 4])), width[good], error[good])
