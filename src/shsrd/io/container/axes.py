"""Order of the axes of an array: as requested, else by the number of wavelengths, else by the shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shsrd.cube import SceneError

FAR_SHORTER = 3  # an axis that both others exceed so many times is the bands', whatever the format's habit
_WORDS = {"b": "bands", "y": "rows", "x": "columns"}


@dataclass(frozen=True)
class Axes:
    """Axes of an array.

    Attributes:
        order: at which axis band, y and x lie.
        notes: a sentence where that was guessed.
    """

    order: tuple[int, int, int]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, letters: str, *notes: str) -> Axes:
        """Axes from their letters, such as ``"yxb"``."""
        return cls((letters.index("b"), letters.index("y"), letters.index("x")), notes)


def find_axes(shape: Sequence[int], *, bands: int | None, axes: str | None, source: str, default: str = "yxb") -> Axes:
    """Axes of an array with three: as given, as the number of wavelengths implies, else by shape and habit.

    The habit of the format holds where the shape does not speak against it. It does where two other axes are equal, or
    both at least ``FAR_SHORTER`` times as long as a third; a note says so then, and also where the shape says nothing.

    Args:
        shape: extents.
        bands: number of wavelengths, or None where there are none.
        axes: what is known already, or None.
        source: file name for messages.
        default: the habit of the format.

    Raises:
        SceneError: ``axes`` is no order of b, y and x.
    """
    if axes is not None:
        return Axes.of(checked_axes(axes, source=source))
    fitting = [axis for axis, extent in enumerate(shape) if extent == bands]
    if len(fitting) == 1:
        return Axes.of(_with_bands_at(fitting[0], default))
    if fitting:
        doubt = f"{bands} wavelengths fit more than one axis: {_read_as(shape, default)}"
        return Axes.of(default, *([doubt] if default.index("b") in fitting else []))
    usual = default.index("b")
    suggested = infer_band_axis(shape)
    if suggested == usual or (suggested is None and _shortest(shape) == usual):
        return Axes.of(default)
    letters = default if suggested is None else _with_bands_at(suggested, default)
    return Axes.of(letters, f"The order of the axes is a guess: {_read_as(shape, letters)}")


def checked_axes(axes: str, *, source: str) -> str:
    """Axes as letters, if they are an order of b, y and x.

    Raises:
        SceneError: they are not.
    """
    if sorted(axes) != ["b", "x", "y"]:
        raise SceneError(f"{source}: --axes {axes!r} must be an order of the letters b, y and x, such as yxb")
    return axes


def infer_band_axis(shape: Sequence[int]) -> int | None:
    """The axis that must be the bands' by the shape: beside two equal ones, or far shorter than both; else None."""
    for axis in range(3):
        one, other = (extent for number, extent in enumerate(shape) if number != axis)
        if one == other != shape[axis] or shape[axis] * FAR_SHORTER <= min(one, other):
            return axis
    return None


def _read_as(shape: Sequence[int], letters: str) -> str:
    size, words = " x ".join(map(str, shape)), " x ".join(_WORDS[letter] for letter in letters)
    return f"{size} is read as {words} ({letters}); --axes says otherwise."


def _shortest(shape: Sequence[int]) -> int | None:
    least = [axis for axis, extent in enumerate(shape) if extent == min(shape)]
    return least[0] if len(least) == 1 else None


def _with_bands_at(axis: int, default: str) -> str:
    """The default where it has its bands there; else rows before columns."""
    return default if default.index("b") == axis else "yx"[:axis] + "b" + "yx"[axis:]
