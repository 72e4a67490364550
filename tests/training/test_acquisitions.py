import numpy as np
import pytest
import torch

from shsrd.cube import Cube, MemorySource
from shsrd.degradation import Degradation, NoiseModel, ObservationModel, bicubic_down
from shsrd.model import SpectralInformation, load_weights
from shsrd.spectral import CONTENT_FEATURES, DESCRIPTOR_FEATURES
from shsrd.training.config import PhotoAugmentation, SceneAugmentation
from shsrd.training.data.loader import generator_of
from shsrd.training.data.photo_cubes import PhotoCubeSource
from shsrd.training.data.photos import PhotoSource
from shsrd.training.data.scenes import SceneSource
from shsrd.training.data.simulated_sensor import SimulatedSensor
from shsrd.training.initialise import initialise_network
from shsrd.training.validation import scene_validator
from shsrd.upscaling import UpscaleOptions
from shsrd.upscaling.correction import PSFCorrection, match_bicubic_psf

SCALE = 2
SHARP = Degradation(kernel="gaussian", scale=SCALE, fwhm_pixels=2.8, fwhm_x_pixels=3.2)


@pytest.fixture
def high(make_scene):
    return make_scene(bands=8, rows=48, columns=56, seed=3).pixels


def source_of(scene_folder, **changes):
    augmentation = SceneAugmentation(**{"sensors": 1.0, "sensor_count": 2, **changes})
    return SceneSource(scene_folder, augmentation, scale=SCALE, patch=16, guides="mnf")


def test_scenes_are_corrected_as_in_use(high):
    sensor = SimulatedSensor(ObservationModel.of(SHARP, NoiseModel(snr_db=40)), SHARP)
    measured = sensor.measured(high, seed=0)
    seen, acquisition = sensor.corrected(measured)
    source = match_bicubic_psf(MemorySource(Cube(measured)), UpscaleOptions(fwhm=(1.4, 1.6)), SCALE)
    np.testing.assert_array_equal(seen, source.read(slice(0, seen.shape[1]), slice(0, seen.shape[2])))
    np.testing.assert_allclose(acquisition.fwhm, np.tile([1.4, 1.6], (8, 1)), rtol=1e-9)
    assert (acquisition.noise > 0).all()


def test_the_kernel_of_the_literature_is_not_corrected(high):
    sensor = SimulatedSensor(ObservationModel(scale=SCALE), None)
    measured = sensor.measured(high, seed=0)
    np.testing.assert_allclose(measured, bicubic_down(torch.from_numpy(high), SCALE).numpy(), atol=1e-6)
    seen, acquisition = sensor.corrected(measured)
    assert seen is measured
    assert acquisition is None


def test_a_band_that_cannot_be_corrected_stays(high):
    high = high.copy()
    high[3] = 0.25
    sensor = SimulatedSensor(ObservationModel.of(SHARP), SHARP)
    measured = sensor.measured(high, seed=0)
    seen, acquisition = sensor.corrected(measured)
    np.testing.assert_array_equal(seen[3], measured[3])
    assert acquisition.fwhm.shape == (8, 2)
    assert acquisition.noise[3] == 0


def test_beliefs_are_right_in_most_and_wrong_within_limits():
    rng = np.random.default_rng(0)
    sensors = [SimulatedSensor.random(rng, bands=4, scale=SCALE) for _ in range(300)]
    corrected = [s for s in sensors if s.believed is not None]
    assert all((s.believed is None) == (s.model.kernel == "bicubic") for s in sensors)
    error = np.array([s.believed.sigma / s.model.mean.sigma for s in corrected])
    assert 0.5 < (np.abs(error - 1) < 1e-9).mean() < 0.7
    assert (error.min(), error.max()) == pytest.approx((0.8, 1.25), abs=0.02)
    given = [s for s in corrected if s.snr_db is not None]
    assert 0.1 < len(given) / len(corrected) < 0.35
    assert all(abs(s.snr_db - np.mean(s.model.noise.snr_db)) <= 3 for s in given)


def test_batches_hold_the_acquisition_and_are_a_function_of_the_generator(scene_folder):
    first, second = (source_of(scene_folder).draw(4, generator_of(0, 5, 0)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.tensors(), second.tensors(), strict=True))
    batches = [source_of(scene_folder).draw(4, generator_of(0, step, 0)) for step in range(6)]
    told = torch.cat([batch.information.descriptor[:, CONTENT_FEATURES:].reshape(-1, 4) for batch in batches])
    assert set(told[:, 0].tolist()) <= {0.0, 1.0}
    assert told[:, 0].mean() > 0.5
    assert not told[told[:, 0] == 0].any()
    plain = source_of(scene_folder, sensors=0.0).draw(4, generator_of(0, 5, 0))
    assert not plain.information.descriptor[:, CONTENT_FEATURES:].any()


