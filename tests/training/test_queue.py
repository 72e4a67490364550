"""A queue of two trainings, carried from machine to machine and stopped on the way, ends in the same weights."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

from shsrd.io import save_cube
from shsrd.model import read_header
from shsrd.training import TrainingError
from shsrd.training.data.pack import load_photos, load_scenes, pack_scene
from shsrd.training.queue import QueueState, carry, home, read_queue, run_queue, runner
from shsrd.training.queue.carry import TransferFolder
from shsrd.training.queue.command import main
from shsrd.training.queue.runner import Clock, Places
from shsrd.training.queue.scene_files import compress_scene, expand_scene
from shsrd.training.queue.state import pack_state, unpack_state

NETWORK = {"scale": 2, "width": 16, "blocks": 2, "denoiser_width": 16, "denoiser_blocks": 1, "guide_width": 8}
COMMON = {"batch": 4, "patch": 8, "warmup": 2, "lr": 1e-3, "ema": 0.7, "precision": "fp32"}
COMMON |= {"validate_every": 3, "checkpoint_every": 4}
FIRST = {"name": "first", "config": "first.yaml", "steps": 7, "train": "photos", "validation": "held-out"}
SECOND = {"name": "second", "stage": "pretrain", "objective": "diffusion", "start_from": "first", "train": "photos"}
SECOND |= {"validation": "held-out", "steps": 5, **COMMON}
DATA = {"photos": {"photos": ["a", "b"]}, "held-out": {"photos": ["a"]}, "scenes": {"scenes": ["scenes/*.npz"]}}


@pytest.fixture
def root(tmp_path, make_scene):
    """Original photos in two folders, and two scenes."""
    rng, folder = np.random.default_rng(0), tmp_path / "originals"
    for name, source in (("one", "a"), ("two", "a"), ("one", "b")):
        (folder / source).mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (9, 10, 3), np.uint8))
        coarse.resize((80, 72), Image.Resampling.BICUBIC).save(folder / source / f"{name}.jpg", quality=95)
    (folder / "scenes").mkdir()
    for seed in range(2):
        save_cube(make_scene(rows=64, columns=72, seed=seed), folder / "scenes" / f"scene{seed}.npz")
    return folder


@pytest.fixture
def queue_file(tmp_path):
    """Write a queue of these trainings."""

    def write(*trainings, **changes):
        folder = tmp_path / "queue"
        folder.mkdir(exist_ok=True)
        first = {"stage": "pretrain", "network": NETWORK, "out": "anywhere", "train": "x", "validation": "y", **COMMON}
        (folder / "first.yaml").write_text(yaml.safe_dump(first))
        content = {"data": DATA, "trainings": list(trainings)} | changes
        (folder / "queue.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        return folder / "queue.yaml"

    return write


def run(queue, work, root, out=None, home=None):
    said = []
    home = home or work / "home"
    reached = run_queue(read_queue(queue), Places(work, root, home, out), on_message=said.append)
    return reached, said


def assert_same_weights(ours, theirs):
    a, b = load_file(ours), load_file(theirs)
    assert a.keys() == b.keys()
    assert [key for key in a if not torch.equal(a[key], b[key])] == []


def test_carried_stopped_and_resumed_elsewhere_gives_the_same_weights(tmp_path, root, queue_file, monkeypatch):
    queue = queue_file(FIRST, SECOND)
    straight, said = run(queue, tmp_path / "straight", root)
    assert [straight.statuses[name].state for name in ("first", "second")] == ["done", "done"], said

    kept, asked = tmp_path / "kept", iter(range(10_000))
    monkeypatch.setattr(Clock, "pause", lambda self, longest: next(asked) % 5 == 4)
    for number in range(1, 8):
        carried, out = tmp_path / f"carried{number}", tmp_path / f"out{number}"
        carry(read_queue(queue), TransferFolder(carried, 2**24), root=root, home=kept, on_message=said.append)
        machine = tmp_path / f"machine{number}"  # a fresh one every time
        reached, said = run(carried / "queue.yaml", machine, carried / "data", out, carried / "home")
        shutil.copytree(out, kept, dirs_exist_ok=True)
        if number == 1:
            assert (reached.statuses["first"].state, reached.statuses["first"].step) == ("paused", 4)
            unfinished = read_header(out / "first.safetensors")["provenance"]["stages"][-1]
            assert (unfinished["unfinished"], unfinished["step"]) == (True, 4)
        if reached.done("second"):
            break
    assert number == 3, said
    assert reached.statuses["first"].step == 7
    for name in ("first", "second"):
        assert_same_weights(kept / f"{name}.safetensors", straight.weights(name))
    assert read_header(kept / "second.safetensors")["provenance"]["stages"][-1]["start_from"] == "first"


BARE = ("rasterio", "scipy", "affine", "skimage", "h5py", "spectral", "matplotlib", "tyro", "rich", "threadpoolctl")
BARE += ("xarray", "rioxarray", "zarr", "pystac", "pyproj", "tensorboard", "tensorboardX", "tqdm")


def on_a_bare_machine(carried, *arguments):
    code = f"""import sys
