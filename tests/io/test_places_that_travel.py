"""Cuts of xarray arrays, longitudes beyond 180, half floats, and packed files that ask for too much."""

import zipfile

import h5py
import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from shsrd.cube import Cube, SceneError, SceneMetadata, Storage
from shsrd.io import open_cube, open_xarray, save_cube
from shsrd.io.stac.footprint import footprint

DEGREES = CRS.from_epsg(4326).to_wkt()


def metadata(west, east):
    return SceneMetadata((1, 10, 10), crs=DEGREES, transform=Affine((east - west) / 10, 0, west, 0, -0.1, 50))


@pytest.mark.parametrize(
    ("west", "east", "box"),
    [
        (350, 359, (-10, -1)),
        (200, 210, (-160, -150)),
        (10, 20, (10, 20)),
        (355, 365, (-5, 5)),
        (175, 185, (175, -175)),
        (-190, -170, (170, -170)),
        (0, 360, (-180, 180)),
    ],
)
def test_longitudes_of_a_footprint_are_those_of_geojson(west, east, box):
    outline, bounds = footprint(metadata(west, east))
    np.testing.assert_allclose((bounds[0], bounds[2]), box, atol=1e-6)
    rings = outline["coordinates"] if outline["type"] == "Polygon" else [r for p in outline["coordinates"] for r in p]
    assert all(-180 <= x <= 180 for ring in rings for x, _ in ring)


def test_a_cut_of_a_lazy_scene_keeps_its_place(tmp_path, make_scene):
    scene = make_scene()
    save_cube(scene, tmp_path / "a.tif")
    with open_xarray(tmp_path / "a.tif") as array:
        cut = array.isel(x=slice(2, None), y=slice(1, None)).load()
    again = Cube.from_xarray(cut)
    wanted = scene.transform * Affine.translation(2, 1)
    assert np.allclose(again.transform, wanted, rtol=0, atol=1e-6)
    assert "GeoTransform" not in cut.spatial_ref.attrs


def test_half_floats_are_refused_as_netcdf(tmp_path):
    scene = Cube(np.ones((2, 3, 4), np.float32), storage=Storage("float16"))
    with pytest.raises(SceneError, match="no float16"):
        save_cube(scene, tmp_path / "a.nc")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_of_little_that_becomes_much(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", cube=np.zeros((8, 5000, 3000), np.uint8))
    with pytest.raises(SceneError, match=r"needs 0\.6 GiB of memory.*numpy\.save"):
        open_cube(tmp_path / "a.npz")


def test_a_zipped_zarr_store_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zarr.zip", "w") as archive:
        archive.writestr("zarr.json", "{}")
    with pytest.raises(SceneError, match="zipped Zarr store; unpack it"):
        open_cube(tmp_path / "a.zarr.zip")


@pytest.mark.parametrize("shape", [(1, 3, 20, 24), (3, 20, 24, 1)])
def test_axes_of_one_in_numpy_files(tmp_path, shape):
    pixels = np.arange(3 * 20 * 24, dtype="f4").reshape(3, 20, 24)
    np.save(tmp_path / "a.npy", pixels.reshape(shape))
    np.savez(tmp_path / "a.npz", cube=pixels.reshape(shape))
    assert np.array_equal(open_cube(tmp_path / "a.npy").pixels, pixels)
    assert np.array_equal(open_cube(tmp_path / "a.npz", axes="byx").pixels, pixels)


def test_packing_that_is_not_known_is_named(tmp_path):
    with h5py.File(tmp_path / "a.nc", "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((3, 4, 5))
        plist.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((3, 4, 5))
        h5py.h5d.create(file.id, b"scene", h5py.h5t.NATIVE_INT16, space, plist)
    with pytest.raises(SceneError, match=r"zstd.*nccopy"):
        open_cube(tmp_path / "a.nc")
