"""Bands that are none of the scene, lists that do not cover all of them, and files that only look truncated."""

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from shsrd.cube import Cube, SceneError, Storage
from shsrd.io import describe, open_cube, open_source, save_cube

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
assert RasterioIOError
STORED = np.arange(100, 100 + 5 * 6 * 8, dtype=np.uint16).reshape(5, 6, 8)
HOLE = np.zeros((6, 8), bool)
HOLE[:, :3] = True


@pytest.fixture
def write(tmp_path):
    def make(stored, *, alpha=(), names=(), tags=None, domain=None, **options):
        path = tmp_path / "scene.tif"
        bands, rows, columns = stored.shape
        size = {"count": bands, "height": rows, "width": columns, "dtype": stored.dtype.name}
        with rasterio.open(path, "w", driver="GTiff", **size, **options) as dataset:
            if alpha:
                undefined = (ColorInterp.undefined,) * bands
                dataset.colorinterp = [ColorInterp.alpha if b in alpha else c for b, c in enumerate(undefined, 1)]
            for band, name in enumerate(names, 1):
                dataset.set_band_description(band, name)
            for band, told in (tags or {}).items():
                dataset.update_tags(band, **told)
            if domain:
                dataset.update_tags(ns="ENVI", **domain)
            dataset.write(stored)
        return path

    return make


def with_mask(largest=65535, *, last=True):
    """Five bands with zeros in the hole, and a mask after or before them."""
    scene = np.where(HOLE, 0, STORED)
    mask = np.where(HOLE, 0, largest)[None]
    return np.concatenate([scene, mask] if last else [mask, scene]).astype(np.uint16)


@pytest.mark.parametrize(
    ("told", "last", "largest"),
    [
        ({"alpha": (6,)}, True, 65535),
        ({"alpha": (1,)}, False, 65535),
        ({"names": ["a", "b", "c", "d", "e", "Alpha"]}, True, 1),
        ({"names": ["a", "b", "c", "d", "e"]}, True, 65535),  # the mark is lost where it is set after the pixels
        ({"names": ["a", "b", "c", "d", "e"]}, True, 255),
        ({"alpha": (6,), "domain": {"wavelength": "{500, 510, 520, 530, 540}", "wavelength_units": "nm"}}, True, 65535),
    ],
)
def test_alpha_is_a_mask_and_no_band(write, told, last, largest, tmp_path):
    scene = open_cube(write(with_mask(largest, last=last), **told))
    assert np.array_equal(scene.pixels, np.where(HOLE, np.nan, STORED), equal_nan=True)
    assert describe(scene)["nodata_share"] == 3 / 8
    assert len(scene.notes) == 1
    assert "alpha" in scene.notes[0]
    if "names" in told:
        assert scene.band_names == ("a", "b", "c", "d", "e")
    if "domain" in told:
        assert scene.wavelength_nm.tolist() == [500, 510, 520, 530, 540]
    save_cube(scene, tmp_path / "again.tif")
    again = open_cube(tmp_path / "again.tif")
    assert np.array_equal(again.pixels, scene.pixels, equal_nan=True)
    assert again.notes == ()


def test_a_spectral_band_that_is_marked_as_alpha_stays(write):
    """GDAL marks the fourth of four bands of bytes, whatever it holds."""
    bytes_ = (STORED[:4] % 251).astype(np.uint8)
    scene = open_cube(write(bytes_))
    with rasterio.open(scene.source) as dataset:
        assert dataset.colorinterp[3] is ColorInterp.alpha
    assert np.array_equal(scene.pixels, bytes_)
    assert "holds no mask" in scene.notes[0]


def test_a_band_of_a_wavelength_stays_whatever_its_mark(write):
    scene = open_cube(
        write(
            with_mask(),
            alpha=(6,),
            tags={b: {"wavelength": str(400 + b), "wavelength_units": "nm"} for b in range(1, 7)},
        )
    )
    assert scene.shape[0] == 6
    assert "has a wavelength" in scene.notes[0]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("bands", [2, 3, 4, 5])
@pytest.mark.parametrize("order", [1, -1])
def test_our_own_files_keep_all_bands(bands, dtype, order, tmp_path):
    """Also a last band that looks like a mask, and bands that are red, green and blue."""
    stored = np.concatenate([np.where(HOLE, 0, STORED[: bands - 1] % 251), np.where(HOLE, 0, 255)[None]])
    nm = np.linspace(460, 640, bands)[::order]
    scene = Cube(stored.astype(np.float32), wavelength_nm=nm, storage=Storage(dtype))
    for name, cog in (("a.tif", False), ("b.tif", True)):
        save_cube(scene, tmp_path / name, cog=cog)
        again = open_cube(tmp_path / name)
        assert np.array_equal(again.pixels, scene.pixels)
        assert (again.notes, again.band_names) == ((), ())
        assert again.wavelength_nm.tolist() == nm.tolist()


def test_bands_beside_the_spectrum_are_left_out(write):
    tags = {band: {"wavelength": str(400 + band), "wavelength_units": "Nanometers"} for band in (1, 2, 4)}
    scene = open_cube(write(STORED, tags=tags, names=["a", "b", "height", "d", "quality"]))
    assert scene.wavelength_nm.tolist() == [401, 402, 404]
    assert np.array_equal(scene.pixels, STORED[[0, 1, 3]])
    assert scene.band_names == ("a", "b", "d")
    assert scene.notes == (
        "bands 3 (height), 5 (quality) have no wavelength where the others do: left out of the scene.",
    )


def test_a_band_that_does_not_tell_what_it_is_is_refused(write):
    tags = {band: {"wavelength": str(400 + band)} for band in (1, 2, 4, 5)}
    with pytest.raises(SceneError, match="only 4 of 5 bands have a wavelength"):
        open_cube(write(STORED, tags=tags))


