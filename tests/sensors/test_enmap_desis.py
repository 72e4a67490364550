"""EnMAP and DESIS: a GeoTIFF of numbers and an XML that says what they mean."""

import shutil

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from shsrd.cube import SceneError, Storage
from shsrd.io import open_cube, open_source, save_cube

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
NM = ("418.24", "700.5", "902.1", "1200.75", "2445.53")
WIDTHS = ("6.99561", "7", "8.5", "9.25", "11")
PLACE = {"crs": "EPSG:32633", "transform": Affine(30, 0, 366_000, 0, -30, 5_806_000)}
NAME = "ENMAP01-____L2A-DT0000001867_20220724T104526Z_008_V010302"
EVEN = (("0.0001", "0"),) * 5
UNEVEN = (("1e-5", "0.5"), ("2e-5", "0.25"), ("3e-5", "0"), ("4e-5", "-1"), ("5e-5", "1"))


def write_image(path, bands, *, dtype="int16", background=-32768, **place):
    stored = np.random.default_rng(bands).integers(1, 10_000, (bands, 5, 6)).astype(dtype)
    stored[:, 0, 0] = background
    size = {"count": bands, "height": 5, "width": 6, "dtype": dtype}
    with rasterio.open(path, "w", driver="GTiff", **size, **place) as dataset:
        dataset.write(stored)
    return stored


def enmap_xml(gains=EVEN, background="-32768", parts=True):
    band = (
        '<bandID number="{}"><wavelengthCenterOfBand>{}</wavelengthCenterOfBand><FWHMOfBand>{}</FWHMOfBand>'
        "<GainOfBand>{}</GainOfBand><OffsetOfBand>{}</OffsetOfBand></bandID>"
    )
    bands = "".join(band.format(n + 1, NM[n], WIDTHS[n], *gains[n]) for n in range(5))
    lists = (
        "<vnirProductQuality><expectedChannelsList>1,2,3</expectedChannelsList></vnirProductQuality>"
        "<swirProductQuality><expectedChannelsList>4,5</expectedChannelsList></swirProductQuality>"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<level_X xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        "<base><format>ENMAP_L2A</format><temporalCoverage><startTime>2022-07-24T10:35:51.5Z</startTime></temporalCoverage></base>"
        f"<specific><datatakeID>1867</datatakeID><backgroundValue>{background}</backgroundValue>"
        f"<bandCharacterisation>{bands}</bandCharacterisation>{lists if parts else ''}</specific></level_X>"
    )


def desis_xml(gains=EVEN):
    band = (
        "<band><bandNumber>{}</bandNumber><wavelengthCenterOfBand>{}</wavelengthCenterOfBand>"
        "<wavelengthWidthOfBand>{}</wavelengthWidthOfBand><response>0.1,0.9,0.1</response>"
        "<wavelengths>400,401,402</wavelengths><gainOfBand>{}</gainOfBand><offsetOfBand>{}</offsetOfBand></band>"
    )
    bands = "".join(band.format(n + 1, NM[n], WIDTHS[n], *gains[n]) for n in range(5))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<hsi_doc><base><altitudeCoverage>410000</altitudeCoverage></base>'
        "<specific><sunZenithAngle>31.5</sunZenithAngle><backgroundValue>-32768</backgroundValue>"
        f"<bandCharacterisation>{bands}</bandCharacterisation>"
        "<interiorOrientation><band><bandNumber>1</bandNumber></band></interiorOrientation></specific></hsi_doc>"
    )


@pytest.fixture
def product(tmp_path):
    """A folder with the level 2A product of a sensor."""

    def write(sensor="enmap", gains=EVEN, **place):
        folder = tmp_path / "product"
        folder.mkdir()
        text, ending = (enmap_xml(gains), "TIF") if sensor == "enmap" else (desis_xml(gains), "tif")
        (folder / f"{NAME}-METADATA.{'XML' if sensor == 'enmap' else 'xml'}").write_text(text, encoding="utf-8")
        (folder / f"{NAME}-HISTORY.XML").write_text("<?xml version='1.0'?><history/>")
        stored = write_image(folder / f"{NAME}-SPECTRAL_IMAGE.{ending}", 5, **place)
        write_image(folder / f"{NAME}-QL_PIXELMASK.TIF", 5)
        return folder, folder / f"{NAME}-SPECTRAL_IMAGE.{ending}", stored

    return write


@pytest.mark.parametrize("sensor", ["enmap", "desis"])
def test_reflectance(sensor, product, check_scene):
    _, image, stored = product(sensor, **PLACE)
    scene = check_scene(image)
    assert scene.storage == Storage("int16", 1e-4, 0.0, -32768)
    assert np.allclose(scene.pixels, np.where(stored == -32768, np.nan, stored * 1e-4), equal_nan=True)
    assert scene.wavelength_nm.tolist() == [float(nm) for nm in NM]
    assert scene.fwhm_nm.tolist() == [float(nm) for nm in WIDTHS]
    assert scene.transform == PLACE["transform"]
    assert CRS.from_wkt(scene.crs).to_epsg() == 32633
    key, value = ("datatakeID", "1867") if sensor == "enmap" else ("sunZenithAngle", "31.5")
    assert scene.headers[key] == value
    assert scene.sensor == sensor
    assert scene.headers.get("startTime") == ("2022-07-24T10:35:51.5Z" if sensor == "enmap" else None)


@pytest.mark.parametrize("sensor", ["enmap", "desis"])
def test_gains_that_differ_are_applied(sensor, product, check_scene):
    _, image, stored = product(sensor, gains=UNEVEN)
    scene = check_scene(image)
    gain, offset = np.array(UNEVEN, float).T[:, :, None, None]
    assert scene.storage == Storage("float32")
    assert np.allclose(scene.pixels, np.where(stored == -32768, np.nan, stored * gain + offset), equal_nan=True)
    assert not any("gain" in key.lower() for key in scene.headers)


