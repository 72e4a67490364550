import numpy as np
import pytest
import torch

from shsrd.spectral import (
    CONTENT_FEATURES,
    DESCRIPTOR_FEATURES,
    GUIDE_CHANNELS,
    MAP_CHANNELS,
    Acquisition,
    band_basis,
    pca_basis,
    positions_um,
    scene_statistics,
    spectral_guide,
)


def guided(cube, wavelength_nm=None, *, make=band_basis):
    statistics = scene_statistics(cube)
    basis = make(statistics)
    leading = pca_basis(statistics, min(GUIDE_CHANNELS, len(cube)))
    return basis, spectral_guide(basis, leading, positions_um(wavelength_nm, len(cube)))


def maps_of(cube):
    basis, guide = guided(cube)
    triplets = basis.triplets()
    maps = guide.maps(guide.guide_components(torch.from_numpy(cube)), triplets).numpy()
    assert maps.shape == (len(triplets), MAP_CHANNELS, *cube.shape[1:])
    return maps[:, :3], maps[:, 3:6], maps[:, 6:9], basis.project(torch.from_numpy(cube)).numpy()[triplets]


def test_maps_rebuild_a_low_rank_cube(make_cube):
    leading, third, sixth, own = maps_of(make_cube(10, rank=3))
    np.testing.assert_allclose(third, own, atol=2e-3)
    np.testing.assert_allclose(sixth, own, atol=2e-3)
    np.testing.assert_array_equal(leading[0], leading[-1])


def test_three_eigenimages_do_not_suffice_for_rank_five(make_cube):
    _, third, sixth, own = maps_of(make_cube(10, rank=5))
    np.testing.assert_allclose(sixth, own, atol=2e-3)
    assert np.abs(third - own).max() > 0.05


def test_rebuilt_maps_have_less_noise(make_cube):
    clean = make_cube(30, rows=60, columns=60)
    rng = np.random.default_rng(5)
    cube = (clean + 0.1 * rng.normal(size=clean.shape)).astype(np.float32)
    basis, guide = guided(cube)
    triplets = basis.triplets()
    truth, own = (basis.project(torch.from_numpy(x)).numpy()[triplets] for x in (clean, cube))
    rebuilt = guide.maps(guide.guide_components(torch.from_numpy(cube)), triplets).numpy()[:, 3:6]
    assert np.square(rebuilt - truth).mean() < 0.3 * np.square(own - truth).mean()


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_few_bands_leave_the_other_guides_zero(make_cube, bands):
    cube = make_cube(bands)
    basis, guide = guided(cube)
    images = guide.guide_components(torch.from_numpy(cube)).numpy()
    assert images.shape == (GUIDE_CHANNELS, *cube.shape[1:])
    assert images[:bands].any(axis=(1, 2)).all()
    assert not images[bands:].any()
    assert not guide.loadings[:, bands:].any()
    assert guide.descriptors(basis.triplets()).shape == (len(basis.triplets()), DESCRIPTOR_FEATURES)


def bad_cubes(make_cube):
    flat_band = make_cube()
    flat_band[3] = 1.5
    return {
        "ordinary": make_cube(noise=0.1),
        "noise-free": make_cube(),
        "zero": np.zeros((7, 8, 9), np.float32),
        "constant": np.full((7, 8, 9), 1e8, np.float32),
        "negative": -make_cube(noise=0.1),
        "flat band": flat_band,
        "one pixel": make_cube(rows=1, columns=1),
        "one band": make_cube(1),
    }


KINDS = ["ordinary", "noise-free", "zero", "constant", "negative", "flat band", "one pixel", "one band"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [band_basis, pca_basis], ids=["bands", "pca"])
@pytest.mark.parametrize("known", [True, False])
def test_descriptors_are_finite_and_of_order_one(make_cube, kind, make, known):
    cube = bad_cubes(make_cube)[kind]
    wavelengths = np.linspace(400, 2500, len(cube)) if known else None
    basis, guide = guided(cube, wavelengths, make=make)
    descriptors = guide.descriptors(basis.triplets())
    assert descriptors.dtype == np.float32
    assert np.isfinite(descriptors).all()
    assert np.abs(descriptors).max() < 10
    maps = guide.maps(guide.guide_components(torch.from_numpy(cube)), basis.triplets())
    assert maps.isfinite().all()


def test_partly_missing_wavelengths_count_as_missing():
    wavelengths = np.array([400.0, np.nan, 700.0])
    np.testing.assert_array_equal(positions_um(wavelengths, 3), positions_um(None, 3))
    np.testing.assert_allclose(positions_um(np.array([400.0, 550, 700]), 3), [0.4, 0.55, 0.7])


def test_descriptors_tell_wavelengths_apart(make_cube):
    cube = make_cube(noise=0.1)
    visible = guided(cube, np.linspace(400, 700, 7))[1].features
    infrared = guided(cube, np.linspace(1000, 2500, 7))[1].features
    assert np.abs(visible - infrared).max(axis=1).min() > 0.1
    np.testing.assert_array_equal(visible[:, 16:], infrared[:, 16:])  # energy, noise, loadings: the scene's own


def test_descriptors_tell_noise_apart(make_cube):
    clean = make_cube(30, rows=40, columns=40)
    noisy = make_cube(30, rows=40, columns=40, noise=0.3)
    assert (guided(noisy)[1].features[:, 17] > guided(clean)[1].features[:, 17]).all()


def acquired(cube, acquisition, make=band_basis):
    """Features of the acquisition ``(T, 3, 4)`` of a scene's triplets."""
    statistics = scene_statistics(cube)
    basis = make(statistics)
    leading = pca_basis(statistics, min(GUIDE_CHANNELS, len(cube)))
    guide = spectral_guide(basis, leading, positions_um(None, len(cube)), acquisition)
    descriptors = guide.descriptors(basis.triplets())
    return descriptors[:, CONTENT_FEATURES:].reshape(len(descriptors), 3, 4), basis


def test_no_sensor_known_is_zero_in_the_descriptor(make_cube):
    features, _ = acquired(make_cube(9), None)
    assert not features.any()


def test_descriptors_hold_width_and_noise_of_each_band(make_cube):
    cube = make_cube(9, noise=0.1)
    fwhm = np.stack([np.linspace(1.0, 1.8, 9), np.full(9, 1.2)], axis=1)
    noise = cube.std(axis=(1, 2)) * np.logspace(-3, -1, 9)
    features, basis = acquired(cube, Acquisition(fwhm, noise))
    flag, along_y, along_x, level = features.reshape(-1, 4)[:9].T
    assert (flag == 1).all()
    np.testing.assert_allclose(along_y, fwhm[basis.triplets().ravel()[:9], 0] - 1.4, atol=1e-6)
    np.testing.assert_allclose(along_x, -0.2, atol=1e-6)
    np.testing.assert_allclose(level, np.linspace(-1, 1, 9), atol=1e-3)


def test_eigenimages_are_measured_as_the_bands_they_are_made_of(make_cube):
    fwhm, noise = np.tile([1.3, 1.6], (9, 1)), np.full(9, 1e-30)
    features, _ = acquired(make_cube(9, noise=0.1), Acquisition(fwhm, noise), pca_basis)
    np.testing.assert_allclose(features[..., 1], -0.1, atol=1e-6)
    np.testing.assert_allclose(features[..., 2], 0.2, atol=1e-6)
    assert (features[..., 3] == -2).all()  # as little noise as can be told apart
