"""Training on everything, once the choices are made: nothing is held out, and nothing is chosen."""

import pytest
import torch
from safetensors.torch import load_file

from shsrd.model import load_weights, read_header, save_weights
from shsrd.training import TrainingError, run_training
from shsrd.training.checkpoint import CHECKPOINT


def load_ema_weights(config, key):
    return load_file(config.out / CHECKPOINT)[f"average.module.{key}"]


def last_stage(path):
    return read_header(path)["provenance"]["stages"][-1]


@pytest.mark.parametrize("stage", ["pretrain", "transfer"])
def test_the_last_average_is_kept(settings, stage):
    config = settings(stage, validation=None, mix=False, steps=5, checkpoint_every=2)
    kept = load_weights(run_training(config)).network.encoder.head.weight
    assert torch.equal(kept, load_ema_weights(config, "encoder.head.weight").half().float())
    found = last_stage(config.out / "best.safetensors")
    assert (found["step"], found["validation"], found["figures"]) == (5, None, {})


def test_a_share_chosen_beforehand_needs_no_validation(settings, stage_one):
    config = settings("transfer", validation=None, mix_share=0.25, steps=3)
    kept = load_weights(run_training(config)).network.encoder.head.weight
    start = load_weights(stage_one).network.encoder.head.weight
    last = load_ema_weights(config, "encoder.head.weight")
    assert not torch.equal(start, last)
    assert torch.equal(kept, (0.75 * start + 0.25 * last).half().float())
    assert last_stage(config.out / "best.safetensors")["mix"] == "start 0.75 + last 0.25"
    again = load_weights(run_training(config)).network.encoder.head.weight
    assert torch.equal(again, kept), "a second call must not mix once more"


def test_the_share_is_taken_where_validation_could_choose(settings):
    config = settings("transfer", mix_share=0.5, steps=3)
    run_training(config)
    found = last_stage(config.out / "best.safetensors")
    assert found["mix"] == "start 0.5 + last 0.5"
    assert "gain_db" in found["figures"]


def test_calibration_is_taken_over(settings, stage_one, tmp_path):
    other = load_weights(stage_one).network
    other.config = other.config.model_copy(
        update={"spread": 1.5, "sample_spread": 0.75, "interval_factors": (0.5, 1.0, 2.0)}
    )
    calibrated = tmp_path / "calibrated.safetensors"
    save_weights(calibrated, other, {"stages": []})
    config = settings("transfer", validation=None, objective="diffusion", calibration=calibrated, steps=2)
    found = load_weights(run_training(config)).network.config
    assert (found.spread, found.sample_spread, found.interval_factors) == (1.5, 0.75, (0.5, 1.0, 2.0))


def test_without_calibration_the_numbers_of_the_start_stay(settings, stage_one):
    config = settings("transfer", validation=None, objective="diffusion", steps=2)
    assert load_weights(run_training(config)).network.config == load_weights(stage_one).network.config


def test_what_needs_a_judge_is_refused(settings, stage_one):
    with pytest.raises(TrainingError, match="patience"):
        run_training(settings("pretrain", validation=None, patience=2))
    with pytest.raises(TrainingError, match="calibration"):
        run_training(settings("transfer", objective="diffusion", calibration=stage_one))
