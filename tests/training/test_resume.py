"""Resuming gives the run that was never interrupted, to the last bit."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from shsrd.training import run_training
from shsrd.training.checkpoint import BEST, CHECKPOINT
from shsrd.training.config import TrainingError
from shsrd.training.data.loader import generator_of

STEPS = 7
RUNS = {
    "photos, mean": {"stage": "pretrain", "objective": "mean"},
    "photos, diffusion": {"stage": "pretrain", "objective": "diffusion"},
    "photos, diffusion, bf16": {"stage": "pretrain", "objective": "diffusion", "precision": "bf16"},
    "photos, mean, Muon": {"stage": "pretrain", "objective": "mean", "optimizer": "muon"},
    "scenes, mean, bf16": {"stage": "transfer", "objective": "mean", "precision": "bf16"},
    "scenes, mean, injection": {"stage": "transfer", "objective": "mean", "trainable": "injection"},
    "scenes, diffusion": {"stage": "transfer", "objective": "diffusion"},
}


class KilledError(Exception):
    """Stands for whatever ends a process."""


@pytest.fixture
def run_until(monkeypatch):
    """Run a training that dies when it comes to some step."""

    def run(config, step):
        def mortal(seed, here, rank):
            if here == step:
                raise KilledError
            return generator_of(seed, here, rank)

        with monkeypatch.context() as patch:
            patch.setattr("shsrd.training.data.loader.generator_of", mortal)
            with pytest.raises(KilledError):
                run_training(config)

    return run


def progress_of(folder):
    with safe_open(folder / CHECKPOINT, "pt") as file:
        return json.loads(file.metadata()["progress"])


def assert_same_bits(ours, theirs):
    a, b = load_file(ours), load_file(theirs)
    assert a.keys() == b.keys()
    different = [key for key in a if not torch.equal(a[key], b[key])]
    assert different == []


@pytest.mark.parametrize("kind", RUNS)
def test_resumed_equals_uninterrupted(settings, tmp_path, stage_one, run_until, kind):
    own = RUNS[kind]
    if own["objective"] == "diffusion":
        own = own | {"start_from": stage_one}  # a denoiser needs an encoder
    config = settings(**own, steps=STEPS, out=tmp_path / "straight")
    run_training(config)

    broken = settings(**own, steps=STEPS, out=tmp_path / "broken")
    run_until(broken, 5)
    assert progress_of(broken.out)["step"] == 3  # two steps are lost and done again
    run_training(broken)

    assert progress_of(broken.out)["step"] == progress_of(config.out)["step"] == STEPS
    assert_same_bits(config.out / CHECKPOINT, broken.out / CHECKPOINT)
    assert_same_bits(config.out / BEST, broken.out / BEST)
    for key in ("best", "best_step", "stale"):
        assert progress_of(broken.out)[key] == progress_of(config.out)[key]


@pytest.mark.parametrize(("optimizer", "moment"), [("adamw", "exp_avg_sq"), ("muon", "momentum")])
def test_the_checkpoint_holds_raw_weights_average_and_moments(settings, optimizer, moment):
    config = settings("pretrain", steps=3, optimizer=optimizer)
    run_training(config)
    tensors = load_file(config.out / CHECKPOINT)
    kinds = {key.split(".")[0] for key in tensors}
    assert kinds == {"raw", "average", "optimizer"}
    head = "encoder.head.weight"
    assert not torch.equal(tensors[f"raw.{head}"], tensors[f"average.module.{head}"])
    assert any(key.endswith(moment) and tensors[key].any() for key in tensors)


def test_a_seed_decides_everything(settings, tmp_path):
    def trained(name, seed):
        config = settings("pretrain", steps=2, seed=seed, out=tmp_path / name)
        torch.rand(len(name))  # the global generator does not matter
        run_training(config)
        return config.out / CHECKPOINT

    first = trained("first", 1)
    assert_same_bits(first, trained("again, later", 1))
    with pytest.raises(AssertionError):
        assert_same_bits(first, trained("other", 2))


def test_a_lost_moment_would_be_noticed(settings, tmp_path, run_until, monkeypatch):
    """The comparison above is not blind: without the optimiser's moments it fails."""
    config = settings("pretrain", steps=STEPS, out=tmp_path / "straight")
    run_training(config)
    broken = settings("pretrain", steps=STEPS, out=tmp_path / "broken")
    run_until(broken, 4)
    monkeypatch.setattr(torch.optim.AdamW, "load_state_dict", lambda self, state: None)
    run_training(broken)
    with pytest.raises(AssertionError):
        assert_same_bits(config.out / CHECKPOINT, broken.out / CHECKPOINT)


def test_a_finished_run_is_not_trained_further(settings):
    config = settings("pretrain", steps=2)
    best = run_training(config)
    before, best_before = load_file(config.out / CHECKPOINT), best.read_bytes()
    run_training(config)
    after = load_file(config.out / CHECKPOINT)
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert best.read_bytes() == best_before


def test_a_folder_of_another_run_is_refused(settings):
    config = settings("pretrain", steps=2)
    run_training(config)
    with pytest.raises(ValueError, match=r"other lr, seed; choose another out folder"):
        run_training(config.model_copy(update={"lr": 5e-4, "seed": 9}))
    run_training(config.model_copy(update={"patience": 3, "time_limit": 60.0}))


def test_workers_may_change_where_they_change_no_batch(settings):
    run_training(settings("transfer", steps=2))
    run_training(settings("transfer", steps=2, workers=1))
    other = {"out": settings("pretrain").out.with_name("photos"), "steps": 2}
    run_training(settings("pretrain", **other))
    with pytest.raises(TrainingError, match="workers"):
        run_training(settings("pretrain", workers=1, **other))


def test_weights_that_are_no_numbers_are_not_kept(settings):
    config = settings("pretrain", steps=3, lr=1e30)
    with pytest.raises(TrainingError, match="no number after"):
        run_training(config)
    assert not (config.out / "best.safetensors").exists()
    assert not (config.out / CHECKPOINT).exists()