for name in {BARE!r}: sys.modules[name] = None
import shsrd
assert shsrd.__file__.startswith({str(carried)!r}), shsrd.__file__
sys.argv = ["shsrd.training", *{[str(argument) for argument in arguments]!r}]
from shsrd.training.__main__ import main
sys.exit(main())"""
    environment = os.environ | {"PYTHONPATH": str(carried / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=carried, check=False)


@pytest.mark.slow
def test_a_bare_machine_needs_only_what_was_carried(tmp_path, root, queue_file):
    third = {"name": "third", "stage": "transfer", "start_from": "first", "train": "scenes", "validation": "scenes"}
    queue = queue_file(FIRST | {"steps": 2}, third | COMMON | {"steps": 2, "replay": "photos"})
    carried = tmp_path / "carried"
    assert main(["pack", str(queue), str(carried), "--data", str(root), "--limit", "16MiB"]) == 0
    call = ("queue", "run", "queue.yaml", "--minutes", "5", "--out", tmp_path / "out", "--work", tmp_path / "work")
    done = on_a_bare_machine(carried, *call)
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "first.safetensors",
        "queue.json",
        "third.safetensors",
    ]
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["first", "done,"], ["third", "done,"]]
    assert read_header(tmp_path / "out" / "third.safetensors")["provenance"]["stages"][-1]["scenes"]


def test_keys_of_earlier_versions_name_their_data(queue_file):
    third = {"name": "third", "stage": "transfer", "start_from": "first", "train": "scenes", "validation": "scenes"}
    sets = []
    for key in ("rehearsal", "replay"):
        queue = read_queue(queue_file(FIRST, third | COMMON | {key: "photos"}))
        sets.append(queue.sets(queue.trainings[1]))
    assert sets[0] == sets[1]
    assert "photos" in sets[0]


def test_what_fails_or_waits_does_not_stop_the_others(tmp_path, root, queue_file):
    broken = FIRST | {"name": "broken", "patch": 4000}
    behind = SECOND | {"name": "behind", "start_from": "broken"}
    elsewhere = FIRST | {"name": "elsewhere", "train": "nowhere"}
    data = DATA | {"nowhere": {"photos": ["not-here"]}}
    queue = queue_file(broken, behind, elsewhere, FIRST | {"steps": 1}, data=data)
    reached, said = run(queue, tmp_path / "work", root)
    assert {name: status.state for name, status in reached.statuses.items()} == {"broken": "failed", "first": "done"}
    assert "no photo is as large" in reached.statuses["broken"].message
    assert any("behind: waits, 'broken' is not done" in text for text in said)
    assert any("elsewhere: waits, nothing of 'nowhere'" in text for text in said)
    queue = queue_file(FIRST | {"name": "broken", "steps": 1})
    assert run(queue, tmp_path / "work", root)[0].done("broken"), "corrected, it goes"


def test_a_small_limit_takes_a_fixed_part_of_the_photos_and_says_so(tmp_path, root, queue_file):
    queue, said = read_queue(queue_file(FIRST)), []
    carry(queue, TransferFolder(tmp_path / "whole", 2**26), root=root, home=tmp_path / "none", on_message=said.append)
    sizes = {
        f.relative_to(tmp_path / "whole"): f.stat().st_size for f in (tmp_path / "whole").rglob("*") if f.is_file()
    }
    photos = {path: size for path, size in sizes.items() if path.suffix == ".jpg"}
    limit = sum(size + 512 for size in sizes.values()) - min(photos.values())
    for name in ("part", "again"):
        carry(queue, TransferFolder(tmp_path / name, limit), root=root, home=tmp_path / "none", on_message=said.append)
    taken = [
        sorted(f.relative_to(tmp_path / name) for f in (tmp_path / name / "data").rglob("*.jpg"))
        for name in ("part", "again")
    ]
    assert taken[0] == taken[1] != sorted(photos)
    assert any("photos: 1 of 3 files left out" in text for text in said)
    part = tmp_path / "part"
    reached, heard = run(part / "queue.yaml", tmp_path / "work", part / "data", tmp_path / "out", part / "home")
    assert not reached.statuses, "an incomplete set is not trained on unawares"
    assert any("first: waits, only" in text for text in heard)
    carry(
        queue,
        TransferFolder(tmp_path / "rest", limit),
        root=root,
        home=tmp_path / "none",
        without=[part],
        on_message=said.append,
    )
    rest = tmp_path / "rest"
    reached, heard = run(rest / "queue.yaml", tmp_path / "work", rest / "data", tmp_path / "out2", rest / "home")
    assert reached.done("first"), heard
    assert len(load_photos(tmp_path / "work" / "packs" / "photos")) == 3


def test_the_state_travels_in_parts(tmp_path, root, queue_file, monkeypatch):
    monkeypatch.setattr(home, "PART", 20_000)
    monkeypatch.setattr(Clock, "pause", lambda self, longest: longest > 0)
    out = tmp_path / "out"
    reached, _ = run(queue_file(FIRST), tmp_path / "work", root, out)
    status = reached.statuses["first"]
    assert status.state == "paused"
    assert len(list(out.iterdir())) <= 8
    if status.parts:
        assert all((out / part).stat().st_size <= 20_000 for part in status.parts)
    else:
        assert "too large" in status.message
    assert QueueState(out).statuses == reached.statuses
    assert main(["status", str(tmp_path / "queue" / "queue.yaml"), "--home", str(out)]) == 0


@pytest.mark.parametrize("compact", [False, True])
def test_a_bundle_is_the_run_again(tmp_path, root, queue_file, compact):
    run(queue_file(FIRST), tmp_path / "work", root)
    folder = tmp_path / "work" / "runs" / "first"
    exact, content = pack_state(folder), pack_state(folder, compact=compact)
    unpack_state(content, tmp_path / "again")
    ours, theirs = (load_file(place / "checkpoint.safetensors") for place in (tmp_path / "again", folder))
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        tolerance = 0.01 if compact and not key.startswith("raw.") else 0
        torch.testing.assert_close(ours[key], value, rtol=tolerance, atol=1e-5 if tolerance else 0)
    for name in ("best.safetensors", "config.json", "log.jsonl"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert len(content) < len(exact) or not compact
    with pytest.raises(TrainingError, match="damaged"):
        unpack_state(content[:1000], tmp_path / "broken")


@pytest.mark.parametrize("wavelengths", [True, False])
def test_scenes_travel_without_loss(tmp_path, make_scene, wavelengths):
    cube = make_scene()
    pack_scene("mine", cube if wavelengths else cube.replace(wavelength_nm=None), tmp_path / "pack")
    compress_scene(tmp_path / "pack" / "mine.safetensors", tmp_path / "mine.scene")
    expand_scene(tmp_path / "mine.scene", tmp_path / "again")
    (before,), (after,) = load_scenes(tmp_path / "pack"), load_scenes(tmp_path / "again")
    np.testing.assert_array_equal(after.stored, before.stored)
    assert (after.name, after.step) == (before.name, before.step)
    np.testing.assert_array_equal(after.wavelength_nm, before.wavelength_nm)
    (tmp_path / "mine.scene").write_bytes((tmp_path / "mine.scene").read_bytes()[:-20])
    with pytest.raises(TrainingError, match=r"mine\.scene: not a readable scene"):
        expand_scene(tmp_path / "mine.scene", tmp_path / "broken")


@pytest.mark.parametrize(
    ("trainings", "words"),
    [
        ([SECOND, FIRST], "'second' needs 'first', which must stand above it"),
        ([FIRST, FIRST], "two trainings are called 'first'"),
        ([FIRST | {"train": "unknown"}], "names the data 'unknown'"),
        ([FIRST | {"learning_rate": 1}], "learning_rate"),
        ([FIRST | {"config": "none.yaml"}], "none.yaml: no such file"),
        ([FIRST | {"name": "a/b"}], "name"),
        ([FIRST | {"after": ["third"]}], "needs 'third'"),
    ],
)
def test_a_queue_that_cannot_be_is_refused(queue_file, trainings, words):
    with pytest.raises(TrainingError, match=words):
        read_queue(queue_file(*trainings))


def test_the_clock_leaves_time_to_save(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(runner.time, "monotonic", lambda: now[0])
    clock = Clock(1.0)
    assert not clock.pause(0.0)
    now[0] = 60 - runner.SAVE_MARGIN_S - 1
    assert not clock.pause(0.0)
    assert clock.pause(2.0)
    assert not Clock(0.0).pause(1e6)


@pytest.mark.parametrize("name", ["queue.yaml", "queue-cpu.yaml"])
def test_the_real_queues_fit_together(name):
    queue = read_queue(Path(__file__).parents[2] / "configs" / name)
    assert len({training.name for training in queue.trainings}) == len(queue.trainings) > 1
    assert json.dumps(queue.model_dump(mode="json"))
