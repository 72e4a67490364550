"""Steps replayed as CUDA graphs, and batches drawn while the GPU still works: a processor cannot launch fast enough.

A step launches some two thousand kernels; told of them one by one, an H100 hears for longer than it works.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from shsrd.training.data.batch import Batch

WARMUP_STEPS = 2  # steps of a kind before it is recorded: libraries choose their kernels in them
KINDS = 4  # of batches that are recorded, each with memory of its own

GradientFn = Callable[[Batch], Tensor]


class CudaPrefetcher:
    """Batches on the device; on a GPU each is drawn in a stream beside the one that computes.

    Args:
        batches: with the generator of whatever else the step draws.
        device: that computes.
    """

    def __init__(self, batches: Iterator[tuple[Batch, torch.Generator]], device: torch.device) -> None:
        self.batches, self.device = batches, device
        self.stream: torch.cuda.Stream | None = None
        self.free: torch.cuda.Event | None = None
        if device.type == "cuda":
            torch.cuda.synchronize(device)  # what the source keeps there has arrived
            self.stream, self.free = torch.cuda.Stream(device), torch.cuda.Event()  # type: ignore[no-untyped-call]

    def __next__(self) -> tuple[Batch, torch.Generator]:
        if self.stream is None or self.free is None:
            batch, generator = next(self.batches)
            return batch.to(self.device), generator
        with torch.cuda.stream(self.stream):
            self.stream.wait_event(self.free)
            batch, generator = next(self.batches)
            batch = batch.to(self.device)
        torch.cuda.current_stream(self.device).wait_stream(self.stream)
        return batch, generator

    def release(self) -> None:
        """Say that nothing launched from here on reads the last batch: its memory may be written again."""
        if self.free is not None:
            self.free.record(torch.cuda.current_stream(self.device))


class CudaGraphGradients:
    """Loss and gradients of batches; a batch signature met ``WARMUP_STEPS`` times is captured, then replayed.

    Args:
        work: takes a batch forwards and back; nothing in it is drawn at random or depends on the host.
        parameters: whose gradients it leaves.
        release: called as soon as a batch is not needed any more.
    """

    def __init__(self, work: GradientFn, parameters: list[nn.Parameter], release: Callable[[], None]) -> None:
        self.work, self.parameters, self.release = work, parameters, release
        self.seen: Counter[Any] = Counter()
        self.captured: dict[Any, _CapturedGraph] = {}
        self.pool: Any = None

    def __call__(self, batch: Batch) -> Tensor:
        """The loss; gradients lie in the parameters."""
        kind = batch.kind()
        if kind not in self.captured:
            self.seen[kind] += 1
            if self.seen[kind] <= WARMUP_STEPS or len(self.captured) == KINDS:
                return self._plain(batch)
            self.captured[kind] = self._record(batch)
        captured = self.captured[kind]
        for place, tensor in zip(captured.batch.tensors(), batch.tensors(), strict=True):
            place.copy_(tensor)
        self.release()
        captured.graph.replay()
        for parameter, gradient in zip(self.parameters, captured.gradients, strict=True):
            parameter.grad = gradient
        return captured.loss.clone()

    def _plain(self, batch: Batch) -> Tensor:
        self._clear_gradients()
        loss = self.work(batch)
        self.release()
        return loss

    def _record(self, batch: Batch) -> _CapturedGraph:
        self._clear_gradients()
        place, graph = batch.map(torch.clone), torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            loss = self.work(place)
        self.pool = graph.pool()
        return _CapturedGraph(graph, place, loss, [parameter.grad for parameter in self.parameters])

    def _clear_gradients(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None


@dataclass(frozen=True)
class _CapturedGraph:
    """A recorded step: where it reads its batch, and where it leaves loss and gradients."""

    graph: torch.cuda.CUDAGraph
    batch: Batch
    loss: Tensor
    gradients: list[Tensor | None]
