"""What must hold for the scene of any sensor, whatever its file looks like inside."""

import pickle
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shsrd.cube import Cube, SceneError, read_cube
from shsrd.io import describe, open_cube, open_source, save_cube


@pytest.fixture
def check_scene(tmp_path: Path) -> Callable[..., Cube]:
    """Open a file in every way there is; gives the scene once all agree."""

    def check(path: Path, *, variable: str | None = None) -> Cube:
        scene = open_cube(path, variable=variable)
        source = open_source(path, variable=variable)
        _, rows, columns = scene.shape
        for down, across in ((slice(1, rows), slice(0, columns)), (slice(0, 1), slice(1, columns - 1))):
            assert np.array_equal(source.read(down, across), scene.pixels[:, down, across], equal_nan=True)
        again = pickle.loads(pickle.dumps(source))
        assert np.array_equal(read_cube(again).pixels, scene.pixels, equal_nan=True)
        report = describe(again)
        assert report["headers"] == sorted(scene.headers)
        again.close()
        source.close()
        for suffix in (".tif", ".hdr", ".nc"):
            save_cube(scene, tmp_path / f"again{suffix}", overwrite=True)
            assert_same(open_cube(tmp_path / f"again{suffix}"), scene)
        if path.suffix != ".XML":
            check_damage(path)
        return scene

    return check


def check_damage(path: Path) -> None:
    """Cut or overwrite bytes anywhere: a scene or a SceneError in one line, nothing else."""
    dice, whole = random.Random(path.name), path.read_bytes()
    for trial in range(12):
        damaged = bytearray(whole[: dice.randrange(len(whole))] if trial % 3 == 0 else whole)
        for _ in range(trial % 3):
            damaged[dice.randrange(len(whole))] = dice.randrange(256)
        path.write_bytes(damaged)
        try:
            open_cube(path)
        except SceneError as error:
            assert "\n" not in str(error)
    path.write_bytes(whole)


def assert_same(one: Cube, other: Cube) -> None:
    assert np.allclose(one.pixels, other.pixels, rtol=0, atol=one.storage.scale, equal_nan=True)
    for name in ("wavelength_nm", "fwhm_nm", "good_bands"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert one.band_names == other.band_names
    assert one.transform == other.transform
    assert one.storage == other.storage
    assert (one.crs is None) == (other.crs is None)
    assert dict(one.headers) == dict(other.headers)
