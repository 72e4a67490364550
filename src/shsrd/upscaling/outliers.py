"""Values that cannot be pixels: which they are, and a scene seen without them.

What an examination of the scene found (``shsrd.upscaling.outlier_scan``) is kept as a few numbers a band, so that every
tile, whoever computes it, leaves out the same values. The network and the statistics never see them; in the output they
come back as they were measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneMetadata, Source

Block = NDArray[np.float32]
Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]

AROUND = 2  # neighbouring bands on each side that are asked about a spike


@dataclass(frozen=True)
class OutlierRules:
    """Values to leave out of a scene of B bands.

    Attributes:
        possible: ``(B, 2)`` smallest and largest value that can be.
        likely: ``(B, 2)`` values beyond are left out where they stand alone, in space and in the spectrum.
        codes: ``(B, n)`` values that stand for something else than a measurement; NaN where there are fewer.
        filling: ``(m,)`` numbers that mean no data where all examined bands have them.
        examined: bool ``(B,)``, the bands that were looked at.
    """

    possible: Vector = field(default_factory=lambda: np.empty((0, 2)))
    likely: Vector = field(default_factory=lambda: np.empty((0, 2)))
    codes: Vector = field(default_factory=lambda: np.empty((0, 0)))
    filling: Vector = field(default_factory=lambda: np.empty(0))
    examined: Flags = field(default_factory=lambda: np.empty(0, bool))

    @property
    def nothing(self) -> bool:
        """True if no value is left out."""
        return not (
            len(self.filling)
            or np.isfinite(self.codes).any()
            or np.isfinite(self.possible).any()
            or np.isfinite(self.likely).any()
        )

    def flags(self, pixels: Block) -> Flags | None:
        """Values ``(B, y, x)`` that are left out; None for none."""
        if self.nothing:
            return None
        found = beyond(pixels, self.possible)
        for code in self.codes.T:
            found |= pixels == code[:, None, None].astype(np.float32)
        if np.isfinite(self.likely).any():
            found |= alone(beyond(pixels, self.likely))
        filled = filled_with(pixels[self.examined], self.filling)
        if filled.any():
            found[:, filled] = True
        return found if found.any() else None

    def as_arrays(self) -> dict[str, NDArray[np.generic]]:
        """All of it, as ``from_arrays`` takes it."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def beyond(pixels: Block, limits: Vector) -> Flags:
    """Values ``(B, y, x)`` outside limits ``(B, 2)``; NaN is never outside."""
    with np.errstate(over="ignore"):  # to infinity: no limit
        least, most = limits.astype(np.float32).T[:, :, None, None]
    return np.asarray((pixels < least) | (pixels > most))


def alone(extreme: Flags) -> Flags:
    """Extreme values ``(B, y, x)`` that stand alone: hardly any beside them, nor in the neighbouring bands.

    A glint, a lamp or a flare is wider than one pixel, or is seen by several bands; a spike of the detector is not.
    """
    if not extreme.any():
        return extreme
    beside = np.zeros(extreme.shape, np.int8)
    padded = np.pad(extreme, ((0, 0), (1, 1), (1, 1)))
    rows, columns = extreme.shape[1:]
    for y in range(3):
        for x in range(3):
            beside += padded[:, y : y + rows, x : x + columns]
    bands = np.zeros(extreme.shape, np.int8)
    for step in range(1, AROUND + 1):
        bands[step:] += extreme[:-step]
        bands[:-step] += extreme[step:]
    return np.asarray(extreme & (beside <= 3) & (bands < AROUND))


def filled_with(pixels: Block, numbers: Vector) -> Flags:
    """Pixels ``(y, x)`` whose values ``(B, y, x)`` are all one of some numbers."""
    found = np.zeros(pixels.shape[1:], bool)
    for number in numbers.astype(np.float32):
        candidates = (pixels[0] == number) & (pixels[-1] == number)
        if candidates.any():
            candidates[candidates] = (pixels[:, candidates] == number).all(axis=0)
            found |= candidates
    return found


@dataclass(frozen=True)
class MaskedSource:
    """A scene in which suspicious values are missing.

    Attributes:
        source: the scene.
        outliers: what is left out.
    """

    source: Source
    outliers: OutlierRules

    @property
    def metadata(self) -> SceneMetadata:
        """The scene's."""
        return self.source.metadata

    @property
    def block_height(self) -> int:
        """The scene's."""
        return self.source.block_height

    def read(self, rows: slice, columns: slice) -> Block:
        """Pixels of a rectangle, NaN where they are suspicious. What stands alone is judged inside the rectangle."""
        pixels = self.source.read(rows, columns)
        found = self.outliers.flags(pixels)
        return pixels if found is None else np.where(found, np.float32(np.nan), pixels)

    def close(self) -> None:
        """Let go of the scene."""
        self.source.close()
