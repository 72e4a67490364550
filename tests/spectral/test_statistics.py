import numpy as np
import pytest

from shsrd.spectral import SceneStatistics, band_basis, scene_statistics


def by_blocks(cube, heights):
    statistics, top = SceneStatistics(cube.shape[0]), 0
    for height in heights:
        statistics.add(cube[:, top : top + height])
        top += height
    assert top == cube.shape[1]
    return statistics


def test_moments_equal_numpy(make_cube):
    cube = make_cube(noise=0.1)
    statistics = scene_statistics(cube)
    flat = cube.reshape(len(cube), -1).astype(np.float64)
    assert statistics.count == flat.shape[1]
    np.testing.assert_allclose(statistics.mean, flat.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(statistics.covariance, np.cov(flat, bias=True), atol=1e-12)


@pytest.mark.parametrize("heights", [(20,), (1,) * 20, (3, 7, 10), (19, 1)])
def test_moments_do_not_depend_on_the_blocks(make_cube, heights):
    cube = make_cube(noise=0.1)
    cube[2, 4:9, 3] = np.nan
    whole, parts = scene_statistics(cube), by_blocks(cube, heights)
    assert parts.count == whole.count
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(parts.covariance, whole.covariance, atol=1e-12)


def test_a_large_offset_costs_no_precision():
    rng = np.random.default_rng(0)
    small = rng.normal(size=(3, 16, 16)).astype(np.float32)
    cube = (np.round(small * 64) / 64 + 2**16).astype(np.float32)  # exact in float32
    expected = np.cov(np.round(small * 64).reshape(3, -1) / 64, bias=True)
    np.testing.assert_allclose(by_blocks(cube, (4, 12)).covariance, expected, atol=1e-10)


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # inf - inf, left out
def test_a_pixel_with_a_missing_band_is_left_out(make_cube):
    cube = make_cube(noise=0.1)
    holed = cube.copy()
    holed[3, 5, 6], holed[0, 0, :] = np.nan, np.inf
    keep = np.isfinite(holed).all(axis=0)
    statistics = scene_statistics(holed)
    assert statistics.count == keep.sum() == cube[0].size - 25
    flat = cube[:, keep].astype(np.float64)
    np.testing.assert_allclose(statistics.mean, flat.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(statistics.covariance, np.cov(flat, bias=True), atol=1e-12)
    assert not np.allclose(statistics.mean, cube.mean(axis=(1, 2), dtype=np.float64), rtol=1e-9)


def test_missing_values_do_not_enter_the_noise(make_cube):
    cube = make_cube(noise=0.1, rows=40)
    holed = cube.copy()
    holed[:, 10:14, 8:12] = np.nan
    noise = scene_statistics(holed).noise_covariance
    assert np.isfinite(noise).all()
    np.testing.assert_allclose(np.diag(noise), np.diag(scene_statistics(cube).noise_covariance), rtol=0.2)


def test_nothing_valid_is_zero_not_nan():
    statistics = scene_statistics(np.full((4, 5, 6), np.nan, np.float32))
    assert statistics.count == 0
    for moments in (statistics.mean, statistics.covariance, statistics.noise_covariance):
        assert not moments.any()


@pytest.mark.parametrize("rows", [120, 7])
def test_noise_estimate_finds_the_true_sigma(rows):
    rng = np.random.default_rng(1)
    sigma = np.array([0.01, 0.05, 0.2])
    y, x = np.mgrid[0:360, 0:360] / 360
    plane = np.stack([3 * y + x, 1 - 2 * x, 5 * y])  # planes are no noise
    cube = (plane + sigma[:, None, None] * rng.normal(size=plane.shape)).astype(np.float32)
    statistics = SceneStatistics(3)
    for top in range(0, 360, rows):
        statistics.add(cube[:, top : top + rows])
    np.testing.assert_allclose(np.sqrt(np.diag(statistics.noise_covariance)), sigma, rtol=0.02)
    basis = band_basis(statistics)
    np.testing.assert_allclose(basis.noise * basis.std, sigma, rtol=0.02)


def test_a_scene_without_noise_has_none():
    y, x = np.mgrid[0:32, 0:32].astype(np.float32)
    edges = np.stack([y + 2 * x, np.where(x > 11, 4, 0) + np.where(y > 20, 1, 0)]).astype(np.float32)
    statistics = scene_statistics(edges)
    assert np.diag(statistics.noise_covariance).max() < 1e-10 < np.diag(statistics.covariance).min()


def test_known_moments_with_noise_are_those_of_the_noisy_scene(make_cube):
    rng = np.random.default_rng(0)
    cube = np.repeat(
        np.repeat(make_cube(noise=0.0), 16, axis=1), 16, axis=2
    )  # many pixels, so that chance averages out
    std = np.linspace(0.05, 0.3, len(cube))
    noisy = (cube + std[:, None, None] * rng.normal(size=cube.shape)).astype(np.float32)
    told, measured = scene_statistics(cube).with_noise(std), scene_statistics(noisy)
    np.testing.assert_allclose(told.mean, measured.mean, atol=0.01)
    np.testing.assert_allclose(told.covariance, measured.covariance, atol=0.03 * np.abs(measured.covariance).max())
    np.testing.assert_allclose(told.noise_covariance, measured.noise_covariance, atol=0.01)
    known = SceneStatistics.from_moments(told.mean, told.covariance, told.noise_covariance)
    np.testing.assert_array_equal(known.principal_components[1], told.principal_components[1])
