"""Scenes by the CF conventions as people make them: packed, cut, by other names, with extra axes, by variables."""

import base64
import json
import struct

import h5py
import numpy as np
import pyproj
import pytest
from affine import Affine
from pyproj import Transformer
from rasterio.crs import CRS

from shsrd.cube import SceneError
from shsrd.io import open_cube

WL = np.array([450.0, 550, 650])
PIXELS = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5) + 100
X, Y = 500005 + 10.0 * np.arange(5), 4999995 - 10.0 * np.arange(4)
PLACE = Affine(10, 0, 500000, 0, -10, 5000000)
UTM = CRS.from_epsg(32633).to_wkt()


def write(path, *, scene=PIXELS, dims=("wavelength", "y", "x"), coordinates=None, marks=None, mapping=None, **more):
    """A NetCDF 4 file of one scene: coordinates as name -> values or (values, attributes)."""
    coordinates = {"wavelength": (WL, {"units": "nm"}), "y": Y, "x": X} if coordinates is None else coordinates
    with h5py.File(path, "w") as file:
        for name, given in coordinates.items():
            values, attributes = given if isinstance(given, tuple) else (given, {})
            file[name] = values
            file[name].attrs.update(attributes)
            if name in dims:
                file[name].make_scale(name)
        file["reflectance"] = scene
        for axis, name in enumerate(dims):
            if name in file:
                file["reflectance"].dims[axis].attach_scale(file[name])
        file["reflectance"].attrs.update(marks or {})
        if mapping is not None:
            file["crs"] = np.int32(0)
            file["crs"].attrs.update(mapping)
            file["reflectance"].attrs.setdefault("grid_mapping", "crs")
        for name, value in more.items():
            file[name] = value
    return path


def epsg(scene):
    return None if scene.crs is None else CRS.from_wkt(scene.crs).to_epsg()


def test_an_ordinary_file_has_no_notes(tmp_path):
    transform = "500000 10 0 5000000 0 -10"
    scene = open_cube(write(tmp_path / "a.nc", mapping={"crs_wkt": UTM, "GeoTransform": transform}))
    assert (scene.notes, scene.transform, epsg(scene)) == ((), PLACE, 32633)
    assert np.array_equal(scene.pixels, PIXELS)


@pytest.mark.parametrize(
    "stale",
    [
        "499000 10 0 5000000 0 -10",  # cut
        "500000 5 0 5000000 0 -5",  # every second pixel
        "500000 10 0 4999960 0 10",  # turned upside down
        np.array([499000.0, 10, 0, 5000000, 0, -10]),
        "500000 10 0 5000000 0 10",
    ],
)
def test_coordinates_are_believed_before_a_stale_attribute(tmp_path, stale):
    scene = open_cube(write(tmp_path / "a.nc", mapping={"crs_wkt": UTM, "GeoTransform": stale}))
    assert scene.transform == PLACE
    (note,) = scene.notes
    assert "GeoTransform" in note and "500000, 5000000" in note and "the coordinates are used" in note


def test_a_transform_is_read_as_text_or_numbers_and_in_either_order(tmp_path):
    bare = {"wavelength": (WL, {"units": "nm"})}
    for given, notes in (
        ("500000 10 0 5000000 0 -10", 0),
        (np.array([500000.0, 10, 0, 5000000, 0, -10]), 0),
        ("10 0 500000 0 -10 5000000", 1),
        ("10, 0, 500000, 0, -10, 5000000, 0, 0, 1", 1),
    ):
        path = write(tmp_path / "a.nc", coordinates=bare, mapping={"crs_wkt": UTM, "GeoTransform": given})
        scene = open_cube(path)
        assert scene.transform == PLACE, given
        assert len(scene.notes) == notes


def test_a_transform_that_cannot_be_read_leaves_the_scene(tmp_path):
    scene = open_cube(write(tmp_path / "a.nc", mapping={"crs_wkt": UTM, "GeoTransform": "see x and y"}))
    assert scene.transform == PLACE
    assert any("see x and y" in note for note in scene.notes)


