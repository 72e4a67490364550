"""Posterior mean, samples, the line between them, and their spread."""

import numpy as np
import pytest
import torch

from shsrd.degradation import Degradation, bicubic_up, consistency_rmse
from shsrd.model import Model, Network
from shsrd.spectral import scene_statistics
from shsrd.upscaling.bases import guided_basis
from shsrd.upscaling.inference import Engine
from shsrd.upscaling.tiles import Window, read_window


def pixels(result):
    return result.cube.pixels.astype(np.float64)


@pytest.mark.parametrize("asked", [{}, {"steps": 3}, {"steps": 2, "samples": 3}, {"basis": "pca"}], ids=str)
@pytest.mark.parametrize("scale", [2, 4])
def test_the_output_degrades_to_the_input(make_scene, run, asked, scale):
    scene = make_scene()
    low, degradation, span = torch.from_numpy(scene.pixels), Degradation(scale=scale), float(np.ptp(scene.pixels))

    def error(result):
        return consistency_rmse(torch.from_numpy(result.cube.pixels), low, degradation, data_range=span)

    consistent, free = run(scene, scale, **asked), run(scene, scale, **asked, consistency=False)
    assert error(consistent) <= 1e-4 < 0.01 < error(free)
    for result in (consistent, free):
        assert result.report.consistency == pytest.approx(error(result), rel=1e-2, abs=1e-7)


def test_reported_consistency_leaves_no_data_out(make_scene, run):
    scene = make_scene()
    holed = scene.pixels.copy()
    holed[:, 4:7, 4:7] = np.nan
    assert run(scene.replace(pixels=holed)).report.consistency <= 1e-4


def test_an_untrained_network_gives_bicubic(make_scene, make_model, run):
    model = Model("new", Network(make_model().network.config), {}, "")
    scene = make_scene()
    expected = bicubic_up(torch.from_numpy(scene.pixels), 2).numpy()
    np.testing.assert_allclose(run(scene, model=model, consistency=False).cube.pixels, expected, atol=1e-6)


@pytest.mark.parametrize("consistency", [True, False])
def test_no_detail_is_the_mean(make_scene, run, consistency):
    mean = run(make_scene(), consistency=consistency)
    none = run(make_scene(), consistency=consistency, steps=3, detail=0.0)
    np.testing.assert_allclose(pixels(none), pixels(mean), atol=1e-6)
    assert np.abs(pixels(run(make_scene(), consistency=consistency, steps=3)) - pixels(mean)).max() > 0.01


def test_detail_is_a_straight_line_from_mean_to_sample(make_scene, run):
    mean, half, third, whole = (
        pixels(run(make_scene(), consistency=False, steps=3, detail=alpha)) for alpha in (0, 0.5, 0.3, 1)
    )
    assert np.abs(whole - mean).max() > 0.01
    np.testing.assert_allclose(half, 0.5 * mean + 0.5 * whole, atol=1e-6)
    np.testing.assert_allclose(third, 0.7 * mean + 0.3 * whole, atol=1e-6)


