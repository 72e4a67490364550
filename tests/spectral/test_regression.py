import numpy as np
import pytest

from shsrd.spectral import SceneStatistics, scene_statistics
from shsrd.spectral.regression import (
    MIN_FILTERED_BANDS,
    RIDGE,
    detail_regression,
    detail_statistics,
    evenly_spaced_bands,
)


def scene(bands, rank=3, *, noise=0.0, seed=0, side=40):
    """A cube of a few sharp materials with smooth spectra, and what of it is noise."""
    rng = np.random.default_rng(seed)
    spectra = np.exp(-0.5 * ((np.arange(bands)[:, None] / bands - rng.uniform(size=rank)) / 0.3) ** 2)
    clean = np.einsum("bk,kyx->byx", spectra, rng.normal(size=(rank, side, side)))
    return clean.astype(np.float32), (noise * rng.normal(size=clean.shape)).astype(np.float32)


def of(cube):
    return scene_statistics(cube)


def estimated(weights, detail, chosen):
    return np.einsum("bk,kyx->byx", weights, detail[chosen])


def test_many_evenly_spaced_bands_reach_both_ends():
    np.testing.assert_array_equal(evenly_spaced_bands(31, 16), range(0, 31, 2))
    np.testing.assert_array_equal(evenly_spaced_bands(5, 9), range(5))


@pytest.mark.parametrize("bands", [3, 12, 31, 198])
@pytest.mark.parametrize("count", [1, 2, 3, 6, 11])
def test_few_are_the_middles_of_equal_parts(bands, count):
    chosen = evenly_spaced_bands(bands, count)
    assert len(set(chosen)) == min(count, bands)
    for part, band in enumerate(chosen):
        assert part * bands / len(chosen) <= band + 0.5 <= (part + 1) * bands / len(chosen)


@pytest.mark.parametrize("bands", [1, 3, MIN_FILTERED_BANDS - 1])
def test_few_bands_stay_as_they_are(bands):
    clean, _ = scene(bands)
    np.testing.assert_array_equal(detail_regression(of(clean), np.arange(bands)), np.eye(bands))


def test_detail_of_unseen_bands_follows_from_that_of_the_seen():
    clean, noise = scene(60, noise=0.02)
    chosen = evenly_spaced_bands(60, 12)
    found = estimated(detail_regression(of(clean + noise), chosen), clean, chosen)
    assert np.square(found - clean).mean() < 0.01 * np.square(clean).mean()


def test_errors_of_single_bands_average_out():
    clean, noise = scene(30, noise=0.01)
    weights = detail_regression(of(clean + noise), np.arange(30))
    error = 0.3 * np.random.default_rng(1).normal(size=clean.shape)  # of a network, different in every band
    filtered = estimated(weights, clean + error, np.arange(30)) - clean
    assert np.square(filtered).mean() < 0.25 * np.square(error).mean()


def test_detail_of_a_noisy_band_is_taken_from_the_others():
    clean, _ = scene(20)
    noisy = clean.copy()
    noisy[7] += 2 * clean.std() * np.random.default_rng(2).normal(size=clean.shape[1:]).astype(np.float32)
    weights = detail_regression(of(noisy), np.arange(20))
    plain = detail_regression(of(clean), np.arange(20))
    assert abs(weights[7, 7]) < 0.05 * np.abs(weights[7]).sum()
    found = estimated(weights, clean, np.arange(20))[7]
    assert np.square(found - clean[7]).mean() < 0.05 * clean[7].var()
    assert np.abs(weights[5] - plain[5]).max() < 0.2


def test_units_of_a_band_do_not_matter():
    clean, noise = scene(24, noise=0.05)
    factors = np.geomspace(1e-2, 1e3, 24)
    chosen = evenly_spaced_bands(24, 8)
    plain = detail_regression(of(clean + noise), chosen)
    scaled = detail_regression(of(((clean + noise) * factors[:, None, None]).astype(np.float32)), chosen)
    np.testing.assert_allclose(scaled, plain * factors[:, None] / factors[chosen], rtol=1e-3, atol=1e-6 * factors[-1])


@pytest.mark.parametrize("chosen", [20, 6])
@pytest.mark.parametrize("kind", ["constant", "one constant band", "two equal bands", "one row", "one pixel"])
def test_degenerate_scenes_have_finite_weights(kind, chosen):
    clean, noise = scene(20, noise=0.05)
    cube = clean + noise
    if kind == "one constant band":
        cube[4] = 3
    if kind == "two equal bands":
        cube[4] = cube[5]
    cube = {"constant": np.ones_like(cube), "one row": cube[:, :1], "one pixel": cube[:, :1, :1]}.get(kind, cube)
    weights = detail_regression(of(cube), evenly_spaced_bands(20, chosen))
    assert weights.shape == (20, chosen)
    assert np.isfinite(weights).all()
    assert np.abs(weights).max() < 1e3


def test_without_any_pixel_bands_stay_as_they_are():
    np.testing.assert_array_equal(detail_regression(SceneStatistics(20), np.arange(20)), np.eye(20))


def test_a_band_like_no_other_is_shrunk_by_the_ridge_alone_where_bands_are_few():
    independent = np.random.default_rng(0).normal(size=(6, 60, 60)).astype(np.float32)
    weights = detail_regression(of(independent), np.arange(3))
    np.testing.assert_allclose(np.diag(weights[:3]), 1 / (1 + RIDGE), atol=0.02)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("chosen", [6, 20])
def test_filtered_detail_is_continued_to_the_others_in_any_noise(noise, chosen):
    """Bands seen stay as they are; no weight grows where noise hides how bands go together."""
    clean, added = scene(31, noise=noise)
    seen = evenly_spaced_bands(31, chosen)
    weights = detail_statistics(of(clean + added)).missing_band_weights(seen)
    np.testing.assert_array_equal(weights[seen], np.eye(chosen))
    found = estimated(weights, clean, seen)
    assert np.square(found - clean).mean() < (0.01 + 2 * noise**2) * np.square(clean).mean()
    assert np.square(weights).sum(axis=1).max() < 3
