"""From a folder of pictures to weights that super-resolve, all by commands; and what stops them."""

import json

import numpy as np
import pytest
import yaml
from PIL import Image
from safetensors.numpy import load_file

from shsrd.datasets import synthetic_scene
from shsrd.io import save_cube
from shsrd.training.monitor import Monitor

NETWORK = {"width": 8, "blocks": 1, "inject_every": 1, "guide_width": 4, "denoiser_width": 8, "denoiser_blocks": 1}
QUICK = {
    "steps": 6,
    "batch": 2,
    "patch": 8,
    "warmup": 1,
    "validate_every": 3,
    "checkpoint_every": 2,
    "precision": "fp32",
}


@pytest.fixture(autouse=True)
def no_tensorboard(monkeypatch):
    """Importing it takes longer than everything here."""
    monkeypatch.setattr("shsrd.training.monitor._tensorboard", lambda folder: None)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a.png", "more/b.png"):
        coarse = Image.fromarray(rng.integers(0, 256, (9, 10, 3), np.uint8))
        coarse.resize((80, 72), Image.Resampling.BICUBIC).save(folder / name)
    return folder


@pytest.fixture
def packed_photos(shsrd, tmp_path, photos):
    done = shsrd("prepare-data", "photos", tmp_path / "pack", photos)
    assert (done.code, done.out) == (0, "")
    assert "2 photos" in done.err
    return tmp_path / "pack"


@pytest.fixture
def config(tmp_path, packed_photos):
    """A config of a tiny first stage."""

    def write(name="stage1", **changes):
        values = {"stage": "pretrain", "train": str(packed_photos), "validation": str(packed_photos)}
        values |= {"out": str(tmp_path / "runs" / name), "network": {"width": 8}, **QUICK, **changes}
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in values.items() if value is not None}))
        return path

    return write


def overrides():
    return [part for key, value in NETWORK.items() for part in (f"--network.{key.replace('_', '-')}", value)]


def pretrained(shsrd, config, name="stage1", *more):
    done = shsrd("pretrain", config(name), *overrides(), *more)
    assert (done.code, done.out) == (0, ""), done.err
    assert "best weights" in done.err
    return config(name).parent / "runs" / name


def test_from_photos_to_a_scene_in_four_commands(shsrd, tmp_path, config, source):
    first = pretrained(shsrd, config)
    resolved = json.loads((first / "config.json").read_text())
    assert (resolved["network"]["denoiser_width"], resolved["steps"]) == (8, 6)
    scenes = [tmp_path / f"scene{seed}.npz" for seed in range(2)]
    for seed, path in enumerate(scenes):
        save_cube(synthetic_scene(rows=72, columns=80, wavelength_nm=np.linspace(420, 900, 8), seed=seed), path)
    done = shsrd("prepare-data", "scenes", tmp_path / "scenes", *scenes)
    assert (done.code, done.out) == (0, "")
    assert "2 scenes" in done.err
    changes = {"stage": "transfer", "start_from": str(first / "best.safetensors"), "network": None, "batch": 4}
    folders = {"train": str(tmp_path / "scenes"), "validation": str(tmp_path / "scenes")}
    done = shsrd("transfer", config("stage2", **changes, **folders), "--lr", "1e-4", "--scenes.triplets", 2)
    assert (done.code, done.out) == (0, ""), done.err
    best = tmp_path / "runs" / "stage2" / "best.safetensors"
    assert json.loads((best.parent / "config.json").read_text())["lr"] == 1e-4
    done = shsrd("upscale", source, tmp_path / "high.tif", "--model", best, "--json")
    report = json.loads(done.out)
    assert report["model"] == "best"
    assert report["consistency"] < 1e-4
    for line in (best.parent / "log.jsonl").read_text().splitlines():
        json.loads(line)


def test_an_interrupted_run_goes_on_to_the_same_weights(shsrd, config, monkeypatch):
    whole = pretrained(shsrd, config, "whole")
    stop = Monitor.step

    def interrupted(self, counters, loss, rate):
        if counters.step == 5:
            raise KeyboardInterrupt
        stop(self, counters, loss, rate)

    with monkeypatch.context() as patched:
        patched.setattr(Monitor, "step", interrupted)
        done = shsrd("pretrain", config("parts"), *overrides())
    assert done.code == 130
    assert "interrupted" in done.err
    parts = pretrained(shsrd, config, "parts")
    for name in ("checkpoint.safetensors", "best.safetensors"):
        expected, found = load_file(whole / name), load_file(parts / name)
        assert expected.keys() == found.keys()
        for key in expected:
            np.testing.assert_array_equal(found[key], expected[key])


