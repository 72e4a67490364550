"""The Wiener filter across bands with a covariance for every pixel."""

import numpy as np
import pytest
import torch

from shsrd.spectral import band_basis, scene_statistics
from shsrd.spectral import filter as module
from shsrd.spectral.filter import LEAST, NOISE_THRESHOLD, RIDGE, SHARED, BandFilter
from shsrd.spectral.regression import MIN_FILTERED_BANDS, detail_regression

SCALE = 2


@pytest.fixture(params=[range(5), (0, 2, 3)], ids=["all bands seen", "three of five seen"])
def drawn(request):
    """A filter of five of seven bands, a low-resolution cube and detail of the bands seen, all random."""
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(5, 9))
    covariance = factors @ factors.T
    std = np.sqrt(np.diag(covariance))
    made = BandFilter(
        bands=np.array([0, 1, 3, 4, 6]),
        input_bands=np.array(request.param),
        covariance=covariance / np.outer(std, std),
        noise=rng.uniform(0, 0.05, 5),
        detail=rng.uniform(0.1, 3, 5),
        std=rng.uniform(0.5, 2, 5),
    )
    low = rng.normal(size=(7, 7, 6)) * np.where(np.arange(7) < 4, 0.02, 2)[:, None]  # hardly any structure, and much
    detail = rng.normal(size=(len(made.input_bands), 7 * SCALE, 6 * SCALE))
    return made, low.astype(np.float32), detail.astype(np.float32)


def apply(made, low, detail):
    """The filter on arrays."""
    return made(torch.from_numpy(low), torch.from_numpy(detail)).numpy()


def by_hand(made, low, detail):
    """The formula of the module, pixel by pixel in float64."""
    low, input_bands = low[made.bands].astype(np.float64) / made.detail[:, None, None], made.input_bands
    unit = made.detail / made.std
    rows, columns = low.shape[1:]
    down, right = np.zeros_like(low), np.zeros_like(low)
    down[:, :-1], right[:, :, :-1] = np.diff(low, axis=1), np.diff(low, axis=2)
    found = np.empty((len(unit), *detail.shape[1:]))
    beliefs = []
    for y in range(rows):
        for x in range(columns):
            local = np.zeros((len(unit), len(unit)))
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    place = (slice(None), np.clip(y + dy, 0, rows - 1), np.clip(x + dx, 0, columns - 1))
                    local += sum(np.outer(g[place], g[place]) for g in (down, right)) / 9
            energy = np.diag(local)[input_bands].mean()
            beliefs.append(max(0, 1 - NOISE_THRESHOLD * made.noise[input_bands].mean() / max(energy, LEAST)))
            weight = (1 - beliefs[-1] + SHARED) * energy + LEAST
            mixed = beliefs[-1] * local + weight * made.covariance
            among = mixed[np.ix_(input_bands, input_bands)]
            ridged = among + RIDGE * np.diag(among).mean() * np.eye(len(input_bands))
            matrix = (mixed - weight * np.diag(made.noise))[:, input_bands] @ np.linalg.inv(ridged)
            block = (slice(None), slice(y * SCALE, (y + 1) * SCALE), slice(x * SCALE, (x + 1) * SCALE))
            matrix = matrix * unit[:, None] / unit[input_bands]
            found[block] = np.einsum("jk,kyx->jyx", matrix, detail[block])
    assert min(beliefs) == 0 < max(beliefs)
    return found


def test_it_is_the_formula(drawn):
    made, low, detail = drawn
    before = detail.copy()
    np.testing.assert_allclose(apply(made, low, detail), by_hand(made, low, detail), atol=1e-4)
    np.testing.assert_array_equal(detail, before)


@pytest.mark.parametrize("values", [1, 400])
def test_strips_change_nothing(drawn, monkeypatch, values):
    made, low, detail = drawn
    whole = apply(made, low, detail)
    monkeypatch.setattr(module, "_VALUES", values)
    np.testing.assert_array_equal(apply(made, low, detail), whole)


