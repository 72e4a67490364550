"""Latitude and longitude beside GeoTIFF and ENVI scenes: GDAL finds them, we read them back, nothing half is left."""

from unittest.mock import Mock

import numpy as np
import pytest
import rasterio
from rasterio.vrt import WarpedVRT

from shsrd.cube import Geolocation, SceneError, Storage
from shsrd.io import open_cube, open_source, open_writer, save_cube
from shsrd.io.scene_discovery import find_scenes
from shsrd.io.targets import files_read, written_files

NAMES = ("swath.tif", "swath.img", "swath.hdr")
SIDE = 24
CENTRE, STEP = (-39.0, -62.0), 6e-4  # degrees


@pytest.fixture
def swath(make_scene):
    """A turned scene whose first two bands are the latitude and longitude of each pixel."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    latitude, longitude = -STEP * (y + 0.3 * x), STEP * (x - 0.2 * y)
    nowhere = np.where((y < -10) & (x < -8), np.nan, 0)
    places = Geolocation.of(CENTRE[0] + latitude + nowhere, CENTRE[1] + longitude)
    pixels = np.stack([latitude, longitude, *np.ones((3, SIDE, SIDE))]).astype(np.float32)
    return make_scene(pixels=pixels, crs=None, transform=None, geolocation=places, storage=Storage())


@pytest.mark.parametrize(("name", "cog"), [*((name, False) for name in NAMES), ("swath.tif", True)])
def test_there_and_back(name, cog, swath, tmp_path):
    save_cube(swath, tmp_path / name, cog=cog)
    target = tmp_path / name
    files = {file.name for file in written_files(target, swath.metadata)}
    assert {file.name for file in tmp_path.iterdir()} == files
    assert "swath_loc.tif" in files
    again = open_cube(target)
    assert np.array_equal(again.geolocation.read_all(), swath.geolocation.read_all(), equal_nan=True)
    assert dict(again.headers) == dict(swath.headers)
    assert again.crs is again.transform is None
    assert {file.name for file in files_read(target)} == {name for name in files if not name.endswith(".xml")}
    source = open_source(target)
    source.close()
    assert np.array_equal(source.metadata.geolocation.read_all(), swath.geolocation.read_all(), equal_nan=True)
    assert [scene.path.stem for scene in find_scenes([str(tmp_path)]).scenes] == ["swath"]


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
@pytest.mark.parametrize(("name", "cog"), [("swath.tif", False), ("swath.img", False), ("swath.tif", True)])
def test_gdal_puts_the_pixels_where_they_belong(name, cog, swath, tmp_path, monkeypatch):
    """From another folder, because the name of the second file is seen from the first one."""
    save_cube(swath, tmp_path / name, cog=cog)
    monkeypatch.chdir(tmp_path.parent)
    with rasterio.open(tmp_path / name) as scene, WarpedVRT(scene, crs="EPSG:4326") as ortho:
        pixels, transform = ortho.read([1, 2]), ortho.transform
    rows, columns = np.mgrid[: pixels.shape[1], : pixels.shape[2]] + 0.5
    longitude, latitude = transform * (columns, rows)
    seen = (pixels != 0).all(axis=0)
    assert seen.mean() > 0.3
    for degrees, centre, wanted in zip(pixels, CENTRE, (latitude, longitude), strict=True):
        away = (degrees + centre - wanted)[seen]
        assert np.abs(away).max() < STEP  # nearest neighbours of a turned grid
        assert abs(away.mean()) < 0.1 * STEP  # half a pixel would be another idea of what a pixel is


def test_all_files_come_together_or_not_at_all(swath, tmp_path, monkeypatch):
    for name in NAMES:
        monkeypatch.setattr(
            "shsrd.io.geotiff.geolocation_sidecar_write.write_geolocation", Mock(side_effect=OSError("no more"))
        )
        with pytest.raises(SceneError, match="no more"):
            save_cube(swath, tmp_path / name)
        assert list(tmp_path.iterdir()) == []
        monkeypatch.undo()
        writer = open_writer(tmp_path / name, swath.metadata)
        with pytest.raises(KeyboardInterrupt), writer:
            raise KeyboardInterrupt
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_none_of_the_files_is_replaced_unasked(name, swath, tmp_path):
    for file in written_files(tmp_path / name, swath.metadata):
        file.write_text("mine")
        with pytest.raises(SceneError, match=rf"{file.name}: exists already"):
            save_cube(swath, tmp_path / name)
        save_cube(swath, tmp_path / name, overwrite=True)
        assert open_cube(tmp_path / name).geolocation is not None
        for written in written_files(tmp_path / name, swath.metadata):
            written.unlink()


@pytest.mark.parametrize("name", NAMES)
def test_a_scene_that_does_not_name_the_file_has_nothing_of_it(name, swath, tmp_path):
    save_cube(swath, tmp_path / name)
    save_cube(swath.replace(geolocation=None), tmp_path / name, overwrite=True)
    assert (tmp_path / "swath_loc.tif").exists()
    assert open_cube(tmp_path / name).geolocation is None
    assert tmp_path / "swath_loc.tif" not in files_read(tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_another_scene_is_refused_and_a_missing_one_is_not(name, swath, tmp_path):
    save_cube(swath, tmp_path / name)
    save_cube(swath.crop(rows=SIDE, columns=SIDE - 1), tmp_path / "other.tif")
    (tmp_path / "other_loc.tif").replace(tmp_path / "swath_loc.tif")
    with pytest.raises(SceneError, match=r"swath_loc\.tif: does not hold longitude and latitude of the 24 x 24"):
        open_cube(tmp_path / name)
    (tmp_path / "swath_loc.tif").unlink()
    assert open_cube(tmp_path / name).geolocation is None


def test_no_other_file_is_opened_whatever_is_named(swath, tmp_path):
    save_cube(swath, tmp_path / "other.tif")
    save_cube(swath, tmp_path / "swath.img")
    aux = tmp_path / "swath.img.aux.xml"
    aux.write_text(aux.read_text().replace("swath_loc.tif", "other_loc.tif"))
    assert open_cube(tmp_path / "swath.img").geolocation is None
