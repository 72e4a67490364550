"""Batches drawn ahead, and steps replayed: the same gradients as launched one by one."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from shsrd.model import SpectralInformation
from shsrd.training.cuda_graphs import KINDS, WARMUP_STEPS, CudaGraphGradients, CudaPrefetcher
from shsrd.training.data.batch import Batch, SpectralAngleLoss

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


def batch(seed, *, side=4, angle=None, device="cpu"):
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape):
        return torch.rand(shape, generator=generator).to(device)

    low, fine = drawn(2, 3, side, side), drawn(2, 3, 2 * side, 2 * side)
    if angle is None:
        return Batch(low, fine, drawn(2, 3, 1, 1), drawn(2, 3, 1, 1))
    information = SpectralInformation(drawn(2, 9, side, side), drawn(2, 5))
    spectral = SpectralAngleLoss(drawn(2, 3, 2 * side, 2 * side), drawn(2, 3, 1, 1), group=2, weight=angle)
    return Batch(low, fine, drawn(2, 3, 1, 1), drawn(2, 3, 1, 1), information, spectral)


class Steps:
    """A loss of two layers, of which batches without information reach one."""

    def __init__(self, device="cpu"):
        torch.manual_seed(0)
        self.layers = nn.ModuleList([nn.Conv2d(3, 3, 1), nn.Linear(5, 1)]).to(device)
        self.released = 0
        self.steps = CudaGraphGradients(self.work, list(self.layers.parameters()), self.release)

    def work(self, seen):
        loss = (self.layers[0](seen.low).square().mean(dim=(1, 2, 3), keepdim=True) * seen.weight).sum()
        if seen.information is not None:
            loss = loss + self.layers[1](seen.information.descriptor).square().sum() * seen.angle.weight
        loss.backward()
        return loss.detach()

    def release(self):
        self.released += 1

    def gradients(self):
        return [None if p.grad is None else p.grad.clone() for p in self.layers.parameters()]

    def plainly(self, seen):
        self.layers.zero_grad(set_to_none=True)
        return self.work(seen), self.gradients()


@pytest.fixture
def replayed(monkeypatch):
    """Records whose replay does the work again on what was copied to their place."""

    def record(self, seen):
        place = seen.map(torch.zeros_like)
        kept = SimpleNamespace(batch=place, loss=torch.zeros(()), gradients=[], replays=0)

        def replay():
            self._clear_gradients()
            kept.loss = self.work(place)
            kept.gradients = [p.grad for p in self.parameters]
            self._clear_gradients()
            kept.replays += 1

        kept.graph = SimpleNamespace(replay=replay)
        return kept

    monkeypatch.setattr(CudaGraphGradients, "_record", record)


def same(found, wanted):
    return all((a is None and b is None) or torch.equal(a, b) for a, b in zip(found, wanted, strict=True))


def alternating(steps, count, device="cpu"):
    for seed in range(count):
        seen = batch(seed, angle=None if seed % 2 else 1.5, device=device)
        wanted_loss, wanted = steps.plainly(seen)
        loss = steps.steps(seen)
        yield seen, loss, wanted_loss, steps.gradients(), wanted


def test_replayed_steps_give_the_gradients_of_plain_ones(replayed):
    steps, count = Steps(), 2 * WARMUP_STEPS + 6
    for _, loss, wanted_loss, found, wanted in alternating(steps, count):
        assert loss == wanted_loss
        assert same(found, wanted)
    assert [kept.replays for kept in steps.steps.captured.values()] == [3, 3]
    assert steps.released == count


def test_no_more_kinds_are_recorded_than_there_is_room_for(replayed):
    steps = Steps()
    for side in range(2, 2 + KINDS + 2):
        for seed in range(WARMUP_STEPS + 1):
            seen = batch(seed, side=side)
            wanted_loss, wanted = steps.plainly(seen)
            assert steps.steps(seen) == wanted_loss
            assert same(steps.gradients(), wanted)
    assert len(steps.steps.captured) == KINDS


def test_kinds_of_batches():
    kinds = [b.kind() for b in (batch(0), batch(0, side=5), batch(0, angle=1.0), batch(0, angle=2.0))]
    assert len(set(kinds)) == 4
    assert batch(1, angle=2.0).kind() == kinds[-1]


def test_map_reaches_every_tensor():
    seen = batch(0, angle=1.0)
    assert [t.shape for t in seen.map(torch.zeros_like).tensors()] == [t.shape for t in seen.tensors()]
    assert len(seen.tensors()) == 8
    assert not any(t.any() for t in seen.map(torch.zeros_like).tensors())


def test_ahead_hands_batches_on():
    batches = [(batch(seed), torch.Generator()) for seed in range(3)]
    ahead = CudaPrefetcher(iter(batches), torch.device("cpu"))
    for wanted, _ in batches:
        assert torch.equal(next(ahead)[0].low, wanted.low)
        ahead.release()


@CUDA
def test_graphs_give_the_gradients_of_plain_steps():
    for _, loss, wanted_loss, found, wanted in alternating(Steps("cuda"), 2 * WARMUP_STEPS + 6, "cuda"):
        torch.testing.assert_close(loss, wanted_loss)
        torch.testing.assert_close(found, wanted)