def test_coordinates_of_one_pixel_and_float32_agree_with_the_attribute(tmp_path):
    mapping = {"crs_wkt": UTM, "GeoTransform": "500000 10 0 5000000 0 -10"}
    coordinates = {"wavelength": (WL, {"units": "nm"}), "y": Y.astype("f4"), "x": X.astype("f4")}
    assert open_cube(write(tmp_path / "a.nc", coordinates=coordinates, mapping=mapping)).transform == PLACE


def test_packed_lists_are_unpacked(tmp_path):
    packed = {
        "y": (np.arange(4, dtype="i2"), {"scale_factor": -10.0, "add_offset": 4999995.0}),
        "x": (np.arange(5, dtype="i2"), {"scale_factor": 10.0, "add_offset": 500005.0}),
        "wavelength": (np.array([0, 1000, 2000], "i2"), {"scale_factor": 0.1, "add_offset": 450.0, "units": "nm"}),
        "fwhm": (np.array([50, 60, 70], "u1"), {"scale_factor": 0.1, "units": "nm"}),
    }
    scene = open_cube(write(tmp_path / "a.nc", coordinates=packed, mapping={"crs_wkt": UTM}))
    assert scene.transform == PLACE
    assert scene.wavelength_nm.tolist() == WL.tolist()
    np.testing.assert_allclose(scene.fwhm_nm, [5, 6, 7], rtol=1e-12)


def test_unsigned_integers(tmp_path):
    stored = np.array([100, 40000, 65535], "u2").reshape(3, 1, 1) * np.ones((1, 4, 5), "u2")
    marks = {"_Unsigned": "true", "_FillValue": np.int16(-1), "scale_factor": 1e-4}
    scene = open_cube(write(tmp_path / "a.nc", scene=stored.view("i2"), marks=marks))
    np.testing.assert_allclose(scene.pixels[:2, 0, 0], [0.01, 4.0], rtol=1e-6)
    assert np.isnan(scene.pixels[2]).all()
    assert (scene.storage.dtype, scene.storage.nodata) == ("uint16", 65535)


def test_unsigned_valid_range(tmp_path):
    stored = np.array([10, 200, 255], "u1").reshape(3, 1, 1) * np.ones((1, 4, 5), "u1")
    marks = {"_Unsigned": "true", "valid_range": np.array([0, -2], "i1")}
    scene = open_cube(write(tmp_path / "a.nc", scene=stored.view("i1"), marks=marks))
    assert scene.pixels[:2, 0, 0].tolist() == [10, 200]
    assert np.isnan(scene.pixels[2]).all()


@pytest.mark.parametrize(
    ("marks", "missing"),
    [
        ({"valid_range": np.array([0, 10000], "i2"), "_FillValue": np.int16(-9999)}, [True, True, True, True, False]),
        ({"valid_max": np.int16(10000), "_FillValue": np.int16(-9999)}, [True, False, True, False, False]),
        ({"valid_min": np.int16(0)}, [False, True, True, True, False]),
        ({"valid_range": "0, 10000"}, [True, True, True, True, False]),
        ({"valid_range": np.array([0.0, 1.0]), "scale_factor": 1e-4}, [True, True, True, True, False]),
        ({"missing_value": np.int16(-8888), "_FillValue": np.int16(-9999)}, [False, False, True, True, False]),
        ({"missing_value": np.array([-8888, -9999], "i2")}, [False, False, True, True, False]),
        ({"missing_value": "-8888"}, [False, False, False, True, False]),
        ({"nodata": -8888.0}, [False, False, False, True, False]),
        ({"Data Ignore Value": "-9999"}, [False, False, True, False, False]),
        ({"missing_value": "none"}, [False] * 5),
    ],
)
def test_what_is_missing(tmp_path, marks, missing):
    stored = np.full((3, 4, 5), 10000, "i2")
    stored[:, 0] = [20000, -32000, -9999, -8888, 1200]
    scene = open_cube(write(tmp_path / "a.nc", scene=stored, marks=marks))
    assert np.isnan(scene.pixels[:, 0]).tolist() == [missing] * 3
    assert np.isfinite(scene.pixels[:, 1:]).all()


