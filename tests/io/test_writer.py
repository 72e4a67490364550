"""The writer: the same bytes from any tiles, every pixel once, all or nothing."""

import random
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio

from shsrd.cube import Cube, SceneError, Storage
from shsrd.io import WRITABLE_SUFFIXES, open_writer, save_cube
from shsrd.io.encoding import encode
from shsrd.io.targets import written_files

EVERY = pytest.mark.parametrize("suffix", WRITABLE_SUFFIXES)
SIZES = [(5, 7), (512, 512), (513, 1030), (1025, 600)]


def big_scene(make_scene, rows, columns, **changes) -> Cube:
    rng = np.random.default_rng(3)
    small = make_scene()
    pixels = (rng.integers(0, 10_000, (5, rows, columns)) * 1e-4).astype(np.float32)
    pixels[:, : rows // 2, : columns // 3] = np.nan
    return small.replace(pixels=pixels, **changes)


def write_tiles(path, cube, side, *, stored=False, **options) -> None:
    _, rows, columns = cube.shape
    with open_writer(path, cube.metadata, **options) as writer:
        for row in range(0, rows, side):
            for column in range(0, columns, side):
                block = cube.pixels[:, row : row + side, column : column + side]
                if stored:
                    writer.write_stored(encode(block, cube.storage), row, column)
                else:
                    writer.write(block, row, column)


def everything(path) -> dict[str, bytes]:
    return {str(p.relative_to(path.parent)): p.read_bytes() for p in sorted(path.parent.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("storage", [Storage("int16", 1e-4, 0.0, -32768), Storage("float32")])
@pytest.mark.parametrize("size", SIZES)
@EVERY
def test_tiles_of_any_size_give_the_bytes_of_the_whole(suffix, size, storage, make_scene, pixels_in, tmp_path):
    cube = big_scene(make_scene, *size, storage=storage)
    names = [tmp_path / f"{part}/a{suffix}" for part in ("whole", "512", "256", "700", "stored")]
    for name in names:
        name.parent.mkdir()
    save_cube(cube, names[0])
    for name, side in zip(names[1:], (512, 256, 700, 512), strict=True):
        write_tiles(name, cube, side, stored=name.parent.name == "stored")
    want = everything(names[0])
    assert {Path(name).parts[0] for name in want} == {file.name for file in written_files(names[0])}
    for name in names[1:]:
        assert everything(name) == want, name
    assert np.array_equal(pixels_in(names[0]), cube.pixels, equal_nan=True)


@pytest.mark.parametrize("cog", [False, True])
def test_what_else_was_read_does_not_move_blocks(cog, make_scene, tmp_path):
    """GDAL's block cache is shared by the process; here it is small and full of another file's blocks."""
    cube = big_scene(make_scene, 700, 1100)
    save_cube(cube, tmp_path / "a.tif", cog=cog)
    size = rasterio.env.get_gdal_config("GDAL_CACHEMAX")
    try:
        rasterio.env.set_gdal_config("GDAL_CACHEMAX", 2_000_000)
        with rasterio.open(tmp_path / "a.tif") as other:
            other.read()
            write_tiles(tmp_path / "b.tif", cube, 512, cog=cog)
    finally:
        rasterio.env.set_gdal_config("GDAL_CACHEMAX", size)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


def test_no_format_writes_the_time(make_scene, tmp_path):
    """Two seconds are the smallest step that an archive can tell."""
    for folder in ("first", "later"):
        (tmp_path / folder).mkdir()
        for suffix in WRITABLE_SUFFIXES:
            save_cube(make_scene(), tmp_path / folder / f"{suffix[1:]}{suffix}")
        if folder == "first":
            time.sleep(2.1)
    assert everything(tmp_path / "first" / "x") == everything(tmp_path / "later" / "x")


def test_the_cache_of_the_process_keeps_its_size(make_scene, tmp_path):
    before = rasterio.env.get_gdal_config("GDAL_CACHEMAX")
    save_cube(make_scene(), tmp_path / "a.tif")
    assert rasterio.env.get_gdal_config("GDAL_CACHEMAX") == before > 2**20


@EVERY
def test_stripes_and_uneven_tiles(suffix, make_scene, tmp_path):
    cube = big_scene(make_scene, 600, 530)
    for name in ("whole", "pieces"):
        (tmp_path / name).mkdir()
    save_cube(cube, tmp_path / f"whole/a{suffix}")
    with open_writer(tmp_path / f"pieces/a{suffix}", cube.metadata) as writer:
        for rows, columns in (
            ((0, 90), (200, 530)),
            ((0, 300), (0, 200)),
            ((90, 300), (200, 530)),
            ((300, 600), (0, 530)),
        ):
            writer.write(cube.pixels[:, slice(*rows), slice(*columns)], rows[0], columns[0])
    assert everything(tmp_path / f"whole/a{suffix}") == everything(tmp_path / f"pieces/a{suffix}")


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError, MemoryError])
@pytest.mark.parametrize("after", [0, 1])
@EVERY
def test_an_exception_leaves_nothing_and_passes_through(suffix, after, failure, make_scene, tmp_path):
    cube = big_scene(make_scene, 520, 600)
    with pytest.raises(failure, match="stop"), open_writer(tmp_path / f"a{suffix}", cube.metadata) as writer:
        if after:
            writer.write(cube.pixels[:, :512, :512], 0, 0)
        raise failure("stop")
    assert not list(tmp_path.iterdir())


@EVERY
def test_an_interrupted_rewrite_leaves_the_old_file(suffix, make_scene, tmp_path):
    path = tmp_path / f"a{suffix}"
    save_cube(make_scene(), path)
    before = everything(path)
    with pytest.raises(KeyboardInterrupt), open_writer(path, make_scene().metadata, overwrite=True) as writer:
        writer.write(np.zeros((5, 6, 7), np.float32), 0, 0)
        raise KeyboardInterrupt
    assert everything(path) == before


@EVERY
def test_a_missing_pixel_is_noticed(suffix, make_scene, tmp_path):
    cube = make_scene()
    with (
        pytest.raises(ValueError, match="only 36 of 42 pixels"),
        open_writer(tmp_path / f"a{suffix}", cube.metadata) as writer,
    ):
        writer.write(cube.pixels[:, :, :6], 0, 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("rows", "columns", "place", "word"),
    [
        (slice(0, 2), slice(0, 7), (0, 0), "not next"),  # again
        (slice(3, 6), slice(0, 7), (3, 0), "not next"),  # a gap
        (slice(1, 3), slice(0, 7), (1, 0), "not next"),  # overlap
        (slice(2, 6), slice(0, 7), (2, 1), "outside"),
        (slice(2, 6), slice(0, 7), (-1, 0), "outside"),
    ],
)
def test_rectangles_out_of_turn(rows, columns, place, word, make_scene, tmp_path):
    cube = make_scene()
    with pytest.raises(ValueError, match=word), open_writer(tmp_path / "a.tif", cube.metadata) as writer:
        writer.write(cube.pixels[:, :2], 0, 0)
        writer.write(cube.pixels[:, rows, columns], *place)
    assert not list(tmp_path.iterdir())


def test_blocks_of_another_kind(make_scene, tmp_path):
    cube = make_scene()
    with pytest.raises(ValueError, match="int16"), open_writer(tmp_path / "a.tif", cube.metadata) as writer:
        writer.write_stored(cube.pixels, 0, 0)
    with pytest.raises(ValueError, match="5 bands"), open_writer(tmp_path / "a.tif", cube.metadata) as writer:
        writer.write(cube.pixels[:4], 0, 0)
    with pytest.raises(ValueError, match="with block"):
        open_writer(tmp_path / "a.tif", cube.metadata).write(cube.pixels, 0, 0)
    with pytest.raises(SceneError, match="no no-data value"):
        metadata = cube.metadata.replace(storage=Storage("int16"))
        with open_writer(tmp_path / "a.tif", metadata) as writer:
            writer.write(cube.pixels, 0, 0)
    assert not list(tmp_path.iterdir())


def test_tiles_of_any_partition(make_scene, tmp_path):
    """Random cuts of the rows and columns, as any scale and tile size would make."""
    choose = random.Random(5)
    cube = big_scene(make_scene, 1100, 1200)
    save_cube(cube, tmp_path / "whole.tif")
    for trial in range(3):
        heights = [0, *sorted(choose.sample(range(1, 1100), 3)), 1100]
        widths = [0, *sorted(choose.sample(range(1, 1200), 4)), 1200]
        path = tmp_path / f"{trial}.tif"
        with open_writer(path, cube.metadata) as writer:
            for top, bottom in pairwise(heights):
                for left, right in pairwise(widths):
                    writer.write(cube.pixels[:, top:bottom, left:right], top, left)
        assert path.read_bytes() == (tmp_path / "whole.tif").read_bytes()
