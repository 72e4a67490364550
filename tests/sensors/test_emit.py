"""EMIT: reflectance (downtrack, crosstrack, bands) in the sensor's grid, with a lookup table to the map."""

import h5py
import numpy as np
import pytest
import rasterio
import xarray
from affine import Affine

from shsrd.cube import SceneError, Storage
from shsrd.io import describe, open_cube, open_source, save_cube

NM = np.array([381.0, 500.5, 1390.0, 2493.0], np.float32)
DOWN, ACROSS = 5, 6


def places():
    """Latitude and longitude of a turned swath across the antimeridian; one pixel saw no ground."""
    y, x = np.mgrid[0:DOWN, 0:ACROSS]
    found = np.stack([-39.3 - 5e-4 * y + 1e-4 * x, (179.999 + 6e-4 * x + 1e-4 * y + 180) % 360 - 180])
    found[:, 3, 1] = np.nan
    return found


def write_emit(path, *, name="reflectance", lookup=True):
    stored = np.random.default_rng(4).random((DOWN, ACROSS, 4)).astype(np.float32)
    stored[1, 2] = -9999
    with h5py.File(path, "w") as file:
        file.attrs["title"] = np.bytes_(b"EMIT L2A Surface Reflectance 60 m V001")
        file.attrs["spatial_ref"] = np.bytes_(b'GEOGCS["WGS 84"]')
        file.attrs["geotransform"] = np.array([-62.5, 5e-4, 0.0, -39.3, 0.0, -5e-4])
        for axis, size in (("downtrack", DOWN), ("crosstrack", ACROSS), ("bands", 4), ("ortho_y", 7), ("ortho_x", 8)):
            file.create_dataset(axis, shape=(size,), dtype=">f4").make_scale(
                f"This is a netCDF dimension but not a netCDF variable.{size:10d}"
            )
        cube = file.create_dataset(name, data=stored, chunks=(2, ACROSS, 4))
        cube.attrs["_FillValue"] = np.float32(-9999)
        for position, axis in enumerate(("downtrack", "crosstrack", "bands")):
            cube.dims[position].attach_scale(file[axis])
        bands = file.create_group("sensor_band_parameters")
        bands["wavelengths"], bands["fwhm"] = NM, NM / 64
        bands["good_wavelengths"] = np.array([1, 1, 0, 1], np.float32)
        if lookup:
            place = file.create_group("location")
            for table, degrees in zip(("lat", "lon"), places(), strict=True):
                place[table] = np.where(np.isnan(degrees), -9999, degrees)
                place[table].attrs["_FillValue"] = -9999.0
            place["elev"] = np.zeros((DOWN, ACROSS))
            place["glt_x"] = np.arange(56, dtype=np.int32).reshape(7, 8) % (ACROSS + 1)
            place["glt_y"] = np.arange(56, dtype=np.int32).reshape(7, 8) % (DOWN + 1)
    return stored


@pytest.mark.parametrize("name", ["reflectance", "radiance"])
def test_a_scene(name, tmp_path, check_scene):
    stored = write_emit(tmp_path / "a.nc", name=name)
    scene = check_scene(tmp_path / "a.nc")
    assert np.array_equal(scene.pixels, np.where(stored == -9999, np.nan, stored).transpose(2, 0, 1), equal_nan=True)
    assert scene.wavelength_nm.tolist() == NM.tolist()
    assert np.allclose(scene.fwhm_nm * 64, NM)
    assert scene.good_bands.tolist() == [True, True, False, True]
    assert scene.storage == Storage("float32", nodata=-9999)
    assert scene.headers["title"].startswith("EMIT L2A")


def test_the_grid_is_not_said_to_be_a_map(tmp_path):
    write_emit(tmp_path / "a.nc")
    scene = open_cube(tmp_path / "a.nc")
    assert scene.crs is scene.transform is None  # the file's geotransform is that of the lookup table
    assert scene.headers["grid"] == "sensor (not orthorectified)"
    assert scene.headers["geolocation"] == (
        "location/glt_x, location/glt_y, location/lat, location/lon in a.nc, for its 5 x 6 pixels"
    )
    assert describe(scene)["grid"] == "sensor (not orthorectified)"


