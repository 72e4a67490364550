"""Batches of one source, in some steps of another: photos in a transfer, cubes made of photos in stage 1."""

from __future__ import annotations

import torch

from shsrd.training.batch import Batch
from shsrd.training.drawing import Source
from shsrd.training.draws import chance


class EitherSource:
    """Two sources; which one a step sees is a pure function of the generator."""

    def __init__(self, usual: Source, other: Source, share: float) -> None:
        self.usual, self.other, self.share = usual, other, share

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """A batch of ``count`` triplets from one of the two."""
        return (self.other if chance(self.share, generator) else self.usual).draw(count, generator)
