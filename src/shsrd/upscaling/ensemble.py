"""Self-ensemble: the posterior mean averaged over flips and turns (Timofte et al. 2016, section 3.6; Lim et al. 2017).

A network is not exactly equivariant: what it makes of a mirrored scene is not the mirror image of what it makes of the
scene. The average over a group of symmetries is, and is a slightly better estimate.
"""

from __future__ import annotations

from torch import Tensor

from shsrd.upscaling.bases import GuidedBasis
from shsrd.upscaling.inference import Engine
from shsrd.upscaling.symmetry import symmetries


def ensemble_mean(
    low: Tensor, engine: Engine, guided: GuidedBasis, *, count: int, with_std: bool = False
) -> tuple[Tensor, Tensor | None]:
    """``Engine.mean`` averaged over ``count`` symmetries of the block; guide maps turn with it, being made from it.

    Args:
        low: ``(B, y, x)`` low-resolution block without missing values.
        engine: the network.
        guided: basis and guide of the scene.
        count: 1, 2, 4 or 8.
        with_std: also give the predicted standard deviation around the mean, from the block as it is.

    Returns:
        Mean ``(K, s y, s x)`` in standard units, and the deviation likewise, or None.
    """
    _, *others = symmetries(count)
    total, scale = engine.mean_and_std(low, guided) if with_std else (engine.mean(low, guided), None)
    for symmetry in others:
        total += symmetry.undo(engine.mean(symmetry.apply(low).contiguous(), guided))
    if others:
        total /= count
    return total, scale
