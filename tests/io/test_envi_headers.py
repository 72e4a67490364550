"""ENVI headers as people and programs write them: what is odd beside the pixels refuses no scene."""

import numpy as np
import pytest
import rasterio

from shsrd.cube import ControlPoints, SceneError, Storage
from shsrd.io import open_cube, save_cube

STORED = np.arange(2 * 3 * 4, dtype="<i2").reshape(2, 3, 4) - 5
LISTED = "wavelength units = nm\nwavelength = {450, 500}"


def opened(write, extra, **more):
    return open_cube(write(STORED, extra=extra, **more))


@pytest.mark.parametrize("ending", [".L1R", ".rad", ".rfl", ".pix", ".2024"])
def test_the_image_is_found_by_its_size(write_envi_file, tmp_path, ending):
    write_envi_file(STORED, name="EO1H" + ending, header="EO1H.hdr")
    (tmp_path / "EO1H.xml").write_bytes(STORED.tobytes())
    (tmp_path / "EO1H.note").write_bytes(b"short")
    assert np.array_equal(open_cube(tmp_path / "EO1H.hdr").pixels, STORED)
    (tmp_path / "EO1H.other").write_bytes(STORED.tobytes())
    with pytest.raises(SceneError, match=r"several images.*give the image"):
        open_cube(tmp_path / "EO1H.hdr")


@pytest.mark.parametrize(
    "kind", ["HDF Scientific Data", "Scientific", "Multifile", "PCI", "ENVI Classification", "TIFF (converted)"]
)
def test_file_types(write_envi_file, tmp_path, kind):
    write_envi_file(STORED, extra=f"file type = {kind}")
    assert np.array_equal(open_cube(tmp_path / "scene.hdr").pixels, STORED)


def test_bytes_after_the_pixels_are_told(write_envi_file):
    path = write_envi_file(STORED, extra="header offset = 0.0")
    path.write_bytes(STORED.tobytes() + bytes(100))
    scene = open_cube(path)
    assert np.array_equal(scene.pixels, STORED)
    assert "148 bytes where the header describes 48" in scene.notes[0]


@pytest.mark.parametrize(
    "extra",
    ["wavelength =\n{450,\n500}\nwavelength units = nm", "wavelength units =\n nm\nwavelength = 450,\n 500",
     "wavelength units = nm\nwavelength =\n\n{ 450, 500 }", "Wavelengths = {450 500}\nwavelength_unit = {Nanometer}",
     "wavelength = {450 nm, 500 nm}", "wavelength units = Micrometers\nwavelength = {0.45 , 0.5 , }"],
)  # fmt: skip
def test_spellings_of_a_list(write_envi_file, tmp_path, extra):
    scene = opened(write_envi_file, extra)
    assert scene.wavelength_nm.tolist() == [450, 500]
    assert scene.notes == ()
    save_cube(scene, tmp_path / "again.img")
    assert (tmp_path / "again.hdr").read_text().lower().count("wavelength = ") == 1


@pytest.mark.parametrize(
    ("extra", "nm"),
    [
        ("wavelength units = Wavenumber\nwavelength = {800, 1250}", [12500, 8000]),
        ("wavelength units = Centimeters\nwavelength = {0.0008, 0.00125}", [8000, 12500]),
        ("wavelength units = GHz\nwavelength = {299792.458, 149896.229}", [1000, 2000]),
        ("wavelength units = Angstroms\nwavelength = {4500, 5000}", [450, 500]),
    ],
)
def test_units_that_envi_allows(write_envi_file, extra, nm):
    np.testing.assert_allclose(opened(write_envi_file, extra).wavelength_nm, nm)


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        ("wavelength units = nm\nwavelength = {0, 500}", "wavelength"),
        ("wavelength units = nm\nwavelength = {nan, 500}", "wavelength"),
        ("wavelength units = nm\nwavelength = {450, red}", "'red'"),
        ("wavelength units = parsec\nwavelength = {450, 500}", "parsec"),
        ("data ignore value = None", "'None'"),
        ("reflectance scale factor = unknown", "'unknown'"),
        ("bbl = {1, x}", "'x'"),
        ("map info = {UTM, 1, 1}", "map info"),
        ("map info = {UTM, 1, 1, 0, 0, 0, 0, 33, North, WGS-84}", "no grid with an area"),
        ("coordinate system string = {NONSENSE[}", "NONSENSE"),
        ("coordinate system string = {+proj=utm +zone=33}", "+proj"),
        ("geo points = {1, 1, 50}", "geo points"),
        ("rpc info = {1, 2, 3}", "rpc info"),
        ("sensor type = A\nSensor_Type = B", "twice"),
    ],
)
def test_a_fact_beside_the_pixels_refuses_no_scene(write_envi_file, tmp_path, extra, word):
    scene = opened(write_envi_file, extra)
    assert np.array_equal(scene.pixels, STORED)
    assert len(scene.notes) == 1
    assert word in scene.notes[0]
    assert (scene.wavelength_nm, scene.crs, scene.transform, scene.control_points, scene.rpc) == (None,) * 5
    save_cube(scene, tmp_path / "again.img")
    assert np.array_equal(open_cube(tmp_path / "again.img").pixels, STORED)


