"""A scene in numbers."""

import json

import numpy as np
from affine import Affine

from shsrd.cube import Cube, Storage
from shsrd.io import bounds, describe


def test_a_scene_with_everything(make_scene):
    scene = make_scene()
    metadata = json.loads(json.dumps(describe(scene), allow_nan=False))
    assert metadata["shape"] == [5, 6, 7]
    assert metadata["wavelength_nm"] == [417.4, 2400.25]
    assert metadata["crs"] == "EPSG:32633"
    assert metadata["pixel_size"] == [30.0, 30.0]
    assert metadata["bounds"] == [366015.25, 5806125.125 - 180, 366015.25 + 210, 5806125.125]
    assert metadata["bad_bands"] == metadata["empty_bands"] == 1
    assert np.isclose(metadata["nodata_share"], np.isnan(scene.pixels).mean())
    assert metadata["value_range"] == [float(np.nanmin(scene.pixels)), float(np.nanmax(scene.pixels))]


def test_a_scene_with_nothing():
    metadata = describe(Cube(np.full((2, 3, 4), np.nan, np.float32), storage=Storage(nodata=np.nan)))
    json.dumps(metadata, allow_nan=False)
    assert metadata["nodata_share"] == 1
    assert metadata["value_range"] is metadata["crs"] is metadata["bounds"] is None


def test_bounds_hold_every_corner_of_a_rotated_grid():
    turned = Affine.rotation(45) * Affine.scale(2, -2)
    left, bottom, right, top = bounds(Cube(np.zeros((2, 3, 3), np.float32), transform=turned))
    assert np.isclose(right - left, 6 * np.sqrt(2))
    assert np.isclose(top - bottom, 6 * np.sqrt(2))
