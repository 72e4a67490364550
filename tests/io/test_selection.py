"""Bands, windows and no-data values that a person asks for: only they are read, and everything else follows."""

import pickle
from contextlib import closing

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from shsrd.cube import Cube, SceneError, Storage
from shsrd.io import open_cube, open_source, save_cube
from shsrd.io.lazy_xarray import open_xarray
from shsrd.io.selection_syntax import format_bands, parse_window
from shsrd.io.sources import OpenOptions

NM = np.array([450.0, 550, 650, 750, 850])
TRANSFORM = Affine(10, 0, 500000, 0, -10, 4000000)


@pytest.fixture(scope="module")
def scene():
    pixels = np.random.default_rng(0).integers(1, 900, (5, 12, 16)).astype(np.float32)
    return Cube(
        pixels,
        wavelength_nm=NM,
        fwhm_nm=NM / 100,
        good_bands=np.array([1, 1, 0, 1, 1], bool),
        band_names=("a", "b", "c", "d", "e"),
        transform=TRANSFORM,
        storage=Storage("int16", 1.0, 0.0, None),
        headers={"default bands": "{5, 3, 1}", "solar irradiance": "{1, 2, 3, 4, 5}", "description": "{a, b, c, d, e}"},
    )


@pytest.fixture(params=["scene.img", "scene.tif", "scene.nc", "scene.zarr", "scene.mat", "scene.npz"])
def path(request, scene, tmp_path):
    save_cube(scene, tmp_path / request.param)
    return tmp_path / request.param


def test_bands_and_window_are_a_scene_of_their_own(path, scene):
    found = open_cube(path, bands="5,1-2", window="3,2,8,6")
    chosen = [4, 0, 1]
    assert np.array_equal(found.pixels, scene.pixels[chosen, 2:8, 3:11])
    assert found.wavelength_nm.tolist() == NM[chosen].tolist()
    assert found.fwhm_nm.tolist() == (NM / 100)[chosen].tolist()
    assert found.good_bands.tolist() == scene.good_bands[chosen].tolist()
    assert found.band_names in ((), ("e", "a", "b"))
    assert found.transform.almost_equals(TRANSFORM * Affine.translation(3, 2))


def test_source_reads_any_rectangle_of_it_and_travels(path, scene):
    with closing(open_source(path, bands="600-800nm", window=(1, 2, 9, 7))) as source:
        assert source.metadata.shape == (2, 7, 9)
        copy = pickle.loads(pickle.dumps(source))
        for one in (source, copy):
            assert np.array_equal(one.read(slice(1, 5), slice(2, 6)), scene.pixels[2:4, 3:7, 3:7])
        copy.close()


def test_lists_of_header_keys_are_cut_along(scene, tmp_path):
    save_cube(scene, tmp_path / "a.img")
    found = open_cube(tmp_path / "a.img", bands="5,3,1").headers
    assert found["solar irradiance"] == "{5, 3, 1}"
    assert found["default bands"] == "{1, 2, 3}"
    assert found["description"] == "{a, b, c, d, e}"
    assert "default bands" not in open_cube(tmp_path / "a.img", bands="1-3").headers


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ("450-700nm", [0, 1, 2]),
        ("0.5-0.7um, 849nm", [1, 2, 4]),
        ("2-3,3-4", [1, 2, 3]),
        ("640nm,1", [2, 0]),
        ([3, 2, 1], [2, 1, 0]),
        (range(2, 4), [1, 2]),
    ],
)
def test_bands_in_words(words, chosen, scene, tmp_path):
    save_cube(scene, tmp_path / "a.tif")
    assert open_cube(tmp_path / "a.tif", bands=words).wavelength_nm.tolist() == NM[chosen].tolist()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"bands": "450-900"}, r"there is no band 900, the scene has 5; .*\(450-900nm\)"),
        ({"bands": "0-3"}, "from 1 upwards"),
        ({"bands": "3-1"}, "from 1 upwards"),
        ({"bands": "red"}, "'red' is not understood"),
        ({"bands": ""}, "not understood"),
        ({"bands": "4"}, "leaves one band"),
        ({"bands": "2000-2300nm"}, "no band lies from 2000 to 2300 nm; the scene goes from 450 to 850 nm"),
        ({"bands": "1,1400nm"}, "no band lies at 1400 nm"),
        ({"bands": "900-450nm"}, "900 nm is above 450 nm"),
        ({"window": "0,0,17,4"}, "reaches column 17 and row 4, the scene has 16 columns and 12 rows"),
        ({"window": "0,0,4"}, "is not COLUMN,ROW,WIDTH,HEIGHT"),
        ({"window": "0,0,0,4"}, "impossible"),
        ({"window": "-1,0,4,4"}, "impossible"),
        ({"window": "0:4,0:4"}, "is not COLUMN,ROW,WIDTH,HEIGHT"),
        ({"window": (0, 0, 2.5, 4)}, "four whole numbers"),
        ({"nodata": "black"}, "--nodata black is no number"),
        ({"nodata": -70000}, "--nodata -70000 cannot occur among its int16 numbers"),
        ({"axes": "yxb"}, "leave out --axes"),
    ],
)
def test_nonsense_is_one_sentence(asked, words, scene, tmp_path):
    save_cube(scene, tmp_path / "a.tif")
    with pytest.raises(SceneError, match=words) as caught:
        open_source(tmp_path / "a.tif", **asked)
    assert str(caught.value).startswith(str(tmp_path / "a.tif"))
    assert "\n" not in str(caught.value)


