"""The eight flips and turns of the square. No network is exactly equivariant to them: its errors change with them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Symmetry:
    """One of the eight symmetries of the square, acting on the last two axes ``(..., y, x)``: transpose, then flips."""

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    def apply(self, image: Tensor) -> Tensor:
        """The image mirrored or turned."""
        turned = image.swapaxes(-2, -1) if self.transpose else image
        return turned.flip(self._flipped)

    def undo(self, image: Tensor) -> Tensor:
        """The image as it was before ``apply``."""
        turned = image.flip(self._flipped)
        return turned.swapaxes(-2, -1) if self.transpose else turned

    @property
    def _flipped(self) -> list[int]:
        return [-2] * self.flip_rows + [-1] * self.flip_columns


def symmetries(count: int) -> list[Symmetry]:
    """The group of ``count`` symmetries: 1 the identity, 2 the horizontal flip too, 4 both flips, 8 all.

    Raises:
        ValueError: another count.
    """
    every = [Symmetry(t, r, c) for t in (False, True) for r in (False, True) for c in (False, True)]
    if count not in (1, 2, 4, 8):
        raise ValueError(f"no group of {count} flips and turns; choose 1, 2, 4 or 8")
    return every[:count]
