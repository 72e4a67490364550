"""The fine grid a phantom scene is painted on: what covers each spot, how it is lit, how it varies."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shsrd.datasets.synthetic.materials import MATERIALS

Grid = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
INDEX = {name: index for index, name in enumerate(MATERIALS)}


class Place(NamedTuple):
    """A window of the canvas and the coordinates of its spots in metres, relative to a centre."""

    window: tuple[slice, slice]
    y: Grid
    x: Grid


Outline = Callable[[Place], Mask]


class Canvas:
    """A scene under construction; later paint covers earlier paint.

    Attributes:
        cover: index of the material, ``(row, column)``.
        light: factor on direct light (slope, crown, roof side).
        alteration: 0 typical, 1 fully altered (see ``materials.Material``).
        shadow: share of direct light taken away by something tall.
        step: metres between spots.
    """

    def __init__(self, rows: int, columns: int, step: float) -> None:
        """An empty meadow of ``rows`` x ``columns`` spots."""
        self.cover = np.full((rows, columns), INDEX["meadow"], np.uint8)
        self.light = np.ones((rows, columns), np.float32)
        self.alteration = np.zeros((rows, columns), np.float32)
        self.shadow = np.zeros((rows, columns), np.float32)
        self.step = step

    @property
    def size_m(self) -> tuple[float, float]:
        """Height and width in metres."""
        rows, columns = self.cover.shape
        return rows * self.step, columns * self.step

    def everywhere(self) -> Place:
        """The whole canvas, coordinates from its upper-left corner."""
        place = self.near((0.0, 0.0), math.inf)
        assert place is not None
        return place

    def near(self, centre: tuple[float, float], radius: float) -> Place | None:
        """The window within ``radius`` metres of a centre (y, x), or None where it misses the canvas."""
        spans = []
        for middle, count in zip(centre, self.cover.shape, strict=True):
            first = 0 if math.isinf(radius) else max(0, math.floor((middle - radius) / self.step))
            last = count if math.isinf(radius) else min(count, math.ceil((middle + radius) / self.step))
            if first >= last:
                return None
            spans.append(slice(first, last))
        y, x = (
            ((np.arange(span.start, span.stop) + 0.5) * self.step - middle).astype(np.float32)
            for span, middle in zip(spans, centre, strict=True)
        )
        return Place((spans[0], spans[1]), y[:, None], x[None, :])

    def paint(
        self,
        place: Place,
        mask: Mask,
        material: str,
        *,
        light: Grid | float = 1.0,
        alteration: Grid | float = 0.0,
    ) -> None:
        """Cover the masked spots of a place; what lay in shade there is lit again."""
        self.cover[place.window][mask] = INDEX[material]
        for layer, value in ((self.light, light), (self.alteration, alteration), (self.shadow, 0.0)):
            np.copyto(layer[place.window], value, where=mask)

    def cast(
        self, centre: tuple[float, float], radius: float, outline: Outline, shadow_offset: tuple[float, float]
    ) -> None:
        """Throw the shadow of an outline along ``shadow_offset`` metres (y, x), swept from the foot to the tip."""
        length = math.hypot(*shadow_offset)
        for share in np.linspace(0, 1, max(2, math.ceil(length / 0.8))):
            foot = (centre[0] + share * shadow_offset[0], centre[1] + share * shadow_offset[1])
            place = self.near(foot, radius)
            if place is not None:
                self.shadow[place.window][outline(place)] = 1.0


def rectangle(height: float, width: float, angle: float) -> Outline:
    """An outline of ``height`` x ``width`` metres around a place's centre, turned by ``angle`` radians."""

    def inside(place: Place) -> Mask:
        v, u = turned(place.y, place.x, angle)
        mask: Mask = (np.abs(v) <= height / 2) & (np.abs(u) <= width / 2)
        return mask

    return inside


def disc(radius: float, lobe_depth: float, phase: float) -> Outline:
    """A roughly round outline, such as a tree's crown: ``lobe_depth`` is the relative depth of its lobes."""

    def inside(place: Place) -> Mask:
        around = np.arctan2(place.y, place.x)
        edge = radius * (1 + lobe_depth * (np.sin(3 * around + phase) + np.sin(5 * around - 2 * phase)))
        mask: Mask = np.hypot(place.y, place.x) <= edge
        return mask

    return inside


def turned(y: Grid, x: Grid, angle: float) -> tuple[Grid, Grid]:
    """Coordinates along axes turned by ``angle`` radians."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return y * cosine - x * sine, y * sine + x * cosine


def cloud(canvas: Canvas, wavelength_m: float, rng: np.random.Generator, *, roughness: float = 1.6) -> Grid:
    """Random field, mean 0, variance 1: structure up to ``wavelength_m``, falling as ``1/f^roughness``."""
    rows, columns = canvas.cover.shape
    white = np.fft.rfft2(rng.standard_normal((rows, columns)).astype(np.float32))
    f = np.hypot(np.fft.fftfreq(rows, canvas.step)[:, None], np.fft.rfftfreq(columns, canvas.step)[None, :])
    shaped = np.fft.irfft2(white * (f**2 + wavelength_m**-2) ** (-roughness / 2), s=(rows, columns))
    shaped -= shaped.mean()
    return (shaped / max(float(shaped.std()), 1e-12)).astype(np.float32)
