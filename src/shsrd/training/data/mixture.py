"""Batches of one source, in some steps of another: photos in a transfer, cubes made of photos in stage 1."""

from __future__ import annotations

from typing import Protocol

import torch

from shsrd.training.data.batch import Batch
from shsrd.training.data.random_ops import bernoulli


class Source(Protocol):
    """Source of batches."""

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """A batch of ``count`` triplets, a pure function of the generator's state."""
        ...


class MixtureSource:
    """Two sources; which one a step sees is a pure function of the generator.

    Args:
        usual: one of them.
        other: and the other.
        share: of the steps that see the other.
        apart: the other lives on a GPU: the process that trains draws from it, never a worker.
    """

    def __init__(self, usual: Source, other: Source, share: float, *, apart: bool = False) -> None:
        self.usual, self.other, self.share, self.apart = usual, other, share, apart

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """A batch of ``count`` triplets from one of the two."""
        return (self.other if bernoulli(self.share, generator) else self.usual).draw(count, generator)


class WorkerView:
    """View of a ``MixtureSource`` for workers, without the other source."""

    def __init__(self, source: MixtureSource) -> None:
        self.usual, self.share = source.usual, source.share

    def draw(self, count: int, generator: torch.Generator) -> Batch | None:
        """As ``MixtureSource.draw``; None where the other is to be drawn from, by this very generator."""
        return None if bernoulli(self.share, generator) else self.usual.draw(count, generator)