@pytest.mark.parametrize("sensor", ["enmap", "desis"])
def test_image_xml_and_folder_are_one_scene(sensor, product):
    folder, image, _ = product(sensor, **PLACE)
    metadata = next(p for p in folder.iterdir() if "METADATA" in p.name)
    want = open_cube(image)
    for path in (metadata, folder):
        scene = open_cube(path)
        assert np.array_equal(scene.pixels, want.pixels, equal_nan=True)
        assert np.array_equal(scene.wavelength_nm, want.wavelength_nm)
        assert scene.source == str(image)


def test_level_1b_has_two_images(tmp_path, check_scene):
    (tmp_path / "L1B-METADATA.XML").write_text(enmap_xml(UNEVEN, background="0"))
    images = {
        part: write_image(tmp_path / f"L1B-SPECTRAL_IMAGE_{part}.TIF", count, dtype="uint16", background=0)
        for part, count in (("VNIR", 3), ("SWIR", 2))
    }
    for part, bands in (("VNIR", slice(0, 3)), ("SWIR", slice(3, 5))):
        stored = images[part]
        gain, offset = np.array(UNEVEN[bands], float).T[:, :, None, None]
        scene = check_scene(tmp_path / f"L1B-SPECTRAL_IMAGE_{part}.TIF")
        assert np.allclose(scene.pixels, np.where(stored == 0, np.nan, stored * gain + offset), equal_nan=True)
        assert scene.wavelength_nm.tolist() == [float(nm) for nm in NM[bands]]
        again = check_scene(tmp_path / "L1B-METADATA.XML", variable=part.lower())
        assert np.array_equal(again.pixels, scene.pixels, equal_nan=True)
    for path in (tmp_path / "L1B-METADATA.XML", tmp_path):
        with pytest.raises(SceneError, match=r"several images.*SWIR.*VNIR.*--variable"):
            open_source(path)
    with pytest.raises(SceneError, match="no image 'PAN' beside it"):
        open_source(tmp_path, variable="PAN")


def test_an_image_that_speaks_for_itself_is_not_scaled_again(product):
    _, image, _ = product(gains=UNEVEN)
    scene = open_cube(image)
    image.unlink()
    save_cube(scene, image.with_suffix(".tif"))  # beside the same XML, under the name of the product's image
    again = open_cube(image.with_suffix(".tif"))
    assert np.array_equal(again.pixels, scene.pixels, equal_nan=True)
    assert again.wavelength_nm.tolist() == scene.wavelength_nm.tolist()


def test_the_xml_of_another_product_is_not_read(product):
    folder, image, _ = product()
    metadata = next(p for p in folder.iterdir() if "METADATA" in p.name)
    metadata.rename(folder / "OTHER-METADATA.XML")
    assert open_cube(image).wavelength_nm is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (enmap_xml().replace("<FWHMOfBand>7</FWHMOfBand>", ""), "a band without FWHMOfBand"),
        (enmap_xml().replace("0.0001", "much"), "GainOfBand 'much' is no number"),
        (enmap_xml().replace("</level_X>", ""), "not readable XML"),
        ("<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]>" + enmap_xml().partition("?>\n")[2], "document type"),
        (enmap_xml().replace('<bandID number="1">', "<bandID><x/></bandID><bandID>"), "band without"),
    ],
)
def test_xml_that_cannot_be_used(text, word, product):
    folder, image, _ = product()
    metadata = next(p for p in folder.iterdir() if "METADATA" in p.name)
    metadata.write_text(text)
    with pytest.raises(SceneError, match=word):
        open_source(image)


def test_wavelengths_that_cannot_be_are_left_out_and_told(product):
    folder, image, _ = product()
    metadata = next(p for p in folder.iterdir() if "METADATA" in p.name)
    metadata.write_text(enmap_xml().replace("418.24", "-1"))
    scene = open_cube(image)
    assert scene.wavelength_nm is None
    assert "wavelength -1 is impossible" in scene.notes[0]


def test_bands_that_do_not_fit(product):
    folder, image, _ = product()
    write_image(image, 4)
    with pytest.raises(SceneError, match=r"has 4 bands but .*METADATA.XML describes 5"):
        open_source(image)
    shutil.copy(image, folder / f"{NAME}-SPECTRAL_IMAGE_VNIR.TIF")
    with pytest.raises(SceneError, match=r"has 4 bands but .* describes 3"):
        open_source(folder / f"{NAME}-SPECTRAL_IMAGE_VNIR.TIF")


def test_other_xml_and_missing_images(product, tmp_path):
    folder, image, _ = product()
    with pytest.raises(SceneError, match="not the metadata of a scene that we know"):
        open_source(folder / f"{NAME}-HISTORY.XML")
    image.unlink()
    with pytest.raises(SceneError, match="of this product is missing"):
        open_source(folder)
    for copy in ("A-METADATA.XML", "B-METADATA.XML"):
        (folder / copy).write_text(enmap_xml())
    with pytest.raises(SceneError, match="holds 3 products"):
        open_source(folder)


def test_each_band_knows_its_detector(product, tmp_path):
    folder, _, _ = product()
    scene = open_cube(folder)
    assert scene.detectors == ("VNIR",) * 3 + ("SWIR",) * 2
    for name in ("out.tif", "out.img", "out.nc", "out.zarr", "out.npz", "out.mat"):
        save_cube(scene, tmp_path / name)
        assert open_cube(tmp_path / name).detectors == scene.detectors
    assert open_cube(folder, bands="3,5").detectors == ("VNIR", "SWIR")
    assert open_cube(folder, bands="1-3").detectors == ()