def test_help_lists_every_key(shsrd):
    done = shsrd("pretrain", "--help")
    assert done.code == 0
    assert all(key in done.out for key in ("--network.width", "--photos.noise", "--scenes.angle", "--lr"))


class TestRefusals:
    @pytest.fixture(autouse=True)
    def _given(self, refuses, shsrd, config, tmp_path):
        self.refuses, self.shsrd, self.config, self.folder = refuses, shsrd, config, tmp_path

    def test_unknown_key_in_the_file(self):
        self.refuses(["pretrain", self.config(learning_rate=1)], "stage1.yaml", "learning_rate")

    def test_unknown_nested_key(self):
        self.refuses(["pretrain", self.config(network={"depth": 3})], "stage1.yaml", "network.depth")

    def test_unknown_option(self):
        done = self.shsrd("pretrain", self.config(), "--learning-rate", 1)
        assert (done.code, done.out) == (2, "")
        assert "learning-rate" in done.err
        assert not (self.folder / "runs").exists()

    @pytest.mark.parametrize("changes", [{"lr": -1}, {"steps": 0}, {"patch": "wide"}, {"ema": 1}, {"stage": "third"}])
    def test_value_out_of_range(self, changes):
        (key,) = changes
        self.refuses(["pretrain", self.config(**changes)], "stage1.yaml", key)

    def test_override_out_of_range(self):
        done = self.shsrd("pretrain", self.config(), "--lr", -1)
        assert (done.code, done.out) == (2, "")
        assert "lr" in done.err
        assert "Traceback" not in done.err

    def test_missing_key(self):
        self.refuses(["pretrain", self.config(train=None)], "stage1.yaml", "train")

    def test_missing_config(self):
        self.refuses(["pretrain", self.folder / "none.yaml"], "none.yaml", "configs/")

    def test_not_yaml(self):
        (self.folder / "broken.yaml").write_text("stage: [")
        self.refuses(["pretrain", self.folder / "broken.yaml"], "broken.yaml", "YAML")

    def test_other_stage(self):
        self.refuses(["transfer", self.config()], "stage1.yaml", "shsrd pretrain")

    def test_transfer_from_nothing(self):
        self.refuses(["transfer", self.config(stage="transfer")], "start_from")

    def test_start_from_what_is_not_there(self):
        self.refuses(["pretrain", self.config(start_from="nowhere.safetensors")], "nowhere.safetensors")

    def test_folder_of_another_run(self):
        out = pretrained(self.shsrd, self.config)
        before = (out / "best.safetensors").read_bytes()
        done = self.shsrd("pretrain", self.config(), *overrides(), "--seed", 1)
        assert (done.code, done.out) == (2, "")
        assert "other seed" in done.err
        assert (out / "best.safetensors").read_bytes() == before

    def test_pack_of_nothing(self):
        (self.folder / "empty").mkdir()
        self.refuses(["pack", "photos", self.folder / "pack2", self.folder / "empty"], "empty", "no photos")

    def test_pack_photos_from_two_folders(self):
        self.refuses(["pack", "photos", self.folder / "pack2", self.folder, self.folder], "one source folder")

    def test_pack_a_damaged_scene(self):
        (self.folder / "bad.npz").write_bytes(b"PK\x03\x04 and nothing more")
        self.refuses(["pack", "scenes", self.folder / "pack2", self.folder / "bad.npz"], "bad.npz")

    def test_pack_a_damaged_photo(self):
        (self.folder / "photos" / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
        self.refuses(["pack", "photos", self.folder / "pack2", self.folder / "photos"], "c.png")

    def test_train_on_an_unpacked_folder(self):
        done = self.shsrd("pretrain", self.config(train=str(self.folder / "photos")))
        assert (done.code, done.out) == (2, "")
        assert "shsrd prepare-data photos" in done.err
        assert len(done.err.strip().splitlines()) == 1

    @pytest.mark.parametrize("damage", ["pack/photos.safetensors", "runs/stage1/checkpoint.safetensors"])
    def test_damaged_pack_or_checkpoint(self, damage):
        pretrained(self.shsrd, self.config)
        path = self.folder / damage
        path.write_bytes(path.read_bytes()[:200])
        done = self.shsrd("pretrain", self.config(), *overrides(), "--time-limit", 5)
        assert (done.code, done.out) == (2, "")
        assert path.name in done.err
        assert len(done.err.strip().splitlines()) == 1
