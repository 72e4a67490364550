import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shsrd.spectral import band_basis, guide_basis, pca_basis, scene_statistics
from shsrd.spectral.basis import DISCARDED_VARIANCE, MAX_PCA_COMPONENTS


def rebuilt(basis, cube):
    return basis.mean[:, None, None] + basis.reconstruct(basis.project(torch.from_numpy(cube))).numpy()


@pytest.mark.parametrize("channels", [None, 1, 3, 7])
def test_eigen_basis_is_orthonormal_and_ordered_by_energy(make_cube, channels):
    basis = pca_basis(scene_statistics(make_cube(noise=0.05)), channels)
    np.testing.assert_allclose(basis.vectors.T @ basis.vectors, np.eye(basis.channels), atol=1e-12)
    assert (np.diff(basis.energy) <= 0).all()
    assert basis.energy.sum() <= 1 + 1e-12


def test_eigenimages_are_uncorrelated_and_standardised(make_cube):
    cube = make_cube(noise=0.05)
    basis = pca_basis(scene_statistics(cube), 7)
    images = basis.project(torch.from_numpy(cube)).numpy().reshape(7, -1)
    np.testing.assert_allclose(images.mean(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose(np.cov(images, bias=True), np.eye(7), atol=1e-3)


def test_signs_do_not_depend_on_the_solver(make_cube):
    cube = make_cube(noise=0.05)
    basis = pca_basis(scene_statistics(cube), 7)
    largest = np.abs(basis.vectors).argmax(axis=0)
    assert (basis.vectors[largest, np.arange(7)] > 0).all()
    turned = pca_basis(scene_statistics(np.ascontiguousarray(cube[:, ::-1, ::-1])), 7)
    np.testing.assert_allclose(turned.vectors, basis.vectors, atol=1e-9)


@pytest.mark.parametrize("make", [band_basis, lambda s: pca_basis(s, s.bands)], ids=["bands", "pca"])
@pytest.mark.parametrize("bands", [1, 2, 3, 7, 11])
def test_complete_frames_give_the_cube_back(make_cube, make, bands):
    cube = make_cube(bands, noise=0.05)
    basis = make(scene_statistics(cube))
    assert basis.channels == bands
    np.testing.assert_allclose(rebuilt(basis, cube), cube, atol=1e-5)


def test_what_few_channels_leave_out_is_the_energy_they_lack(make_cube):
    cube = make_cube(noise=0.05)
    statistics = scene_statistics(cube)
    basis = pca_basis(statistics, 3)
    lost = np.square(rebuilt(basis, cube) - cube).sum(axis=0).mean()
    expected = np.trace(statistics.covariance) * (1 - basis.energy.sum())
    assert lost == pytest.approx(expected, rel=1e-3)
    assert lost > 1e-3


@pytest.mark.parametrize(("bands", "rank", "expected"), [(20, 2, 3), (20, 5, 6), (2, 2, 2), (1, 1, 1)])
def test_channels_are_chosen_by_the_energy_left_out(make_cube, bands, rank, expected):
    basis = pca_basis(scene_statistics(make_cube(bands, rank=rank)))
    assert basis.channels == expected
    assert 1 - basis.energy.sum() < DISCARDED_VARIANCE


def test_white_noise_takes_no_more_channels_than_allowed():
    cube = np.random.default_rng(0).normal(size=(40, 30, 30)).astype(np.float32)
    assert pca_basis(scene_statistics(cube)).channels == MAX_PCA_COMPONENTS
    assert pca_basis(scene_statistics(cube), 21).channels == 21


@given(st.integers(1, 36))
def test_triplets_cover_every_channel(bands):
    cube = np.arange(bands * 4, dtype=np.float32).reshape(bands, 2, 2)
    triplets = band_basis(scene_statistics(cube)).triplets()
    assert triplets.shape == (max(1, -(-bands // 3)), 3)
    assert set(triplets.ravel()) == set(range(bands))
    if bands >= 3:
        assert (np.diff(triplets, axis=1) == 1).all()  # neighbours in the spectrum, none twice in a triplet
    else:
        np.testing.assert_array_equal(triplets, [[0, 0, 0]] if bands == 1 else [[0, 1, 0]])


@given(st.integers(3, 36), st.integers(1, 3))
def test_triplets_start_a_stride_apart(bands, stride):
    cube = np.arange(bands * 4, dtype=np.float32).reshape(bands, 2, 2)
    triplets = band_basis(scene_statistics(cube)).triplets(stride)
    starts = triplets[:, 0]
    assert set(triplets.ravel()) == set(range(bands))
    assert (np.diff(triplets, axis=1) == 1).all()
    assert (np.diff(starts)[:-1] == stride).all()
    assert (np.diff(starts)[-1:] >= 1).all()
    assert (np.diff(starts)[-1:] <= stride).all()
    assert (starts[0], starts[-1]) == (0, bands - 3)


@pytest.mark.parametrize("stride", [0, 4, -1])
def test_strides_that_leave_channels_out_are_refused(make_cube, stride):
    with pytest.raises(ValueError, match="choose 1, 2 or 3"):
        band_basis(scene_statistics(make_cube())).triplets(stride)


@pytest.mark.parametrize("make", [band_basis, pca_basis], ids=["bands", "pca"])
def test_adding_detail_is_synthesis_in_place(make_cube, make):
    cube = make_cube(noise=0.05)
    basis = make(scene_statistics(cube))
    channels = basis.project(torch.from_numpy(cube))
    changed = torch.from_numpy(cube.copy())
    basis.add_detail(changed, channels)
    np.testing.assert_allclose(changed, cube + basis.reconstruct(channels).numpy(), atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0, 1e8])
@pytest.mark.parametrize("make", [band_basis, pca_basis], ids=["bands", "pca"])
def test_constant_cubes_have_finite_frames(make, value):
    cube = np.full((5, 6, 7), value, np.float32)
    basis = make(scene_statistics(cube))
    assert (basis.std > 0).all()
    channels = basis.project(torch.from_numpy(cube))
    assert np.isfinite(channels).all()
    np.testing.assert_allclose(rebuilt(basis, cube), cube, rtol=1e-5)
    shown = basis.reconstruct(torch.ones_like(channels)).numpy()  # what a network of output 1 would change
    assert np.abs(shown).max() <= 1e-5 * max(abs(value), 1)


def test_a_band_without_variance_shows_nothing(make_cube):
    cube = make_cube()
    cube[3] = 1.5
    basis = band_basis(scene_statistics(cube))
    change = basis.reconstruct(torch.from_numpy(np.ones_like(cube))).numpy()
    assert np.abs(change[3]).max() < 1e-5 * np.abs(change).max()
    assert basis.project(torch.from_numpy(cube)).isfinite().all()


@pytest.mark.parametrize("make", [band_basis, pca_basis], ids=lambda f: f.__name__)
def test_deviations_are_those_of_a_cube_of_uncorrelated_channels(make):
    """Drawn: channels of the given deviations, synthesised, their standard deviation by band and pixel."""
    rng = np.random.default_rng(5)
    cube = (rng.normal(size=(6, 6)) @ rng.normal(size=(6, 500))).reshape(6, 20, 25).astype(np.float32)
    basis = make(scene_statistics(cube))
    given = rng.uniform(0.1, 2, (basis.channels, 2, 3)).astype(np.float32)
    noise = (rng.normal(size=given.shape).astype(np.float32) for _ in range(4000))
    drawn = [basis.reconstruct(torch.from_numpy(given * each)).numpy() for each in noise]
    np.testing.assert_allclose(basis.reconstruct_std(torch.from_numpy(given)).numpy(), np.std(drawn, axis=0), rtol=0.06)


@pytest.mark.parametrize(
    ("bands", "asked", "expected"), [(36, None, 36), (37, None, 24), (200, None, 24), (31, 15, 15), (6, 9, 6)]
)
def test_few_bands_are_all_seen_and_of_many_some_that_span_the_spectrum(make_cube, bands, asked, expected):
    basis = band_basis(scene_statistics(make_cube(bands, noise=0.01)), asked)
    seen = basis.vectors.argmax(axis=0)
    assert basis.channels == expected == len(set(seen))
    assert (seen[0], seen[-1]) == (0, bands - 1)
    assert np.diff(seen).max() - np.diff(seen).min() <= 1
    assert (basis.vectors.sum(axis=0) == 1).all()
    assert basis.variances.shape == (bands, expected)
    filtered = bands if 12 <= bands <= 36 else expected  # the filter gives detail of all bands, or of those seen
    assert basis.reconstruction_matrix.shape == (bands, filtered)


def test_a_bands_deviation_is_that_of_where_its_detail_comes_from(make_cube):
    basis = band_basis(scene_statistics(make_cube(40, noise=0.05)), 12)
    given = np.random.default_rng(0).uniform(0.5, 2, (12, 3, 4)).astype(np.float32)
    std = np.sqrt(np.diag(scene_statistics(make_cube(40, noise=0.05)).covariance))[:, None, None]
    found = basis.reconstruct_std(torch.from_numpy(given)).numpy() / std
    assert (found > given.min(axis=0) - 1e-4).all()
    assert (found < given.max(axis=0) + 1e-4).all()
    alike = basis.reconstruct_std(torch.from_numpy(np.full_like(given, 0.7))).numpy()
    np.testing.assert_allclose(alike, np.broadcast_to(0.7 * std, alike.shape), rtol=1e-4)


@pytest.mark.parametrize("kind", ["pca", "mnf"])
def test_all_components_of_a_guide_give_the_cube_back(make_cube, kind):
    cube = make_cube(9, noise=0.05)
    basis = guide_basis(scene_statistics(cube), 20, kind)
    assert basis.channels == 9
    np.testing.assert_allclose(rebuilt(basis, cube), cube, atol=1e-5)
    channels = basis.project(torch.from_numpy(cube)).numpy().reshape(9, -1)
    np.testing.assert_allclose(np.cov(channels, bias=True), np.eye(9), atol=1e-3)


def test_noise_adjusted_components_ignore_noisy_bands(make_cube):
    rng = np.random.default_rng(0)
    clean = np.repeat(np.repeat(make_cube(20, rank=3), 4, axis=1), 4, axis=2)
    noise = np.where(np.arange(20) % 5 == 0, 1.0, 0.02) * clean.std(axis=(1, 2))
    noisy = (clean + noise[:, None, None] * rng.normal(size=clean.shape)).astype(np.float32)
    statistics = scene_statistics(noisy)

    def error(kind):
        return np.abs(rebuilt(guide_basis(statistics, 3, kind), noisy) - clean).mean()

    assert error("mnf") < 0.5 * error("pca")
    assert error("mnf") < 0.5 * np.abs(noisy - clean).mean()
