"""Self-ensemble: the posterior mean averaged over flips and turns (Timofte et al. 2016, section 3.6; Lim et al. 2017).

A network is not exactly equivariant: what it makes of a mirrored scene is not the mirror image of what it makes of the
scene. The average over a group of symmetries is, and is a slightly better estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shsrd.upscaling.engine import Engine
from shsrd.upscaling.frames import GuidedFrame


@dataclass(frozen=True)
class Symmetry:
    """One of the eight symmetries of the square, acting on the last two axes ``(..., y, x)``: transpose, then flips."""

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    def apply(self, image: NDArray[Any]) -> NDArray[Any]:
        """The image mirrored or turned; a view."""
        turned = image.swapaxes(-2, -1) if self.transpose else image
        return turned[..., :: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]

    def undo(self, image: NDArray[Any]) -> NDArray[Any]:
        """The image as it was before ``apply``; a view."""
        turned = image[..., :: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]
        return turned.swapaxes(-2, -1) if self.transpose else turned


def symmetries(count: int) -> list[Symmetry]:
    """The group of ``count`` symmetries: 1 the identity, 2 the horizontal flip too, 4 both flips, 8 all.

    Raises:
        ValueError: another count.
    """
    every = [Symmetry(t, r, c) for t in (False, True) for r in (False, True) for c in (False, True)]
    if count not in (1, 2, 4, 8):
        raise ValueError(f"no group of {count} flips and turns; choose 1, 2, 4 or 8")
    return every[:count]


def ensemble_mean(
    low: NDArray[np.float32], engine: Engine, guided: GuidedFrame, *, count: int, scaled: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """``Engine.mean`` averaged over ``count`` symmetries of the block; guide maps turn with it, being made from it.

    Args:
        low: ``(B, y, x)`` low-resolution block without missing values.
        engine: the network.
        guided: frame and guide of the scene.
        count: 1, 2, 4 or 8.
        scaled: also give the predicted standard deviation around the mean, from the block as it is.

    Returns:
        Mean ``(K, s y, s x)`` in standard units, and the deviation likewise, or None.
    """
    _, *others = symmetries(count)
    total, scale = engine.mean_and_scale(low, guided) if scaled else (engine.mean(low, guided), None)
    for symmetry in others:
        total += symmetry.undo(engine.mean(np.ascontiguousarray(symmetry.apply(low)), guided))
    if others:
        total /= np.float32(count)
    return total, scale
