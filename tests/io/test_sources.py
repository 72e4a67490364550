"""Scenes that are read rectangle by rectangle: any rectangle is a part of the whole, and costs what it holds."""

import pickle
import tracemalloc

import h5py
import numpy as np
import pytest
import rasterio

from shsrd.cube import Cube, MemorySource, SceneError, Storage, read_cube
from shsrd.io import describe, open_cube, open_source, save_cube

RECTANGLES = [
    (slice(0, 6), slice(0, 7)),
    (slice(2, 3), slice(0, 7)),
    (slice(0, 6), slice(6, 7)),
    (slice(1, 5), slice(2, 6)),
]
LAZY = [".img", ".tif", ".nc", ".npy"]
WHOLE = [".mat", ".npz"]

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def assert_parts_of(whole, source):
    for rows, columns in RECTANGLES:
        part = source.read(rows, columns)
        assert part.dtype == np.float32
        assert np.array_equal(part, whole[:, rows, columns], equal_nan=True)


def same_facts(one, other):
    for name in ("shape", "band_names", "crs", "transform", "storage"):
        assert getattr(one, name) == getattr(other, name)
    assert dict(one.headers) == dict(other.headers)
    for name in ("wavelength_nm", "fwhm_nm", "good_bands"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("suffix", [*LAZY, *WHOLE])
def test_a_rectangle_is_a_part_of_the_whole(suffix, make_scene, tmp_path):
    save_cube(make_scene(), tmp_path / f"a{suffix}")
    whole = open_cube(tmp_path / f"a{suffix}")
    source = open_source(tmp_path / f"a{suffix}")
    same_facts(source.metadata, whole.metadata)
    assert_parts_of(whole.pixels, source)
    assert np.array_equal(read_cube(source).pixels, whole.pixels, equal_nan=True)
    source.close()
    source.close()
    with pytest.raises(ValueError, match="closed"):
        source.read(slice(0, 1), slice(0, 1))


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
@pytest.mark.parametrize("order", [0, 1])
def test_every_layout_of_envi(interleave, order, write_envi_file):
    stored = (np.arange(5 * 6 * 7).reshape(5, 6, 7) - 50).astype("<>"[order] + "i2")
    extra = f"byte order = {order}\ndata ignore value = 7\nreflectance scale factor = 1000\nheader offset = 0"
    source = open_source(write_envi_file(stored, interleave=interleave, extra=extra))
    assert_parts_of(np.where(stored == 7, np.nan, stored * 1e-3).astype(np.float32), source)


@pytest.mark.parametrize("axes", ["byx", "yxb", "ybx", "xyb", "bxy", "xby"])
@pytest.mark.parametrize("chunks", [None, (2, 2, 2)])
def test_every_order_of_axes(axes, chunks, tmp_path):
    pixels = np.arange(5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7)
    turned = pixels.transpose(["byx".index(letter) for letter in axes])
    np.save(tmp_path / "a.npy", turned)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("data", data=turned, chunks=chunks)
    for name in ("a.npy", "a.h5"):
        source = open_source(tmp_path / name, axes=axes)
        assert source.metadata.shape == (5, 6, 7)
        assert_parts_of(pixels, source)
    assert source.block_height == (1 if chunks is None else 2)


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
@pytest.mark.parametrize("columns", [slice(40, 41), slice(3, 80), slice(0, 99), slice(98, 99)])
def test_few_columns_of_a_wide_scene(interleave, columns, write_envi_file):
    stored = np.arange(3 * 4 * 99, dtype=np.int16).reshape(3, 4, 99)
    part = open_source(write_envi_file(stored, interleave=interleave)).read(slice(1, 3), columns)
    assert np.array_equal(part, stored[:, 1:3, columns])


def test_matlab_with_hdf5_inside(tmp_path):
    pixels = np.arange(5 * 6 * 7, dtype=np.float64).reshape(5, 6, 7)
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["scene"] = pixels.transpose(0, 2, 1)  # (band, x, y), as MATLAB writes rows x columns x bands
    with (tmp_path / "a.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file")
    assert_parts_of(pixels, open_source(tmp_path / "a.mat"))


@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("blocks", [{"tiled": True, "blockxsize": 16, "blockysize": 16}, {"blockysize": 2}])
def test_geotiff_blocks_and_scales_that_differ(interleave, blocks, tmp_path):
    stored = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)
    size = {"count": 5, "height": 6, "width": 7, "dtype": "int16", "nodata": 3}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", interleave=interleave, **size, **blocks) as dataset:
        dataset.write(stored)
        dataset.scales = (1, 2, 3, 4, 5)
    source = open_source(tmp_path / "a.tif")
    scaled = stored * np.arange(1, 6)[:, None, None]
    assert_parts_of(np.where(stored == 3, np.nan, scaled).astype(np.float32), source)
    assert source.block_height == (6 if "tiled" in blocks else 2)


