"""A run that began ends with weights; one that could not begin leaves nothing and does not block the next."""

import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from shsrd.model import load_weights, read_header
from shsrd.training import TrainingError, run_training
from shsrd.training.checkpoint import BEST, CHECKPOINT
from shsrd.training.loop import _Trainer


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def blind(monkeypatch):
    """Validations give these figures, one after the other, the last one for ever."""

    def figures(*gains):
        left = list(gains)

        def validate(network):
            gain = left.pop(0) if len(left) > 1 else left[0]
            return {"gain_db": gain, "bands_gain_db": gain, "bands_sam_ratio": gain}

        monkeypatch.setattr("shsrd.training.run._validator", lambda *given: validate)

    return figures


@pytest.mark.parametrize("stage", ["pretrain", "transfer"])
@pytest.mark.parametrize("gain", [float("nan"), float("-inf")])
def test_without_a_finite_figure_the_last_weights_are_kept_and_said(settings, blind, caplog, stage, gain):
    blind(gain)
    config = settings(stage, steps=7)
    kept = load_weights(run_training(config)).network.encoder.head.weight
    last = load_file(config.out / CHECKPOINT)["average.module.encoder.head.weight"]
    assert torch.equal(kept, last.half().float())
    assert read_header(config.out / BEST)["provenance"]["stages"][-1]["step"] == 7
    assert any("averaged weights at the end (step 7) were kept" in record.message for record in caplog.records)
    for line in (config.out / "log.jsonl").read_text().splitlines():
        assert json.loads(line, parse_constant=pytest.fail)["val_gain_db"] is None
    again = load_weights(run_training(config)).network.encoder.head.weight
    assert torch.equal(kept, again)


def test_one_finite_figure_is_the_best(settings, blind):
    blind(float("nan"), 0.25, float("nan"))
    config = settings("pretrain", steps=9)
    run_training(config)
    assert read_header(config.out / BEST)["provenance"]["stages"][-1]["step"] == 6


def failing_step(monkeypatch, error):
    def step(self, batches):
        raise error

    monkeypatch.setattr(_Trainer, "step", step)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"train": "nowhere"}, "nowhere"),
        ({"validation": "nowhere"}, "nowhere"),
        ({"patch": 4000}, "patch"),
        ({"start_from": "nowhere.safetensors"}, "no such file"),
    ],
)
@pytest.mark.parametrize("stage", ["pretrain", "transfer"])
def test_a_start_that_fails_leaves_nothing_and_a_corrected_one_goes(settings, tmp_path, stage, wrong, words):
    before = listing(tmp_path)
    paths = {key: tmp_path / value if isinstance(value, str) else value for key, value in wrong.items()}
    with pytest.raises(ValueError, match=words):
        run_training(settings(stage, steps=2, **paths))
    assert listing(tmp_path) == before
    assert run_training(settings(stage, steps=2)).exists()


def test_a_first_step_that_fails_leaves_nothing(settings, tmp_path, monkeypatch):
    before = listing(tmp_path)
    with monkeypatch.context() as patch:
        failing_step(patch, RuntimeError("out of memory"))
        with pytest.raises(RuntimeError):
            run_training(settings("pretrain", steps=2, batch=4))
    assert listing(tmp_path) == before
    assert run_training(settings("pretrain", steps=2, batch=2)).exists()


def test_a_run_that_ended_before_its_first_checkpoint_does_not_block(settings, monkeypatch):
    config, original, done = settings("pretrain", steps=3), _Trainer.step, []

    def step(self, batches):
        if done:
            raise KeyboardInterrupt
        done.append(True)
        return original(self, batches)

    with monkeypatch.context() as patch:
        patch.setattr(_Trainer, "step", step)
        with pytest.raises(KeyboardInterrupt):
            run_training(config)
    assert listing(config.out) == ["config.json"]
    corrected = settings("pretrain", steps=3, lr=2e-3)
    assert run_training(corrected).exists()
    assert json.loads((config.out / "config.json").read_text())["lr"] == 2e-3
    with pytest.raises(TrainingError, match="other lr"):
        run_training(config)


def test_rights_follow_the_umask(settings):
    before = os.umask(0o027)
    try:
        config = settings("pretrain", steps=1)
        run_training(config)
    finally:
        os.umask(before)
    assert {(config.out / name).stat().st_mode & 0o777 for name in (BEST, CHECKPOINT, "config.json")} == {0o640}


MISSING = "for name in ('lightning_fabric', 'lightning', 'threadpoolctl', 'tensorboard'): sys.modules[name] = None\n"


def bare(*command):
    """A command where only `pip install shsrd` was said."""
    code = f"import sys\n{MISSING}from shsrd.cli.main import main\nsys.exit(main({[str(c) for c in command]!r}))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_packing_needs_no_extra(tmp_path, make_scene):
    from shsrd.io import save_cube

    save_cube(make_scene(), tmp_path / "scene.npz")
    done = bare("prepare-data", "scenes", tmp_path / "pack", tmp_path / "scene.npz")
    assert (done.returncode, done.stderr) == (0, f"{tmp_path / 'pack'}: 1 scenes\n")


def test_training_without_the_extra_names_it(tmp_path, settings):
    config = tmp_path / "config.yaml"
    config.write_text(settings("pretrain", steps=1).model_dump_json())
    done = bare("pretrain", config)
    assert done.returncode == 2
    assert done.stderr == "shsrd: training needs Lightning Fabric; pip install 'shsrd[train]'\n"
    assert bare("pretrain", "--help").returncode == 0