def test_names_need_not_cover_all_bands(write):
    scene = open_cube(write(STORED, names=["a", "", "c"]))
    assert scene.band_names == ("a", "band 2", "c", "band 4", "band 5")


def test_lists_of_other_bands_are_noted_and_not_used(write):
    """A subset that kept the tags of the whole."""
    domain = {"wavelength": "{1, 2, 3, 4, 5, 6, 7}", "bbl": "{1, 1, 1, 1, 1, 1, 0}", "sensor_type": "X"}
    scene = open_cube(write(STORED, domain=domain))
    assert scene.wavelength_nm is None
    assert scene.good_bands.all()
    assert scene.headers == {"sensor_type": "X"}
    assert len(scene.notes) == 2
    assert "'wavelength' in the tags has 7 values for 5 bands" in scene.notes[0]


@pytest.mark.parametrize("bits", [1, 7, 11, 12, 15])
@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_numbers_of_few_bits(write, bits, interleave):
    stored = (STORED % 2**bits).astype("uint8" if bits < 8 else "uint16")
    scene = open_cube(write(stored, nbits=bits, interleave=interleave))
    assert np.array_equal(scene.pixels, stored)
    assert scene.notes == ()


def test_truncated_numbers_of_few_bits_are_refused(write):
    path = write(np.tile(STORED, (4, 8, 8)), nbits=12)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(SceneError, match="truncated"):
        open_cube(path)


def test_half_floats(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    values = (STORED / 7).astype(np.float16)
    tifffile.imwrite(tmp_path / "half.tif", values, photometric="minisblack", planarconfig="separate")
    scene = open_cube(tmp_path / "half.tif")
    assert np.array_equal(scene.pixels, values)
    assert scene.storage.dtype == "float32"


@pytest.mark.parametrize("nodata", [None, 7])
def test_sparse_files(write, tmp_path, nodata):
    path = tmp_path / "sparse.tif"
    tiles = {"tiled": True, "blockxsize": 64, "blockysize": 64, "interleave": "band"}
    size = {"count": 3, "height": 200, "width": 190, "dtype": "uint16"}
    with rasterio.open(path, "w", driver="GTiff", sparse_ok=True, nodata=nodata, **size, **tiles) as dataset:
        dataset.write(np.full((3, 64, 64), 9, np.uint16), window=Window(64, 0, 64, 64))
    assert path.stat().st_size < 3 * 200 * 190 * 2
    scene = open_cube(path)
    want = np.full(scene.shape, 0.0 if nodata is None else np.nan)
    want[:, :64, 64:128] = 9
    assert np.array_equal(scene.pixels, want, equal_nan=True)
    meaning = "0" if nodata is None else "no-data"
    assert scene.notes == (f"33 of 36 blocks are not in the file (it is sparse): their pixels are {meaning}.",)


def test_a_file_that_promises_the_moon_is_refused(tmp_path):
    path = tmp_path / "moon.tif"
    size = {"count": 3, "height": 100_000, "width": 100_000, "dtype": "uint16", "tiled": True}
    with rasterio.open(path, "w", driver="GTiff", sparse_ok=True, bigtiff="YES", **size):
        pass
    with pytest.raises(SceneError, match="promises"):
        open_source(path)


@pytest.mark.parametrize("compression", [None, "tiff_deflate"])
def test_pages_are_bands(tmp_path, compression):
    image = pytest.importorskip("PIL.Image")
    pages = [image.fromarray(band) for band in STORED]
    path = tmp_path / "stack.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:], compression=compression)
    source = open_source(path)
    assert source.metadata.shape == STORED.shape
    assert np.array_equal(source.read(slice(2, 5), slice(1, 7)), STORED[:, 2:5, 1:7])
    assert source.metadata.notes == ()
    source.close()


def test_pages_have_names_and_wavelengths(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "stack.tif"
    with tifffile.TiffWriter(path) as writer:
        for band, page in enumerate(STORED):
            writer.write(page, photometric="minisblack", description=f"band {band} (5{band}0 nm)", metadata=None)
        writer.write(STORED[0, :2, :2], photometric="minisblack", metadata=None)  # a thumbnail
    scene = open_cube(path)
    assert scene.wavelength_nm.tolist() == [500, 510, 520, 530, 540]
    assert np.array_equal(scene.pixels, STORED)
    assert scene.notes == ("1 of 6 pages are of another size or type: left out of the scene.",)


def test_pages_of_several_bands_are_noted(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "stack.tif"
    with tifffile.TiffWriter(path) as writer:
        for _ in range(2):
            writer.write(STORED, photometric="minisblack", planarconfig="separate", metadata=None)
    assert open_cube(path).notes == ("the file has 2 pages: the first one with its 5 bands is read.",)


def test_no_data_numbers_that_differ_between_bands(write):
    path = write(STORED)
    bands = "".join(
        f'<PAMRasterBand band="{b}"><NoDataValue>{STORED[b - 1, 0, b]}</NoDataValue></PAMRasterBand>'
        for b in range(1, 6)
    )
    path.with_name("scene.tif.aux.xml").write_text(f"<PAMDataset>{bands}</PAMDataset>")
    scene = open_cube(path)
    missing = np.isnan(scene.pixels)
    assert [np.argwhere(plane).tolist() for plane in missing] == [[[0, band]] for band in range(1, 6)]
    assert np.array_equal(scene.pixels[~missing], STORED[~missing])


def test_pages_of_half_floats(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    stored = (STORED / 7).astype("float16")
    tifffile.imwrite(tmp_path / "stack.tif", stored)
    scene = open_cube(tmp_path / "stack.tif")
    assert np.array_equal(scene.pixels, stored.astype(np.float32))
    assert scene.notes == ()
