"""Cubes as xarray arrays, in memory and lazily from files, in the conventions of rioxarray."""

import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from shsrd.cube import Cube, SceneError, Storage
from shsrd.io import open_cube, open_xarray, save_cube

xarray = pytest.importorskip("xarray")
rioxarray = pytest.importorskip("rioxarray")
FIELDS = ("wavelength_nm", "fwhm_nm", "good_bands")


def same(one, other):
    assert np.allclose(one.pixels, other.pixels, rtol=0, atol=0.5 * other.storage.scale, equal_nan=True)
    for name in FIELDS:
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert one.band_names == other.band_names
    assert one.storage == other.storage
    assert one.transform == other.transform
    assert (one.crs is None) == (other.crs is None)
    assert one.crs is None or CRS.from_wkt(one.crs) == CRS.from_wkt(other.crs)
    assert dict(one.headers) == dict(other.headers)


PLACES = {
    "map": Affine(30.0, 0.0, 366015.25, 0.0, -30.0, 5806125.125),
    "turned": Affine.translation(5e5, 4e6) * Affine.rotation(25) * Affine.scale(4, -4),
    "degrees": Affine(1 / 3600, 0.0, 13.1, 0.0, -1 / 3600, 52.4),
    "none": None,
}


@pytest.mark.parametrize("place", PLACES)
def test_there_and_back(place, make_scene):
    scene = make_scene(transform=PLACES[place], crs=None if place == "none" else CRS.from_epsg(32633).to_wkt())
    array = scene.to_xarray()
    assert array.dims == ("band", "y", "x")
    again = Cube.from_xarray(array)
    same(again, scene)
    assert np.array_equal(again.pixels, scene.pixels, equal_nan=True)
    assert again.source == scene.source


def test_a_scene_with_nothing_but_pixels():
    scene = Cube(np.ones((2, 3, 4), np.float32))
    same(Cube.from_xarray(scene.to_xarray()), scene)
    same(
        Cube.from_xarray(xarray.DataArray(np.ones((2, 3, 4)), dims=("z", "y", "x"))),
        scene.replace(storage=Storage("float64")),
    )


def test_what_others_see(make_scene):
    array = make_scene().to_xarray()
    assert array.rio.crs.to_epsg() == 32633
    assert array.rio.transform() == PLACES["map"]
    assert array.rio.encoded_nodata == -32768
    assert float(array.x[0]) == 366015.25 + 15
    assert array.sel(band=array.wavelength < 600).sizes["band"] == 2


def test_a_selection_is_where_it_is(make_scene):
    scene = make_scene()
    part = Cube.from_xarray(scene.to_xarray()[[0, 2, 4], 2:5, 3:])
    assert np.array_equal(part.pixels, scene.pixels[[0, 2, 4], 2:5, 3:], equal_nan=True)
    assert part.wavelength_nm.tolist() == scene.wavelength_nm[[0, 2, 4]].tolist()
    assert part.band_names == ("blue", "red", "swir")
    assert np.allclose(part.transform, scene.transform * Affine.translation(3, 2), rtol=0, atol=1e-6)


def test_every_second_pixel_is_a_coarser_grid(make_scene):
    scene = make_scene()
    coarse = Cube.from_xarray(scene.to_xarray()[:, ::2, ::3])
    want = Affine(90.0, 0.0, scene.transform.c - 30, 0.0, -60.0, scene.transform.f + 15)  # centres stay where they are
    assert np.allclose(coarse.transform, want, rtol=0, atol=1e-6)


def test_axes_in_any_order_and_other_names(make_scene):
    scene = make_scene()
    turned = scene.to_xarray().transpose("x", "band", "y").rename({"y": "latitude", "x": "longitude", "band": "w"})
    same(Cube.from_xarray(turned), scene)


@pytest.mark.parametrize("masked", [False, True])
def test_what_rioxarray_opens(masked, make_scene, tmp_path):
    scene = make_scene()
    save_cube(scene, tmp_path / "a.tif")
    array = rioxarray.open_rasterio(tmp_path / "a.tif", mask_and_scale=masked)
    again = Cube.from_xarray(array)
    assert np.allclose(again.pixels, scene.pixels, atol=1e-7, equal_nan=True)
    assert again.transform == scene.transform
    assert again.storage == scene.storage


