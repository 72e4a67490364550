import numpy as np
import pytest

from shsrd.degradation import Degradation, degrade_cube
from shsrd.metrics import coverage
from shsrd.model import INTERVALS, Model, load_weights, read_header
from shsrd.training import run_training
from shsrd.training.calibration import calibrate
from shsrd.training.data.pack import load_scenes, pack_scene
from shsrd.upscaling import UpscaleOptions, upscale

STEPS = SAMPLES = 2  # as in conftest.py


@pytest.fixture
def folder(tmp_path, make_scene):
    pack_scene("held-out", make_scene(rows=40, columns=48, seed=7), tmp_path / "validation")
    return tmp_path / "validation"


@pytest.fixture
def result(folder, make_scene, stage_one):
    """``upscale`` of the scene of the calibration by the calibrated network, and the truth."""
    network = load_weights(stage_one).network
    found = calibrate(network, folder, "fp32")
    network.config = found.applied(network.config)
    (packed,) = load_scenes(folder)
    truth = make_scene(rows=40, columns=48, seed=7).replace(pixels=packed.pixels(2))
    low = degrade_cube(truth, Degradation(scale=2))

    def run(**asked):
        options = UpscaleOptions(block=64, precision="fp32", device="cpu", uncertainty=True, **asked)
        return upscale(low, 2, options=options, model=Model("tiny", network, {}, ""))

    return run, truth.pixels, found


@pytest.mark.parametrize("asked", [{}, {"steps": STEPS, "samples": SAMPLES}], ids=str)
def test_calibrated_uncertainty_is_as_large_as_the_error(result, asked):
    """Predicted variance and squared error agree on the scene of the calibration, as ``upscale`` gives them."""
    run, truth, found = result
    assert abs(np.log(found.sample_spread if asked else found.spread)) > 0.01  # nothing is calibrated by chance
    error = np.square(run().cube.pixels - truth).mean(dtype=np.float64)
    std = run(**asked).uncertainty.pixels
    assert np.square(std).mean(dtype=np.float64) == pytest.approx(error, rel=0.01)


def test_calibrated_intervals_hold_what_they_say(result):
    run, truth, found = result
    upscaled = run()
    error, std = upscaled.cube.pixels - truth, upscaled.uncertainty.pixels
    for share, factor in zip(INTERVALS, found.interval_factors, strict=True):
        assert coverage(error, std, factor) == pytest.approx(share, abs=0.005)
    assert coverage(error, std, 1.2 * found.interval_factors[0]) > 0.53


def test_every_scene_counts_alike(tmp_path, folder, make_scene, stage_one):
    """Neither brightness nor size of a scene gives it more weight: two copies of one scene change nothing."""
    network = load_weights(stage_one).network
    alone = calibrate(network, folder, "fp32")
    scene = make_scene(rows=40, columns=48, seed=7)
    pack_scene("brighter", scene.replace(pixels=50 * scene.pixels), folder)
    both = calibrate(network, folder, "fp32")
    assert both.spread == pytest.approx(alone.spread, rel=1e-2)
    assert both.sample_spread == pytest.approx(alone.sample_spread, rel=5e-2)
    assert both.interval_factors == pytest.approx(alone.interval_factors, rel=2e-2)


def test_a_trained_denoiser_carries_its_calibration(settings):
    config = settings("transfer", objective="diffusion", steps=3)
    best = run_training(config)
    header = read_header(best)["config"]
    found = {key: header[key] for key in ("spread", "sample_spread", "interval_factors")}
    assert found["spread"] != 1.0 != found["sample_spread"]
    assert found["interval_factors"][0] != 0.6745
    again = calibrate(load_weights(best).network, config.validation, config.precision)
    assert again.spread == pytest.approx(found["spread"], rel=1e-3)
    assert again.sample_spread == pytest.approx(found["sample_spread"], rel=1e-3)
    assert again.interval_factors == pytest.approx(found["interval_factors"], rel=1e-3)
