"""A scene in the sensor's own grid keeps its place: from file to file, in memory, and over tile sizes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shsrd.cube import Geolocation, SceneError
from shsrd.io import open_cube, save_cube
from shsrd.io.stac.origin import origin_of_file
from shsrd.io.targets import written_files
from shsrd.upscaling import Job, UpscaleOptions, upscale, upscale_file
from shsrd.upscaling.jobs.provenance import mismatch_reason, read_item

OPTIONS = {"device": "cpu", "precision": "fp32", "block": 8}
SHAPE = (13, 19)


def bytes_of(path):
    """All files of a scene, without the name of the scene where they repeat it."""
    files = sorted(path.rglob("*")) if path.is_dir() else sorted(path.parent.glob(f"{path.stem}[._]*"))
    files = [file for file in files if file.is_file() and "_u" not in file.name]
    return {str(file).replace(path.stem, ""): file.read_bytes().replace(path.stem.encode(), b"") for file in files}


@pytest.fixture
def swath(make_scene, tmp_path):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    latitude, longitude = 12 - 5e-4 * y - 1e-4 * x, (179.998 + 6e-4 * x - 1e-4 * y + 180) % 360 - 180
    latitude[5:7, 3:9] = np.nan
    scene = make_scene(bands=3, rows=SHAPE[0], columns=SHAPE[1], geolocation=Geolocation.of(latitude, longitude))
    save_cube(scene, tmp_path / "swath.nc")
    return scene


@pytest.mark.parametrize("ending", ["nc", "zarr", "tif", "img"])
def test_the_output_lies_where_the_input_does(swath, make_model, tmp_path, ending):
    whole = upscale(swath, 2, options=UpscaleOptions(**OPTIONS, uncertainty=True), model=make_model())
    save_cube(whole.cube, tmp_path / f"whole.{ending}")
    made = []
    for tile in ("08", "32"):  # names of one length: the GeoTIFF holds that of its companion
        target, std = tmp_path / f"til{tile}.{ending}", tmp_path / f"til{tile}_u.{ending}"
        options = UpscaleOptions(**OPTIONS, tile=int(tile))
        upscale_file(Job(tmp_path / "swath.nc", target, 2, options, uncertainty=std), model=make_model())
        made.append(bytes_of(target))
        for path in (target, std):
            again = open_cube(path).geolocation.read_all()
            assert np.array_equal(again, swath.geolocation.finer(2).read_all(), equal_nan=True)
    assert made[0] == made[1] == bytes_of(tmp_path / f"whole.{ending}")


def test_an_interrupted_run_ends_in_the_same_files(swath, make_model, tmp_path):
    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    options = UpscaleOptions(**OPTIONS, tile=8)
    upscale_file(Job(tmp_path / "swath.nc", tmp_path / "whole.img", 2, options), model=make_model())
    job = Job(tmp_path / "swath.nc", tmp_path / "again.img", 2, options)
    with pytest.raises(KeyboardInterrupt):
        upscale_file(job, model=make_model(), progress=stop)
    assert not list(tmp_path.glob("again_loc*"))
    done = upscale_file(replace(job, resume=True), model=make_model())
    assert done.resumed == 2
    assert bytes_of(tmp_path / "again.img") == bytes_of(tmp_path / "whole.img")


def test_neither_source_nor_sibling_is_replaced(swath, make_model, tmp_path):
    save_cube(swath, tmp_path / "a_loc.tif")
    options = UpscaleOptions(**OPTIONS)
    job = Job(tmp_path / "a_loc.tif", tmp_path / "a.tif", 2, options, overwrite=True)
    with pytest.raises(SceneError, match="would replace the source"):
        upscale_file(job, model=make_model())
    job = Job(tmp_path / "swath.nc", tmp_path / "b.tif", 2, options, uncertainty=tmp_path / "b_loc.tif")
    with pytest.raises(SceneError, match=r"b_loc\.tif"):
        upscale_file(job, model=make_model())
    assert not list(tmp_path.glob("b*"))


@pytest.mark.parametrize(("ending", "lost"), [("npy", True), ("mat", True), ("tif", False), ("nc", False)])
def test_a_format_that_keeps_no_place_says_so(swath, make_model, tmp_path, ending, lost):
    job = Job(tmp_path / "swath.nc", tmp_path / f"a.{ending}", 2, UpscaleOptions(**OPTIONS))
    assert upscale_file(job, model=make_model()).georeferencing_lost is lost


@pytest.mark.parametrize("ending", ["tif", "img"])
def test_the_item_lists_every_file_and_knows_when_one_is_not_as_it_was(swath, make_model, tmp_path, ending):
    model, source, target = make_model(), tmp_path / "swath.nc", tmp_path / f"a.{ending}"
    job = Job(source, target, 2, UpscaleOptions(**OPTIONS), origin=origin_of_file(source))
    upscale_file(job, model=model)
    record = read_item(target)
    listed = {Path(asset["href"]).name for asset in record["assets"].values()}
    assert listed == {file.name for file in written_files(target, swath.metadata)}
    assert mismatch_reason(record, job, model) is None
    places = tmp_path / "a_loc.tif"
    whole = places.read_bytes()
    places.write_bytes(whole[:-1])
    assert mismatch_reason(record, job, model) == "a_loc.tif was changed afterwards"
    places.unlink()
    assert mismatch_reason(record, job, model) == "a_loc.tif is missing"
