"""Containers as people and tools make them: places, units and bands in other words than the usual ones."""

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr
from pyproj import CRS

from shsrd.cube import SceneError
from shsrd.io import describe, open_cube

NM = np.array([450.0, 500, 550, 600, 650, 700])
STORED = np.arange(100, 100 + 6 * 4 * 5, dtype=np.uint16).reshape(6, 4, 5)
X, Y = 500005 + 10.0 * np.arange(5), 4999995 - 10.0 * np.arange(4)
BOUNDS = [500000, 4999960, 500050, 5000000]


def grid(x=X, y=Y, unit="m", mapping="crs", **attributes):
    lists = {"wavelength": ("wavelength", NM, {"units": "nm"}), "x": ("x", x, {"units": unit}),
             "y": ("y", y, {"units": unit})}  # fmt: skip
    scene = xr.Dataset({"r": (("wavelength", "y", "x"), STORED, attributes)}, coords=lists)
    scene["crs"] = ((), 0, CRS(32633).to_cf())
    scene.r.attrs["grid_mapping"] = mapping
    return scene


def described(path):
    scene = open_cube(path)
    return scene, describe(scene)


@pytest.mark.parametrize("unit", ["1000 m", "10^3 m", "1e3 m", "km"])
def test_kilometres_in_other_words(unit, tmp_path):
    grid(X / 1000, Y / 1000, unit).to_netcdf(tmp_path / "a.nc")
    scene, metadata = described(tmp_path / "a.nc")
    assert metadata["bounds"] == pytest.approx(BOUNDS, abs=1e-6)
    assert scene.notes == ()


def test_a_unit_of_axes_that_is_not_known_is_noted(tmp_path):
    grid(unit="furlong").to_netcdf(tmp_path / "a.nc")
    scene, metadata = described(tmp_path / "a.nc")
    assert metadata["bounds"] == BOUNDS
    assert scene.notes == ("Unit 'furlong' of y and x is not known; that of the CRS is assumed.",)


def test_a_grid_mapping_that_is_not_there_is_noted(tmp_path):
    grid(mapping="absent").to_netcdf(tmp_path / "a.nc")
    scene, metadata = described(tmp_path / "a.nc")
    assert metadata["crs"] == "EPSG:32633"
    assert scene.notes == ("Grid mapping absent is not in the file; that of crs is used.",)


def test_the_crs_of_older_xarray(tmp_path):
    scene = grid(crs="+init=epsg:32633").drop_vars("crs")
    del scene.r.attrs["grid_mapping"]
    scene.to_netcdf(tmp_path / "a.nc")
    assert described(tmp_path / "a.nc")[1]["crs"] == "EPSG:32633"


CRS_OF_GDAL = {"url": "http://www.opengis.net/def/crs/EPSG/0/32633"}
PLACES = [
    ({"_CRS": CRS_OF_GDAL, "spatial:transform": [10, 0, 500000, 0, -10, 5000000]}, 0),
    ({"_CRS": {"wkt": CRS(32633).to_wkt()}, "spatial:transform": [10, 0, 500000, 0, -10, 5000000]}, 0),
    ({"_CRS": {"projjson": CRS(32633).to_json_dict()}, "spatial:bbox": BOUNDS}, 0),
    ({"proj:epsg": 32633, "spatial:bbox": BOUNDS}, 0),
    ({"proj:code": "EPSG:32633", "spatial:transform": [500000, 10, 0, 5000000, 0, -10]}, 1),
]


@pytest.mark.parametrize(("marks", "notes"), PLACES)
def test_places_among_the_attributes_of_zarr(marks, notes, tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    group.create_array("r", data=STORED, dimension_names=["wavelength", "y", "x"]).attrs.update(marks)
    scene, metadata = described(tmp_path / "a.zarr")
    assert (metadata["crs"], metadata["bounds"]) == ("EPSG:32633", BOUNDS)
    assert len(scene.notes) == notes


@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_bands_that_are_variables(ending, tmp_path):
    scene = xr.Dataset({f"Band{band}": (("y", "x"), STORED[band - 1]) for band in range(1, 7)})
    (scene.to_netcdf if ending == "nc" else scene.to_zarr)(tmp_path / f"a.{ending}")
    assert np.array_equal(open_cube(tmp_path / f"a.{ending}").pixels, STORED)


def test_bands_named_after_colours_are_all_read(tmp_path):
    names = ["blue", "green", "red", "nir", "swir1", "swir2"]
    xr.Dataset({n: (("y", "x"), STORED[b]) for b, n in enumerate(names)}).to_netcdf(tmp_path / "a.nc")
    scene = open_cube(tmp_path / "a.nc")
    assert scene.band_names == tuple(names)
    assert np.array_equal(scene.pixels, STORED)


def test_variables_beside_the_bands_are_noted(tmp_path):
    names = ["Band1", "Band2", "Band3", "other"]
    xr.Dataset({n: (("y", "x"), STORED[b]) for b, n in enumerate(names)}).to_netcdf(tmp_path / "a.nc")
    scene = open_cube(tmp_path / "a.nc")
    assert scene.pixels.shape == (3, 4, 5)
    assert "1 more variables of this size (other) are left out." in scene.notes


def test_names_on_the_axis_of_bands(tmp_path):
    names = np.array([f"{nm:g} nm" for nm in NM], "S8")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["r"], file["band_names"] = STORED, names
    scene = open_cube(tmp_path / "a.h5", axes="byx")
    assert scene.wavelength_nm.tolist() == NM.tolist()


def test_two_dates_are_one_sentence_with_the_remedy(tmp_path):
    xr.Dataset({"r": (("time", "b", "y", "x"), np.stack([STORED, STORED]))}).to_netcdf(tmp_path / "a.nc")
    with pytest.raises(SceneError, match=r"2x6x4x5.*more than three axes.*save one date or layer"):
        open_cube(tmp_path / "a.nc")


@pytest.mark.parametrize(("unit", "numbers"), [("um", NM), ("nm", NM / 1000)])
def test_wavelengths_that_no_imager_sees_are_noted(unit, numbers, tmp_path):
    scene = grid().assign_coords(wavelength=("wavelength", numbers, {"units": unit}))
    scene.to_netcdf(tmp_path / "a.nc")
    assert "which no imager sees; the unit may be wrong." in open_cube(tmp_path / "a.nc").notes[0]


def test_a_key_without_a_value_is_noted_and_not_written_again(tmp_path, capfd):
    head = "ENVI\nsamples = 5\nlines = 4\nbands = 6\ndata type = 12\ninterleave = bsq\nbyte order = 0\n"
    (tmp_path / "a.img").write_bytes(STORED.tobytes())
    (tmp_path / "a.hdr").write_text(f"{head}wavelength =\nsensor type = X\ncoordinate system string = {{garbage}}\n")
    scene = open_cube(tmp_path / "a.hdr")
    assert scene.notes[0] == "'wavelength' has no value."
    assert "wavelength" not in scene.headers
    assert capfd.readouterr().err == ""


def test_rows_from_south_to_north_as_gdal_writes_them(tmp_path):
    """Its GeoTransform is that of rows from north to south: the same place, no contradiction."""
    scene = grid().isel(y=slice(None, None, -1))
    scene.crs.attrs["GeoTransform"] = "500000 10 0 5000000 0 -10 "
    scene.to_netcdf(tmp_path / "a.nc")
    cube, metadata = described(tmp_path / "a.nc")
    assert metadata["bounds"] == BOUNDS
    assert tuple(cube.transform)[:6] == (10, 0, 500000, 0, 10, 4999960)
    assert cube.notes == ()
