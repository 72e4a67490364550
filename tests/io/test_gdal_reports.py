"""What GDAL, and with it QGIS and EnMAP-Box, finds in every file that we write; where a format has no word for
something, the test says so.
"""

import h5py
import numpy as np
import pytest
import rasterio
import zarr
from affine import Affine
from rasterio.crs import CRS

from shsrd.cube import Storage
from shsrd.io import save_cube

STRAIGHT = Affine(30.0, 0.0, 366015.25, 0.0, -30.0, 5806125.125)
TURNED = Affine.translation(366015.25, 5806125.125) * Affine.rotation(25) * Affine.scale(4, -4)
SHEARED = Affine.translation(366015.25, 5806125.125) * Affine.shear(12, 3) * Affine.scale(4, -4)
FORMATS = ("plain.tif", "cog.tif", "a.img", "a.nc", "a.zarr")
TIFFS = ("plain.tif", "cog.tif")
EVERY = pytest.mark.parametrize("name", FORMATS)


@pytest.fixture
def written(make_scene, tmp_path):
    """Write the scene with everything, with changes, and open it with GDAL."""
    opened = []

    def write(name, **changes):
        scene = make_scene(**changes)
        save_cube(scene, tmp_path / name, cog=name == "cog.tif")
        opened.append(rasterio.open(tmp_path / name))
        return scene, opened[-1]

    yield write
    for dataset in opened:
        dataset.close()


def wavelength_nm(dataset, band) -> float:
    """Central wavelength as each driver tells it."""
    tags = dataset.tags(band)
    if "wavelength" in tags:
        assert tags["wavelength_units"] == "Nanometers"
        return float(tags["wavelength"])
    if "NETCDF_DIM_wavelength" in tags:
        return float(tags["NETCDF_DIM_wavelength"])
    assert tags["DIM_wavelength_UNIT"] == "nm"
    return float(tags["DIM_wavelength_VALUE"])


@EVERY
def test_bands_and_numbers(written, name):
    scene, dataset = written(name)
    assert dataset.count == 5
    assert dataset.dtypes == ("int16",) * 5
    numbers = dataset.read().astype(float)
    assert np.allclose(np.where(numbers == -32768, np.nan, numbers * 1e-4), scene.pixels, equal_nan=True)
    assert dataset.nodatavals == (-32768,) * 5
    if name != "a.img":  # GDAL knows no word for it in ENVI; the header has "reflectance scale factor"
        assert dataset.scales == (1e-4,) * 5


