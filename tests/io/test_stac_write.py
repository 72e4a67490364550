"""STAC items: where, when, which bands, how stored; checked against the schemas that pystac brings along."""

import hashlib
import math
import os
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pystac
import pytest
from affine import Affine
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from rasterio.crs import CRS
from rasterio.warp import transform_bounds

from shsrd.cube import Geolocation, SceneMetadata, Storage
from shsrd.io.stac.acquisition_time import acquisition_period
from shsrd.io.stac.footprint import footprint
from shsrd.io.stac.origin import Origin
from shsrd.io.stac.write import collection_of, item_of

UTM_32N, UTM_60N = (str(CRS.from_epsg(code).to_wkt()) for code in (32632, 32660))


@pytest.fixture
def metadata():
    return SceneMetadata(
        (3, 40, 60),
        wavelength_nm=np.array([450.25, 550, 2100]),
        fwhm_nm=np.array([10.0, np.nan, 12.5]),
        good_bands=np.array([True, True, False]),
        crs=UTM_32N,
        transform=Affine(7.5, 0, 691000, 0, -7.5, 5335000),
        storage=Storage("int16", 1e-4, 0.0, -9999.0),
    )


@pytest.fixture
def made(tmp_path, metadata):
    """An item of a file in ``tmp_path/out``, made from one in ``tmp_path/in``."""

    def make(changes=None, *, properties=None, name="fine.tif", href=None):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "out").mkdir(exist_ok=True)
        source, target = tmp_path / "in" / "scene.img", tmp_path / "out" / name
        source.write_bytes(b"pixels")
        os.utime(source, (1.7e9, 1.7e9))
        for file in (target, target.with_suffix(".hdr")):
            file.write_bytes(b"12345")
        origin = Origin(href or str(source), source, None, properties or {})
        outputs = {"data": (target, metadata.replace(**(changes or {})))}
        return item_of(outputs, origin, scale=4, properties={"shsrd:model": "tiny"})

    return make


def valid(item):
    """By the JSON schemas of the core that lie in pystac; those of extensions would be downloaded."""
    JsonSchemaSTACValidator().validate_core(item, pystac.STACObjectType.ITEM, item["stac_version"])
    return pystac.Item.from_dict(item)


def test_an_item_is_valid_and_says_what_is_known(made):
    item = made()
    again = valid(item)
    assert (again.id, item["stac_version"], item["type"]) == ("fine", "1.1.0", "Feature")
    told, asset = item["properties"], item["assets"]["data"]
    assert (told["proj:code"], told["proj:shape"]) == ("EPSG:32632", [40, 60])
    assert told["proj:transform"] == [7.5, 0, 691000, 0, -7.5, 5335000]
    assert (told["gsd"], told["shsrd:model"]) == (7.5, "tiny")
    assert asset["href"] == "./fine.tif"
    assert (asset["type"], asset["roles"]) == ("image/tiff; application=geotiff", ["data"])
    assert (asset["data_type"], asset["nodata"], asset["file:size"]) == ("int16", -9999, 5)
    assert asset["file:checksum"] == "1220" + hashlib.sha256(b"12345").hexdigest()
    assert (asset["raster:scale"], asset["raster:offset"]) == (1e-4, 0)
    assert asset["bands"] == [
        {"name": "B1", "eo:center_wavelength": 0.45025, "eo:full_width_half_max": 0.01},
        {"name": "B2", "eo:center_wavelength": 0.55},
        {"name": "B3", "eo:center_wavelength": 2.1, "eo:full_width_half_max": 0.0125, "description": "flagged bad"},
    ]
    assert [(link["rel"], link["href"]) for link in item["links"]] == [("derived_from", "../in/scene.img")]
    used = {key.partition(":")[0] for key in [*told, *asset, *asset["bands"][0]] if ":" in key} - {"shsrd"}
    declared = {uri.split("/")[3] for uri in item["stac_extensions"]}
    assert used <= {{"projection": "proj"}.get(name, name) for name in declared}


