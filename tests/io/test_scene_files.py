"""What patterns, folders and lists mean: each scene once, and nothing that merely lies beside one."""

import json

import numpy as np
import pytest
from PIL import Image

from shsrd.cube import Cube, SceneError
from shsrd.io import save_cube
from shsrd.io.scene_discovery import find_scenes


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Paths in these tests are relative to an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def scene():
    return Cube(np.random.default_rng(0).random((3, 4, 5), np.float32), wavelength_nm=np.array([450.0, 550.0, 650.0]))


@pytest.fixture
def fill(here, scene):
    """Save scenes and write other files."""

    def fill(*names):
        for name in names:
            place = here / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith((".img", ".tif", ".nc", ".npz", ".zarr")):
                save_cube(scene, place)
            else:
                place.write_bytes(b"x")

    return fill


def found(*sources, **options):
    return [scene.path.as_posix() for scene in find_scenes(sources, **options).scenes]


def test_a_pattern(fill):
    fill("s/b.tif", "s/a.tif", "s/c.nc", "s/sub/d.tif", "s/.hidden.tif")
    assert found("s/*.tif") == ["s/a.tif", "s/b.tif"]
    assert found("s/**/*.tif") == ["s/a.tif", "s/b.tif", "s/sub/d.tif"]
    assert found("s/*") == ["s/a.tif", "s/b.tif", "s/c.nc"]
    assert found("s/[ab].tif") == ["s/a.tif", "s/b.tif"]


def test_an_envi_pair_is_one_scene(fill):
    fill("s/a.img", "s/b.img")
    for sources in (["s/*.hdr"], ["s/*.img"], ["s/*"], ["s"], ["s/a.img", "s/a.hdr", "s/b.hdr"]):
        assert found(*sources) == ["s/a.img", "s/b.img"]


def test_an_envi_image_without_ending(fill, here):
    fill("s/a.img")
    (here / "s/a.img").rename(here / "s/f.2020-05-01_7000-7010")
    (here / "s/a.hdr").rename(here / "s/f.2020-05-01_7000-7010.hdr")
    (scene,) = find_scenes(["s"]).scenes
    assert scene.path.name == scene.stem == "f.2020-05-01_7000-7010"


def test_a_header_without_image_is_a_scene_that_will_be_named(fill, here):
    fill("s/a.img", "s/b.img")
    (here / "s/b.img").unlink()
    assert found("s/*.hdr") == ["s/a.img", "s/b.hdr"]


def test_companions_and_unfinished_runs_are_no_scenes(fill):
    fill("s/a.tif", "s/a.tif.aux.xml", "s/a.tif.ovr", "s/a.tif.msk", "s/readme.txt", "s/items.json", "s/loose.img.x")
    fill("s/a_x4.tif.partial/tile-000000.npz", "s/.a.123.part/a.tif")
    assert found("s") == found("s/*") == found("s/**/*") == ["s/a.tif"]
    assert found("s/a.tif", "s/a.tif.aux.xml", "s/a.tif.ovr") == ["s/a.tif"]


def test_outputs_are_no_scenes(fill, here):
    fill("s/a.tif", "s/a_x4.tif", "s/a_x4_uncertainty.tif", "s/alone_x4.tif", "out/b_x4.tif", "out/b_x4.img")
    item = {"type": "Feature", "properties": {"shsrd:fingerprint": "0"}, "assets": {"data": {"href": "./b_x4.tif"}}}
    (here / "out/b_x4.tif.json").write_text(json.dumps(item))
    all_of = find_scenes(["**/*.tif"])
    assert [scene.path.as_posix() for scene in all_of.scenes] == ["s/a.tif", "s/alone_x4.tif"]
    assert {path.as_posix() for path in all_of.skipped} == {"s/a_x4.tif", "s/a_x4_uncertainty.tif", "out/b_x4.tif"}
    assert found("out/b_x4.img") == ["out/b_x4.img"]
    with pytest.raises(SceneError, match="outputs of earlier runs only"):
        find_scenes(["out/*.tif"])


def test_folders_that_are_a_scene(fill, here):
    fill("s/a.zarr", "s/b.tif")
    for name in ("one_ms", "two_ms"):
        (here / "cave" / name).mkdir(parents=True)
        for band in range(1, 32):
            Image.fromarray(np.zeros((2, 2), np.uint8)).save(here / "cave" / name / f"{name}_{band:02d}.png")
    assert found("s") == ["s/a.zarr", "s/b.tif"]
    assert found("s/a.zarr") == ["s/a.zarr"]
    assert found("cave") == found("cave/*_ms") == ["cave/one_ms", "cave/two_ms"]
    assert found("cave/one_ms") == ["cave/one_ms"]


def test_a_list_keeps_its_order_and_names_each_once(fill):
    fill("s/a.tif", "s/b.tif", "s/c.npz")
    assert found("s/c.npz", "s/b.tif", "s/*.tif", "s/../s/c.npz") == ["s/c.npz", "s/b.tif", "s/a.tif"]


def test_a_file_with_a_bracket_in_its_name(fill):
    fill("s/a[1].tif")
    assert found("s/a[1].tif") == ["s/a[1].tif"]


def test_a_stac_file(fill, here):
    fill("s/a.tif", "s/b.tif")
    item = {"type": "Feature", "stac_version": "1.1.0", "id": "no/slash", "geometry": None, "links": []}
    item |= {"properties": {"datetime": "2020-01-01T00:00:00Z"}, "assets": {"x": {"href": "a.tif"}}}
    remote = item | {"id": "far", "assets": {"x": {"href": "https://host/a.tif"}}}
    (here / "s/all.json").write_text(json.dumps({"type": "FeatureCollection", "features": [item, remote]}))
    near, far = find_scenes(["s/*.json"]).scenes
    assert (near.path.resolve(), near.stem) == (here / "s/a.tif", "no_slash")
    assert (far.stem, "download it first" in str(far.error)) == ("far", True)


@pytest.mark.parametrize(("source", "word"), [("x/*.tif", "no file matches"), ("empty", "no scene in this folder")])
def test_nothing_there(here, source, word):
    (here / "empty").mkdir()
    with pytest.raises(SceneError, match=word):
        find_scenes([source])
