"""Packing scenes as files really are: dead bands, holes, values that cannot be, negative ones, other units."""

import json
import os

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from shsrd.cube import Cube
from shsrd.io import save_cube
from shsrd.training import TrainingError, pack_scenes, run_training
from shsrd.training.config import SceneAugmentation
from shsrd.training.data.pack import load_scenes, pack_scene
from shsrd.training.data.scenes import SceneSource


def with_bands(cube, values):
    pixels = cube.pixels.copy()
    for band, value in values.items():
        pixels[band] = value
    return cube.replace(pixels=pixels)


def packed(folder, cube, name="scene"):
    notes = pack_scene(name, cube, folder)
    return {scene.name: scene for scene in load_scenes(folder)}[name], notes


@pytest.mark.parametrize("value", [0.0, 0.37, -1.0, -9999.0, 65535.0, 1e30])
def test_a_constant_band_is_left_out_and_named(tmp_path, make_scene, value):
    cube = make_scene()
    scene, notes = packed(tmp_path, with_bands(cube, {3: value}))
    kept = [0, 1, 2, 4, 5, 6, 7, 8, 9]
    np.testing.assert_array_equal(scene.wavelength_nm, cube.wavelength_nm[kept])
    np.testing.assert_allclose(scene.stored * scene.step, cube.pixels[kept], atol=0.51 * scene.step)
    assert notes == (f"band 4 ({cube.wavelength_nm[3]:g} nm) left out: constant ({value:g}).",)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_band_that_is_not_finite_is_left_out_and_named(tmp_path, make_scene, value):
    scene, notes = packed(tmp_path, with_bands(make_scene(), {0: value, 9: value}))
    assert len(scene.stored) == 8
    assert notes == ("2 bands: 1, 10 left out: no finite pixel.",)


def test_an_ordinary_scene_has_no_notes(tmp_path, make_scene):
    assert packed(tmp_path, make_scene())[1] == ()


def test_a_dead_band_with_holes_is_dead(tmp_path, make_scene):
    cube = make_scene()
    cube.pixels[5] = 0
    cube.pixels[5, ::7] = np.nan
    assert len(packed(tmp_path, cube)[0].stored) == 9


@pytest.mark.parametrize("value", [1e30, -1e30, 65535.0, np.inf])
def test_values_that_cannot_be_become_holes(tmp_path, make_scene, value):
    cube = make_scene()
    cube.pixels[:, 10, 10] = value
    scene, notes = packed(tmp_path, cube)
    around = cube.pixels[:, 9:12, 11]
    found = scene.stored[:, 10, 10] * scene.step
    assert scene.step < 1e-4, "one wild value must not take the bits of all others"
    assert (np.abs(found - around.mean(axis=1)) < 0.2).all()
    assert len(notes) == np.isfinite(value)
    assert all("10 values such as" in note for note in notes)


def test_negative_values_are_said_where_they_are_many_or_large(tmp_path, make_scene):
    cube = make_scene()
    little = cube.replace(pixels=cube.pixels - np.float32(0.001))
    assert packed(tmp_path, little)[1] == ()
    filled = cube.pixels.copy()
    filled[:, :8] = -9.99
    assert "negative, down to -9.99" in packed(tmp_path, cube.replace(pixels=filled))[1][0]


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (-0.3, "no value is above zero"),
        (0.0, "zero everywhere"),
        (0.5, "every band is constant"),
        (np.nan, "no good band"),
    ],
)
def test_scenes_of_which_nothing_is_left(tmp_path, make_scene, pixels, words):
    shape = make_scene().shape
    varied = np.random.default_rng(0).uniform(0.5, 1, shape) if words.startswith("no value") else 1
    with pytest.raises(TrainingError, match=words):
        pack_scene("scene", Cube((pixels * varied * np.ones(shape)).astype(np.float32)), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_two_scenes_of_one_name_are_refused(tmp_path, make_scene):
    paths = [tmp_path / folder / "scene.npz" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        save_cube(make_scene(), path)
    with pytest.raises(TrainingError, match="one name, 'scene'"):
        pack_scenes(paths, tmp_path / "pack")
    assert not (tmp_path / "pack").exists()
    assert pack_scenes([paths[0], paths[0]], tmp_path / "pack") == 1


def test_what_is_left_out_is_told_with_the_name(tmp_path, make_scene):
    save_cube(with_bands(make_scene(), {2: 0.0}), tmp_path / "mine.npz")
    messages = []
    pack_scenes([tmp_path / "mine.npz"], tmp_path / "pack", on_message=messages.append)
    assert len(messages) == 1 and messages[0].startswith("mine: band 3 ")


@pytest.mark.parametrize(("umask", "rights"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_packs_have_the_rights_of_other_files(tmp_path, make_scene, umask, rights):
    before = os.umask(umask)
    try:
        pack_scene("scene", make_scene(), tmp_path)
        pack_scene("scene", make_scene(), tmp_path)
    finally:
        os.umask(before)
    assert [(f.name, f.stat().st_mode & 0o777) for f in tmp_path.iterdir()] == [("scene.safetensors", rights)]


@pytest.fixture
def old_pack(tmp_path, make_scene):
    """As packs were before constant bands were left out."""
    stored = np.rint(make_scene(rows=98, columns=104).pixels * 60_000).astype(np.uint16)
    stored[4], stored[7] = 0, 999
    header = {"name": "old", "step": repr(1 / 60_000), "wavelength_nm": json.dumps(list(range(400, 500, 10)))}
    (tmp_path / "old").mkdir()
    save_file({"stored": stored}, tmp_path / "old" / "old.safetensors", metadata=header)
    return tmp_path / "old"


def test_an_older_pack_with_dead_bands_is_read_without_them(old_pack, caplog):
    for _ in range(2):
        (scene,) = load_scenes(old_pack)
    assert scene.wavelength_nm.tolist() == [400, 410, 420, 430, 450, 460, 480, 490]
    assert ["2 constant bands left out" in record.message for record in caplog.records] == [True]


@pytest.mark.parametrize("objective", ["mean", "diffusion"])
def test_training_and_validation_on_dead_bands(settings, old_pack, objective):
    config = settings("transfer", objective=objective, train=old_pack, validation=old_pack, steps=3)
    run_training(config)
    lines = [json.loads(line) for line in (config.out / "log.jsonl").read_text().splitlines()]
    assert all(np.isfinite(value) for line in lines for value in line.values())


@pytest.mark.parametrize("unit", [1e-6, 1e-4, 1e4])
def test_the_unit_of_a_scene_does_not_matter(tmp_path, make_scene, unit):
    """Reflectance, counts or radiance in any unit: the same batches."""
    cube, augmentation = make_scene(), SceneAugmentation()
    drawn = []
    for name, factor in (("one", 1), ("other", unit)):
        pack_scene("scene", cube.replace(pixels=(cube.pixels * factor).astype(np.float32)), tmp_path / name)
        source = SceneSource(tmp_path / name, augmentation, scale=2, patch=8, guides="pca")
        drawn.append(source.draw(4, torch.Generator().manual_seed(1)))
    for name in ("low", "residual", "unit", "weight"):
        torch.testing.assert_close(*(getattr(batch, name) for batch in drawn), rtol=1e-3, atol=1e-3)