def test_nothing_known_is_still_valid(made):
    bare = dict.fromkeys(("wavelength_nm", "fwhm_nm", "crs", "transform")) | {"storage": Storage()}
    item = made(bare)
    valid(item)
    assert item["geometry"] is None and "bbox" not in item
    assert (item["properties"]["proj:code"], "gsd" in item["properties"]) == (None, False)
    assert item["assets"]["data"]["nodata"] == "nan"
    assert item["properties"]["datetime"] == "2023-11-14T22:13:20Z"
    assert item["properties"]["shsrd:datetime_from"] == "file time"


def test_envi_has_two_assets(made):
    assets = made(name="fine.img")["assets"]
    assert {name: asset["href"] for name, asset in assets.items()} == {
        "data": "./fine.img",
        "data-header": "./fine.hdr",
    }
    assert assets["data-header"]["roles"] == ["metadata"]


def test_what_the_source_item_tells_comes_first(made):
    told = {"datetime": "2020-05-01T10:00:00Z", "gsd": 30, "processing:level": "L2A", "platform": "enmap", "other": 1}
    told |= {"view:sun_elevation": 40.5}
    item = made({"headers": {"acquisition time": "2019-01-01T00:00:00Z"}}, properties=told, href="https://a.b/i.json")
    valid(item)
    found = item["properties"]
    assert (found["datetime"], found["shsrd:datetime_from"]) == ("2020-05-01T10:00:00Z", "source item")
    assert (found["gsd"], found["processing:level"], found["platform"]) == (7.5, "L2A", "enmap")
    assert "other" not in found
    assert found["view:sun_elevation"] == 40.5
    assert any("/view/" in uri for uri in item["stac_extensions"])
    assert item["links"][0]["href"] == "https://a.b/i.json"


def test_a_span_of_time(made):
    span = {"datetime": None, "start_datetime": "2020-05-01T10:00:00Z", "end_datetime": "2020-05-01T10:01:00Z"}
    item = made(properties=span)
    valid(item)
    assert {key: item["properties"][key] for key in span} == span


@pytest.mark.parametrize(
    ("headers", "start", "end"),
    [
        ({"acquisition time": "2005-12-31T23:59:00Z"}, datetime(2005, 12, 31, 23, 59), None),
        ({"Acquisition Date": "{2020-05-01}"}, datetime(2020, 5, 1), None),
        (
            {"time_coverage_start": "2022-08-15T20:07:24+0000", "time_coverage_end": "2022-08-15T20:07:36+0000"},
            datetime(2022, 8, 15, 20, 7, 24),
            datetime(2022, 8, 15, 20, 7, 36),
        ),
        ({"Product_StartTime": "2021-06-01T12:00:00.5+02:00"}, datetime(2021, 6, 1, 10, 0, 0, 500000), None),
        ({"startTime": "20200501T100000", "stopTime": "20200501T090000"}, datetime(2020, 5, 1, 10), None),
    ],
)
def test_times_of_headers(headers, start, end):
    found = acquisition_period(headers)
    assert found is not None
    assert found[:2] == (start.replace(tzinfo=UTC), end and end.replace(tzinfo=UTC))


@pytest.mark.parametrize("text", ["", "yesterday", "12:00", "2020", "01/05/2020", "{}"])
def test_what_is_no_time_is_none(text):
    assert acquisition_period({"acquisition time": text, "date": "2020-01-01"}) is None


def area(geometry):
    ring = geometry["coordinates"][0]
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring)) / 2


@pytest.mark.parametrize("turn", [0, 30, 200])
@pytest.mark.parametrize("flipped", [False, True])
def test_a_footprint_is_counter_clockwise_inside_its_box(metadata, turn, flipped):
    transform = metadata.transform @ Affine.rotation(turn) @ Affine.scale(1, -1 if flipped else 1)
    geometry, box = footprint(metadata.replace(transform=transform))
    assert area(geometry) > 0
    ring = np.array(geometry["coordinates"][0])
    assert (ring[0] == ring[-1]).all()
    assert len(ring) == 5
    assert (ring.min(axis=0) >= np.array(box[:2]) - 1e-8).all()
    assert (ring.max(axis=0) <= np.array(box[2:]) + 1e-8).all()


