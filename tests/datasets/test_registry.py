import doctest

import numpy as np
import pytest
from PIL import Image

from shsrd import datasets
from shsrd.cube import SceneError
from shsrd.datasets import published_results as literature


def make_archive(root, names, *, nested):
    for index, name in enumerate(names):
        folder = root / name / name if nested(index) else root / name
        folder.mkdir(parents=True)
        Image.fromarray(np.zeros((2, 2), np.uint16)).save(folder / f"{name}_01.png")
        (folder / "Thumbs.db").write_bytes(b"stray")


def test_names_are_sorted_and_split_20_to_12():
    assert list(datasets.CAVE_SCENES) == sorted(datasets.CAVE_SCENES)
    assert (len(datasets.cave_names("development")), len(datasets.cave_names("test"))) == (20, 12)
    assert len(datasets.cave_names("train")) == 16
    assert sorted(datasets.cave_names("train") + datasets.cave_names("validation")) == list(
        datasets.cave_names("development")
    )
    assert not set(datasets.cave_names("development")) & set(datasets.cave_names("test"))


def test_nested_and_flat_archives(tmp_path):
    names = datasets.cave_names("validation")
    make_archive(tmp_path, names, nested=lambda index: index % 2 == 0)
    found = datasets.cave_scenes(tmp_path, "validation")
    assert [folder.name for folder in found] == list(names)
    assert all(list(folder.glob("*_01.png")) for folder in found)


def test_missing_scenes_are_named(tmp_path):
    make_archive(tmp_path, datasets.cave_names("test")[1:-1], nested=lambda _: True)
    with pytest.raises(SceneError, match=r"2 of 12 CAVE test scenes .* jelly_beans_ms, watercolors_ms; give"):
        datasets.cave_scenes(tmp_path, "test")


def test_unknown_split():
    with pytest.raises(SceneError, match="choose one of train, validation, development, test"):
        datasets.cave_names("all")


def test_printed_rows_belong_to_protocols():
    assert {row.dataset for row in datasets.PUBLISHED_RESULTS} <= set(datasets.PROTOCOLS)
    assert datasets.printed("cave", 4)[-1].method == "SSPSR"
    assert datasets.printed("houston2018", 4) == ()
    assert doctest.testmod(literature).failed == 0


def test_chikusei_tiles_lie_in_the_crop():
    protocol = datasets.PROTOCOLS["chikusei"]
    width = protocol.crop.right - protocol.crop.left
    assert [tile.left for tile in protocol.test_windows] == [0, 512, 1024, 1536]
    assert all(tile.right <= width and tile.bottom == 512 for tile in protocol.test_windows)


@pytest.mark.data
def test_names_are_those_of_the_archive(shared_data):
    folders = sorted(path.name for path in (shared_data / "cave_train").iterdir() if path.is_dir())
    assert folders == list(datasets.cave_names("development"))
