"""Scenes with more than three axes: axes with one entry are no choice to make, all others are."""

from __future__ import annotations

from collections.abc import Sequence

from shsrd.cube import SceneError
from shsrd.io.container.axis_names import letter_of


def is_scene(shape: Sequence[int]) -> bool:
    """Return True if an array of this shape can be a scene: exactly three axes are longer than 1."""
    return len(shape) >= 3 and sum(extent > 1 for extent in shape) == 3


def squeeze_to_3d(
    shape: Sequence[int], dims: Sequence[str | None], *, name: str, source: str, option: str = "dataset"
) -> tuple[int, int, int]:
    """The axes of band, y and x, ascending.

    Args:
        shape: of the array.
        dims: names of its axes.
        name: of the array, for messages.
        source: file name for messages.
        option: how a person names another array (``dataset``, ``variable``, or nothing).

    Raises:
        SceneError: fewer than three axes, or more than three that are longer than 1.
    """
    if len(shape) < 3:
        raise SceneError(f"{source}: {name} has {len(shape)} axes, a scene has three; name another with --{option}")
    spare = [axis for axis, extent in enumerate(shape) if extent == 1]
    spare.sort(key=lambda axis: letter_of(dims[axis]) != "?")  # an axis called y stays before one called time
    dropped = set(spare[: len(shape) - 3])
    kept = [axis for axis in range(len(shape)) if axis not in dropped]
    if len(kept) != 3:
        named = " x ".join(f"{dims[axis] or 'axis'} {shape[axis]}" for axis in kept)
        other = f", or name another array with --{option}" if option else ""
        raise SceneError(
            f"{source}: {name} has {len(kept)} axes longer than 1 ({named}), a scene has three; "
            f"save one date or layer as a file of its own{other}"
        )
    return kept[0], kept[1], kept[2]
