import os

import pytest
import torch

from shsrd.training.checkpoint import Progress
from shsrd.training.config import PhotoAugmentation, SceneAugmentation, TrainingError
from shsrd.training.data.loader import drawn, generator_of
from shsrd.training.data.mixture import MixtureSource
from shsrd.training.data.photos import PhotoSource
from shsrd.training.data.scenes import SceneSource
from shsrd.training.monitor import LOG_EVERY, Monitor

STEPS = range(3, 9)


@pytest.fixture
def source(photo_folder, scene_folder):
    photos = PhotoSource(photo_folder, PhotoAugmentation(), scale=2, patch=8)
    return MixtureSource(SceneSource(scene_folder, SceneAugmentation(), scale=2, patch=8, guides="mnf"), photos, 0.5)


def all_drawn(source, workers):
    found = []
    for batch, generator in drawn(source, STEPS, count=4, seed=1, rank=0, workers=workers):
        found.append((batch, torch.rand(3, generator=generator)))
    return found


def test_workers_change_no_bit(source):
    alone, beside = (all_drawn(source, workers) for workers in (0, 2))
    assert len(alone) == len(beside) == len(STEPS)
    for (ours, after), (theirs, then) in zip(alone, beside, strict=True):
        assert torch.equal(ours.low, theirs.low)
        assert torch.equal(ours.residual, theirs.residual)
        assert (ours.information is None) == (theirs.information is None)
        if ours.information is not None:
            assert torch.equal(ours.information.maps, theirs.information.maps)
        assert torch.equal(after, then)


class Here:
    """A source that only the process which made it may draw from, as one on a GPU."""

    def __init__(self, source):
        self.source, self.process, self.draws = source, os.getpid(), 0

    def draw(self, count, generator):
        assert os.getpid() == self.process
        self.draws += 1
        return self.source.draw(count, generator)


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_apart_is_drawn_here_and_changes_no_bit(source, workers):
    photos = Here(source.other)
    apart = MixtureSource(source.usual, photos, source.share, apart=True)
    for (ours, after), (theirs, then) in zip(all_drawn(apart, workers), all_drawn(source, 0), strict=True):
        assert all(map(torch.equal, ours.tensors(), theirs.tensors()))
        assert torch.equal(after, then)
    assert 0 < photos.draws < len(STEPS)


def test_a_step_goes_on_with_the_generator_that_drew_its_batch(source):
    (_, after), *_ = all_drawn(source, 0)
    generator = generator_of(1, STEPS[0], 0)
    source.draw(4, generator)
    assert torch.equal(after, torch.rand(3, generator=generator))


def test_a_loss_that_is_no_number_ends_the_run_with_one_sentence(tmp_path):
    with Monitor(tmp_path, active=True, total=LOG_EVERY) as monitor:
        monitor.step(Progress(step=1), torch.tensor(1.0), 1e-3)
        with pytest.raises(TrainingError, match="no number after 50 steps; lower lr"):
            monitor.step(Progress(step=LOG_EVERY), torch.tensor(float("nan")), 1e-3)