def test_wavelengths_need_a_list(scene, tmp_path):
    save_cube(scene.replace(wavelength_nm=None, fwhm_nm=None), tmp_path / "a.img")
    with pytest.raises(SceneError, match="asks for wavelengths and the scene has none"):
        open_cube(tmp_path / "a.img", bands="450-700nm")


@pytest.mark.parametrize("kind", ["img", "tif", "nc", "npz", "mat"])
def test_nodata_that_is_given_beats_that_of_the_file(kind, scene, tmp_path):
    stored = scene.pixels.copy()
    stored[:, 0, 0], stored[:, 1, 1] = 0, -9999
    holes = np.where(stored == -9999, np.nan, stored)
    placed = scene.replace(crs=CRS.from_epsg(32633).to_wkt())  # a place without a system is noted
    save_cube(placed.replace(pixels=holes, storage=Storage("int16", 0.5, 1.0, -9999)), tmp_path / f"a.{kind}")
    with_file = open_cube(tmp_path / f"a.{kind}")
    assert np.isnan(with_file.pixels[:, 1, 1]).all() and with_file.notes == ()
    value = round((0 - 1.0) / 0.5)  # the stored number of the pixel value 0
    given = open_cube(tmp_path / f"a.{kind}", nodata=value)
    assert np.isnan(given.pixels[:, 0, 0]).all()
    assert np.allclose(given.pixels[:, 1, 1], -9999 * 0.5 + 1)
    assert given.storage.nodata == value
    assert given.notes == (f"The file's no-data value is -9999; --nodata {value} is used.",)
    assert not np.isnan(open_cube(tmp_path / f"a.{kind}", nodata="none").pixels).any()
    assert open_cube(tmp_path / f"a.{kind}", nodata="-9999", strict=True).notes == ()


def test_windows_of_rasterio_and_numpy():
    rasterio = pytest.importorskip("rasterio")
    assert parse_window(rasterio.windows.Window(3, 2, 8, 6)) == (3, 2, 8, 6)
    assert parse_window(np.array([3, 2, 8, 6])) == parse_window("3 2 8 6") == (3, 2, 8, 6)
    assert format_bands(np.array([1, 2])) == "1,2"


def test_manifest_says_what_was_asked_in_one_way():
    words = OpenOptions.of(bands=[1, 2], window=(0, 0, 4, 4), nodata="-1", strict=True).as_json()
    assert words == OpenOptions.of(bands="1, 2", window="0,0,4,4", nodata=-1.0).as_json()
    assert words == {"bands": "1,2", "window": [0, 0, 4, 4], "nodata": -1.0}


def test_lazy_array_of_a_part(scene, tmp_path):
    save_cube(scene, tmp_path / "a.tif")
    with closing(open_xarray(tmp_path / "a.tif", bands="2-3", window="0,4,16,8")) as array:
        assert array.shape == (2, 8, 16)
        assert np.array_equal(array[1, 2:4].values, scene.pixels[2, 6:8])