def test_widths_that_cannot_be_leave_the_wavelengths(write_envi_file):
    scene = opened(write_envi_file, LISTED + "\nfwhm = {0, 5}")
    assert scene.wavelength_nm.tolist() == [450, 500]
    assert scene.fwhm_nm is None
    assert "fwhm" in scene.notes[0]


def test_good_bands_in_words(write_envi_file):
    scene = opened(write_envi_file, "bbl = {True, False}")
    assert (scene.good_bands.tolist(), scene.notes) == ([True, False], ())


@pytest.mark.parametrize(
    ("text", "numbers"), [("{3}", [[3], [3]]), ("{3, 15}", [[3], [15]]), ("{3, 15, -4}", [[3, 15, -4]] * 2)]
)
def test_several_no_data_numbers(write_envi_file, text, numbers):
    scene = opened(write_envi_file, f"data ignore value = {text}")
    missing = np.stack([np.isin(band, none) for band, none in zip(STORED, numbers, strict=True)])
    assert np.array_equal(np.isnan(scene.pixels), missing)
    assert np.array_equal(scene.pixels[~missing], STORED[~missing])
    assert len(scene.notes) == (text != "{3}")


def test_gains_of_bands_are_applied_and_not_written_again(write_envi_file, tmp_path):
    extra = "data gain values = {0.5, 0.25}\ndata offset values = {0, 1}\nreflectance scale factor = 10000"
    scene = opened(write_envi_file, extra + "\ndata ignore value = -4")
    wanted = STORED * np.array([0.5, 0.25])[:, None, None] + np.array([0, 1])[:, None, None]
    assert np.array_equal(scene.pixels, np.where(STORED == -4, np.nan, wanted), equal_nan=True)
    assert "10000" in scene.notes[0]
    assert scene.storage == Storage("float32")
    for name in ("a.img", "a.tif"):
        save_cube(scene, tmp_path / name)
        assert np.array_equal(open_cube(tmp_path / name).pixels, scene.pixels, equal_nan=True)


def test_gains_of_one_say_nothing(write_envi_file, tmp_path):
    scene = opened(write_envi_file, "data gain values = {1, 1}\nreflectance scale factor = 100")
    assert (scene.storage.scale, scene.notes) == (0.01, ())
    save_cube(scene, tmp_path / "a.img")
    assert np.array_equal(open_cube(tmp_path / "a.img").pixels, scene.pixels)
    assert "one value" in opened(write_envi_file, "data gain values = {0.5}").notes[0]


def test_gdal_reads_all_that_it_needs_beside_long_keys(make_scene, tmp_path):
    """GDAL 3.10 stops at a line of 10 000 characters."""
    scene = make_scene(band_names=tuple(f"{n} " + "x" * 3000 for n in range(5)))
    scene = scene.replace(headers={"history": "y" * 20_000, "z plot titles": "{a, b}"})
    save_cube(scene, tmp_path / "a.img")
    lines = (tmp_path / "a.hdr").read_text().splitlines()
    assert [line[:7] for line in lines if len(line) > 9000] == ["history"] and lines[-1].startswith("history")
    with rasterio.open(tmp_path / "a.img") as dataset:
        assert dataset.nodata == -32768
        assert dataset.transform == scene.transform
        assert dataset.crs.to_epsg() == 32633
        assert float(dataset.tags(2)["wavelength"]) == pytest.approx(500.123, abs=1e-3)
        assert dataset.descriptions[4].startswith("4 xxx")
    again = open_cube(tmp_path / "a.img")
    assert again.headers == scene.headers
    assert again.notes == ()


def test_lists_of_many_bands_are_wrapped(make_scene, tmp_path):
    bands = 2000
    scene = make_scene().replace(
        pixels=np.zeros((bands, 2, 2), np.float32),
        wavelength_nm=np.linspace(400, 2500, bands),
        fwhm_nm=np.full(bands, 1 / 3),
        good_bands=np.ones(bands, bool),
        band_names=(),
    )
    save_cube(scene, tmp_path / "a.img")
    assert max(map(len, (tmp_path / "a.hdr").read_text().splitlines())) < 2000
    assert open_cube(tmp_path / "a.img").wavelength_nm.tolist() == scene.wavelength_nm.tolist()
    with rasterio.open(tmp_path / "a.img") as dataset:
        assert float(dataset.tags(bands)["wavelength"]) == 2500


def test_control_points_in_metres_become_geo_points(make_scene, tmp_path):
    scene = make_scene(transform=None)
    points = ControlPoints(np.array([[0.0, 0.0], [7, 6]]), np.array([[5e5, 5e6, 0], [500070, 4999940, 0]]), scene.crs)
    save_cube(scene.replace(control_points=points, crs=None), tmp_path / "a.img")
    with rasterio.open(tmp_path / "a.img") as dataset:
        first, last = dataset.gcps[0]
    assert (first.col, first.row, last.col, last.row) == (0, 0, 7, 6)
    assert first.x == pytest.approx(15)
    assert first.y == pytest.approx(45.1535, abs=1e-3)
