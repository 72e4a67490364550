"""Scenes at the edge of what is allowed come out right, from the command line to the file."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from shsrd.cube import Cube, Storage
from shsrd.degradation import Degradation, degrade
from shsrd.io import open_cube, save_cube

NEAR = 1e-4  # of the range: how exactly the degraded output must give the input back


@pytest.fixture
def enlarge(shsrd, tmp_path, tiny):
    """Save a scene, super-resolve it from the command line, give both as read from their files."""

    def run(cube, *, suffix=".tif", options=()):
        low, high = tmp_path / f"low{suffix}", tmp_path / f"high{suffix}"
        save_cube(cube, low)
        done = shsrd("upscale", low, high, "--model", tiny, *options)
        assert done.code == 0, done.err
        return open_cube(low), open_cube(high)

    return run


def field(bands, rows=16, columns=20, *, seed=0):
    """Smooth random bands between 0 and 1."""
    noise = np.random.default_rng(seed).normal(size=(bands, rows, columns))
    smooth = gaussian_filter(noise, (0.6, 1.5, 1.5))
    return ((smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)


def assert_consistent(low, high, *, bands=slice(None), within=NEAR):
    import torch

    again = degrade(torch.from_numpy(high.pixels[bands]), Degradation(scale=4)).numpy()
    known = low.pixels[bands]
    assert np.sqrt(np.mean((again.astype(np.float64) - known) ** 2)) <= within * np.ptp(known)


@pytest.mark.parametrize("basis", ["pca", "bands"])
@pytest.mark.parametrize("bands", [2, 3, 4, 5, 13])
def test_any_number_of_bands(enlarge, bands, basis):
    low, high = enlarge(Cube(field(bands)), options=["--basis", basis])
    assert high.shape == (bands, 64, 80)
    assert_consistent(low, high)


@pytest.mark.parametrize("size", [(17, 23), (1, 9), (5, 1), (4, 4), (2, 40)])
def test_any_size(enlarge, size):
    low, high = enlarge(Cube(field(4, *size)), options=["--block", 16])
    assert high.shape == (4, 4 * size[0], 4 * size[1])
    assert_consistent(low, high)


@pytest.mark.parametrize("value", [0.0, 0.3, -7.0, 4e6])
def test_constant_scene_stays_constant(enlarge, value):
    _, high = enlarge(Cube(np.full((4, 8, 9), value, np.float32)))
    np.testing.assert_allclose(high.pixels, value, rtol=2e-5, atol=1e-6)


def test_one_constant_band_among_others(enlarge):
    pixels = field(5)
    pixels[2] = 0.25
    _, high = enlarge(Cube(pixels), options=["--basis", "bands"])
    np.testing.assert_allclose(high.pixels[2], 0.25, atol=1e-4)


@pytest.mark.parametrize(("gain", "offset"), [(1e6, 0), (1e-6, 0), (20, -10), (3e4, -1e4)])
def test_negative_huge_and_tiny_values(enlarge, gain, offset):
    """The scene's unit does not matter: scaled in, scaled out."""
    _, expected = enlarge(Cube(field(4)), suffix=".npy")
    low, found = enlarge(Cube(field(4) * gain + offset), suffix=".npz")
    assert_consistent(low, found)
    np.testing.assert_allclose((found.pixels - offset) / gain, expected.pixels, atol=5e-3)


@pytest.mark.parametrize(
    ("dtype", "scale"), [("uint8", 1 / 255), ("uint16", 1e-4), ("int16", 1e-4), ("float64", 1.0), ("int32", 1e-6)]
)
def test_storage_is_kept(enlarge, dtype, scale):
    low, high = enlarge(Cube(0.3 + 0.4 * field(4), storage=Storage(dtype, scale)))
    assert high.storage == low.storage == Storage(dtype, scale)
    assert_consistent(low, high, within=NEAR + scale if dtype != "float64" else NEAR)


def test_integers_are_clipped_not_wrapped(enlarge):
    pixels = np.where(field(3) > 0.5, np.float32(1), np.float32(0))  # overshoots at every edge
    _, high = enlarge(Cube(pixels, storage=Storage("uint8", 1 / 255)))
    assert high.pixels.min() == 0
    assert high.pixels.max() == 1
    np.testing.assert_array_equal(high.pixels[:, 1::4, 1::4] > 0.5, pixels > 0.5)


def test_holes_stay_holes_and_do_not_bleed(enlarge):
    pixels = field(5)
    pixels[:, 4:7, 5:9] = np.nan
    pixels[1, 12, 3] = np.nan
    nodata = Storage("float32", nodata=-9999.0)
    low, high = enlarge(Cube(pixels, storage=nodata))
    holes = np.isnan(low.pixels)
    np.testing.assert_array_equal(np.isnan(high.pixels), holes.repeat(4, axis=1).repeat(4, axis=2))
    assert high.storage.nodata == -9999.0
    valid = high.pixels[np.isfinite(high.pixels)]
    assert -0.5 < valid.min() < valid.max() < 1.5  # -9999 went nowhere


def test_bad_and_empty_bands(enlarge):
    pixels = field(6)
    pixels[1] = 1e6 * np.random.default_rng(1).normal(size=pixels[1].shape)  # a dead detector
    pixels[4] = np.nan
    good = np.array([True, False, True, True, True, True])
    scene = Cube(pixels, good_bands=good, wavelength_nm=np.linspace(400, 900, 6), storage=Storage(nodata=-9999.0))
    low, high = enlarge(scene, suffix=".img")
    np.testing.assert_array_equal(high.good_bands, good)
    assert np.isnan(high.pixels[4]).all()
    used = [0, 2, 3, 5]
    assert_consistent(low, high, bands=used)
    alone = Cube(pixels[used], wavelength_nm=scene.wavelength_nm[used])
    _, expected = enlarge(alone, suffix=".npz")
    np.testing.assert_allclose(high.pixels[used], expected.pixels, atol=1e-6)  # neither was seen by the model


def test_bands_in_any_order(enlarge):
    """The frame belongs to the scene: bands shuffled in, the same bands shuffled out."""
    order = np.array([3, 0, 4, 1, 2])
    nm = np.linspace(400, 900, 5)
    _, straight = enlarge(Cube(field(5), wavelength_nm=nm), suffix=".npz", options=["--precision", "fp32"])
    shuffled = Cube(field(5)[order], wavelength_nm=nm[order])
    _, found = enlarge(shuffled, suffix=".nc", options=["--precision", "fp32"])
    np.testing.assert_allclose(found.pixels, straight.pixels[order], atol=1e-4)


@pytest.mark.data
def test_a_real_scene_by_the_default_model(shsrd, tmp_path, shared_data):
    """jasperRidge2_R198, AVIRIS, 198 bands: ENVI in, ENVI out."""
    import json

    source = shared_data / "hsi" / "eval" / "jasperRidge2_R198.img"
    before = {path: path.stat() for path in source.parent.glob("jasper*")}
    done = shsrd("upscale", source, tmp_path / "jasper.img", "--basis", "pca", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["consistency"] <= 1e-4
    low, high = open_cube(source), open_cube(tmp_path / "jasper.img")
    assert high.shape == (low.shape[0], 4 * low.shape[1], 4 * low.shape[2])
    assert low.wavelength_nm is not None
    np.testing.assert_array_equal(high.wavelength_nm, low.wavelength_nm)
    assert high.storage == low.storage
    assert {path: path.stat().st_mtime_ns for path in before} == {p: s.st_mtime_ns for p, s in before.items()}
