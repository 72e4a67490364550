"""What a viewer finds when it opens a file of ours: colours, names, ranges; and pixels as before."""

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from shsrd.cube import Cube, Storage
from shsrd.io import open_cube, open_writer, save_cube
from shsrd.io.geotiff.display import Statistics, color_interpretation

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
NM = np.array([450.0, 500.5, 550.0, 600.0, 645.25, 900.0])
COG = pytest.mark.parametrize("cog", [False, True])


def cube(shape=(6, 5, 7), **changes):
    rng = np.random.default_rng(1)
    pixels = rng.integers(1, 9000, shape).astype(np.float32)
    pixels[:, 0, 0] = np.nan
    metadata = {"wavelength_nm": NM, "storage": Storage("int16", nodata=-1)}
    return Cube(pixels).replace(**{**metadata, **changes})


@COG
def test_red_green_and_blue(tmp_path, cog):
    save_cube(cube(), tmp_path / "a.tif", cog=cog)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        colours = dataset.colorinterp
        assert [colours.index(c) for c in (ColorInterp.red, ColorInterp.green, ColorInterp.blue)] == [4, 2, 0]
        assert set(colours) - set(colours[:5:2]) == {ColorInterp.undefined}
        assert dataset.descriptions == ("450 nm", "500.5 nm", "550 nm", "600 nm", "645.25 nm", "900 nm")
        assert dataset.photometric is None or dataset.photometric.value == "MINISBLACK"
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
    assert open_cube(tmp_path / "a.tif").band_names == ()


def test_names_of_the_scene_come_first(tmp_path):
    names = tuple("abcdef")
    save_cube(cube(band_names=names), tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.descriptions == names
    assert open_cube(tmp_path / "a.tif").band_names == names


def test_colours_without_visible_light_or_of_bad_bands():
    undefined = [ColorInterp.undefined] * 6
    assert color_interpretation(cube(wavelength_nm=NM + 1000).metadata) == undefined
    assert color_interpretation(cube(wavelength_nm=None).metadata) == undefined
    assert color_interpretation(cube(good_bands=np.arange(6) != 0).metadata) == undefined  # nothing else is blue
    asked = cube(wavelength_nm=NM + 1000, headers={"default bands": "{6, 2, 1}"})
    assert color_interpretation(asked.metadata).index(ColorInterp.red) == 5
    assert color_interpretation(cube(wavelength_nm=None, headers={"default bands": "{9, 2, 1}"}).metadata) == undefined


def test_the_file_stays_grey(tmp_path):
    """RGB would tell readers of pictures that the other bands are something else."""
    tifffile = pytest.importorskip("tifffile")
    for kind in ("uint8", "int16"):
        descending = cube(wavelength_nm=NM[::-1] - 5, storage=Storage(kind, nodata=0))
        save_cube(descending, tmp_path / f"{kind}.tif")
        with tifffile.TiffFile(tmp_path / f"{kind}.tif") as file:
            assert file.pages[0].photometric == 1
            assert not any(file.pages[0].extrasamples)


@COG
@pytest.mark.parametrize(
    "storage", [Storage("int16", 1e-4, 0.5, -1), Storage("float32"), Storage("float32", nodata=-1)]
)
def test_statistics_are_those_of_the_valid_stored_numbers(tmp_path, storage, cog):
    scene = cube(storage=storage)
    scene = scene.replace(pixels=scene.pixels * np.float32(storage.scale) + np.float32(storage.offset))
    scene.pixels[5] = np.nan
    save_cube(scene, tmp_path / "a.tif", cog=cog)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        for band in range(1, 6):
            numbers = dataset.read(band).astype(float)
            valid = numbers[np.isfinite(numbers) & (numbers != -1)]
            tags = {key: float(value) for key, value in dataset.tags(band).items() if key.startswith("STAT")}
            assert np.isclose(tags.pop("STATISTICS_VALID_PERCENT"), 100 * 34 / 35, atol=0.01)
            want = {"MINIMUM": valid.min(), "MAXIMUM": valid.max(), "MEAN": valid.mean(), "STDDEV": valid.std()}
            assert tags == pytest.approx({f"STATISTICS_{key}": value for key, value in want.items()}, rel=1e-9)
        assert not any(key.startswith("STATISTICS") for key in dataset.tags(6))


def test_statistics_do_not_depend_on_the_parts():
    rng = np.random.default_rng(0)
    numbers = rng.normal(1e6, 1, (2, 40, 50)).astype(np.float32)
    whole, parts = Statistics(2, None), Statistics(2, None)
    whole.add(numbers)
    for row in range(0, 40, 7):
        parts.add(numbers[:, row : row + 7])
    for band in range(2):
        got, want = parts.tags(band), whole.tags(band)
        assert {k: float(v) for k, v in got.items()} == pytest.approx({k: float(v) for k, v in want.items()}, rel=1e-9)
        assert float(want["STATISTICS_STDDEV"]) == pytest.approx(numbers[band].astype(float).std(), rel=1e-9)


def test_any_tiles_give_the_same_bytes(tmp_path):
    scene = cube((6, 700, 600))
    save_cube(scene, tmp_path / "whole.tif")
    with open_writer(tmp_path / "tiles.tif", scene.metadata) as writer:
        for row in range(0, 700, 130):
            for column in range(0, 600, 170):
                writer.write(scene.pixels[:, row : row + 130, column : column + 170], row, column)
    assert (tmp_path / "tiles.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()
