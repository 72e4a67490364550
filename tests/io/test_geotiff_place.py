"""Places of a GeoTIFF other than a transform: GDAL's own transformers say whether they are still right."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.transform import GCPTransformer, RPCTransformer

from shsrd.cube import Cube, Storage
from shsrd.io import describe, open_cube, save_cube
from shsrd.io.targets import lost_georeferencing

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
PIXELS = np.arange(2 * 8 * 12, dtype=np.int16).reshape(2, 8, 12)
TURNED = Affine.translation(500_000, 5_000_000) * Affine.rotation(20) * Affine.scale(10, -10)
CORNERS = [(0, 0), (12, 0), (0, 8), (12, 8), (6, 4)]  # column, row
_RPC = {
    "LINE_OFF": "3.5", "SAMP_OFF": "5.5", "LAT_OFF": "50", "LONG_OFF": "10", "HEIGHT_OFF": "100",
    "LINE_SCALE": "4", "SAMP_SCALE": "6", "LAT_SCALE": "0.5", "LONG_SCALE": "0.75", "HEIGHT_SCALE": "100",
    "LINE_NUM_COEFF": "0 0.1 -1" + " 0" * 17, "LINE_DEN_COEFF": "1" + " 0" * 19,
    "SAMP_NUM_COEFF": "0 1 0.2" + " 0" * 17, "SAMP_DEN_COEFF": "1" + " 0" * 19,
}  # fmt: skip


@pytest.fixture
def write(tmp_path):
    """A GeoTIFF with control points on a turned grid, or with polynomials."""

    def make(*, points=True, rpc=False, **tags):
        path = tmp_path / "placed.tif"
        with rasterio.open(path, "w", driver="GTiff", count=2, height=8, width=12, dtype="int16") as dataset:
            if points:
                found = [GroundControlPoint(row, col, *(TURNED * (col, row)), 7.5) for col, row in CORNERS]
                dataset.gcps = (found, CRS.from_epsg(32633))
            if rpc:
                dataset.update_tags(ns="RPC", **_RPC)
            dataset.update_tags(**tags)
            dataset.write(PIXELS)
        return path

    return make


def finer(path, scale=4):
    """The scene on a finer grid."""
    low = open_cube(path)
    return Cube.of(low.pixels.repeat(scale, axis=1).repeat(scale, axis=2), low.metadata.finer(scale))


def test_points_are_read_as_gdal_counts_them(write):
    scene = open_cube(write())
    points = scene.control_points
    assert points.pixels.tolist() == [list(map(float, corner)) for corner in CORNERS]
    assert np.allclose(points.ground[:, :2], [TURNED * corner for corner in CORNERS])
    assert (points.ground[:, 2] == 7.5).all()
    assert CRS.from_wkt(points.crs) == CRS.from_epsg(32633)
    assert (scene.transform, scene.crs, scene.notes) == (None, None, ())
    assert describe(scene)["control_points"] == 5


@pytest.mark.parametrize("cog", [False, True])
def test_points_on_a_finer_grid_put_its_pixels_where_the_old_ones_were(write, tmp_path, cog):
    """An old pixel's centre is the corner that four new ones share."""
    path = write()
    save_cube(finer(path), tmp_path / "fine.tif", cog=cog)
    with rasterio.open(path) as old, rasterio.open(tmp_path / "fine.tif") as new:
        points, crs = new.gcps
        assert crs == CRS.from_epsg(32633)
        assert {point.z for point in points} == {7.5}
        with GCPTransformer(old.gcps[0]) as before, GCPTransformer(points) as after:
            for row, column in ((0, 0), (7, 11), (3, 5)):
                want = before.xy(row, column, offset="center")
                assert np.allclose(after.xy(4 * row + 2, 4 * column + 2, offset="ul"), want, atol=1e-6)
    again = open_cube(tmp_path / "fine.tif")
    assert np.array_equal(again.control_points.pixels, 4.0 * np.array(CORNERS))


@pytest.mark.parametrize("cog", [False, True])
def test_polynomials_on_a_finer_grid(write, tmp_path, cog):
    path = write(points=False, rpc=True)
    save_cube(finer(path), tmp_path / "fine.tif", cog=cog)
    with rasterio.open(path) as old, rasterio.open(tmp_path / "fine.tif") as new:
        polynomials = old.rpcs, new.rpcs
    before, after = (RPCTransformer(rpc) for rpc in polynomials)
    with before, after:
        for x, y, z in ((10.0, 50.0, 100.0), (10.3, 49.8, 140.0), (9.6, 50.2, 60.0)):
            want = 4 * np.array(before.rowcol(x, y, z, op=float))
            assert np.allclose(after.rowcol(x, y, z, op=float), want, atol=1e-6)
    assert open_cube(tmp_path / "fine.tif").rpc is not None


def test_unreadable_polynomials_are_noted(write):
    path = write(points=False)
    beside = path.with_name("placed.tif.aux.xml")
    keys = "".join(f'<MDI key="{k}">{v}</MDI>' for k, v in (_RPC | {"LINE_OFF": "north"}).items())
    beside.write_text(f'<PAMDataset><Metadata domain="RPC">{keys}</Metadata></PAMDataset>')
    scene = open_cube(path)
    assert scene.rpc is None
    assert len(scene.notes) == 1
    assert "RPC" in scene.notes[0]


def test_what_other_formats_cannot_keep_is_one_sentence(write, tmp_path):
    metadata = open_cube(write(rpc=True)).metadata
    assert lost_georeferencing(tmp_path / "a.tif", metadata) is None
    said = lost_georeferencing(tmp_path / "a.npz", metadata)
    assert said.count("a.npz") == 1
    assert "ground control points and rational polynomials (RPC) are lost" in said
    assert said.endswith("a name ending in .tif or .img keeps them")
    assert lost_georeferencing(tmp_path / "a.npz", metadata.replace(control_points=None, rpc=None)) is None


def test_point_and_area_are_the_same_place(tmp_path):
    """``AREA_OR_POINT=Point`` moves the numbers in the file by half a pixel, and GDAL moves them back."""
    place = Affine(10, 0, 100, 0, -10, 200)
    for name in ("Area", "Point"):
        path = tmp_path / f"{name}.tif"
        options = {"count": 2, "height": 8, "width": 12, "dtype": "int16", "crs": "EPSG:32633", "transform": place}
        with rasterio.open(path, "w", driver="GTiff", **options) as dataset:
            dataset.update_tags(AREA_OR_POINT=name)
            dataset.write(PIXELS)
        scene = open_cube(path)
        assert scene.transform == place
        assert scene.notes == ()
        save_cube(scene.replace(storage=Storage("int16")), tmp_path / f"again {name}.tif")
        with rasterio.open(tmp_path / f"again {name}.tif") as dataset:
            assert dataset.transform == place
            assert dataset.tags()["AREA_OR_POINT"] == "Area"


@pytest.mark.parametrize(("crs", "place", "said"), [
    (None, TURNED, "The file has a place (origin 500000, 5000000) but no coordinate system; the scene has none."),
    ("EPSG:32633", TURNED, None),
    (None, Affine.identity(), None),
])  # fmt: skip
def test_a_place_without_a_coordinate_system_is_noted(tmp_path, crs, place, said):
    options = {"count": 2, "height": 8, "width": 12, "dtype": "int16", "crs": crs, "transform": place}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", **options) as dataset:
        dataset.write(PIXELS)
    assert open_cube(tmp_path / "a.tif").notes == (() if said is None else (said,))