def test_where_its_pixels_lie(tmp_path):
    write_emit(tmp_path / "a.nc")
    source = open_source(tmp_path / "a.nc")
    lazy = source.metadata.geolocation
    assert np.array_equal(lazy.read(slice(2, 5), slice(0, 3)), places()[:, 2:5, :3], equal_nan=True)
    assert np.array_equal(open_cube(tmp_path / "a.nc").geolocation.read_all(), places(), equal_nan=True)
    west, south, east, north = describe(source)["geolocation"]
    assert west > 179 > -179 > east  # the short way leads over the antimeridian
    assert (south, north) == (np.nanmin(places()[0]), np.nanmax(places()[0]))
    source.close()
    with pytest.raises(SceneError, match=r"a\.nc"):
        lazy.read_all()


def test_the_lookup_table_keeps_the_numbers_of_the_file(tmp_path):
    write_emit(tmp_path / "a.nc")
    scene = open_cube(tmp_path / "a.nc")
    lookup = scene.geolocation.glt
    with h5py.File(tmp_path / "a.nc") as file:
        tables = [file[f"location/{name}"][2:5, 1:] for name in ("glt_x", "glt_y")]
    assert np.array_equal(lookup.read(slice(2, 5), slice(1, 8)), tables)
    assert lookup.transform == Affine(5e-4, 0, -62.5, 0, -5e-4, -39.3)
    assert describe(scene)["lookup_table"] == [7, 8]
    assert scene.metadata.finer(2).geolocation.glt is None  # its numbers are not those of the finer grid


@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_written_and_read_it_is_the_same(ending, tmp_path):
    write_emit(tmp_path / "a.nc")
    scene, copy = open_cube(tmp_path / "a.nc"), tmp_path / f"b.{ending}"
    save_cube(scene, copy)
    again = open_cube(copy)
    assert np.array_equal(again.geolocation.read_all(), places(), equal_nan=True)
    assert dict(again.headers) == dict(scene.headers)
    assert again.crs is again.transform is None


def test_xarray_sees_the_places(tmp_path):
    write_emit(tmp_path / "a.nc")
    save_cube(open_cube(tmp_path / "a.nc"), tmp_path / "b.zarr")
    with xarray.open_dataset(tmp_path / "b.zarr", engine="zarr") as foreign:
        assert {"lat", "lon"} <= set(foreign["reflectance"].coords)
        for table, name in zip(places(), ("lat", "lon"), strict=True):
            assert np.array_equal(foreign[name], table, equal_nan=True)
            assert foreign[name].dims == ("y", "x")
        assert foreign["lat"].attrs["standard_name"] == "latitude"
        assert foreign["lon"].attrs["units"] == "degrees_east"


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_gdal_sees_the_places(tmp_path):
    """It turns such files upside down, so pixels and places must be turned together."""
    write_emit(tmp_path / "a.nc")
    scene = open_cube(tmp_path / "a.nc")
    save_cube(scene, tmp_path / "b.nc")
    with rasterio.open(f"NETCDF:{tmp_path / 'b.nc'}:reflectance") as foreign:
        told, pixels = foreign.tags(ns="GEOLOCATION"), foreign.read()
    upside_down = np.array_equal(pixels[0, ::-1], np.where(np.isnan(scene.pixels[0]), -9999, scene.pixels[0]))
    for key, table in (("Y_DATASET", places()[0]), ("X_DATASET", places()[1])):
        with rasterio.open(told[key]) as degrees:
            seen = degrees.read(1)[::-1] if upside_down else degrees.read(1)
        assert np.array_equal(seen, np.where(np.isnan(table), -9999, table))
    assert told["GEOREFERENCING_CONVENTION"] == "PIXEL_CENTER"


def test_tables_of_another_grid_or_of_no_numbers(tmp_path):
    write_emit(tmp_path / "a.nc")
    for shape, dtype in (((DOWN, ACROSS - 1), "f8"), ((DOWN, ACROSS), "c16")):
        with h5py.File(tmp_path / "a.nc", "r+") as file:
            for name in ("lat", "lon"):
                del file[f"location/{name}"]
                file[f"location/{name}"] = np.zeros(shape, dtype)
        if dtype == "f8":
            assert open_cube(tmp_path / "a.nc").geolocation is None
        else:
            with pytest.raises(SceneError, match="complex"):
                open_source(tmp_path / "a.nc")


def test_without_tables_nothing_is_said(tmp_path):
    write_emit(tmp_path / "a.nc", lookup=False)
    assert not {"grid", "geolocation"} & set(open_cube(tmp_path / "a.nc").headers)
