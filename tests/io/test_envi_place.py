"""Places in ENVI headers: datums in words, State Plane, turned grids, geo points and RPCs on other grids."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from shsrd.cube import Cube
from shsrd.io import open_cube, save_cube

STORED = np.arange(2 * 8 * 12, dtype="<i2").reshape(2, 8, 12)
UTM = "map info = {{UTM, 1, 1, 500000, 4000000, 4, 2, {}}}"
WGS84 = CRS.from_epsg(32633).to_wkt()


def opened(write, extra):
    return open_cube(write(STORED, extra=extra + "\nheader offset = 0\nbyte order = 0"))


def coarser(scene):
    return Cube.of(scene.pixels[:, ::4, ::4], scene.metadata.coarser(4))


def code(scene):
    return None if scene.crs is None else CRS.from_wkt(scene.crs).to_epsg()


@pytest.mark.parametrize(
    ("words", "epsg"),
    [
        ("33, North, WGS-84, units=Meters", 32633),
        ("33, South, WGS84", 32733),
        ("33, N, wgs 84", 32633),
        ("11, North, NAD83", 26911),
        ("11, North, North America 1983, units=Meters", 26911),
        ("11, North, North America 1927", 26711),
        ("33, North, European 1950", 23033),
        ("32, North, ETRS89", 25832),
        ("55, South, GDA94", 28355),
        ("23, South, SIRGAS 2000", 31983),
    ],
)
def test_utm_on_any_datum(write_envi_file, words, epsg):
    scene = opened(write_envi_file, UTM.format(words))
    assert (code(scene), scene.notes) == (epsg, ())


@pytest.mark.parametrize(
    ("words", "epsg"),
    [("WGS84, units=Degrees", 4326), ("WGS-84", 4326), ("NAD83, units=Degrees", 4269), ("European 1950", 4230)],
)
def test_degrees_on_any_datum(write_envi_file, words, epsg):
    scene = opened(write_envi_file, f"map info = {{Geographic Lat/Lon, 1, 1, 10, 50, 1e-5, 1e-5, {words}}}")
    assert (code(scene), scene.notes) == (epsg, ())


def test_state_plane_and_projections_with_parameters(write_envi_file):
    scene = opened(write_envi_file, "map info = {State Plane (NAD 83), 1, 1, 1, 5, 3, 3, 3101, units=Meters}")
    assert (code(scene), scene.notes) == (32115, ())
    lambert = "{4, 6378137, 6356752.3, 46.5, 3, 700000, 6600000, 44, 49, WGS-84, Mine, units=Meters}"
    scene = opened(write_envi_file, f"map info = {{Mine, 1, 1, 1, 5, 3, 3, WGS-84}}\nprojection info = {lambert}")
    assert CRS.from_wkt(scene.crs).to_dict()["proj"] == "lcc"
    assert scene.notes == ()


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        ("map info = {Arbitrary, 1, 1, 0, 0, 1, 1, 0, North}", "'Arbitrary'"),
        ("map info = {My own, 1, 1, 0, 0, 1, 1}", "'My own'"),
        (UTM.format("33, North, Moon 2000"), "'Moon 2000'"),
        (UTM.format("33, North"), "no datum"),
        (UTM.format("North, WGS-84"), "no zone"),
    ],
)
def test_a_place_without_a_system_is_told(write_envi_file, extra, word):
    scene = opened(write_envi_file, extra)
    assert scene.crs is None
    assert scene.transform is not None
    assert len(scene.notes) == 1 and word in scene.notes[0]


def test_degrees_without_a_datum_are_assumed_and_told(write_envi_file):
    scene = opened(write_envi_file, "map info = {Geographic Lat/Lon, 1, 1, 10, 50, 1e-5, 1e-5, units=Degrees}")
    assert code(scene) == 4326
    assert "assumed" in scene.notes[0]


@pytest.mark.parametrize("text", ["EPSG:32633", "32633", WGS84])
def test_the_coordinate_system_in_any_words(write_envi_file, text):
    scene = opened(write_envi_file, f"coordinate system string = {{{text}}}\n" + UTM.format("33, North, WGS-84"))
    assert (code(scene), scene.notes) == (32633, ())


@pytest.mark.parametrize(
    ("info", "word"),
    [(UTM.format("32, North, WGS-84"), "zone 32"), (UTM.format("33, South, WGS-84"), "zone 33 South"),
     ("map info = {Geographic Lat/Lon, 1, 1, 10, 50, 1, 1, WGS-84}", "Geographic")],
)  # fmt: skip
def test_two_systems_are_told(write_envi_file, info, word):
    scene = opened(write_envi_file, f"coordinate system string = {{EPSG:32633}}\n{info}")
    assert code(scene) == 32633
    assert len(scene.notes) == 1 and word in scene.notes[0]


@pytest.mark.parametrize("degrees", [180, -180])
def test_half_a_turn_is_south_up_as_in_gdal(write_envi_file, tmp_path, degrees):
    path = write_envi_file(STORED, extra=UTM.format(f"33, North, WGS-84, rotation={degrees}") + "\nbyte order = 0")
    scene = open_cube(path)
    with rasterio.open(path) as dataset:
        assert scene.transform == dataset.transform == Affine(4, 0, 500000, 0, 2, 4000000)
    assert "rotation=180" in scene.notes[0]


@pytest.mark.parametrize(
    "transform",
    [
        Affine(4, 0, 500000, 0, 2, 4000000),
        Affine(-4, 0, 500000, 0, 2, 4000000),
        Affine(-4, 1e-15, 500000, 1e-15, 4, 4000000),
        Affine(-4, 0, 500000, 0, -2, 4000000),
    ],
)
def test_turned_and_mirrored_grids_lie_there_in_gdal_too(tmp_path, transform):
    save_cube(Cube(np.ones((2, 3, 4), np.float32), transform=transform, crs=WGS84), tmp_path / "a.img")
    with rasterio.open(tmp_path / "a.img") as dataset:
        assert np.allclose(dataset.transform, transform, atol=1e-9)
    again = open_cube(tmp_path / "a.img")
    assert np.allclose(again.transform, transform, atol=1e-9)
    assert again.notes == ()


def test_geo_points_follow_the_grid(write_envi_file, tmp_path):
    corners = "{1, 1, 43.2, -89.3, 13, 1, 43.2, -89.2, 1, 9, 43.1, -89.3, 13, 9, 43.1, -89.2}"
    scene = opened(write_envi_file, f"geo points = {corners}")
    assert scene.control_points.pixels.tolist() == [[0, 0], [12, 0], [0, 8], [12, 8]]
    assert scene.control_points.ground[3].tolist() == [-89.2, 43.1, 0]
    save_cube(coarser(scene), tmp_path / "low.img")
    save_cube(scene, tmp_path / "same.tif")
    for name, corner in (("low.img", (3, 2)), ("same.tif", (12, 8))):
        with rasterio.open(tmp_path / name) as dataset:
            last = dataset.gcps[0][3]
        assert (last.col, last.row, last.x, last.y) == (*corner, -89.2, 43.1)
    again = open_cube(tmp_path / "low.img").control_points
    assert again.pixels.tolist() == [[0, 0], [3, 0], [0, 2], [3, 2]]


def test_geo_points_beside_map_info_are_not_used(write_envi_file):
    scene = opened(write_envi_file, UTM.format("33, North, WGS-84") + "\ngeo points = {1, 1, 43.2, -89.3}")
    assert scene.control_points is None
    assert "geo points" in scene.notes[0]
    assert "geo points" in coarser(scene).notes[-1]
    assert "geo points" not in coarser(scene).headers


def rpc(tile=""):
    lists = ", ".join(str(float(n)) for n in range(80))
    return f"rpc info = {{3.5, 5.5, 50, 10, 200, 4, 6, 1, 1, 500, {lists}{tile}}}"


def test_polynomials_follow_the_grid(write_envi_file, tmp_path):
    scene = opened(write_envi_file, rpc())
    save_cube(coarser(scene), tmp_path / "low.img")
    save_cube(Cube(scene.pixels).replace(rpc=scene.metadata.finer(4).rpc), tmp_path / "fine.tif")
    for name, centre, half in (("low.img", (0.5, 1.0), (1, 1.5)), ("fine.tif", (15.5, 23.5), (16, 24))):
        with rasterio.open(tmp_path / name) as dataset:
            told = dataset.tags(ns="RPC")
        assert (float(told["LINE_OFF"]), float(told["SAMP_OFF"])) == centre
        assert (float(told["LINE_SCALE"]), float(told["SAMP_SCALE"])) == half
        assert [float(n) for n in told["SAMP_DEN_COEFF"].split()] == list(range(60, 80))
        assert float(told["HEIGHT_OFF"]) == 200


def test_the_offset_of_a_tile_is_taken_off_and_told(write_envi_file):
    scene = opened(write_envi_file, rpc(", 100, 200, 0"))
    assert float(scene.rpc.values["LINE_OFF"]) == -96.5
    assert float(scene.rpc.values["SAMP_OFF"]) == -194.5
    assert "tile offset" in scene.notes[0]


def test_pixel_size_and_start_follow_in_every_format(write_envi_file, tmp_path):
    extra = "pixel size = {4, 2, units=Meters}\nx start = 101\n" + UTM.format("33, North, WGS-84, units=Meters")
    low = coarser(opened(write_envi_file, extra))
    for name in ("low.img", "low.tif", "low.nc", "low.zarr"):
        save_cube(low, tmp_path / name)
        again = open_cube(tmp_path / name)
        assert again.headers["pixel size"] == "{16, 8, units=Meters}", name
        assert again.headers["x start"] == "26", name
        assert again.transform == Affine(16, 0, 500000, 0, -8, 4000000), name
    with rasterio.open(tmp_path / "low.tif") as dataset:
        assert "16.0, 8.0" in dataset.tags().get("map_info", "16.0, 8.0")