def test_the_box_is_that_of_an_independent_reprojection(metadata):
    wide = metadata.replace(transform=Affine(2000, 0, 600000, 0, -2000, 5400000))
    _, box = footprint(wide)
    expected = transform_bounds(UTM_32N, "EPSG:4326", 600000, 5400000 - 80000, 720000, 5400000, densify_pts=19)
    np.testing.assert_allclose(box, expected, atol=1e-8)


def test_a_scene_across_the_antimeridian_is_cut_there(metadata):
    east = metadata.replace(crs=UTM_60N, transform=Affine(1000, 0, 800000, 0, -1000, 10000))
    geometry, (west, south, east_, north) = footprint(east)
    assert geometry["type"] == "MultiPolygon"
    assert west > 0 > east_ > -180
    assert -1 < south < north < 1
    assert not math.isclose(west, -east_)


def test_degrees_have_no_ground_distance(made):
    item = made({"crs": str(CRS.from_epsg(4326).to_wkt()), "transform": Affine(1e-4, 0, 11, 0, -1e-4, 48)})
    valid(item)
    assert "gsd" not in item["properties"]
    assert item["properties"]["proj:code"] == "EPSG:4326"
    np.testing.assert_allclose(item["bbox"], [11, 48 - 40e-4, 11 + 60e-4, 48], atol=1e-9)


def test_a_map_without_a_code_is_told_in_words(made):
    own = CRS.from_proj4("+proj=laea +lat_0=47.3 +lon_0=11.1 +datum=WGS84 +units=m").to_wkt()
    found = made({"crs": str(own), "transform": Affine(5, 0, 0, 0, -5, 0)})["properties"]
    assert found["proj:code"] is None
    assert found["proj:wkt2"].startswith("PROJCRS")


def test_a_collection_of_items(made):
    found = collection_of([made(), made(name="other.tif")])
    assert [item.id for item in pystac.ItemCollection.from_dict(found)] == ["fine", "other"]
    assert [item["assets"]["data"]["href"] for item in found["features"]] == ["./fine.tif", "./other.tif"]


def swath(west, *, turn=0.0, holes=False):
    """Metadata of 40 x 60 pixels in a turned sensor grid: 0.4 x 0.6 degrees around 10 degrees north."""
    y, x = np.mgrid[0:40, 0:60] / 100
    latitude = 10 - y * np.cos(turn) + x * np.sin(turn)
    longitude = (west + x * np.cos(turn) + y * np.sin(turn) + 180) % 360 - 180
    if holes:
        latitude[:, 50:] = np.nan
    return SceneMetadata((3, 40, 60), geolocation=Geolocation.of(latitude, longitude))


@pytest.mark.parametrize("turn", [0.0, 0.4, 2.5])
def test_a_scene_in_the_sensors_grid_has_the_outline_of_its_outermost_pixels(turn):
    metadata = swath(20.0, turn=turn)
    geometry, box = footprint(metadata)
    assert area(geometry) == pytest.approx(0.39 * 0.59, rel=1e-6)
    latitude, longitude = metadata.geolocation.read_all()
    np.testing.assert_allclose(box, [longitude.min(), latitude.min(), longitude.max(), latitude.max()], atol=1e-8)


def test_pixels_that_saw_no_ground_do_not_count_in_the_outline():
    geometry, box = footprint(swath(20.0, holes=True))
    np.testing.assert_allclose(box, [20, 10 - 0.39, 20 + 0.48, 10], atol=0.03)  # points lie up to 3 pixels apart
    assert 0.85 * 0.39 * 0.49 < area(geometry) < 0.39 * 0.49
    nowhere = np.full((4, 5), np.nan)
    assert footprint(SceneMetadata((1, 4, 5), geolocation=Geolocation.of(nowhere, nowhere))) is None


def test_a_swath_across_the_antimeridian_is_cut_there():
    geometry, (west, south, east, north) = footprint(swath(179.8))
    assert geometry["type"] == "MultiPolygon"
    np.testing.assert_allclose([west, south, east, north], [179.8, 10 - 0.39, 179.8 + 0.59 - 360, 10], atol=1e-8)
