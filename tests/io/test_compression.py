"""How GeoTIFF is compressed: the same numbers whatever was chosen, the same bytes however many threads."""

import numpy as np
import pytest
import rasterio

from shsrd.cube import Cube, SceneError, Storage
from shsrd.io import WRITABLE_SUFFIXES, check_target, compression, open_cube, save_cube
from shsrd.io.geotiff import cog as cog_write
from shsrd.io.geotiff import write as geotiff_write

CHOICES = ["deflate", "zstd", "none"]
COG = pytest.mark.parametrize("cog", [False, True])


@pytest.fixture(scope="module")
def scene():
    """Smooth, with noise, a hole, and edges that no block ends at; large enough for overviews."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:1100, 0:700] / 30
    pixels = 0.4 + 0.2 * np.sin(y) * np.cos(x) + 0.003 * rng.normal(size=(4, 1100, 700))
    pixels[:, 100:500, 50:400] = np.nan
    return Cube(pixels.astype(np.float32), storage=Storage("int16", 1e-4, 0.0, -9999.0))


@COG
@pytest.mark.parametrize("storage", [Storage("int16", 1e-4, 0.0, -9999.0), Storage("float32")])
def test_the_numbers_do_not_depend_on_it(scene, storage, cog, tmp_path):
    sizes, seen, small = {}, [], []
    for compress in CHOICES:
        path = tmp_path / f"{compress}.tif"
        save_cube(scene.replace(storage=storage), path, compress=compress, cog=cog)
        sizes[compress] = path.stat().st_size
        seen.append(open_cube(path).pixels)
        with rasterio.open(path) as dataset:
            found = dataset.compression
            assert (found is None) if compress == "none" else (found.value.lower() == compress)
            small.append(dataset.read(1, out_shape=(275, 175)))
    assert sizes["none"] > 1.2 * max(sizes["zstd"], sizes["deflate"])
    for other, coarse in zip(seen[1:], small[1:], strict=True):
        assert np.array_equal(seen[0], other, equal_nan=True)
        assert np.array_equal(small[0], coarse, equal_nan=True)


@COG
@pytest.mark.parametrize("compress", CHOICES)
def test_the_bytes_do_not_depend_on_threads(scene, compress, cog, tmp_path, monkeypatch):
    made = set()
    for count in (1, 4, 4, 3):
        for place in (geotiff_write, cog_write):
            monkeypatch.setattr(place, "threads", lambda count=count: count)
        save_cube(scene, tmp_path / "a.tif", compress=compress, cog=cog, overwrite=True)
        made.add((tmp_path / "a.tif").read_bytes())
    assert len(made) == 1


@COG
def test_deflate_where_nobody_said(scene, cog, tmp_path):
    save_cube(scene, tmp_path / "unsaid.tif", cog=cog)
    save_cube(scene, tmp_path / "said.tif", cog=cog, compress="deflate")
    assert (tmp_path / "unsaid.tif").read_bytes() == (tmp_path / "said.tif").read_bytes()


@pytest.mark.parametrize("suffix", [s for s in WRITABLE_SUFFIXES if s not in (".tif", ".tiff")])
def test_only_of_geotiff(suffix, scene, tmp_path):
    check_target(tmp_path / f"a{suffix}")
    for compress in CHOICES:
        with pytest.raises(SceneError, match=rf"a\{suffix}: only a GeoTIFF's compression can be chosen; give .*\.tif"):
            save_cube(scene, tmp_path / f"a{suffix}", compress=compress)
    assert not list(tmp_path.iterdir())


def test_what_is_not_there(scene, tmp_path, monkeypatch):
    with pytest.raises(SceneError, match=r"a\.tif: cannot compress by rar; choose one of deflate, zstd, none"):
        save_cube(scene, tmp_path / "a.tif", compress="rar")
    assert compression._written_here("zstd")
    monkeypatch.setattr(compression, "_written_here", lambda _: False)
    with pytest.raises(SceneError, match=r"a\.tif: GDAL was built without zstd here; choose --compress deflate"):
        save_cube(scene, tmp_path / "a.tif", compress="zstd")
    assert not list(tmp_path.iterdir())


def test_a_codec_that_gdal_lacks_is_noticed():
    """JPEG XL stands for zstd in other builds."""
    if "jxl" in {name.lower() for name in rasterio.enums.Compression.__members__} and _made("jxl"):
        pytest.skip("this GDAL writes JPEG XL")
    assert not compression._written_here("jxl")


def _made(codec):
    try:
        with rasterio.MemoryFile() as memory:
            memory.open(driver="GTiff", width=1, height=1, count=1, dtype="uint8", compress=codec).close()
    except rasterio.errors.RasterioError:
        return False
    return True


def test_without_compression_the_whole_size_must_be_free(scene, tmp_path, monkeypatch):
    size = scene.pixels.size * 2
    for compress, share in (("none", 1), ("zstd", 0.1)):
        for free, enough in ((size * share + 1, True), (size * share - 1, False)):
            monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: type("Usage", (), {"free": int(free)}))
            if enough:
                check_target(tmp_path / "a.tif", metadata=scene.metadata, compress=compress)
                continue
            with pytest.raises(SceneError, match="are free"):
                check_target(tmp_path / "a.tif", metadata=scene.metadata, compress=compress)
