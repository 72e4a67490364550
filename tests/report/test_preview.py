"""The quick look: three pictures of one part, from scenes of any size."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from affine import Affine
from PIL import Image
from rasterio.crs import CRS

from shsrd.cube import Cube, Geolocation, MemorySource, SceneError, SceneMetadata
from shsrd.report import preview as room
from shsrd.report.preview import check_preview, preview
from shsrd.report.scale_bar import format_length, ground_sample_distance_m, scale_bar_m

NM = np.array([460.0, 550.0, 640.0, 850.0])
PLACE = Affine(30, 0, 5e5, 0, -30, 5e6)


def scene(rows=20, columns=24, **changes):
    rng = np.random.default_rng(2)
    pixels = rng.uniform(0, 1, (4, rows, columns)).astype(np.float32)
    return Cube(pixels, wavelength_nm=NM, transform=PLACE, crs=CRS.from_epsg(32633).to_wkt()).replace(**changes)


def finer(cube, scale=4):
    return Cube.of(cube.pixels.repeat(scale, axis=1).repeat(scale, axis=2), cube.metadata.finer(scale))


@dataclass
class Watched:
    """A source that remembers how many pixels it was asked for at once."""

    cube: Cube
    block_height: int = 1
    most: int = 0
    asked: list = field(default_factory=list)

    @property
    def metadata(self) -> SceneMetadata:
        return self.cube.metadata

    def read(self, rows, columns):
        self.asked.append((rows, columns))
        block = self.cube.pixels[:, rows, columns]
        self.most = max(self.most, block.size)
        return block

    def close(self):
        pass


@pytest.fixture
def drawn(monkeypatch):
    """What goes into the figure: the pictures and the stretch."""
    seen = {}

    def keep(pictures, stretch, pixel_m):
        seen.update(pictures=pictures, stretch=stretch, pixel_m=pixel_m)
        return original(pictures, stretch, pixel_m)

    original = room._drawn
    monkeypatch.setattr(room, "_drawn", keep)
    return seen


def test_a_picture_is_written_twice_with_the_same_bytes(tmp_path):
    low = scene()
    for name in ("a.png", "b.png"):
        assert preview(tmp_path / name, MemorySource(low), MemorySource(finer(low))) == tmp_path / name
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > 2.5 * picture.height
        assert np.asarray(picture.convert("L")).std() > 10
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_the_three_show_the_same_bands_of_the_same_part(drawn, tmp_path):
    low = scene()
    low.pixels[:, 3, 4] = np.nan
    preview(tmp_path / "a.png", MemorySource(low), MemorySource(finer(low)))
    given, bicubic, result = drawn["pictures"].values()
    assert np.array_equal(given, low.pixels[[2, 1, 0]], equal_nan=True)
    assert np.array_equal(result, given.repeat(4, axis=1).repeat(4, axis=2), equal_nan=True)
    assert np.array_equal(np.isnan(bicubic), np.isnan(result))
    inner = bicubic.reshape(3, 20, 4, 24, 4).mean(axis=(2, 4))
    assert np.nanmean(abs(inner - given)) < 0.1  # each pixel is the mean of those made of it, about
    assert drawn["pixel_m"] == 30


def test_a_part_of_a_large_scene_is_like_that_of_the_whole(drawn, tmp_path):
    low = scene(300, 260)
    watched = Watched(low), Watched(finer(low))
    preview(tmp_path / "a.png", *watched)
    given, bicubic, result = drawn["pictures"].values()
    rows, columns = slice(86, 214), slice(66, 194)
    assert np.array_equal(given, low.pixels[[2, 1, 0], rows, columns])
    assert np.array_equal(result, given.repeat(4, axis=1).repeat(4, axis=2))
    whole = room._bicubic(MemorySource(low), room._Window(slice(0, 300), slice(0, 260)), [2, 1, 0], 4)
    assert np.allclose(bicubic, whole[:, 4 * 86 : 4 * 214, 4 * 66 : 4 * 194], atol=1e-5)
    assert max(source.most for source in watched) <= 4 * 64 * 512


def test_where_the_middle_is_empty_another_part_is_shown(drawn, tmp_path):
    low = scene(300, 300)
    low.pixels[:, 60:] = np.nan
    preview(tmp_path / "a.png", MemorySource(low), MemorySource(finer(low)))
    assert np.isfinite(drawn["pictures"]["input"]).any()


@pytest.mark.parametrize("changes", [{"wavelength_nm": NM + 1500}, {"wavelength_nm": None, "transform": None}])
def test_false_colour_and_no_place(drawn, tmp_path, changes):
    low = scene(**changes)
    preview(tmp_path / "a.png", MemorySource(low), MemorySource(finer(low)))
    assert len({*drawn["stretch"].black}) == 3  # each band has its own
    assert (drawn["pixel_m"] is None) == ("transform" in changes)


def test_an_empty_scene_is_drawn_all_the_same(tmp_path):
    low = scene()
    low.pixels[:] = np.nan
    preview(tmp_path / "a.png", MemorySource(low), MemorySource(finer(low)))


def test_grids_that_do_not_belong_together(tmp_path):
    with pytest.raises(SceneError, match="no finer grid"):
        preview(tmp_path / "a.png", MemorySource(scene()), MemorySource(finer(scene(20, 25))))


def test_names_that_cannot_be(tmp_path):
    taken = tmp_path / "taken.png"
    taken.touch()
    check_preview(taken, overwrite=True)
    for path, words in (
        (tmp_path / "a.jpg", "PNG"),
        (tmp_path / "no" / "a.png", "does not exist"),
        (taken, "exists already"),
    ):
        with pytest.raises(SceneError, match=words):
            check_preview(path, overwrite=False)
    with pytest.raises(SceneError, match="choose another"):
        check_preview(taken, overwrite=True, others=[taken])


def test_width_of_a_pixel():
    turned = PLACE * Affine.rotation(30)
    assert ground_sample_distance_m(scene(transform=turned).metadata) == pytest.approx(30)
    feet = CRS.from_epsg(2264).to_wkt()
    assert ground_sample_distance_m(scene(crs=feet).metadata) == pytest.approx(30 * 0.3048, rel=1e-4)
    degrees = scene(crs=CRS.from_epsg(4326).to_wkt(), transform=Affine(1e-3, 0, 10, 0, -1e-3, 60))
    assert ground_sample_distance_m(degrees.metadata) == pytest.approx(55.6, abs=0.1)
    assert ground_sample_distance_m(scene(crs=None).metadata) is None
    latitude, longitude = np.mgrid[0:20, 0:24] * 1e-3
    tables = np.stack([60 + latitude, 179.99 + longitude])
    tables[1] = (tables[1] + 180) % 360 - 180
    swath = scene(crs=None, transform=None, geolocation=Geolocation((20, 24), lambda rows, cols: tables[:, rows, cols]))
    assert ground_sample_distance_m(swath.metadata) == pytest.approx(55.6, abs=0.1)


@pytest.mark.parametrize(
    ("width", "length", "words"),
    [(100, 20, "20 m"), (40_000, 10_000, "10 km"), (1, 0.2, "20 cm"), (3333, 500, "500 m")],
)
def test_a_round_bar(width, length, words):
    assert scale_bar_m(width) == pytest.approx(length)
    assert format_length(scale_bar_m(width)) == words