def test_a_pixel_depends_on_those_within_two_and_not_on_levels(drawn):
    made, low, detail = drawn
    before, poked = apply(made, low, detail), low.copy()
    poked[:, 3, 3] += [1, -2, 3, 0, 1, 2, -1]
    rows, columns = np.abs(apply(made, poked, detail) - before).max(axis=0).nonzero()
    for input_bands in (rows // SCALE, columns // SCALE):
        assert 1 <= input_bands.min() < input_bands.max() <= 5
    np.testing.assert_allclose(apply(made, low + 64, detail), before, atol=1e-3)


def test_it_knows_places_where_a_filter_of_the_whole_scene_does_not():
    """Six materials, in each of which bands vary along one line: of errors, less is taken for detail."""
    rng = np.random.default_rng(1)
    texture, lines = rng.normal(size=(48, 48)), rng.normal(size=(6, MIN_FILTERED_BANDS))
    cube = np.einsum("yx,yb->byx", texture, lines[np.arange(48) * 6 // 48]).astype(np.float32)
    statistics = scene_statistics(cube)
    basis = band_basis(statistics)
    detail = basis.project(torch.from_numpy(cube)).numpy()
    estimate = detail + 0.5 * rng.normal(size=cube.shape).astype(np.float32)
    everywhere = detail_regression(statistics, np.arange(MIN_FILTERED_BANDS)) / basis.std[:, None] * basis.std
    ours, scenes = apply(basis.filtered, cube, estimate), np.einsum("jk,kyx->jyx", everywhere, estimate)
    assert np.square(ours - detail).mean() < 0.85 * np.square(scenes - detail).mean()
    assert np.square(apply(basis.filtered, cube, detail) - detail).mean() < 0.001 * np.square(detail).mean()


def test_in_noise_the_scene_decides():
    """Where gradients are hardly above the noise, the filter is the scene's own, the same everywhere."""
    rng = np.random.default_rng(3)
    cube = rng.normal(size=(MIN_FILTERED_BANDS, 40, 40)).astype(np.float32)
    basis = band_basis(scene_statistics(cube))
    found = apply(basis.filtered, cube, np.ones((MIN_FILTERED_BANDS, 40, 40), np.float32))
    assert np.ptp(found, axis=(1, 2)).max() < 0.02
    assert np.abs(found).max() < 0.25  # all noise


@pytest.mark.parametrize("kind", ["constant", "one constant band", "two equal bands", "one row", "one pixel", "huge"])
def test_degenerate_scenes_stay_finite(kind):
    rng = np.random.default_rng(4)
    cube = rng.normal(size=(20, 16, 16)).astype(np.float32)
    if kind == "one constant band":
        cube[4] = 3
    if kind == "two equal bands":
        cube[4] = cube[5]
    if kind == "huge":
        cube[:, 3, 3] *= 1e6
    cube = {"constant": np.ones_like(cube), "one row": cube[:, :1], "one pixel": cube[:, :1, :1]}.get(kind, cube)
    basis = band_basis(scene_statistics(cube))
    rows, columns = cube.shape[1:]
    detail = rng.normal(size=(20, 4 * rows, 4 * columns)).astype(np.float32)
    assert np.isfinite(basis.reconstruct(basis.filtered(torch.from_numpy(cube), torch.from_numpy(detail)))).all()


def test_few_bands_are_not_filtered():
    cube = np.random.default_rng(5).normal(size=(MIN_FILTERED_BANDS - 1, 9, 9)).astype(np.float32)
    detail = torch.ones(MIN_FILTERED_BANDS - 1, 18, 18)
    assert band_basis(scene_statistics(cube)).filtered(torch.from_numpy(cube), detail) is detail


@pytest.mark.parametrize(("bands", "out"), [(31, 31), (60, 9)])
def test_bands_not_seen_come_from_the_filter_where_there_are_not_too_many(bands, out):
    """Detail of a scene whose bands are sums of two images: that of all bands follows from nine."""
    rng = np.random.default_rng(6)
    cube = np.einsum("bk,kyx->byx", rng.normal(size=(bands, 2)), rng.normal(size=(2, 40, 40))).astype(np.float32)
    basis = band_basis(scene_statistics(cube), 9)
    pixels = torch.from_numpy(cube)
    filtered = basis.filtered(pixels, basis.project(pixels))
    assert filtered.shape == (out, 40, 40)
    found, truth = basis.reconstruct(filtered).numpy(), cube - cube.mean(axis=(1, 2), keepdims=True)
    assert np.square(found - truth).mean() < 0.01 * np.square(truth).mean()
