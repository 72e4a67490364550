"""PRISMA: two cubes (row, band, column), descending wavelengths, zeros for bands that are not there."""

import h5py
import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from shsrd.cube import SceneError, Storage
from shsrd.io import open_cube, open_source

ROWS, COLUMNS = 5, 4
VNIR_NM = np.array([0.0, 980.0, 700.0, 410.0], np.float32)  # as the detector reads out; the first is unused
SWIR_NM = np.array([2490.0, 1500.0, 950.0, 0.0], np.float32)
ASCENDING = [410.0, 700.0, 950.0, 980.0, 1500.0, 2490.0]  # the detectors overlap between 950 and 980
FLAGS = np.array([0, 1, 1, 1], np.uint8)


def numbers(seed):
    stored = np.random.default_rng(seed).integers(1, 65536, (ROWS, 4, COLUMNS)).astype(np.uint16)
    stored[0, :, 0] = 0
    return stored


def table(name):
    """Degrees of every pixel."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    return (40 - 3e-4 * y if name.startswith("Lat") else 10 + 3e-4 * x).astype(np.float32)


def write_prisma(path, *, level="2D", swaths=("HCO",), scales=((0.0, 1.5), (0.0, 1.5)), **changes):
    """A product of a level; gives the numbers of both cubes."""
    pair = numbers(1), numbers(2)
    with h5py.File(path, "w") as file:
        for shift, swath in enumerate(swaths):
            fields = file.create_group(f"HDFEOS/SWATHS/PRS_L{level}_{swath}/Data Fields")
            for name, stored in zip(("VNIR", "SWIR"), pair, strict=True):
                fields.create_dataset(f"{name}_Cube", data=np.roll(stored, shift), chunks=(2, 4, COLUMNS))
                fields[f"{name}_PIXEL_L2_ERR_MATRIX"] = np.zeros(stored.shape, np.uint8)
            places = file.create_group(f"HDFEOS/SWATHS/PRS_L{level}_{swath}/Geolocation Fields")
            for name in ("Latitude_VNIR", "Longitude_VNIR") if level == "1" else ("Latitude", "Longitude"):
                places[name] = table(name)
        marks = {
            "Product_ID": b"PRS_L2D_STD",
            "Sun_zenith_angle": np.float32(31.5),
            "List_Cw_Vnir": VNIR_NM,
            "List_Cw_Swir": SWIR_NM,
            "List_Fwhm_Vnir": VNIR_NM / 64,
            "List_Fwhm_Swir": SWIR_NM / 64,
            "List_Cw_Vnir_Flags": FLAGS,
            "List_Cw_Swir_Flags": FLAGS[::-1],
        }
        for word, (low, high) in zip(("Vnir", "Swir"), scales, strict=True):
            if level == "1":
                marks |= {f"ScaleFactor_{word}": np.float32(high), f"Offset_{word}": np.float32(low)}
            else:
                marks |= {f"L2Scale{word}Min": np.float32(low), f"L2Scale{word}Max": np.float32(high)}
        if level == "2D":
            marks |= corners(30.0 * (COLUMNS - 1), 30.0 * (ROWS - 1))
        file.attrs.update({k: v for k, v in (marks | changes).items() if v is not None})
    return pair


def corners(width, height, left=500_015.0, top=4_600_005.0):
    """Of the corner pixels' centres."""
    return {
        "Epsg_Code": np.uint32(32632),
        "Product_ULcorner_easting": left,
        "Product_ULcorner_northing": top,
        "Product_LRcorner_easting": left + width,
        "Product_LRcorner_northing": top - height,
    }


def joined(pair):
    """The bands of both cubes that are there, by ascending wavelength, (band, y, x)."""
    bands = {nm: stored[:, b] for stored, nms in zip(pair, (VNIR_NM, SWIR_NM), strict=True) for b, nm in enumerate(nms)}
    return np.stack([bands[nm] for nm in ASCENDING])


def test_reflectance_of_level_2d(tmp_path, check_scene):
    pair = write_prisma(tmp_path / "a.he5")
    scene = check_scene(tmp_path / "a.he5")
    stored = joined(pair)
    assert scene.storage == Storage("uint16", 1.5 / 65535, 0.0, 0)
    assert np.allclose(scene.pixels, np.where(stored == 0, np.nan, stored * (1.5 / 65535)), equal_nan=True)
    assert scene.wavelength_nm.tolist() == ASCENDING
    assert np.allclose(scene.fwhm_nm * 64, ASCENDING)
    assert scene.band_names == ("VNIR 4", "VNIR 3", "SWIR 3", "VNIR 2", "SWIR 2", "SWIR 1")
    assert scene.detectors == ("VNIR", "VNIR", "SWIR", "VNIR", "SWIR", "SWIR")
    assert scene.good_bands.all()
    assert CRS.from_wkt(scene.crs).to_epsg() == 32632
    assert scene.transform == Affine(30, 0, 500_000, 0, -30, 4_600_020)  # half a pixel outside the centres
    assert scene.headers["Sun_zenith_angle"] == "31.5"
    assert scene.headers["swath"] == "PRS_L2D_HCO"
    assert "grid" not in scene.headers
    assert not {"L2ScaleVnirMax", "List_Cw_Vnir"} & set(scene.headers)


