"""The batches of a run in their order: each is a function of (seed, step, process), so any process may draw it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from shsrd.training.data.batch import Batch
from shsrd.training.data.mixture import MixtureSource, Source, WorkerView

PREFETCH_FACTOR = 4  # batches that each worker may have ready


def generator_of(seed: int, step: int, rank: int) -> torch.Generator:
    """The random numbers of one step on one process: no state outlives a step, so resuming is exact."""
    mixed = (seed * 1_000_003 + step) * 4099 + rank
    return torch.Generator().manual_seed(mixed)


class _BatchDataset(Dataset[tuple[Batch | None, Tensor]]):
    """Step numbers to batches, and the state in which drawing leaves the step's generator."""

    def __init__(self, source: Source | WorkerView, count: int, seed: int, rank: int) -> None:
        self.source, self.count, self.seed, self.rank = source, count, seed, rank

    def __getitem__(self, step: int) -> tuple[Batch | None, Tensor]:
        generator = generator_of(self.seed, step, self.rank)
        return self.source.draw(self.count, generator), generator.get_state()


def _one_thread(worker: int) -> None:
    """Keep a worker to one thread: each would start as many as there are cores, and all would wait for each other."""
    torch.set_num_threads(1)
    with suppress(ImportError):  # part of the extra `train`; a bare machine may lack it
        from threadpoolctl import threadpool_limits

        threadpool_limits(1)


def drawn(
    source: Source, steps: range, *, count: int, seed: int, rank: int, workers: int
) -> Iterator[tuple[Batch, torch.Generator]]:
    """The batch of every step, and the step's generator for whatever else the step draws.

    Args:
        source: of batches; with workers, one that lives on the CPU but for what it keeps apart.
        steps: their numbers.
        count: triplets in a batch.
        seed: of the run.
        rank: of this process in a run of several.
        workers: processes that draw ahead; 0: batches are drawn when they are asked for. Their number changes no bit.
    """
    ahead = PREFETCH_FACTOR if workers else None
    given: Source | WorkerView = source
    if isinstance(source, MixtureSource) and source.apart:
        given = WorkerView(source)
    loader = DataLoader(
        _BatchDataset(given, count, seed, rank),
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        prefetch_factor=ahead,
        worker_init_fn=_one_thread,
    )
    for batch, state in loader:
        generator = torch.Generator()
        generator.set_state(state)
        if batch is None and isinstance(source, MixtureSource):
            yield source.other.draw(count, generator), generator
        else:
            yield batch, generator
