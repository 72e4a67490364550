"""Cloud optimised GeoTIFF: laid out as its readers expect, and nothing is lost on the way."""

from itertools import pairwise

import numpy as np
import pytest
import rasterio
import tifffile

from shsrd.cube import Cube, SceneError, SceneMetadata, Storage
from shsrd.io import check_target, open_cube, open_writer, save_cube
from shsrd.io.geotiff.cog import block_size


@pytest.fixture
def scene(make_scene):
    rng = np.random.default_rng(3)
    pixels = (rng.integers(0, 10_000, (5, 700, 1100)) * 1e-4).astype(np.float32)
    pixels[:, :300, :300] = np.nan
    return make_scene(pixels=pixels)


def layout(path):
    """For each image of the file, the full one first: place of its directory, size, first and last byte of pixels."""
    with tifffile.TiffFile(path) as file:
        pages = [page for page in file.pages if page.is_tiled]
        assert len(pages) == len(file.pages), "an image is not tiled"
        spans = [(min(p.dataoffsets), max(map(sum, zip(p.dataoffsets, p.databytecounts, strict=True)))) for p in pages]
        return [(p.offset, p.imagewidth, *span) for p, span in zip(pages, spans, strict=True)]


def is_cog(path) -> bool:
    """Directories from large to small at the head of the file, then pixels from small to large."""
    images = layout(path)
    head = all(a[0] < b[0] and a[1] > b[1] for a, b in pairwise(images))
    pixels = all(small[3] <= large[2] for large, small in pairwise(images))
    first_pixel = min(start for _, _, start, _ in images)
    with_overviews = images[-1][1] <= 512
    return head and pixels and with_overviews and images[0][0] < 300 and images[-1][0] < first_pixel


@pytest.mark.parametrize("size", [(5, 7), (256, 256), (300, 257), (700, 1100)])
def test_layout(scene, size, tmp_path):
    cube = scene.crop(rows=size[0], columns=size[1])
    save_cube(cube, tmp_path / "a.tif", cog=True)
    assert is_cog(tmp_path / "a.tif")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_the_check_of_the_layout_can_fail(scene, tmp_path):
    save_cube(scene, tmp_path / "a.tif")
    assert not is_cog(tmp_path / "a.tif")


@pytest.mark.parametrize("storage", [Storage("int16", 1e-4, 0.0, -32768), Storage("float32"), Storage("float64")])
def test_everything_survives(scene, storage, tmp_path):
    cube = scene.replace(storage=storage)
    for name, cog in (("plain.tif", False), ("cog.tif", True)):
        save_cube(cube, tmp_path / name, cog=cog)
    plain, cog = open_cube(tmp_path / "plain.tif"), open_cube(tmp_path / "cog.tif")
    assert np.array_equal(cog.pixels, plain.pixels, equal_nan=True)
    for name in ("wavelength_nm", "fwhm_nm", "good_bands"):
        assert np.array_equal(getattr(cog, name), getattr(plain, name)), name
    for name in ("band_names", "crs", "transform", "storage", "headers"):
        assert getattr(cog, name) == getattr(plain, name), name
    with rasterio.open(tmp_path / "plain.tif") as want, rasterio.open(tmp_path / "cog.tif") as got:
        assert got.overviews(1) == want.overviews(1)
        small = (5, 88, 138)
        assert np.array_equal(got.read(out_shape=small), want.read(out_shape=small), equal_nan=True)


def test_tiles_give_the_bytes_of_the_whole(scene, tmp_path):
    save_cube(scene, tmp_path / "whole.tif", cog=True)
    with rasterio.open(tmp_path / "whole.tif") as other:
        other.read()  # fills the cache that the process shares
        with open_writer(tmp_path / "tiles.tif", scene.metadata, cog=True) as writer:
            for row in range(0, 700, 256):
                for column in range(0, 1100, 256):
                    writer.write(scene.pixels[:, row : row + 256, column : column + 256], row, column)
    assert (tmp_path / "tiles.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()


def test_an_interrupt_leaves_nothing(scene, tmp_path):
    with pytest.raises(KeyboardInterrupt), open_writer(tmp_path / "a.tif", scene.metadata, cog=True) as writer:
        writer.write(scene.pixels[:, :512, :512], 0, 0)
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_blocks_of_many_bands_are_small():
    """One block holds all bands, and a viewer of one band unpacks it whole."""
    for bands, side in ((5, 256), (200, 128), (400, 64)):
        assert block_size(SceneMetadata((bands, 512, 512), storage=Storage("float32"))) == side
    many = Cube(np.ones((300, 70, 70), np.float32))
    assert block_size(many.metadata) ** 2 * 300 * 4 < 2**24


def test_only_geotiff(scene, tmp_path):
    for name in ("a.img", "a.nc", "a.zarr"):
        with pytest.raises(SceneError, match=r"only a GeoTIFF can be cloud optimised; give .*\.tif"):
            check_target(tmp_path / name, cog=True)
        with pytest.raises(SceneError, match="only a GeoTIFF"):
            save_cube(scene, tmp_path / name, cog=True)
    assert not list(tmp_path.iterdir())