def test_the_blocks_of_the_file_are_the_cheapest_rows(tmp_path):
    write_prisma(tmp_path / "a.he5")
    assert open_source(tmp_path / "a.he5").block_height == 2


def test_scales_that_differ_are_applied(tmp_path, check_scene):
    pair = write_prisma(tmp_path / "a.he5", scales=((0.0, 1.0), (-0.5, 0.5)))
    scene = check_scene(tmp_path / "a.he5")
    stored = joined(pair).astype(float)
    offset = np.array([0, 0, -0.5, 0, -0.5, -0.5])[:, None, None]
    assert scene.storage == Storage("float32")
    assert np.allclose(scene.pixels, np.where(stored == 0, np.nan, stored / 65535 + offset), equal_nan=True)


def test_radiance_of_level_1(tmp_path, check_scene):
    pair = write_prisma(tmp_path / "a.he5", level="1", swaths=("HRC", "HCO"), scales=((2.0, 100.0), (2.0, 100.0)))
    with h5py.File(tmp_path / "a.he5") as file:  # the co-registered swath is the second one here
        pair = [file[f"HDFEOS/SWATHS/PRS_L1_HCO/Data Fields/{name}_Cube"][()] for name in ("VNIR", "SWIR")]
    scene = check_scene(tmp_path / "a.he5")
    assert np.allclose(scene.pixels, joined(pair) / 100 - 2, rtol=1e-6)
    assert scene.crs is scene.transform is None
    assert "not orthorectified" in scene.headers["grid"]
    assert "PRS_L1_HCO/Geolocation Fields/Latitude_VNIR" in scene.headers["geolocation"]
    assert np.array_equal(scene.geolocation.read_all(), [table("Latitude"), table("Longitude")])


def test_level_2b_lies_where_its_tables_say_and_2d_on_its_map(tmp_path):
    write_prisma(tmp_path / "b.he5", level="2B")
    write_prisma(tmp_path / "d.he5", level="2D")
    places = open_cube(tmp_path / "b.he5").geolocation
    assert np.array_equal(places.read_all(), [table("Latitude"), table("Longitude")])
    assert open_cube(tmp_path / "d.he5").geolocation is None


def test_a_flagged_band_with_a_wavelength_is_bad(tmp_path):
    write_prisma(tmp_path / "a.he5", List_Cw_Vnir_Flags=np.array([0, 1, 0, 1], np.uint8))
    assert open_cube(tmp_path / "a.he5").good_bands.tolist() == [True, False, True, True, True, True]


def test_corners_that_are_outer_edges(tmp_path):
    edges = corners(30.0 * COLUMNS, 30.0 * ROWS, left=500_000.0, top=4_600_020.0)
    write_prisma(tmp_path / "a.he5", **edges)
    assert open_cube(tmp_path / "a.he5").transform == Affine(30, 0, 500_000, 0, -30, 4_600_020)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"List_Cw_Swir": SWIR_NM[:3]}, "List_Cw_Swir has 3 values for 4 bands"),
        ({"List_Fwhm_Vnir": None}, "List_Fwhm_Vnir has 0 values"),
        ({"L2ScaleVnirMax": None}, "L2ScaleVnirMax is missing"),
        ({"L2ScaleSwirMax": np.float32(-1)}, "must be above"),
        ({"Product_LRcorner_easting": 500_020.0}, "corners lie 5 x"),
        ({"Epsg_Code": np.uint32(1)}, "EPSG"),
    ],
)
def test_contradictions_are_refused(change, word, tmp_path):
    write_prisma(tmp_path / "a.he5", **change)
    with pytest.raises(SceneError, match=rf"a\.he5.*{word}"):
        open_source(tmp_path / "a.he5")


def test_a_cube_that_is_missing_promised_or_elsewhere(tmp_path):
    swath = "HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields"
    for name, word in (("gone", "missing"), ("huge", "promises"), ("link", "other files")):
        path = tmp_path / f"{name}.he5"
        write_prisma(path)
        with h5py.File(path, "r+") as file:
            del file[f"{swath}/SWIR_Cube"]
            if name == "huge":
                file.create_dataset(f"{swath}/SWIR_Cube", (10**6, 4, 10**6), "u2", chunks=(10, 4, 10))
            if name == "link":
                file[f"{swath}/SWIR_Cube"] = h5py.ExternalLink("gone.he5", f"{swath}/VNIR_Cube")
        with pytest.raises(SceneError, match=word):
            open_source(path)


def test_who_names_a_dataset_gets_it(tmp_path):
    pair = write_prisma(tmp_path / "a.he5")
    scene = open_cube(tmp_path / "a.he5", dataset="VNIR_Cube", axes="ybx")
    assert np.array_equal(scene.pixels, pair[0].transpose(1, 0, 2))


@pytest.mark.parametrize("level", ["1", "2D"])
def test_the_sensor_is_known_until_the_pixels_are_others(level, tmp_path):
    write_prisma(tmp_path / "a.he5", level=level)
    scene = open_cube(tmp_path / "a.he5")
    assert scene.sensor == "prisma"
    assert open_cube(tmp_path / "a.he5", bands="2-4", window=(0, 0, 3, 2)).sensor == "prisma"
    assert scene.metadata.finer(4).sensor is scene.metadata.coarser(2).sensor is None