def test_float_pixels_outside_the_valid_range_are_nan(tmp_path):
    stored = PIXELS.astype("f4") / 100
    scene = open_cube(write(tmp_path / "a.nc", scene=stored, marks={"valid_max": np.float32(1.1)}))
    assert np.array_equal(np.isnan(scene.pixels), stored > np.float32(1.1))
    assert scene.storage.nodata is None


def test_attributes_of_other_spelling(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["Reflectance"] = PIXELS
        file["Reflectance"].attrs.update({"Scale Factor": "10000", "data ignore value": "100"})
        file["wavelength"], file["fwhm"] = WL[None] / 1000, np.full((1, 3), 0.005)
        file["map info"] = np.array([b"UTM,1,1,325963.0,4103482.0,1.0,1.0,11,North,WGS-84,units=Meters"])
    scene = open_cube(tmp_path / "a.h5", axes="byx")
    assert (scene.storage.scale, scene.storage.nodata, epsg(scene)) == (1e-4, 100, 32611)
    assert scene.transform == Affine(1, 0, 325963, 0, -1, 4103482)
    assert scene.wavelength_nm.tolist() == WL.tolist()


@pytest.mark.parametrize("names", [("lat", "lon"), ("latitude", "longitude"), ("Latitude", "Longitude"), ("y", "x")])
def test_degrees_without_a_grid_mapping(tmp_path, names):
    axes = {
        "wavelength": (WL, {"units": "nm"}),
        names[0]: (45 - 0.001 * np.arange(4), {"units": "degrees_north"}),
        names[1]: (9 + 0.001 * np.arange(5), {"units": "degrees_east"}),
    }
    scene = open_cube(write(tmp_path / "a.nc", dims=("wavelength", *names), coordinates=axes))
    assert (epsg(scene), scene.notes) == (4326, ())
    np.testing.assert_allclose(scene.transform[:6], [0.001, 0, 8.9995, 0, -0.001, 45.0005], rtol=1e-9)


def test_a_place_without_a_crs_is_said(tmp_path):
    scene = open_cube(write(tmp_path / "a.nc"))
    assert scene.transform == PLACE and scene.crs is None
    assert "CRS is not" in scene.notes[0]


def test_metres_called_latitude_are_no_degrees(tmp_path):
    axes = {"wavelength": (WL, {"units": "nm"}), "lat": Y, "lon": X}
    scene = open_cube(write(tmp_path / "a.nc", dims=("wavelength", "lat", "lon"), coordinates=axes))
    assert scene.crs is None
    assert "no degrees" in scene.notes[0]


@pytest.mark.parametrize(("unit", "factor"), [("km", 1e-3), ("kilometers", 1e-3), ("m", 1.0), ("cm", 100.0)])
def test_axes_are_turned_into_the_unit_of_the_crs(tmp_path, unit, factor):
    axes = {"wavelength": (WL, {"units": "nm"}), "y": (Y * factor, {"units": unit}), "x": (X * factor, {"units": unit})}
    scene = open_cube(write(tmp_path / "a.nc", coordinates=axes, mapping={"crs_wkt": UTM}))
    np.testing.assert_allclose(scene.transform[:6], PLACE[:6], rtol=1e-9)


def test_degrees_under_a_projected_crs_are_said(tmp_path):
    axes = {
        "wavelength": (WL, {"units": "nm"}),
        "y": (45 - 0.001 * np.arange(4), {"units": "degrees_north"}),
        "x": (9 + 0.001 * np.arange(5), {"units": "degrees_east"}),
    }
    scene = open_cube(write(tmp_path / "a.nc", coordinates=axes, mapping={"crs_wkt": UTM}))
    assert epsg(scene) == 4326
    assert "projected" in scene.notes[0]


def parameters(code=32633, *, bare=False):
    marks = {key: value for key, value in pyproj.CRS(code).to_cf().items() if key != "crs_wkt"}
    return {k: v for k, v in marks.items() if not bare or not isinstance(v, str) or k == "grid_mapping_name"}


@pytest.mark.parametrize("code", [32633, 3035, 3413, 5070])
def test_a_grid_mapping_by_its_parameters(tmp_path, code):
    scene = open_cube(write(tmp_path / "a.nc", mapping=parameters(code)))
    assert scene.notes == ()
    there = Transformer.from_crs(pyproj.CRS(code), pyproj.CRS.from_wkt(scene.crs), always_xy=True)
    np.testing.assert_allclose(there.transform(2_500_000, 1_200_000), (2_500_000, 1_200_000), rtol=1e-9)


def test_a_datum_that_is_assumed_is_said(tmp_path):
    scene = open_cube(write(tmp_path / "a.nc", mapping=parameters(bare=True)))
    known = pyproj.CRS.from_wkt(scene.crs)
    assert known.to_epsg(min_confidence=20) == 32633
    assert "WGS 84 is assumed" in scene.notes[0]


@pytest.mark.parametrize("named", ["crs: x y", "crs: y x other: lat lon", "other: lat lon crs: x y"])
def test_the_extended_form_of_grid_mapping(tmp_path, named):
    scene = open_cube(write(tmp_path / "a.nc", marks={"grid_mapping": named}, mapping={"crs_wkt": UTM}))
    assert (epsg(scene), scene.transform) == (32633, PLACE)


def test_a_crs_in_other_places(tmp_path):
    for marks in ({"crs": "EPSG:32633"}, {"epsg": 32633}, {"spatial_ref": UTM}):
        assert epsg(open_cube(write(tmp_path / "a.nc", marks=marks))) == 32633
    scene = open_cube(write(tmp_path / "a.nc", mapping={"proj4": "+proj=utm +zone=33 +datum=WGS84 +units=m"}))
    assert epsg(scene) == 32633


@pytest.mark.parametrize(
    "text", ["nonsense", "+proj=utm +zone=33 +nadgrids=/etc/passwd", "http://a.b/c", "/etc/passwd"]
)
def test_crs_text_that_cannot_be_read_is_left_out_with_a_note(tmp_path, text):
    scene = open_cube(write(tmp_path / "a.nc", mapping={"crs_wkt": text}))
    assert scene.crs is None
    assert "left out" in scene.notes[0]


def test_axes_of_one_are_no_choice(tmp_path):
    axes = {"time": [7.0], "wavelength": (WL, {"units": "nm"}), "y": Y, "x": X}
    dims = ("time", "wavelength", "y", "x")
    path = write(tmp_path / "a.nc", scene=PIXELS[None], dims=dims, coordinates=axes, mapping={"crs_wkt": UTM})
    for scene in (open_cube(path), open_cube(path, dataset="reflectance")):
        assert np.array_equal(scene.pixels, PIXELS)
        assert scene.transform == PLACE


def test_more_than_three_long_axes_are_named(tmp_path):
    dims = ("time", "wavelength", "y", "x")
    axes = {"time": [7.0, 8.0], "wavelength": (WL, {"units": "nm"}), "y": Y, "x": X}
    path = write(tmp_path / "a.nc", scene=np.stack([PIXELS, PIXELS]), dims=dims, coordinates=axes)
    with pytest.raises(SceneError, match=r"4 axes longer than 1 \(time 2 x wavelength 3 x y 4 x x 5\).*--dataset"):
        open_cube(path, dataset="reflectance")


def bands_file(path, names, marks=({},) * 99):
    with h5py.File(path, "w") as file:
        file["y"], file["x"] = Y, X
        for number, name in enumerate(names):
            file[name] = PIXELS[0] + number
            file[name].attrs.update(marks[number])
            for axis, dim in enumerate("yx"):
                file[dim].make_scale(dim)
                file[name].dims[axis].attach_scale(file[dim])
    return path


def test_bands_as_variables_in_the_order_of_their_numbers(tmp_path):
    scene = open_cube(bands_file(tmp_path / "a.nc", [f"Band{n}" for n in range(1, 13)]))
    assert scene.pixels[:, 0, 0].tolist() == [100 + n for n in range(12)]
    assert scene.transform == PLACE
    assert scene.band_names == tuple(f"Band{n}" for n in range(1, 13))
    assert "12 variables, Band1 to Band12" in scene.notes[0]


def test_bands_as_variables_with_their_wavelengths(tmp_path):
    marks = [{"wavelength": wl, "scale_factor": 0.5 * (n + 1)} for n, wl in enumerate(WL)]
    scene = open_cube(bands_file(tmp_path / "a.nc", ["rhos_450", "rhos_550", "rhos_650"], marks))
    assert scene.wavelength_nm.tolist() == WL.tolist()
    assert scene.pixels[:, 0, 0].tolist() == [50, 101, 153]
    scene = open_cube(bands_file(tmp_path / "b.nc", ["rhos_450", "rhos_550", "rhos_650"]))
    assert scene.wavelength_nm.tolist() == WL.tolist()
    assert any("names" in note for note in scene.notes)


def test_several_sets_of_variables_ask_for_a_name(tmp_path):
    path = bands_file(tmp_path / "a.nc", ["rhos_450", "rhos_550", "rhot_450", "rhot_550"])
    with pytest.raises(SceneError, match=r"rhos 2 bands, rhot 2 bands.*--dataset"):
        open_cube(path)
    assert open_cube(path, dataset="rhot").pixels[:, 0, 0].tolist() == [102, 103]


def test_wavelengths_are_those_of_the_scenes_own_axis(tmp_path):
    axes = {"wavelength": (np.linspace(340, 890, 12), {"units": "nm"}), "wavelength_3d": (WL, {"units": "nm"})}
    scene = open_cube(
        write(tmp_path / "a.nc", scene=PIXELS.transpose(1, 2, 0), dims=("", "", "wavelength_3d"), coordinates=axes)
    )
    assert scene.wavelength_nm.tolist() == WL.tolist()
    assert np.array_equal(scene.pixels, PIXELS)


def test_lists_that_do_not_fit_are_said(tmp_path):
    axes = {"wavelength": (np.linspace(340, 890, 12), {"units": "nm"}), "y": Y, "x": X}
    scene = open_cube(write(tmp_path / "a.nc", dims=("band", "y", "x"), coordinates=axes))
    assert scene.wavelength_nm is None
    assert "wavelength 12" in scene.notes[0]
    with pytest.raises(SceneError, match="--wavelengths wavelength has 12 values for 3 bands"):
        open_cube(tmp_path / "a.nc", wavelengths="wavelength")


@pytest.mark.parametrize("name", ["Wavelengths", "center_wavelengths", "central_wavelength", "wvl", "lambda", "wl"])
def test_names_of_lists(tmp_path, name):
    axes = {name: (WL, {"units": "nanometers"}), "y": Y, "x": X}
    scene = open_cube(write(tmp_path / "a.nc", dims=("band", "y", "x"), coordinates=axes))
    assert scene.wavelength_nm.tolist() == WL.tolist()


def test_bands_are_wavelengths_by_their_unit_or_numbers_only(tmp_path):
    dims = ("bands", "y", "x")
    for given, wanted in (((WL, {"units": "nm"}), True), (WL, True), ([1.0, 2, 3], False), ([300.0, 301, 302], False)):
        scene = open_cube(write(tmp_path / "a.nc", dims=dims, coordinates={"bands": given, "y": Y, "x": X}))
        assert (scene.wavelength_nm is not None) == wanted
        if wanted:
            assert scene.wavelength_nm.tolist() == WL.tolist()


def test_wavelengths_among_the_attributes(tmp_path):
    for value in (WL.astype("f4"), "450, 550, 650", "{450 550 650}"):
        marks = {"wavelengths": value, "wavelength_units": "nm", "fwhm": np.array([5.0, 6, 7])}
        scene = open_cube(write(tmp_path / "a.nc", dims=("bands", "y", "x"), coordinates={}, marks=marks))
        assert scene.wavelength_nm.tolist() == WL.tolist()
        assert scene.fwhm_nm.tolist() == [5, 6, 7]


@pytest.mark.parametrize(("values", "unit"), [([0.0, 550, 650], "nm"), (WL, "counts"), ([450.0, np.nan, 650], "nm")])
def test_wavelengths_that_cannot_be_do_not_refuse_the_scene(tmp_path, values, unit):
    axes = {"wavelength": (np.array(values), {"units": unit}), "y": Y, "x": X}
    scene = open_cube(write(tmp_path / "a.nc", coordinates=axes))
    assert scene.wavelength_nm is None
    assert np.array_equal(scene.pixels, PIXELS)
    assert any("left out" in note for note in scene.notes)


def zarr_scene(path, dtype, *, attributes=None, fill=None):
    import zarr

    group = zarr.create_group(path, zarr_format=3)
    scene = group.create_array("reflectance", data=PIXELS.astype(dtype), dimension_names=("wavelength", "y", "x"))
    scene.attrs.update((attributes or {}) | ({} if fill is None else {"_FillValue": fill}))
    group.create_array("wavelength", data=WL, dimension_names=("wavelength",)).attrs["units"] = "nm"
    return path


def encoded(content):
    return base64.standard_b64encode(content).decode()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("own", [True, False])
def test_zarr_3_fill_values_are_eight_bytes_or_those_of_the_type(tmp_path, dtype, own):
    text = encoded(np.array(100, "<" + dtype).tobytes() if own else struct.pack("<d", 100))
    scene = open_cube(zarr_scene(tmp_path / "a.zarr", dtype, fill=text))
    assert scene.storage.nodata == 100
    assert np.isnan(scene.pixels).sum() == 1


@pytest.mark.parametrize("fill", [encoded(struct.pack("<d", np.nan)), "NaN"])
def test_zarr_3_fill_of_nan(tmp_path, fill):
    scene = open_cube(zarr_scene(tmp_path / "a.zarr", "f4", fill=fill))
    assert scene.storage.nodata is None and scene.notes == ()


def test_zarr_3_fill_that_is_no_number_is_said(tmp_path):
    scene = open_cube(zarr_scene(tmp_path / "a.zarr", "f4", fill="?"))
    assert any("_FillValue" in note for note in scene.notes)


@pytest.mark.parametrize(
    "crs",
    [
        {"proj:code": "EPSG:32633"},
        {"proj:wkt2": pyproj.CRS(32633).to_wkt()},
        {"proj:projjson": pyproj.CRS(32633).to_json_dict()},
    ],
)
@pytest.mark.parametrize("registration", ["pixel", "node"])
def test_conventions_of_zarr(tmp_path, crs, registration):
    shift = 5 if registration == "node" else 0
    numbers = [10.0, 0.0, 500000.0 + shift, 0.0, -10.0, 5000000.0 - shift]
    marks = {"spatial:dimensions": ["y", "x"], "spatial:transform": numbers, "spatial:registration": registration}
    scene = open_cube(zarr_scene(tmp_path / "a.zarr", "i2", attributes=json.loads(json.dumps(crs | marks))))
    assert (epsg(scene), scene.transform) == (32633, PLACE)
