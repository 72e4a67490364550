import numpy as np
import pytest
import torch
from affine import Affine
from pydantic import ValidationError

from shsrd.cube import Cube, SceneError, Storage
from shsrd.degradation import Degradation, bicubic_down, degrade, degrade_cube


def scene(rows=17, columns=22):
    pixels = np.random.default_rng(0).random((3, rows, columns), np.float32)
    return Cube(
        pixels,
        wavelength_nm=[450, 550, 650],
        transform=Affine(1.0, 0.2, 5e5, 0.2, -1.0, 4e6),
        storage=Storage("int16", 1e-4, nodata=-9999),
        headers={"sensor type": "Unknown"},
    )


def test_crops_lower_right_and_updates_the_transform():
    cube = scene()
    low = degrade_cube(cube, Degradation(scale=4))
    assert low.shape == (3, 4, 5)
    assert low.transform * (0, 0) == cube.transform * (0, 0)
    assert low.transform * (5, 4) == pytest.approx(cube.transform * (20, 16))
    expected = bicubic_down(torch.from_numpy(cube.pixels[:, :16, :20].copy()), 4)
    np.testing.assert_array_equal(low.pixels, expected)
    assert (low.storage, low.headers) == (cube.storage, cube.headers)


def test_half_missing_block_is_nodata_and_nothing_bleeds():
    pixels = np.full((2, 12, 12), 0.5, np.float32)
    pixels[0, 0:2, 0:4] = np.nan  # 8 of 16: no-data
    pixels[0, 4:6, 4:7] = np.nan  # 6 of 16: still valid
    low = degrade_cube(Cube(pixels), Degradation(scale=4)).pixels
    assert np.isnan(low[0]).sum() == 1
    assert np.isnan(low[0, 0, 0])
    np.testing.assert_allclose(low[np.isfinite(low)], 0.5, atol=1e-6)


def test_band_without_data_stays_without():
    pixels = np.random.default_rng(0).random((2, 8, 8)).astype(np.float32)
    pixels[1] = np.nan
    low = degrade_cube(Cube(pixels), Degradation(kernel="area", scale=2)).pixels
    assert np.isnan(low[1]).all()
    assert np.isfinite(low[0]).all()


@pytest.mark.parametrize("scale", [-1, 0, 1, 17])
def test_scale_out_of_range(scale):
    with pytest.raises(SceneError, match="out of range; choose 2 to 16"):
        degrade_cube(scene(64, 64), Degradation(scale=scale))


def test_scale_larger_than_the_scene():
    with pytest.raises(SceneError, match="6 x 40 pixels are fewer than scale 8"):
        degrade_cube(scene(6, 40), Degradation(scale=8))


def test_width_belongs_to_the_gaussian():
    with pytest.raises(SceneError, match="gaussian kernel"):
        degrade(torch.rand(8, 8), Degradation(kernel="area", scale=2, fwhm_pixels=3.0))


def test_config_refuses_unknown_keys_and_kernels():
    for wrong in ({"blur": 1}, {"kernel": "lanczos"}, {"fwhm_pixels": -1.0}):
        with pytest.raises(ValidationError):
            Degradation(**wrong)


def test_default_width_is_one_low_resolution_pixel():
    x = torch.rand(1, 16, 16)
    torch.testing.assert_close(
        degrade(x, Degradation(kernel="gaussian", scale=4)),
        degrade(x, Degradation(kernel="gaussian", scale=4, fwhm_pixels=4.0)),
    )


@pytest.mark.parametrize("kernel", ["bicubic", "gaussian", "area"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_declared_reach_is_true(kernel, scale):
    degradation = Degradation(kernel=kernel, scale=scale)
    x = torch.zeros(1, 20 * scale, 20 * scale, dtype=torch.float64)
    x[:, 10 * scale : 11 * scale, 10 * scale : 11 * scale] = 1.0
    touched = degrade(x, degradation)[0].abs().amax(0).nonzero().flatten()
    reach = degradation.reach
    assert 10 - reach <= touched.min() and touched.max() <= 10 + reach
    if kernel != "gaussian":
        assert touched.max() - 10 in (reach, reach - 1)