@EVERY
def test_wavelength_of_every_band(written, name):
    scene, dataset = written(name)
    got = [wavelength_nm(dataset, band) for band in dataset.indexes]
    assert np.allclose(got, scene.wavelength_nm, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", TIFFS)
def test_tags_of_every_band_in_tiff(written, name):
    scene, dataset = written(name)
    assert dataset.descriptions == scene.band_names
    for band in dataset.indexes:
        tags, imagery = dataset.tags(band), dataset.tags(band, ns="IMAGERY")
        nm, width = scene.wavelength_nm[band - 1], scene.fwhm_nm[band - 1]
        assert abs(float(tags["wavelength"]) - nm) < 1e-9
        assert abs(float(tags["fwhm"]) - width) < 1e-9
        assert tags["bbl"] == ("1" if scene.good_bands[band - 1] else "0")
        assert abs(float(imagery["CENTRAL_WAVELENGTH_UM"]) * 1000 - nm) < 1e-9
        assert abs(float(imagery["FWHM_UM"]) * 1000 - width) < 1e-9


def test_envi(written):
    """IMAGERY is rounded by GDAL to a whole nanometre; the lists of the header are exact."""
    scene, dataset = written("a.img")
    header = dataset.tags(ns="ENVI")
    lists = {key: [float(v) for v in header[key].strip("{}").split(",")] for key in ("wavelength", "fwhm", "bbl")}
    assert lists["wavelength"] == scene.wavelength_nm.tolist()
    assert lists["fwhm"] == scene.fwhm_nm.tolist()
    assert lists["bbl"] == scene.good_bands.astype(float).tolist()
    assert header["wavelength_units"] == "Nanometers"
    assert float(header["reflectance_scale_factor"]) == 10_000
    for band, name in enumerate(scene.band_names, start=1):
        assert dataset.descriptions[band - 1].startswith(name)
        imagery = dataset.tags(band, ns="IMAGERY")
        assert abs(float(imagery["CENTRAL_WAVELENGTH_UM"]) * 1000 - scene.wavelength_nm[band - 1]) <= 0.5
        assert abs(float(imagery["FWHM_UM"]) * 1000 - scene.fwhm_nm[band - 1]) <= 0.5


@pytest.mark.parametrize("name", ["a.nc", "a.zarr"])
def test_lists_that_are_arrays_beside_the_scene(written, name, tmp_path):
    """In NetCDF and Zarr only wavelengths are properties of bands for GDAL."""
    scene, _ = written(name)
    box = h5py.File(tmp_path / name) if name == "a.nc" else zarr.open_group(tmp_path / name, mode="r")
    assert box["wavelength"][:].tolist() == scene.wavelength_nm.tolist()
    assert box["fwhm"][:].tolist() == scene.fwhm_nm.tolist()
    assert box["good_bands"][:].tolist() == scene.good_bands.tolist()
    names = box["band_names"][:].tolist()
    assert [n.decode() if isinstance(n, bytes) else n for n in names] == list(scene.band_names)


def test_xarray_opens_zarr(written, tmp_path):
    xarray = pytest.importorskip("xarray")
    scene, _ = written("a.zarr")
    with xarray.open_zarr(tmp_path / "a.zarr") as dataset:
        assert dataset["reflectance"].dims == ("wavelength", "y", "x")
        assert np.allclose(dataset["reflectance"].values, scene.pixels, equal_nan=True)
        assert dataset["wavelength"].values.tolist() == scene.wavelength_nm.tolist()
        assert dataset["good_bands"].values.tolist() == scene.good_bands.tolist()
        assert dataset["band_names"].values.tolist() == list(scene.band_names)
        assert dataset["x"].values[0] == scene.transform.c + 15


@EVERY
def test_place(written, name):
    scene, dataset = written(name, transform=STRAIGHT)
    assert dataset.crs == CRS.from_wkt(scene.crs)
    assert np.allclose(dataset.transform, STRAIGHT, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "transform"),
    [
        *((name, transform) for name in (*TIFFS, "a.nc") for transform in (TURNED, SHEARED)),
        ("a.img", TURNED),  # ENVI has no word for shear: the header keeps it under "affine transform"
    ],
)
def test_turned_place(written, name, transform):
    scene, dataset = written(name, transform=transform)
    assert dataset.crs == CRS.from_wkt(scene.crs)
    assert np.allclose(dataset.transform, transform, rtol=0, atol=1e-9)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_turned_place_in_zarr_is_written_though_gdal_does_not_look(written, tmp_path):
    _, dataset = written("a.zarr", transform=TURNED)
    assert dataset.transform == Affine.identity()
    numbers = zarr.open_group(tmp_path / "a.zarr", mode="r")["crs"].attrs["GeoTransform"]
    assert Affine.from_gdal(*map(float, numbers.split())) == TURNED


@EVERY
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_nothing_is_invented(written, name):
    """No wavelengths, no names, no place, no no-data in: none out."""
    pixels = np.arange(5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7)
    bare = {"wavelength_nm": None, "fwhm_nm": None, "band_names": (), "crs": None, "transform": None, "headers": {}}
    _, dataset = written(name, pixels=pixels, storage=Storage("int16"), **bare)
    assert dataset.crs is None
    assert dataset.transform == Affine.identity()
    assert dataset.nodata is None
    numbers = dataset.read()
    upside_down = name == "a.nc"  # GDAL takes the first row of NetCDF for the lowest where nothing tells otherwise
    assert np.array_equal(numbers[:, ::-1] if upside_down else numbers, pixels)
    for band in dataset.indexes:
        assert "wavelength" not in dataset.tags(band)
        assert not dataset.tags(band, ns="IMAGERY")


@EVERY
@pytest.mark.parametrize("storage", [Storage("float32"), Storage("float32", nodata=-9999.0)])
def test_nodata_of_floats(written, name, storage, make_scene):
    _, dataset = written(name, storage=storage)
    numbers = dataset.read()
    missing = np.isnan(numbers) if storage.nodata is None else numbers == storage.nodata
    assert np.array_equal(~missing, make_scene().valid)
    if storage.nodata is not None:
        assert set(dataset.nodatavals) == {-9999.0}
