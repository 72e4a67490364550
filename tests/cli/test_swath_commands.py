"""Commands on a scene in the sensor's own grid."""

import json

import numpy as np
import rasterio

from shsrd.cube import ControlPoints, Geolocation
from shsrd.io import save_cube


def test_a_scene_in_the_sensors_grid_keeps_its_place_or_says_so(shsrd, tmp_path, scene, tiny):
    rows, columns = np.mgrid[:16, :20]
    places = Geolocation.of(50 - 5e-4 * rows, 8 + 6e-4 * columns)
    save_cube(scene.replace(crs=None, transform=None, geolocation=places), tmp_path / "low.nc")
    for name, kept in (("high.tif", True), ("high.npz", False)):
        done = shsrd("upscale", tmp_path / "low.nc", tmp_path / name, "--model", tiny)
        assert done.code == 0
        assert ("latitude and longitude of its pixels are lost" in done.err) is not kept
        known = json.loads(shsrd("info", tmp_path / name, "--json").out)["geolocation"]
        assert (known is not None) is kept
    west, south, east, north = json.loads(shsrd("info", tmp_path / "high.tif", "--json").out)["geolocation"]
    outer = 3 / 8  # of a coarse pixel: how far the outermost fine centres lie beyond the coarse ones
    assert np.allclose([west, east], [8 - outer * 6e-4, 8 + (19 + outer) * 6e-4], rtol=0, atol=1e-9)
    assert np.allclose([north, south], [50 + outer * 5e-4, 50 - (15 + outer) * 5e-4], rtol=0, atol=1e-9)


def test_many_scenes_say_what_is_lost_of_their_place(shsrd, tmp_path, scene, tiny):
    points = ControlPoints(np.array([[0, 0], [20, 0], [0, 16]]), np.array([[8, 50, 0], [9, 50, 0], [8, 49, 0]]))
    save_cube(scene.replace(crs=None, transform=None, control_points=points), tmp_path / "low.tif")
    for ending, lost in (("tif", False), ("npz", True)):
        done = shsrd("upscale-all", tmp_path / "low.tif", tmp_path / ending, "--model", tiny, "--suffix", ending)
        assert done.code == 0, done.err
        assert ("ground control points are lost in this format" in done.err) is lost
    with rasterio.open(tmp_path / "tif" / "low_x4.tif") as dataset:
        assert [(point.col, point.row) for point in dataset.gcps[0]] == [(0, 0), (80, 0), (0, 64)]


def test_a_coarser_scene_never_replaces_the_places_of_its_source(shsrd, tmp_path, scene):
    rows, columns = np.mgrid[:16, :20]
    places = Geolocation.of(50 - 5e-4 * rows, 8 + 6e-4 * columns)
    save_cube(scene.replace(crs=None, transform=None, geolocation=places), tmp_path / "line.img")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert "line_loc.tif" in before
    done = shsrd("degrade", tmp_path / "line.img", tmp_path / "line.tif", "--scale", "2", "--overwrite")
    assert done.code == 2
    assert "would replace the source" in done.err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
