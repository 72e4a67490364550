"""Write, read: the same scene, whatever is in it."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rasterio.crs import CRS

from shsrd.cube import Cube, Storage
from shsrd.io import open_cube, save_cube

FULL = (".hdr", ".img", ".bsq", ".dat", ".tif", ".nc", ".mat", ".npz")
_CRS = (None, CRS.from_epsg(32633).to_wkt(), CRS.from_epsg(4326).to_wkt(), CRS.from_epsg(3035).to_wkt())
_PLACE = Affine.translation(366015.25, 5806125.1)
_TRANSFORMS = (
    None,
    _PLACE * Affine.scale(30, -30),
    _PLACE * Affine.scale(0.7, 0.3),
    _PLACE * Affine.rotation(34) * Affine.scale(16.9, -16.9),
    _PLACE * Affine.rotation(-128.4) * Affine.scale(2, -3),
    _PLACE * Affine.shear(12, 3) * Affine.scale(4, -4),
)
_STORAGES = (
    Storage("int16", 1e-4, 0.0, -9999),
    Storage("uint16", 1 / 65535, 0.0, 0),
    Storage("uint8", 1 / 255, 0.0, 255),
    Storage("int32", 0.05, -0.25, -1),
    Storage("float32", 1.0, 0.0, -9999),
    Storage("float32"),
    Storage("float64", 1.0, 0.0, None),
)
_TEXT = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"), exclude_characters="{}"), max_size=20
)
_KEY = st.text("abcdefghij _", min_size=1, max_size=12).map(lambda t: "k" + " ".join(t.split()))
_NAME = st.text("abcXYZ019 ()[]:;_", min_size=1, max_size=12).map(lambda t: "n" + " ".join(t.split()))


@st.composite
def scenes(draw) -> Cube:
    shape = (draw(st.integers(2, 5)), draw(st.integers(2, 9)), draw(st.integers(2, 9)))
    storage = draw(st.sampled_from(_STORAGES))
    kind = np.dtype(storage.dtype)
    numbers = st.integers(1, 200) if kind.kind != "f" else st.floats(-2, 2, width=32)
    values = draw(hnp.arrays(np.int64 if kind.kind != "f" else np.float32, shape, elements=numbers))
    pixels = (values * storage.scale + storage.offset).astype(np.float32)
    if storage.nodata is not None or kind.kind == "f":
        pixels[draw(hnp.arrays(bool, shape, elements=st.booleans()))] = np.nan
    bands = shape[0]
    near_infrared = st.floats(350, 2500, allow_nan=False)
    lists = st.lists(near_infrared, min_size=bands, max_size=bands).map(np.array)
    wavelength = draw(st.none() | lists)
    headers = draw(st.dictionaries(_KEY, _TEXT.map(lambda t: " ".join(t.split())), max_size=4))
    return Cube(
        pixels,
        wavelength_nm=wavelength,
        fwhm_nm=None if wavelength is None else draw(st.none() | lists),
        good_bands=draw(hnp.arrays(bool, bands)),
        band_names=tuple(draw(st.just([]) | st.lists(_NAME, min_size=bands, max_size=bands))),
        crs=draw(st.sampled_from(_CRS)),
        transform=draw(st.sampled_from(_TRANSFORMS)),
        storage=storage,
        headers=headers,
    )


def assert_same(got: Cube, want: Cube) -> None:
    assert np.array_equal(got.pixels, want.pixels, equal_nan=True)
    for name in ("wavelength_nm", "fwhm_nm", "good_bands"):
        a, b = getattr(got, name), getattr(want, name)
        assert (a is None) == (b is None), name
        assert a is None or np.array_equal(a, b), name
    assert got.band_names == want.band_names
    assert got.storage == want.storage
    assert_same_place(got, want)
    missing = {k: v for k, v in want.headers.items() if got.headers.get(k) != v}
    assert not missing, missing


def assert_same_place(got: Cube, want: Cube) -> None:
    assert (got.crs is None) == (want.crs is None)
    assert got.crs is None or CRS.from_wkt(got.crs) == CRS.from_wkt(want.crs)
    assert (got.transform is None) == (want.transform is None)
    if got.transform is not None:
        _, rows, columns = want.shape
        for corner in ((0, 0), (columns, 0), (0, rows), (columns, rows)):
            assert np.allclose(got.transform * corner, want.transform * corner, rtol=0, atol=1e-9)


@pytest.mark.parametrize("suffix", FULL)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scene=scenes())
def test_what_is_written_is_read(suffix, scene):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"scene{suffix}"
        save_cube(scene, path)
        assert_same(open_cube(path), scene)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scene=scenes(), chain=st.permutations([".hdr", ".tif", ".nc", ".mat", ".npz"]))
def test_a_chain_of_formats_loses_nothing(scene, chain):
    with tempfile.TemporaryDirectory() as folder:
        got = scene
        for number, suffix in enumerate(chain):
            path = Path(folder) / f"scene{number}{suffix}"
            save_cube(got, path)
            got = open_cube(path)
        assert_same(got, scene)


@pytest.mark.parametrize("suffix", FULL)
def test_a_scene_with_everything(suffix, make_scene, tmp_path):
    scene = make_scene()
    save_cube(scene, tmp_path / f"a{suffix}")
    assert_same(open_cube(tmp_path / f"a{suffix}"), scene)


def test_npy_keeps_pixels_only(make_scene, tmp_path):
    scene = make_scene()
    save_cube(scene, tmp_path / "a.npy")
    again = open_cube(tmp_path / "a.npy")
    assert np.array_equal(again.pixels, scene.pixels, equal_nan=True)
    assert again.wavelength_nm is None


def test_npy_keeps_the_type_where_numbers_are_pixels(tmp_path):
    scene = Cube(np.arange(24, dtype=np.float32).reshape(2, 3, 4), storage=Storage("uint8"))
    save_cube(scene, tmp_path / "a.npy")
    assert np.load(tmp_path / "a.npy").dtype == np.uint8
    assert open_cube(tmp_path / "a.npy").storage == scene.storage
