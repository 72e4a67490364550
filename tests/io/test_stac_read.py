"""Scenes named by STAC: items, collections of items, static catalogues; local files only."""

import json

import pystac
import pytest

from shsrd.cube import SceneError
from shsrd.io.stac.read import ItemScene, local_path, scenes_of


def item(name="a", assets=None, links=(), **properties):
    """A minimal item; assets by name: address, or a dictionary."""
    given = {"scene": "a.tif"} if assets is None else assets
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "geometry": None,
        "properties": {"datetime": "2020-05-01T10:00:00Z", **properties},
        "links": list(links),
        "assets": {key: value if isinstance(value, dict) else {"href": value} for key, value in given.items()},
    }


@pytest.fixture
def written(tmp_path):
    def write(value, name="stac.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(value))
        return tmp_path / name

    return write


def only(path, asset=None):
    (found,) = scenes_of(path, asset)
    if isinstance(found, ItemScene):
        return found
    raise found[1]


def test_an_item(written, tmp_path):
    found = only(written(item(gsd=30)))
    assert (found.name, found.origin.file) == ("a", tmp_path / "a.tif")
    assert found.origin.href == str(tmp_path / "stac.json")
    assert found.origin.properties["gsd"] == 30
    assert found.origin.properties["datetime"] == "2020-05-01T10:00:00Z"


def test_a_collection_of_items(written, tmp_path):
    items = [item("a"), item("b", {"x": "sub/b.nc"}), item("c", {"x": (tmp_path / "c.tif").as_uri()})]
    found = list(scenes_of(written({"type": "FeatureCollection", "features": items})))
    assert [scene.name for scene in found] == ["a", "b", "c"]
    assert [scene.origin.file for scene in found] == [tmp_path / name for name in ("a.tif", "sub/b.nc", "c.tif")]


def test_a_static_catalogue(tmp_path):
    catalogue = pystac.Catalog("top", "all scenes")
    for name in ("one", "two"):
        child = pystac.Catalog(name, "some scenes")
        catalogue.add_child(child)
        scene = pystac.Item.from_dict(item(f"{name}-scene", {"scene": "pixels.tif"}))
        child.add_item(scene)
    catalogue.normalize_and_save(str(tmp_path), pystac.CatalogType.SELF_CONTAINED)
    found = list(scenes_of(tmp_path / "catalog.json"))
    assert [scene.name for scene in found] == ["one-scene", "two-scene"]
    places = [tmp_path / name / f"{name}-scene" for name in ("one", "two")]
    assert [scene.origin.file.resolve() for scene in found] == [place / "pixels.tif" for place in places]
    assert found[0].origin.href == str(places[0] / "one-scene.json")


BANDS = {"bands": [{"name": str(number)} for number in range(200)]}
CHOICES = [
    ({"thumb": {"href": "t.png", "roles": ["thumbnail"]}, "meta": "m.xml", "x": "x.tif"}, "x.tif"),
    ({"x": "x.tif", "y": {"href": "y.tif", "roles": ["data"]}}, "y.tif"),
    ({"x": {"href": "x.tif", "roles": ["data"]}, "y": {"href": "y.tif", "roles": ["data"], **BANDS}}, "y.tif"),
    ({"x": {"href": "x.tif", "eo:bands": BANDS["bands"]}, "y": "y.tif"}, "x.tif"),
    ({"x": {"href": "x.tif", "file:size": 10}, "y": {"href": "y.tif", "file:size": 99}}, "y.tif"),
    ({"x": "x.tif", "large": "large.tif"}, "large.tif"),
    ({"x": "x.tif", "sd": {"href": "y.tif", "roles": ["uncertainty"], **BANDS}}, "x.tif"),
]


@pytest.mark.parametrize(("assets", "expected"), CHOICES)
def test_the_asset_that_is_taken(written, tmp_path, assets, expected):
    (tmp_path / "large.tif").write_bytes(bytes(100))
    assert only(written(item(assets=assets))).origin.file == tmp_path / expected


def test_an_asset_by_name(written, tmp_path):
    path = written(item(assets={"x": {"href": "x.tif", "roles": ["data"]}, "y": "y.tif"}))
    assert only(path, "y").origin.file == tmp_path / "y.tif"
    with pytest.raises(SceneError, match=r"a: no asset 'z' in this item \(it has x, y\).*--asset"):
        only(path, "z")


def test_an_item_without_a_scene(written):
    with pytest.raises(SceneError, match=r"a: no asset of this item \(it has m\).*--asset"):
        only(written(item(assets={"m": "m.json"})))


@pytest.mark.parametrize("href", ["https://host/a.tif", "s3://bucket/a.tif", "/vsicurl/https://host/a.tif"])
def test_remote_assets_are_to_be_downloaded(written, href):
    with pytest.raises(SceneError, match="download it first"):
        only(written(item(assets={"scene": href})))


def test_one_bad_item_spoils_no_other(written):
    items = [item("a", {"x": "https://host/a.tif"}), item("b")]
    first, second = scenes_of(written({"type": "FeatureCollection", "features": items}))
    assert first[0] == "a" and "download" in str(first[1])
    assert second.name == "b"


def test_a_catalogue_that_reaches_out_is_refused_without_asking_anybody(written, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("asked the network"))
    links = [{"rel": "item", "href": "https://host/items/a.json"}]
    told = {"type": "Catalog", "stac_version": "1.0.0", "id": "c", "description": "d", "links": links}
    with pytest.raises(SceneError, match=r"https://host/items/a\.json.*download"):
        list(scenes_of(written(told)))


def test_a_catalogue_with_a_missing_file(written):
    links = [{"rel": "item", "href": "./gone.json"}]
    told = {"type": "Catalog", "stac_version": "1.0.0", "id": "c", "description": "d", "links": links}
    with pytest.raises(SceneError, match=r"gone\.json: a catalogue names this file"):
        list(scenes_of(written(told)))


@pytest.mark.parametrize("text", ["{", "[]", '{"type": "Topology"}', '"x"', '{"type": "Feature"}', ""])
def test_what_is_no_stac_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(SceneError, match=r"x\.json"):
        list(scenes_of(tmp_path / "x.json"))


def test_paths(tmp_path):
    assert local_path("./a%20b.tif", tmp_path) == tmp_path / "a%20b.tif"  # a path, not an address
    assert local_path("file:///x/a%20b.tif", tmp_path).as_posix() == "/x/a b.tif"
    with pytest.raises(SceneError, match="download"):
        local_path("file://elsewhere/a.tif", tmp_path)