@pytest.mark.filterwarnings("ignore:The data type")  # text in Zarr 3 has no standard yet
@pytest.mark.parametrize("engine", ["scipy", "h5netcdf", "zarr2", "zarr3"])
def test_files_that_xarray_writes(engine, make_scene, tmp_path):
    scene = make_scene()
    array = scene.to_xarray().drop_vars("band")
    if not engine.startswith("zarr"):
        pytest.importorskip(engine)
        array.to_netcdf(path := tmp_path / "a.nc", engine=engine)
    else:
        array.to_zarr(path := tmp_path / "a.zarr", zarr_format=int(engine[-1]), consolidated=False)
    again = open_cube(path)
    assert np.allclose(again.pixels, scene.pixels, atol=1e-7, equal_nan=True)
    assert again.storage == scene.storage
    assert again.transform == scene.transform
    assert again.wavelength_nm.tolist() == scene.wavelength_nm.tolist()
    assert again.fwhm_nm.tolist() == scene.fwhm_nm.tolist()
    assert again.good_bands.tolist() == scene.good_bands.tolist()
    assert dict(again.headers) == dict(scene.headers)
    assert again.band_names == (() if engine == "scipy" else scene.band_names)
    assert again.source == str(path)
    assert CRS.from_wkt(again.crs).to_epsg() == 32633


def test_micrometres():
    bands = {"wavelength": ("band", [0.5, 2.0], {"units": "um"})}
    array = xarray.DataArray(np.ones((2, 3, 4), np.float32), bands, ("band", "y", "x"))
    assert Cube.from_xarray(array).wavelength_nm.tolist() == [500.0, 2000.0]
    array.wavelength.attrs["units"] = "parsec"
    with pytest.raises(SceneError, match="parsec"):
        Cube.from_xarray(array)


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.ones((3, 4)), "band axis, y and x"),
        (np.ones((2, 3, 4), complex), "complex"),
    ],
)
def test_other_arrays_are_refused(array, word):
    with pytest.raises(SceneError, match=word):
        Cube.from_xarray(xarray.DataArray(array, dims=("band", "y", "x")[-array.ndim :]))


def test_other_dimensions_are_refused():
    with pytest.raises(SceneError, match=r"\('a', 'b', 'c'\)"):
        Cube.from_xarray(xarray.DataArray(np.ones((2, 3, 4)), dims=("a", "b", "c")))


KEYS = [
    (slice(None), slice(None), slice(None)),
    (0, 1, 2),
    (-1, -1, -1),
    (slice(1, 3), slice(5, 1, -2), slice(None, None, -1)),
    (slice(None), slice(0, 6, 4), slice(1, 7, 3)),
    (slice(None), slice(3, 3), slice(None)),
    ([0, 4], [5, 0, 2], [1, 1]),
    (np.array([True, False, True, False, True]), slice(2, 4), [6]),
]


@pytest.mark.parametrize("key", KEYS)
def test_lazy_pixels_are_the_pixels(key, make_scene, tmp_path):
    scene = make_scene()
    save_cube(scene, tmp_path / "a.img")
    lazy, held = open_xarray(tmp_path / "a.img"), scene.to_xarray()
    assert np.array_equal(lazy[key].values, held[key].values, equal_nan=True)


def test_lazy_arrays_read_only_what_they_need(make_scene, tmp_path, monkeypatch):
    save_cube(make_scene(), tmp_path / "a.img")
    asked = []
    monkeypatch.setattr(
        "shsrd.io.opening.FileSource.read",
        lambda self, rows, columns: asked.append((rows, columns)) or np.zeros((5, 2, 3), np.float32),
    )
    lazy = open_xarray(tmp_path / "a.img")
    part = lazy.isel(y=slice(2, 4)).isel(x=slice(1, 4))
    assert not asked
    assert part.shape == (5, 2, 3)
    part.load()
    assert asked == [(slice(2, 4), slice(1, 4))]


def test_lazy_arrays_become_the_same_cube(make_scene, tmp_path):
    save_cube(make_scene(), tmp_path / "a.img")
    same(Cube.from_xarray(open_xarray(tmp_path / "a.img")), open_cube(tmp_path / "a.img"))
    lazy = open_xarray(tmp_path / "a.img")
    lazy.close()
    with pytest.raises(ValueError, match="closed"):
        lazy.load()


def test_reading_scenes_does_not_import_xarray(make_scene, tmp_path):
    save_cube(make_scene(), tmp_path / "a.img")
    code = f"import sys, shsrd.io; shsrd.io.open_cube({str(tmp_path / 'a.img')!r}); sys.exit('xarray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_engine_of_xarray(make_scene, tmp_path):
    """``engine="shsrd"`` is the class below; xarray takes either."""
    scene, path = make_scene(), tmp_path / "a.hdr"
    save_cube(scene, path)
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    engine = pkgutil.resolve_name(project["entry-points"]["xarray.backends"]["shsrd"])
    with xarray.open_dataset(path, engine=engine, bands="1-2", drop_variables="fwhm_nm") as dataset:
        assert list(dataset.data_vars) == ["reflectance"]
        assert "fwhm_nm" not in dataset.coords
        assert not dataset["reflectance"].variable._in_memory
        expected = open_cube(path, bands="1-2").pixels
        assert np.array_equal(dataset["reflectance"].values, expected, equal_nan=True)
    with pytest.raises(SceneError, match="no such file"):
        xarray.open_dataset(tmp_path / "b.hdr", engine=engine)
    with pytest.raises(TypeError):
        xarray.open_dataset(path, engine=engine, band="1")
