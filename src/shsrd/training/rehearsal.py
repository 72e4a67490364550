"""Photos seen again during a transfer: a small data set teaches its own look, photos keep what edges look like."""

from __future__ import annotations

import torch

from shsrd.training.batch import Batch
from shsrd.training.photos import PhotoSource
from shsrd.training.scenes import SceneSource


class RehearsalSource:
    """Batches of scenes, and in some steps of photos instead; which is a pure function of the generator."""

    def __init__(self, scenes: SceneSource, photos: PhotoSource, share: float) -> None:
        self.scenes, self.photos, self.share = scenes, photos, share

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """A batch of ``count`` triplets from one of the two."""
        rehearse = float(torch.rand((), generator=generator)) < self.share
        return (self.photos if rehearse else self.scenes).draw(count, generator)
