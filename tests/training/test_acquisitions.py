import numpy as np
import pytest
import torch

from shsrd.cube import Cube, MemorySource
from shsrd.degradation import Degradation, degrade
from shsrd.model import SpectralInformation, load_weights
from shsrd.spectral import CONTENT_FEATURES, DESCRIPTOR_FEATURES
from shsrd.training.acquisitions import Sensor, corrected_scene
from shsrd.training.config import SceneAugmentation
from shsrd.training.drawing import generator_of
from shsrd.training.scenes import SceneSource
from shsrd.training.start import starting_network
from shsrd.training.validation import scene_validator
from shsrd.upscaling import UpscaleOptions
from shsrd.upscaling.correction import as_bicubic

SCALE = 2
SHARP = Degradation(kernel="gaussian", scale=SCALE, fwhm_pixels=2.8, fwhm_x_pixels=3.2)


@pytest.fixture
def high(make_scene):
    return make_scene(bands=8, rows=48, columns=56, seed=3).pixels


def source_of(scene_folder, **changes):
    augmentation = SceneAugmentation(**{"sensors": 1.0, "sensor_count": 2, **changes})
    return SceneSource(scene_folder, augmentation, scale=SCALE, patch=16, guides="napc")


def test_scenes_are_corrected_as_in_use(high):
    sensor = Sensor.known(SHARP, 40.0)
    measured = sensor.measured(high, np.random.default_rng(0))
    seen, acquisition = corrected_scene(measured, sensor)
    options = UpscaleOptions(fwhm=(1.4, 1.6))
    source = as_bicubic(MemorySource(Cube(measured)), options, SCALE)
    np.testing.assert_array_equal(seen, source.read(slice(0, seen.shape[1]), slice(0, seen.shape[2])))
    np.testing.assert_allclose(acquisition.fwhm, np.tile([1.4, 1.6], (8, 1)), rtol=1e-9)
    assert (acquisition.noise > 0).all()


@pytest.mark.parametrize("photons", [0.0, 1.0])
def test_noise_has_the_strength_that_was_asked_for(high, photons):
    clean = degrade(torch.from_numpy(high), SHARP).numpy()
    sensor = Sensor(SHARP, SHARP, snr_db=30.0, photons=photons)
    noise = sensor.measured(high, np.random.default_rng(1)) - clean
    power = np.square(clean, dtype=np.float64).mean(axis=(1, 2))
    ratio = np.square(noise, dtype=np.float64).mean(axis=(1, 2)) / (power / 1000)
    np.testing.assert_allclose(ratio.mean(), 1, atol=0.1)
    dark = clean < np.median(clean, axis=(1, 2), keepdims=True)
    more_in_light = np.square(noise[~dark]).mean() / np.square(noise[dark]).mean()
    assert (more_in_light > 1.1) == (photons > 0)


def test_random_sensors_differ_and_are_reproducible():
    sensors = [Sensor.random(SCALE, np.random.default_rng(seed)) for seed in range(200)]
    assert sensors[7] == Sensor.random(SCALE, np.random.default_rng(7))
    widths = np.array([(s.degradation.fwhm_pixels, s.degradation.fwhm_x_pixels) for s in sensors]) / SCALE
    assert 0.7 <= widths.min() < 0.8
    assert 2.0 < widths.max() <= 2.1
    believed = np.array([s.believed.fwhm_pixels for s in sensors]) / SCALE / widths[:, 0]
    assert 0.5 < (np.abs(believed - 1) < 1e-9).mean() < 0.7
    assert (believed.min(), believed.max()) == pytest.approx((0.8, 1.25), abs=0.03)
    assert {s.snr_db is None for s in sensors} == {True, False}
    assert all(s.believed_snr_db is None for s in sensors if s.snr_db is None)
    assert {s.photons > 0 for s in sensors if s.snr_db is None} == {False}


def test_batches_hold_the_acquisition_and_are_a_function_of_the_generator(scene_folder):
    first, second = (source_of(scene_folder).draw(4, generator_of(0, 5, 0)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.tensors(), second.tensors(), strict=True))
    told = first.information.descriptor[:, CONTENT_FEATURES:].reshape(-1, 4)
    assert (told[:, 0] == 1).all()
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
    network = starting_network(config, start)
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
