"""STAC items of outputs, and scenes that STAC files name."""

import json
from pathlib import Path

import pystac
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from shsrd.io.stac.read import scenes_of


def results(table):
    return [row["result"] for row in table["scenes"]]


def test_the_items_are_stac(upscale_all, out, scenes):
    upscale_all("--uncertainty")
    collection = pystac.ItemCollection.from_file(str(out / "items.json"))
    assert [item.id for item in collection] == ["a_x4", "b_x4", "c_x4"]
    for item in collection:
        told = json.loads((out / f"{item.id}.tif.json").read_text())
        JsonSchemaSTACValidator().validate_core(told, pystac.STACObjectType.ITEM, "1.1.0")
        properties, assets = told["properties"], told["assets"]
        assert {name: asset["href"] for name, asset in assets.items()} == {
            "data": f"./{item.id}.tif",
            "uncertainty": f"./{item.id}_uncertainty.tif",
        }
        assert all((out / asset["href"]).is_file() for asset in assets.values())
        assert properties["proj:shape"] == [64, 80]
        assert properties["shsrd:consistency"] < 1e-3
        assert properties["shsrd:options"]["seed"] == 0
        assert "weights tiny-x4 (" + properties["shsrd:fingerprint"] in properties["processing:lineage"]
        assert set(properties["processing:software"]) == {"shsrd"}
        assert [(link["rel"], Path(link["href"]).parent.name) for link in told["links"]] == [("derived_from", "scenes")]
    assert collection[0].properties["gsd"] == 0.25
    assert collection[0].bbox is not None and collection[2].geometry is None
    (first, *_) = scenes_of(out / "items.json")
    assert first.origin.file.resolve() == out / "a_x4.tif"  # our own collections can be read


def test_items_of_earlier_runs_stay_in_the_collection(upscale_all, out, scenes):
    upscale_all(sources=[scenes / "a.img"])
    upscale_all(sources=[scenes / "b.tif"])
    assert [item["id"] for item in json.loads((out / "items.json").read_text())["features"]] == ["a_x4", "b_x4"]
    (out / "a_x4.tif").unlink()
    upscale_all(sources=[scenes / "b.tif"])
    assert [item["id"] for item in json.loads((out / "items.json").read_text())["features"]] == ["b_x4"]


def test_scenes_of_a_catalogue(upscale_all, scenes, out):
    item = {"type": "Feature", "stac_version": "1.1.0", "id": "flight 7", "geometry": None, "links": []}
    item |= {
        "properties": {"datetime": "2020-05-01T10:00:00Z", "gsd": 1, "processing:level": "L2A"},
        "assets": {"pixels": {"href": "./b.tif"}, "small": {"href": "c.npz"}, "view": {"href": "v.png"}},
    }
    far = item | {"id": "far", "assets": {"pixels": {"href": "https://host/b.tif"}}}
    path = scenes / "flights.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [item, far]}))
    table, said = upscale_all("--asset", "pixels", sources=[path], code=2)
    assert results(table) == ["done", "failed"]
    assert "https://host/b.tif: remote files are not read; download it first" in said
    told = json.loads((out / "flight_7_x4.tif.json").read_text())
    assert told["properties"]["datetime"] == "2020-05-01T10:00:00Z"
    assert (told["properties"]["gsd"], told["properties"]["processing:level"]) == (0.25, "L2A")
    (scenes / "one.json").write_text(json.dumps(item | {"id": "one"}))
    upscale_all("--asset", "small", sources=[scenes / "one.json"])
    told = json.loads((out / "one_x4.tif.json").read_text())
    assert [link["href"] for link in told["links"]] == ["../scenes/one.json"]


def test_upscale_writes_an_item_if_asked(shsrd, refuses, scenes, tmp_path, tiny):
    target = tmp_path / "fine.img"
    uncertainty = tmp_path / "sd.tif"
    options = ["--model", tiny, "--stac", "--uncertainty", uncertainty]
    assert shsrd("upscale", scenes / "a.img", target, *options).code == 0
    told = json.loads((tmp_path / "fine.img.json").read_text())
    JsonSchemaSTACValidator().validate_core(told, pystac.STACObjectType.ITEM, "1.1.0")
    assert {name: asset["href"] for name, asset in told["assets"].items()} == {
        "data": "./fine.img",
        "data-header": "./fine.hdr",
        "uncertainty": "./sd.tif",
    }
    (tmp_path / "other.tif.json").write_text("{}")
    refuses(["upscale", scenes / "a.img", tmp_path / "other.tif", "--model", tiny, "--stac"], "other.tif.json", "item")
