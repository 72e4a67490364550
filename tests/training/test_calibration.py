import numpy as np
import pytest

from shsrd.degradation import Degradation, degrade_cube
from shsrd.model import Model, load_weights, read_header
from shsrd.training import run_training
from shsrd.training.calibration import HALO, calibrated_spread
from shsrd.training.pack import load_scenes, pack_scene
from shsrd.upscaling import UpscaleOptions, upscale

STEPS = SAMPLES = 2  # as in conftest.py


@pytest.fixture
def folder(tmp_path, make_scene):
    pack_scene("held-out", make_scene(rows=40, columns=48, seed=7), tmp_path / "validation")
    return tmp_path / "validation"


def test_calibrated_uncertainty_is_as_large_as_the_error(folder, make_scene, stage_one):
    """Predicted variance and squared error agree on the scene of the calibration, as ``upscale`` gives them."""
    network = load_weights(stage_one).network
    spread = calibrated_spread(network, folder, "fp32")
    assert abs(np.log(spread)) > 0.01  # an untrained denoiser is not calibrated by chance
    network.config = network.config.model_copy(update={"spread": spread})
    (packed,) = load_scenes(folder)
    truth = make_scene(rows=40, columns=48, seed=7).replace(pixels=packed.pixels(2))
    low = degrade_cube(truth, Degradation(scale=2))

    def result(**asked):
        options = UpscaleOptions(halo=HALO, tile=64, precision="fp32", device="cpu", **asked)
        return upscale(low, 2, options=options, model=Model("tiny", network, {}, ""))

    error = np.square(result().cube.pixels - truth.pixels).mean(dtype=np.float64)
    deviation = result(uncertainty=True, steps=STEPS, samples=SAMPLES).uncertainty.pixels
    assert np.square(deviation).mean(dtype=np.float64) == pytest.approx(error, rel=0.01)


def test_a_trained_denoiser_carries_its_calibration(settings):
    config = settings("transfer", objective="diffusion", steps=3)
    best = run_training(config)
    spread = read_header(best)["config"]["spread"]
    assert spread > 0
    assert spread != 1.0
    network = load_weights(best).network
    again = calibrated_spread(network, config.validation, config.precision)
    assert again == pytest.approx(spread, rel=1e-3)
