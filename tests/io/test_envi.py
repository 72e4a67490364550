"""ENVI as others write it and as others read it."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

import spectral
from shsrd.cube import SceneError, Storage
from shsrd.io import open_cube, save_cube
from shsrd.io.envi.header import parse_header

STORED = np.arange(2 * 3 * 4, dtype="<i2").reshape(2, 3, 4) - 5


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
@pytest.mark.parametrize(("order", "kind"), [(0, "<i2"), (1, ">i2")])
def test_interleave_and_byte_order(write_envi_file, interleave, order, kind):
    path = write_envi_file(STORED.astype(kind), interleave=interleave, extra=f"byte order = {order}")
    assert np.array_equal(open_cube(path).pixels, STORED)


def test_missing_byte_order_is_little_endian(write_envi_file):
    assert np.array_equal(open_cube(write_envi_file(STORED)).pixels, STORED)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1, "u1"),
        (2, "<i2"),
        (3, "<i4"),
        (4, "<f4"),
        (5, "<f8"),
        (12, "<u2"),
        (13, "<u4"),
        (14, "<i8"),
        (15, "<u8"),
    ],
)
def test_data_types(write_envi_file, tmp_path, code, kind):
    path = write_envi_file(np.abs(STORED).astype(kind), code=code)
    scene = open_cube(path)
    assert scene.storage.dtype == np.dtype(kind).name
    save_cube(scene, tmp_path / "again.img")
    assert (tmp_path / "again.img").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.img", "a.hdr"),
        ("a.img", "a.img.hdr"),
        ("a", "a.hdr"),
        ("a_7000-7.5_rdn", "a_7000-7.5_rdn.hdr"),
        ("a.b.raw", "a.b.hdr"),
    ],
)
def test_image_or_header_opens_the_same_scene(write_envi_file, tmp_path, name, header):
    path = write_envi_file(STORED, name=name, header=header)
    assert np.array_equal(open_cube(path).pixels, open_cube(tmp_path / header).pixels)


def test_header_offset(write_envi_file):
    path = write_envi_file(STORED, extra="header offset = 10")
    path.write_bytes(b"0123456789" + STORED.tobytes())
    assert np.array_equal(open_cube(path).pixels, STORED)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("Nanometers", 1),
        ("nm", 1),
        ("Nanometer", 1),
        ("Micrometers", 1000),
        ("um", 1000),
        ("µm", 1000),
        ("μm", 1000),
    ],
)
def test_wavelength_units(write_envi_file, unit, factor):
    numbers = "0.4174, 0.9" if factor == 1000 else "417.4, 900"
    extra = f"wavelength units = {unit}\nwavelength = {{{numbers}}}\nfwhm = {{{numbers}}}"
    scene = open_cube(write_envi_file(STORED, extra=extra))
    assert scene.wavelength_nm.tolist() == [417.4, 900.0]
    assert scene.fwhm_nm.tolist() == [417.4, 900.0]


@pytest.mark.parametrize("line", ["", "wavelength units = Unknown\n"])
@pytest.mark.parametrize("numbers", ["0.4174, 0.9", "417.4, 900"])
def test_unknown_unit_is_read_off_the_numbers(write_envi_file, line, numbers):
    scene = open_cube(write_envi_file(STORED, extra=f"{line}wavelength = {{{numbers}}}"))
    assert scene.wavelength_nm.tolist() == [417.4, 900.0]


@pytest.mark.parametrize(
    ("numbers", "nm"),
    [("8.5, 99.9", [8500, 99900]), ("100, 900", [100, 900]), ("0.4, 120", [0.4, 120])],  # the last says it all
)
def test_below_a_hundred_means_micrometres(write_envi_file, numbers, nm):
    scene = open_cube(write_envi_file(STORED, extra=f"wavelength = {{{numbers}}}"))
    assert scene.wavelength_nm.tolist() == nm


def test_index_units_are_no_wavelengths_but_survive(write_envi_file, tmp_path):
    scene = open_cube(write_envi_file(STORED, extra="wavelength units = Index\nwavelength = {1, 2}"))
    assert scene.wavelength_nm is None
    save_cube(scene, tmp_path / "b.hdr")
    assert open_cube(tmp_path / "b.hdr").headers == scene.headers
    assert scene.headers["wavelength"] == "{1, 2}"


def test_scale_factor_ignore_value_and_bad_bands(write_envi_file):
    extra = "reflectance scale factor = 10000\ndata ignore value = 3\nbbl = {1, 0}\nband names = {a, b}"
    scene = open_cube(write_envi_file(STORED, extra=extra))
    assert np.array_equal(np.isnan(scene.pixels), STORED == 3)
    assert np.allclose(scene.pixels, np.where(STORED == 3, np.nan, STORED / 10_000), equal_nan=True)
    assert scene.good_bands.tolist() == [True, False]
    assert scene.band_names == ("a", "b")


def test_gains_are_the_scale_also_where_they_differ_between_bands(write_envi_file):
    equal = "data gain values = {0.5, 0.5}\ndata offset values = {1, 1}"
    assert np.allclose(open_cube(write_envi_file(STORED, extra=equal)).pixels, STORED * 0.5 + 1)
    scene = open_cube(write_envi_file(STORED, extra="data gain values = {0.5, 0.25}"))
    assert np.array_equal(scene.pixels, STORED * np.array([0.5, 0.25])[:, None, None])
    assert scene.storage == Storage("float32")
    assert "data gain values" not in scene.headers


def test_ignore_value_that_does_not_fit_stays_text(write_envi_file):
    scene = open_cube(write_envi_file(STORED, extra="data ignore value = -99999"))
    assert scene.storage.nodata is None
    assert scene.headers["data ignore value"] == "-99999"
    assert "-99999 cannot occur in int16" in scene.notes[0]


def test_unknown_keys_are_untouched(write_envi_file, tmp_path):
    extra = "; a comment = no key\nMy Key = {a,\n b; c}\nempty =\nsolar irradiance = {1, 2}"
    scene = open_cube(write_envi_file(STORED, extra=extra))
    assert scene.headers == {"My Key": "{a,\n b; c}", "empty": "", "solar irradiance": "{1, 2}"}
    save_cube(scene, tmp_path / "b.hdr")
    assert open_cube(tmp_path / "b.hdr").headers == scene.headers


def test_header_text():
    text = "ENVI\r\ndescription = {\r\n a = b }\r\nSamples=3\n;lines = 9\nlines = {4}\n lines = 5 \n"
    assert parse_header(text, source="x") == {"description": "{\n a = b }", "Samples": "3", "lines": "5"}


def test_others_read_what_we_write(make_scene, tmp_path):
    """SPy and GDAL see the same numbers, wavelengths, no-data and place."""
    scene = make_scene()
    save_cube(scene, tmp_path / "a.img")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.hdr", "a.img"]
    spy = spectral.open_image(str(tmp_path / "a.hdr"))
    assert np.allclose(spy.bands.centers, scene.wavelength_nm)
    assert np.allclose(spy.bands.bandwidths, scene.fwhm_nm)
    assert spy.scale_factor == 10_000
    with rasterio.open(tmp_path / "a.img") as dataset:
        assert dataset.transform == scene.transform
        assert dataset.crs == CRS.from_wkt(scene.crs)
        assert dataset.nodata == -32768
        assert dataset.descriptions[1].startswith("green (500)")
        numbers = dataset.read().astype(float)
    assert np.allclose(np.where(numbers == -32768, np.nan, numbers * 1e-4), scene.pixels, equal_nan=True)


@pytest.mark.parametrize("degrees", [0, 34, -34, 120])
def test_rotated_map_info_lies_where_gdal_puts_it(write_envi_file, degrees):
    info = f"map info = {{UTM, 3, 2, 500000, 4000000, 4, 2, 33, North, WGS-84, units=Meters, rotation={degrees}}}"
    path = write_envi_file(STORED, extra=info + "\nbyte order = 0\nheader offset = 0\nfile type = ENVI Standard")
    with rasterio.open(path) as dataset:
        want, crs = dataset.transform, dataset.crs
    scene = open_cube(path)
    assert np.allclose(scene.transform, want, rtol=0, atol=1e-9)
    assert CRS.from_wkt(scene.crs) == crs


def test_a_square_rotated_grid_is_seen_by_gdal(make_scene, tmp_path):
    turned = Affine.translation(5e5, 4e6) * Affine.rotation(25) * Affine.scale(4, -4)
    save_cube(make_scene(transform=turned), tmp_path / "a.img")
    with rasterio.open(tmp_path / "a.img") as dataset:
        assert np.allclose(dataset.transform, turned, rtol=0, atol=1e-9)


def test_map_info_words_survive_a_finer_grid(write_envi_file, tmp_path):
    info = "{State Plane (NAD 27), 1, 1, 100, 200, 8, 8, 3101, units=Feet}"
    scene = open_cube(write_envi_file(STORED, extra=f"map info = {info}"))
    save_cube(scene.replace(transform=scene.finer_transform(4)), tmp_path / "b.hdr")
    text = (tmp_path / "b.hdr").read_text()
    assert "map info = {State Plane (NAD 27), 1.0, 1.0, 100.0, 200.0, 2.0, 2.0, 3101, units=Feet}" in text


def test_the_image_that_fits_is_taken(write_envi_file, tmp_path):
    write_envi_file(STORED)
    (tmp_path / "scene.dat").write_bytes(b"short")
    assert np.array_equal(open_cube(tmp_path / "scene.hdr").pixels, STORED)
    (tmp_path / "scene.dat").write_bytes(STORED.tobytes())
    with pytest.raises(SceneError, match=r"several images.*give the image"):
        open_cube(tmp_path / "scene.hdr")
