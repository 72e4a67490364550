"""GeoTIFF as others write it and as others read it."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning

from shsrd.cube import Cube, SceneError, Storage
from shsrd.io import open_cube, save_cube
from shsrd.io.geotiff.write import GeotiffSink

STORED = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
assert NotGeoreferencedWarning


@pytest.fixture
def write_tiff(tmp_path):
    def write(stored=STORED, **profile):
        path = tmp_path / "scene.tif"
        bands, height, width = stored.shape
        size = {"count": bands, "height": height, "width": width, "dtype": stored.dtype.name}
        with rasterio.open(path, "w", driver="GTiff", **size, **profile) as dataset:
            dataset.write(stored)
        return path

    return write


def edit(path, change):
    with rasterio.open(path, "r+") as dataset:
        change(dataset)


@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("compress", ["none", "deflate", "lzw"])
def test_pixels_nodata_and_place(write_tiff, interleave, compress):
    place = {"crs": "EPSG:32633", "transform": Affine(2, 0.5, 10, 0.5, -2, 20)}
    scene = open_cube(write_tiff(nodata=5, interleave=interleave, compress=compress, **place))
    assert np.array_equal(np.isnan(scene.pixels), STORED == 5)
    assert np.array_equal(scene.pixels[STORED != 5], STORED[STORED != 5])
    assert scene.transform == place["transform"]
    assert CRS.from_wkt(scene.crs) == CRS.from_epsg(32633)


def test_a_scene_without_a_place(write_tiff):
    scene = open_cube(write_tiff())
    assert scene.crs is None
    assert scene.transform is None


def test_imagery_domain_alone(write_tiff):
    path = write_tiff()

    def change(dataset):
        for band, um in ((1, "0.4174"), (2, "0.9")):
            dataset.update_tags(band, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=um, FWHM_UM="0.005")

    edit(path, change)
    scene = open_cube(path)
    assert scene.wavelength_nm.tolist() == [417.4, 900.0]
    assert scene.fwhm_nm.tolist() == [5.0, 5.0]


@pytest.mark.parametrize(
    ("unit", "texts"),
    [("Nanometers", ("417.4", "900")), ("Micrometers", ("0.4174", "0.9")), (None, ("0.4174", "0.9"))],
)
def test_band_tags(write_tiff, unit, texts):
    path = write_tiff()

    def change(dataset):
        for band, text in enumerate(texts, start=1):
            dataset.update_tags(
                band, wavelength=text, bbl="01"[band - 1], **({"wavelength_units": unit} if unit else {})
            )

    edit(path, change)
    scene = open_cube(path)
    assert scene.wavelength_nm.tolist() == [417.4, 900.0]
    assert scene.good_bands.tolist() == [False, True]


def test_descriptions_and_dataset_tags(write_tiff):
    path = write_tiff()
    edit(path, lambda d: setattr(d, "descriptions", ("band 1 (417.4 Nanometers)", "band 2 (900 Nanometers)")))
    assert open_cube(path).wavelength_nm.tolist() == [417.4, 900.0]
    edit(
        path,
        lambda d: d.update_tags(ns="ENVI", wavelength="{0.5, 0.6}", reflectance_scale_factor="10", sensor_type="X"),
    )
    edit(path, lambda d: setattr(d, "descriptions", ("a", "b")))
    scene = open_cube(path)
    assert scene.wavelength_nm.tolist() == [500.0, 600.0]
    assert scene.band_names == ("a", "b")
    assert np.allclose(scene.pixels, STORED / 10)
    assert scene.headers["sensor_type"] == "X"


def test_some_bands_without_wavelength_are_refused(write_tiff):
    path = write_tiff()
    edit(path, lambda d: d.update_tags(1, wavelength="500"))
    with pytest.raises(SceneError, match=r"scene\.tif.*1 of 2 bands"):
        open_cube(path)


def test_scale_and_offset(write_tiff):
    path = write_tiff()
    edit(path, lambda d: (setattr(d, "scales", (0.1, 0.1)), setattr(d, "offsets", (1.0, 1.0))))
    scene = open_cube(path)
    assert np.allclose(scene.pixels, STORED * 0.1 + 1)
    assert scene.storage == Storage("int16", 0.1, 1.0)


def test_scales_that_differ_are_applied(write_tiff):
    path = write_tiff(nodata=3)
    edit(path, lambda d: setattr(d, "scales", (0.1, 0.2)))
    scene = open_cube(path)
    want = np.where(STORED == 3, np.nan, STORED * np.array([0.1, 0.2])[:, None, None])
    assert np.allclose(scene.pixels, want, equal_nan=True)
    assert scene.storage == Storage("float32")


def test_a_header_beside_fills_what_tags_leave_open(write_tiff, tmp_path):
    path = write_tiff(nodata=5)
    header = tmp_path / "scene.hdr"
    text = "ENVI\nsamples = 4\nlines = 3\nbands = 2\nfile type = TIFF\nwavelength = {0.5, 0.6}\nkey = value\n"
    header.write_text(text + "reflectance scale factor = 10\ndata ignore value = 7\n")
    for name in (path, header):
        scene = open_cube(name)
        assert scene.wavelength_nm.tolist() == [500.0, 600.0]
        assert scene.storage == Storage("int16", 0.1, 0.0, 5)
        assert scene.headers["key"] == "value"
    header.write_text(text.replace("lines = 3", "lines = 4"))
    with pytest.raises(SceneError, match=r"scene\.hdr.*another size"):
        open_cube(path)


def test_the_header_of_another_image_is_not_read(write_tiff, write_envi_file):
    path = write_tiff()
    write_envi_file(STORED, extra="wavelength = {500, 600}")  # scene.img + scene.hdr beside scene.tif
    assert open_cube(path).wavelength_nm is None


def test_others_find_everything_in_what_we_write(make_scene, tmp_path):
    scene = make_scene()
    save_cube(scene, tmp_path / "a.tif")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.transform == scene.transform
        assert dataset.crs == CRS.from_wkt(scene.crs)
        assert dataset.nodata == -32768
        assert set(dataset.scales) == {1e-4}
        assert dataset.descriptions == scene.band_names
        assert dataset.profile["interleave"] == "band"
        assert dataset.compression.value == "DEFLATE"
        assert dataset.tags()["start_time"] == "2022-07-24T10:45:26"
        for band in dataset.indexes:
            nm, width = float(scene.wavelength_nm[band - 1]), float(scene.fwhm_nm[band - 1])
            tags, imagery = dataset.tags(band), dataset.tags(band, ns="IMAGERY")
            assert float(tags["wavelength"]) == nm
            assert tags["wavelength_units"] == "Nanometers"
            assert float(tags["fwhm"]) == width
            assert tags["bbl"] == ("1" if scene.good_bands[band - 1] else "0")
            assert np.isclose(float(imagery["CENTRAL_WAVELENGTH_UM"]) * 1000, nm, rtol=1e-14)
            assert np.isclose(float(imagery["FWHM_UM"]) * 1000, width, rtol=1e-14)


def test_large_scenes_are_tiled_and_have_overviews(tmp_path):
    scene = Cube(np.ones((2, 300, 1100), np.float32), storage=Storage("uint8"))
    save_cube(scene, tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.block_shapes == [(256, 256)] * 2
        assert dataset.overviews(1) == [2, 4, 8]
        assert (dataset.read() == 1).all()
        assert (dataset.read(out_shape=(2, 75, 275)) == 1).all()


@pytest.mark.parametrize(("dtype", "predictor"), [("int16", "2"), ("uint8", "2"), ("float32", "3")])
def test_the_predictor_fits_the_numbers(dtype, predictor, tmp_path):
    save_cube(Cube(np.ones((2, 30, 40), np.float32), storage=Storage(dtype)), tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == predictor
        assert dataset.compression.value == "DEFLATE"
        assert dataset.block_shapes == [(48, 48)] * 2


@pytest.mark.parametrize(("side", "magic"), [(100, b"II*\0"), (33_000, b"II+\0")])
def test_bigtiff_where_four_gigabytes_might_not_do(side, magic, tmp_path):
    """Decided by the size that it might have; the pixels are never written."""
    metadata = Cube(np.ones((2, 1, 1), np.float32), storage=Storage("int16")).metadata.replace(shape=(2, side, side))
    sink = GeotiffSink(tmp_path / "a.tif", metadata)
    sink.abort()
    assert (tmp_path / "a.tif").read_bytes()[:4] == magic


def test_a_mask_is_no_data(write_tiff, tmp_path):
    """Also where valid pixels have the number that stands for no-data from now on."""
    hole = np.zeros(STORED.shape[1:], bool)
    hole[1, 1:3] = True
    stored = STORED.astype(np.uint8)  # its 0 at the first pixel is valid
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        path = write_tiff(stored)
        edit(path, lambda d: d.write_mask(~hole))
    scene = open_cube(path)
    assert np.array_equal(scene.pixels, np.where(hole, np.nan, stored), equal_nan=True)
    save_cube(scene, tmp_path / "again.img")
    assert np.array_equal(np.isnan(open_cube(tmp_path / "again.img").pixels), np.broadcast_to(hole, stored.shape))


def test_a_mask_of_floats_keeps_their_storage(write_tiff):
    hole = STORED[0] == 5
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        path = write_tiff(STORED.astype(np.float32), nodata=7)
        edit(path, lambda d: d.write_mask(~hole))
    scene = open_cube(path)
    assert scene.storage == Storage("float32", nodata=7)
    assert np.array_equal(np.isnan(scene.pixels), hole | (STORED == 7))


def test_a_mask_beside_the_image_is_refused(write_tiff):
    path = write_tiff()
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        edit(path, lambda d: d.write_mask(STORED[0] > 3))
    assert path.with_name("scene.tif.msk").exists()
    with pytest.raises(SceneError, match=r"scene\.tif: its mask scene\.tif\.msk.*write the mask into the image"):
        open_cube(path)