@pytest.mark.parametrize("suffix", [*LAZY, *WHOLE])
def test_a_source_travels_to_another_process(suffix, make_scene, tmp_path, monkeypatch):
    save_cube(make_scene(), tmp_path / f"a{suffix}")
    monkeypatch.chdir(tmp_path)
    source = open_source(f"a{suffix}")
    letter = pickle.dumps(source)
    assert len(letter) < 500  # a path, not pixels
    monkeypatch.chdir("/")
    again = pickle.loads(letter)
    same_facts(again.metadata, source.metadata)
    assert_parts_of(open_cube(tmp_path / f"a{suffix}").pixels, again)
    with (tmp_path / f"a{suffix}").open("ab") as file:
        file.write(b"more")
    with pytest.raises(SceneError):
        pickle.loads(letter)


def test_options_travel_too(tmp_path):
    np.savez(tmp_path / "a.npz", one=np.ones((3, 4, 5)), two=np.zeros((3, 4, 5)))
    again = pickle.loads(pickle.dumps(open_source(tmp_path / "a.npz", variable="two", axes="byx")))
    assert again.metadata.shape == (3, 4, 5)
    assert not again.read(slice(0, 4), slice(0, 5)).any()


@pytest.mark.parametrize("suffix", LAZY)
def test_a_file_that_changes_or_vanishes_is_refused(suffix, make_scene, tmp_path):
    path = tmp_path / f"a{suffix}"
    save_cube(make_scene(), path)
    source = open_source(path)
    whole = path.read_bytes()
    for changed in (whole[:-1], whole + b"x"):
        path.write_bytes(changed)
        with pytest.raises(SceneError, match=rf"a\{suffix}: the file had {len(whole)} bytes"):
            source.read(slice(0, 1), slice(0, 1))
    path.unlink()
    with pytest.raises(SceneError, match=rf"a\{suffix}: the file cannot be found any more"):
        source.read(slice(0, 1), slice(0, 1))


@pytest.mark.parametrize("suffix", WHOLE)
def test_what_was_read_whole_needs_no_file(suffix, make_scene, tmp_path):
    save_cube(make_scene(), tmp_path / f"a{suffix}")
    source = open_source(tmp_path / f"a{suffix}")
    (tmp_path / f"a{suffix}").unlink()
    assert source.read(slice(0, 6), slice(0, 7)).shape == (5, 6, 7)


@pytest.mark.parametrize(
    "part", [slice(0, 7), slice(-1, 3), slice(2, 2), slice(0, 6, 2), slice(None), slice(3, 1), slice(0, None)]
)
def test_rectangles_outside_the_scene_are_refused(part, make_scene, tmp_path):
    save_cube(make_scene(), tmp_path / "a.npy")
    with pytest.raises(ValueError, match="axis y with 6 pixels"):
        open_source(tmp_path / "a.npy").read(part, slice(0, 1))


@pytest.mark.parametrize("suffix", LAZY)
def test_memory_is_that_of_the_rectangle(suffix, tmp_path):
    scene = Cube(np.zeros((64, 512, 256), np.float32), storage=Storage("uint16"))
    save_cube(scene, tmp_path / f"a{suffix}")
    source = open_source(tmp_path / f"a{suffix}")
    tracemalloc.start()
    source.read(slice(256, 264), slice(0, 256))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 64 * 8 * 256 * 4  # the whole scene has 64 times the bytes of the rectangle


@pytest.mark.parametrize("suffix", [*LAZY, *WHOLE])
def test_a_report_is_the_same_from_file_and_memory(suffix, make_scene, tmp_path, monkeypatch):
    save_cube(make_scene(), tmp_path / f"a{suffix}")
    cube = open_cube(tmp_path / f"a{suffix}")
    monkeypatch.setattr("shsrd.cube.source.CHUNK_PIXELS", 40)  # numbers: several stripes
    assert describe(open_source(tmp_path / f"a{suffix}")) == describe(MemorySource(cube)) == describe(cube)


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    [
        "formats/Bavaria_farmland_LMU_Hyspex_subset.bsq",
        "formats/Full.tif",
        "formats/Small.hdr",
        "formats/emit20250324t221005_jpl_unmix_ex",
        "formats/corn-kernel-hyperspectral.raw",
        "formats/neonhs_ex.h5",
        "formats/pavia_taef_v73.mat",
        "hsi/eval/enmap_potsdam_A.nc",
        "hsi/eval/jasperRidge2_R198.img",
    ],
)
def test_real_files(name, shared_data):
    source, whole = open_source(shared_data / name), open_cube(shared_data / name)
    same_facts(source.metadata, whole.metadata)
    assert_parts_of(whole.pixels, source)
