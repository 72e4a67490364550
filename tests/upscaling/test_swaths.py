"""A scene in the sensor's own grid keeps its place: from file to file, in memory, and over tile sizes."""

import numpy as np
import pytest

from shsrd.cube import Geolocation
from shsrd.io import open_cube, save_cube
from shsrd.upscaling import Job, UpscaleOptions, upscale, upscale_file

OPTIONS = {"device": "cpu", "precision": "fp32", "cell": 8}
SHAPE = (13, 19)


def bytes_of(path):
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {file.relative_to(path): file.read_bytes() for file in files if file.is_file()}


@pytest.fixture
def swath(make_scene, tmp_path):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    latitude, longitude = 12 - 5e-4 * y - 1e-4 * x, (179.998 + 6e-4 * x - 1e-4 * y + 180) % 360 - 180
    latitude[5:7, 3:9] = np.nan
    scene = make_scene(bands=3, rows=SHAPE[0], columns=SHAPE[1], geolocation=Geolocation.of(latitude, longitude))
    save_cube(scene, tmp_path / "swath.nc")
    return scene


@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_the_output_lies_where_the_input_does(swath, make_model, tmp_path, ending):
    whole = upscale(swath, 2, options=UpscaleOptions(**OPTIONS, uncertainty=True), model=make_model())
    save_cube(whole.cube, tmp_path / f"whole.{ending}")
    made = []
    for tile in (8, 32):
        target, deviation = tmp_path / f"tile{tile}.{ending}", tmp_path / f"tile{tile}_u.{ending}"
        options = UpscaleOptions(**OPTIONS, tile=tile)
        upscale_file(Job(tmp_path / "swath.nc", target, 2, options, uncertainty=deviation), model=make_model())
        made.append(bytes_of(target))
        for path in (target, deviation):
            again = open_cube(path).geolocation.whole()
            assert np.array_equal(again, swath.geolocation.finer(2).whole(), equal_nan=True)
    assert made[0] == made[1] == bytes_of(tmp_path / f"whole.{ending}")
