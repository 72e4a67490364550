"""Tanager: a cube (band, row, column) whose attributes list the bands; swaths and grids."""

import h5py
import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from shsrd.cube import SceneError, Storage
from shsrd.io import open_cube, open_source

NM = np.array([376.5, 500.25, 1400.0, 2499.0], np.float32)
STORED = np.random.default_rng(3).random((4, 5, 6)).astype(np.float32)
STORED[:, 0, :2] = -9999
PLACES = 33 + np.random.default_rng(4).random((2, 5, 6))
STRUCTURE = """GROUP=GridStructure
\tGROUP=GRID_1
\t\tGridName="HYP"
\t\tXDim=6
\t\tYDim=5
\t\tUpperLeftPointMtrs=(400000.000000,3700000.000000)
\t\tLowerRightMtrs=(400180.000000,3699850.000000)
\t\tProjection=HE5_GCTP_UTM
\t\tZoneCode={zone}
END_GROUP=GridStructure
"""


def write_tanager(path, *, kind="SWATHS", name="surface_reflectance", structure=None, epsg=None, **changes):
    with h5py.File(path, "w") as file:
        group = file.create_group(f"HDFEOS/{kind}/HYP")
        group.attrs["strip_id"] = "20240914_1"
        if epsg is not None:
            group.attrs["epsg_code"] = np.int32(epsg)
        cube = group.create_dataset(f"Data Fields/{name}", data=STORED, chunks=(2, 3, 6))
        marks = {
            "wavelengths": NM,
            "fwhm": NM / 64,
            "good_wavelengths": np.array([1, 1, 0, 1], np.uint8),
            "_FillValue": np.float32(-9999),
        }
        cube.attrs.update({k: v for k, v in (marks | changes).items() if v is not None})
        group["Data Fields/surface_reflectance_uncertainty"] = STORED
        group["Data Fields/nodata_pixels"] = np.zeros((5, 6), np.uint8)
        if kind == "SWATHS":
            for place, degrees in zip(("Latitude", "Longitude"), PLACES, strict=True):
                group[f"Geolocation Fields/{place}"] = degrees
        if structure is not None:
            file["HDFEOS INFORMATION/StructMetadata.0"] = np.bytes_(structure.encode())
    return path


@pytest.mark.parametrize("name", ["surface_reflectance", "toa_radiance"])
def test_a_swath(name, tmp_path, check_scene):
    scene = check_scene(write_tanager(tmp_path / "a.h5", name=name))
    assert np.array_equal(scene.pixels, np.where(STORED == -9999, np.nan, STORED), equal_nan=True)
    assert scene.wavelength_nm.tolist() == NM.tolist()
    assert np.allclose(scene.fwhm_nm * 64, NM)
    assert scene.good_bands.tolist() == [True, True, False, True]
    assert scene.storage == Storage("float32", nodata=-9999)
    assert scene.crs is scene.transform is None
    assert scene.sensor == "tanager"
    assert "not orthorectified" in scene.headers["grid"]
    assert "Geolocation Fields/Latitude" in scene.headers["geolocation"]
    assert np.array_equal(scene.geolocation.read_all(), PLACES)
    assert scene.headers["strip_id"] == "20240914_1"


@pytest.mark.parametrize(
    ("epsg", "zone", "want"), [(32611, 11, 32611), (None, 11, 32611), (None, -33, 32733), (32733, -33, 32733)]
)
def test_a_grid(epsg, zone, want, tmp_path, check_scene):
    path = write_tanager(tmp_path / "a.h5", kind="GRIDS", epsg=epsg, structure=STRUCTURE.format(zone=zone))
    scene = check_scene(path)
    assert scene.transform == Affine(30, 0, 400_000, 0, -30, 3_700_000)
    assert CRS.from_wkt(scene.crs).to_epsg() == want
    assert "grid" not in scene.headers


def test_whole_blocks_are_the_cheapest_rows(tmp_path):
    assert open_source(write_tanager(tmp_path / "a.h5")).block_height == 3


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"wavelengths": NM[:2]}, "wavelengths has 2 values for 4 bands"),
        ({"fwhm": np.zeros(4, np.float32)}, "fwhm 0 is impossible"),
        ({"good_wavelengths": np.ones(3)}, "good_bands has 3 values"),
        ({"kind": "GRIDS"}, "without epsg_code"),
        ({"kind": "GRIDS", "epsg": 32611}, "without corners"),
    ],
)
def test_contradictions_are_refused(change, word, tmp_path):
    with pytest.raises(SceneError, match=rf"a\.h5.*{word}"):
        open_source(write_tanager(tmp_path / "a.h5", **change))


def test_lists_that_are_not_there(tmp_path):
    scene = open_cube(write_tanager(tmp_path / "a.h5", fwhm=None, good_wavelengths=None, _FillValue=None))
    assert scene.fwhm_nm is None
    assert scene.good_bands.all()
    assert scene.valid.all()