def test_a_seed_is_a_sample(make_scene, run):
    first, again, other = (pixels(run(make_scene(), steps=3, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_the_mean_has_no_seed(make_scene, run):
    np.testing.assert_array_equal(*(pixels(run(make_scene(), seed=seed)) for seed in (1, 2)))


def test_several_samples_give_their_mean_and_spread(make_scene, run, monkeypatch):
    """As three single samples would: their average, and the standard deviation with ``n - 1``."""
    together = run(make_scene(), steps=2, samples=3, uncertainty=True, seed=4)
    singles = []
    for number in range(3):
        with monkeypatch.context() as patch:
            patch.setattr("shsrd.upscaling.block.range", lambda count, n=number: [n], raising=False)
            singles.append(pixels(run(make_scene(), steps=2, seed=4)))
    assert np.abs(singles[0] - singles[1]).max() > 0.01
    np.testing.assert_allclose(pixels(together), np.mean(singles, axis=0), atol=1e-5)
    spread = np.std(singles, axis=0, ddof=1)
    np.testing.assert_allclose(together.uncertainty.pixels, spread, atol=2e-4)


def test_more_samples_come_closer_to_their_mean(make_scene, run):
    distances = []
    for samples in (1, 8):
        a, b = (pixels(run(make_scene(), steps=2, samples=samples, seed=seed)) for seed in (0, 1))
        distances.append(np.square(a - b).mean())
    assert distances[1] < 0.3 * distances[0]  # about an eighth


@pytest.mark.parametrize("asked", [{}, {"steps": 2, "samples": 2}], ids=str)
def test_uncertainty_is_a_deviation(make_scene, run, asked):
    scene = make_scene()
    holed = scene.pixels.copy()
    holed[:, 4:7, 4:7] = np.nan
    result = run(scene.replace(pixels=holed), uncertainty=True, **asked)
    std = result.uncertainty.pixels
    assert std.shape == result.cube.shape
    missing = np.isnan(result.cube.pixels)
    np.testing.assert_array_equal(np.isnan(std), missing)
    assert missing.any()
    assert (std[~missing] >= 0).all()
    assert std[~missing].mean() > 1e-3


def test_asking_for_uncertainty_leaves_the_mean_alone(make_scene, run):
    plain, informed = run(make_scene()), run(make_scene(), uncertainty=True)
    np.testing.assert_array_equal(pixels(plain), pixels(informed))
    assert plain.uncertainty is None
    assert (informed.report.steps, informed.report.samples) == (0, 1)
    assert (plain.report.steps, plain.report.samples) == (0, 1)


def test_spread_calibrates_the_uncertainty_and_nothing_else(make_scene, make_model, run):
    model = make_model()
    network = Network(model.network.config.model_copy(update={"spread": 2.5, "sample_spread": 0.5}))
    network.load_state_dict(model.network.state_dict())
    for asked, factor in (({}, 2.5), ({"steps": 2, "samples": 2}, 0.5)):
        raw = run(make_scene(), uncertainty=True, **asked)
        calibrated = run(make_scene(), uncertainty=True, model=Model("calibrated", network, {}, ""), **asked)
        np.testing.assert_allclose(calibrated.uncertainty.pixels, factor * raw.uncertainty.pixels, rtol=1e-6)
        np.testing.assert_array_equal(pixels(calibrated), pixels(raw))


@pytest.mark.parametrize("basis", ["bands", "pca"])
def test_uncertainty_without_samples_is_the_scale_the_network_predicts(make_scene, make_model, run, basis):
    """Channel by channel through the frame: ``sqrt(sum over k of (E d scale)^2)``, at every pixel by itself."""
    scene, halo = make_scene(bands=6), 10
    std = run(scene, basis=basis, uncertainty=True, halo=halo).uncertainty.pixels
    guided = guided_basis(scene_statistics(scene.pixels), basis, scene.wavelength_nm, guides="pca")
    window = Window(0, 0, *scene.pixels.shape[1:]).grown(halo)
    low = torch.from_numpy(read_window(scene.pixels, window))
    engine = Engine(make_model().network, precision="fp32")
    mean, scale = engine.mean_and_std(low, guided)
    np.testing.assert_array_equal(mean, engine.mean(low, guided))
    matrix = guided.basis.vectors * guided.basis.std
    y, x = 9, 21
    at_pixel = scale[:, y + 2 * halo, x + 2 * halo].double().numpy()
    expected = np.sqrt([sum((matrix[b, k] * at_pixel[k]) ** 2 for k in range(len(at_pixel))) for b in range(6)])
    np.testing.assert_allclose(std[:, y, x], expected, rtol=1e-4)
    assert std.std() > 0.05 * std.mean()


def test_samples_deviate_in_proportion_to_the_scale(make_scene, make_model, run):
    """The denoiser works in units of the scale: the same noise, twice the scale, twice the texture."""

    def texture(scale):
        model = make_model()
        network = Network(model.network.config)
        network.load_state_dict(model.network.state_dict())
        network.scale_head.restart(scale)
        asked = {"model": Model("restarted", network, {}, ""), "consistency": False}
        return pixels(run(make_scene(), steps=3, **asked)) - pixels(run(make_scene(), **asked))

    single, double = texture(0.3), texture(0.6)
    assert np.abs(single).max() > 0.01
    np.testing.assert_allclose(double, 2 * single, rtol=0.02, atol=1e-4)


def test_uncertainty_says_what_intervals_hold(make_scene, make_model, run):
    network = Network(make_model().network.config.model_copy(update={"interval_factors": (0.31, 1.0, 1.75)}))
    model = Model("calibrated", network, {}, "")
    predicted, sampled = (
        run(make_scene(), uncertainty=True, model=model, **asked).uncertainty.headers["description"]
        for asked in ({}, {"steps": 2, "samples": 2})
    )
    assert "50 % within 0.31 of it; 80 % within 1 of it; 90 % within 1.75 of it" in predicted
    assert "%" not in sampled  # the intervals were measured for the predicted scale


@pytest.mark.parametrize("asked", [{}, {"steps": 2}], ids=str)
def test_the_order_of_bands_does_not_matter_in_the_eigen_frame(make_scene, run, asked):
    scene = make_scene(bands=7)
    order = np.random.default_rng(3).permutation(7)
    shuffled = scene.replace(pixels=scene.pixels[order], wavelength_nm=scene.wavelength_nm[order])
    straight, turned = (pixels(run(s, basis="pca", **asked)) for s in (scene, shuffled))
    np.testing.assert_allclose(turned, straight[order], atol=3e-5)
    assert np.abs(straight - straight[order]).max() > 0.1
    wrong = scene.replace(pixels=scene.pixels[order])  # with the wavelengths of others, bands are other bands
    assert np.abs(pixels(run(wrong, basis="pca", **asked)) - straight[order]).max() > 3e-4


def test_frames_differ_but_both_are_consistent(make_scene, make_model, run):
    bands, pca = (run(make_scene(), basis=basis) for basis in ("bands", "pca"))
    assert np.abs(pixels(bands) - pixels(pca)).max() > 0.01
    np.testing.assert_array_equal(pixels(run(make_scene(), model=make_model(2, "pca"))), pixels(pca))
    assert (bands.report.basis, pca.report.basis) == ("bands", "pca")


def test_bf16_is_close_to_fp32(make_scene, run):
    exact, rough = (pixels(run(make_scene(), precision=precision, consistency=False)) for precision in ("fp32", "bf16"))
    detail = exact - bicubic_up(torch.from_numpy(make_scene().pixels), 2).numpy()
    error = np.sqrt(np.square(rough - exact).mean())
    assert 0 < error < 0.02 * np.sqrt(np.square(detail).mean())


def test_weights_are_the_models_own(make_scene, make_model, run):
    first, other = (pixels(run(make_scene(), model=make_model(seed=seed))) for seed in (0, 1))
    assert np.abs(first - other).max() > 0.01