def test_the_truth_is_the_same_whoever_measured_it(scene_folder):
    scene = source_of(scene_folder).scenes[0]
    seen = scene.acquired(0)
    assert seen is scene.acquired(0)
    assert scene.acquisition is None
    np.testing.assert_array_equal(seen.stored, scene.stored)
    assert np.abs(seen.low - scene.low).max() > 1e-3
    assert np.abs(scene.acquired(1).low - seen.low).max() > 1e-3
    error, before = np.square(seen.low - scene.low).mean(), scene.low.var()
    assert error < 0.1 * before  # corrected: near what the bicubic kernel gives


def random_information(count=2):
    descriptor = torch.randn(count, DESCRIPTOR_FEATURES, generator=torch.Generator().manual_seed(0))
    return SpectralInformation(torch.randn(count, 9, 8, 8), descriptor)


def test_the_start_stays_what_it_was_until_it_learns(settings, stage_one):
    config = settings(stage="transfer").model_copy(update={"acquisition": True})
    start = load_weights(stage_one)
    with torch.no_grad():
        for site in start.network.encoder.injection.sites:
            site.weight.normal_(std=0.05)
    network = initialise_network(config, start)
    assert network.config.acquisition
    triplets, information = torch.randn(2, 3, 8, 8), random_information()
    before, after = (n.encode(triplets, information).mean for n in (start.network, network))
    assert torch.equal(before, after)
    with torch.no_grad():
        network.encoder.injection.offset.weight.normal_(std=0.1)
    assert not torch.equal(network.encode(triplets, information).mean, before)


def test_validation_tells_every_sensor(scene_folder, stage_one, monkeypatch):
    monkeypatch.setattr("shsrd.training.validation.SENSORS", (("enmap", None), ("prisma", 30.0)))
    network = load_weights(stage_one).network
    given = {"network": network.config, "objective": "mean", "precision": "fp32"}
    figures = scene_validator(scene_folder, sensors=True, **given)(network)
    gains = [figures[f"{name}_gain_db"] for name in ("bands", "enmap", "prisma_30dB")]
    assert figures["gain_db"] == pytest.approx(np.mean(gains))
    plain = scene_validator(scene_folder, **given)(network)
    assert plain["gain_db"] == pytest.approx(figures["bands_gain_db"])


def cubes_of(photo_folder, **changes):
    photos = PhotoSource(photo_folder, PhotoAugmentation(cubes=1.0, **changes), scale=SCALE, patch=12)
    return PhotoCubeSource(photos, "mnf")


def test_cubes_of_photos_are_measured_by_sensors_too(photo_folder):
    batches = [cubes_of(photo_folder, cube_sensors=1.0).draw(4, generator_of(0, step, 0)) for step in range(5)]
    told = torch.cat([batch.information.descriptor[:, CONTENT_FEATURES:].reshape(-1, 4) for batch in batches])
    assert set(told[:, 0].tolist()) <= {0.0, 1.0}  # now and then the kernel of the literature
    assert told[:, 0].mean() > 0.5
    for batch in batches:
        assert all(torch.isfinite(tensor).all() for tensor in batch.tensors())
        assert batch.residual.std() < batch.low.std()
    again = cubes_of(photo_folder, cube_sensors=1.0).draw(4, generator_of(0, 4, 0))
    assert all(torch.equal(a, b) for a, b in zip(again.tensors(), batches[4].tensors(), strict=True))
    plain = cubes_of(photo_folder).draw(4, generator_of(0, 0, 0))
    assert not plain.information.descriptor[:, CONTENT_FEATURES:].any()


def test_noise_that_is_left_is_what_correction_leaves_of_noise(high):
    sensor = SimulatedSensor(ObservationModel.of(SHARP, NoiseModel(snr_db=30)), SHARP, snr_db=30.0)
    measured = sensor.measured(high, seed=0)
    correction = PSFCorrection.of_scene(MemorySource(Cube(measured)), SHARP, 30.0)
    clean = SimulatedSensor(ObservationModel.of(SHARP), SHARP).measured(high, seed=0)
    (part,) = correction.parts
    square = [np.pad(x, ((0, 0), (22, 22), (20, 20)), mode="symmetric") for x in (measured, clean)]
    left = np.subtract(*(part.apply(x)[:, 22:-22, 20:-20] for x in square)).std(axis=(1, 2))
    assert (left < 2.2 * part.residual_noise).all()  # twice as much where all steps are let through
    assert (left > 0.5 * part.residual_noise).all()
