"""Scenes of a sensor: the same pixels whatever is read, nothing of the input changed, and a sharper output."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from shsrd import synthetic_scene
from shsrd.cube import Cube, MemorySource, SceneError
from shsrd.degradation import SENSORS, Degradation, degrade, degrade_cube
from shsrd.io import open_cube, open_source, save_cube
from shsrd.spectral import scene_statistics
from shsrd.upscaling import Job, UpscaleOptions, upscale, upscale_file
from shsrd.upscaling.correction import CorrectedSource, PSFCorrection, estimate_noise_std, leading_components
from shsrd.upscaling.sensor_self_check import correct_simulated, simulate_measurement

FAST = {"model": "cave-x4-fast", "channels": 3, "device": "cpu", "precision": "fp32"}


@pytest.fixture(scope="module")
def truth():
    return synthetic_scene(wavelength_nm=np.linspace(450, 900, 12), rows=256, columns=320, seed=3, noise=0.1)


@pytest.fixture(scope="module")
def low(truth):
    return degrade_cube(truth, Degradation.of_sensor("prisma", scale=4))


def source_of(cube, sensor="enmap", snr=None):
    memory, degradation = MemorySource(cube), Degradation.of_sensor(sensor, scale=4)
    return CorrectedSource(memory, PSFCorrection.of_scene(memory, degradation, snr))


def seen_by(sensor, correction):
    return replace(correction, parts=tuple(replace(part, sensor=sensor) for part in correction.parts))


def rmse(a, b):
    return float(np.sqrt(np.square(a - b).mean()))


def test_any_rectangle_holds_the_pixels_of_the_whole(make_scene):
    scene = make_scene(bands=4, rows=150, columns=300)
    whole = source_of(scene).read(slice(0, 150), slice(0, 300))
    part = source_of(scene).read(slice(100, 149), slice(7, 290))
    np.testing.assert_array_equal(part, whole[:, 100:149, 7:290])


def test_a_source_travels_to_another_process(tmp_path, make_scene):
    save_cube(make_scene(bands=4, rows=40, columns=30), tmp_path / "scene.tif")
    source = open_source(tmp_path / "scene.tif")
    here = CorrectedSource(source, PSFCorrection.of_scene(source, Degradation.of_sensor("enmap", scale=4)))
    there = pickle.loads(pickle.dumps(here))
    whole = (slice(0, 40), slice(0, 30))
    np.testing.assert_array_equal(there.read(*whole), here.read(*whole))
    there.close()
    here.close()


def test_the_scene_itself_is_left_alone(make_scene):
    scene = make_scene(bands=4, rows=128, columns=128)
    before = scene.pixels.copy()
    assert rmse(source_of(scene).read(slice(0, 128), slice(0, 128)), before) > 0
    np.testing.assert_array_equal(scene.pixels, before)


def test_missing_pixels_and_bad_bands_stay_as_they_are(make_scene):
    scene = make_scene(bands=5, rows=40, columns=50, good_bands=np.array([1, 1, 0, 1, 1], bool))
    pixels = scene.pixels.copy()
    pixels[:, 10:20, :30], pixels[1, 0, 0] = np.nan, np.nan
    holed = scene.replace(pixels=pixels)
    found = source_of(holed).read(slice(0, 40), slice(0, 50))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(pixels))
    np.testing.assert_array_equal(found[2], pixels[2])
    assert np.nanmax(np.abs(found - pixels)) < 0.5  # no hole rings


@pytest.mark.parametrize("sigma", [0.002, 0.01])
def test_noise_of_every_band_is_found(low, sigma):
    rng = np.random.default_rng(0)
    noisy = low.pixels + sigma * rng.standard_normal(low.shape).astype(np.float32)
    found, own = (estimate_noise_std(scene_statistics(pixels)) for pixels in (noisy, low.pixels))
    assert np.median(own) < 0.5 * sigma
    np.testing.assert_allclose(found, sigma, rtol=0.3)


def test_the_sensor_brings_sharper_pixels(truth, low):
    plain, requested = (upscale(low, options=UpscaleOptions(**FAST, **asked)) for asked in ({}, {"sensor": "prisma"}))
    assert rmse(requested.cube.pixels, truth.pixels) < 0.8 * rmse(plain.cube.pixels, truth.pixels)
    assert requested.report.sensor == "prisma"
    assert requested.report.fwhm == pytest.approx((1.705, 1.705), abs=2e-3)
    assert requested.report.consistency < 0.01  # by the sensor's own kernel, not the bicubic one
    assert plain.report.fwhm is None


def test_the_output_agrees_with_the_measurement_down_to_the_noise_and_no_further(low, truth):
    rng = np.random.default_rng(0)
    noisy = low.replace(pixels=low.pixels + 0.005 * rng.standard_normal(low.shape).astype(np.float32))
    for scene, most in ((low, 0.35), (noisy, 1.001)):  # of the error without consistency
        requested = UpscaleOptions(**FAST, sensor="prisma", self_check=False, overshoot=None)
        without, found = (
            upscale(scene, options=requested.model_copy(update={"consistency": asked})) for asked in (False, True)
        )
        assert found.report.consistency < most * without.report.consistency
        assert rmse(found.cube.pixels, truth.pixels) < 1.005 * rmse(without.cube.pixels, truth.pixels)
    assert 0.7 < found.report.consistency_noise_ratio < 1.2  # noise is left where it is


def test_holes_are_not_taken_for_something_that_was_missed(low):
    pixels = low.pixels.copy()
    pixels[:, 20:40, 30:50] = np.nan
    options = UpscaleOptions(**FAST, sensor="prisma", self_check=False)
    whole, holed = (upscale(scene, options=options).cube.pixels for scene in (low, low.replace(pixels=pixels)))
    far = (slice(None), slice(None), slice(4 * 80 - 40, None))
    assert np.isnan(holed[:, 4 * 20 : 4 * 40, 4 * 30 : 4 * 50]).all()
    assert rmse(holed[far], whole[far]) < 0.02
    assert np.nanmax(np.abs(holed - whole)) < 0.5


def test_the_self_check_measures_once_more_with_the_same_sensor(truth):
    """Of 64 x 80 pixels, 16 x 20 are what the sensor would deliver; correction and network win against bicubic."""
    low = degrade_cube(truth, Degradation.of_sensor("prisma", scale=4))
    report = upscale(low, options=UpscaleOptions(**FAST, sensor="prisma")).report
    assert report.sensor_gain_db > max(report.self_check_gain_db, 0.5)
    assert 0 < report.sensor_sam_ratio < 1
    plain = upscale(low, options=UpscaleOptions(**FAST)).report
    assert plain.sensor_gain_db is None


def test_what_is_measured_again_has_blur_and_noise(low):
    correction = source_of(low, "prisma", 20).correction
    scene = np.ascontiguousarray(low.pixels[None, :, :64, :80])
    delivered = simulate_measurement(correction, scene)
    expected = degrade(torch.from_numpy(scene), Degradation.of_sensor("prisma", scale=4)).numpy()
    noise = (delivered - expected)[0].std(axis=(1, 2))
    np.testing.assert_allclose(noise, correction.noise, rtol=0.2)
    np.testing.assert_array_equal(simulate_measurement(correction, scene), delivered)
    assert correct_simulated(correction, delivered).shape == delivered.shape


def test_uncertainty_includes_the_noise_that_correction_left(low):
    options = UpscaleOptions(sensor="enmap", uncertainty=True, channels=3, self_check=False, consistency=False)
    noisy, quiet = (upscale(low, 4, options=options.model_copy(update={"snr": snr})) for snr in (25.0, 90.0))
    left = PSFCorrection.of_scene(MemorySource(low), Degradation.of_sensor("enmap"), 25.0).residual_noise[:, None, None]
    assert (noisy.uncertainty.pixels >= 0.999 * left).all()
    assert (quiet.uncertainty.pixels < left).mean() > 0.05


def test_a_width_says_what_a_sensor_says(low):
    sensor, width = (
        upscale(low, options=UpscaleOptions(**FAST, **asked))
        for asked in ({"sensor": "prisma"}, {"fwhm": SENSORS["prisma"].fwhm})
    )
    np.testing.assert_allclose(width.cube.pixels, sensor.cube.pixels, atol=1e-5)


def test_noise_that_is_told_is_smoothed_more(low):
    rng = np.random.default_rng(0)
    noisy = low.replace(pixels=low.pixels + 0.02 * rng.standard_normal(low.shape).astype(np.float32))
    corrections = [source_of(noisy, "prisma", snr).correction for snr in (60, 15)]
    sensor = Degradation.of_sensor("prisma", scale=4)
    some, much = (
        CorrectedSource(MemorySource(noisy), seen_by(sensor, correction)).read(slice(0, 64), slice(0, 80))
        for correction in corrections
    )
    assert np.abs(np.diff(much)).mean() < 0.5 * np.abs(np.diff(some)).mean()
    assert corrections[0].parts[0].sensor.fwhm_pixels < 0.8 * sensor.fwhm_pixels  # sharpened noise rings, too
    assert corrections[1].fwhm_requested is None


def test_a_width_with_which_the_scene_rings_is_lowered_and_that_is_said(low):
    found, (along_y, along_x) = {}, SENSORS["prisma"].fwhm
    for share in (1, 1.3):
        fwhm = (share * along_y, share * along_x)
        found[share] = upscale(low, options=UpscaleOptions(**FAST, fwhm=fwhm, self_check=False)).report
    assert found[1].fwhm_requested is None
    assert found[1].fwhm == pytest.approx((along_y, along_x))
    assert found[1.3].fwhm_requested == pytest.approx((1.3 * along_y, 1.3 * along_x))
    assert found[1.3].fwhm[0] < 1.15 * along_y


def test_the_leading_component_is_looked_at_where_it_was_measured(make_scene):
    scene = make_scene(bands=4, rows=150, columns=300)
    pixels = scene.pixels.copy()
    pixels[2, :20], pixels[:, 140:, 290:] = np.nan, np.nan
    memory = MemorySource(scene.replace(pixels=pixels))
    correction = PSFCorrection.of_scene(memory, Degradation.of_sensor("enmap", scale=4))
    [(squares, valid)] = leading_components(memory, correction)
    assert squares.shape == valid.shape == (4, 176, 176)
    assert np.isfinite(squares).all()
    assert valid[0].sum() == (128 - 20) * 128  # the block at the upper left
    assert not valid[:, :24].any()
    assert valid[-1].sum() == 22 * 44 - 10 * 10  # the one at the lower right


def test_no_tile_and_no_file_changes_a_byte(tmp_path, make_scene, make_model):
    scene = make_scene(bands=4, rows=150, columns=140, wavelength_nm=None)
    save_cube(scene, tmp_path / "scene.npy")
    asked = UpscaleOptions(device="cpu", precision="fp32", fwhm=(1.5, 1.3), block=16, self_check=False)
    outputs = []
    for tile in (16, 64):
        target = tmp_path / f"{tile}.npy"
        options = asked.model_copy(update={"tile": tile})
        upscale_file(Job(tmp_path / "scene.npy", target, 2, options, opening={"axes": "byx"}), model=make_model(2))
        outputs.append(target.read_bytes())
    assert outputs[0] == outputs[1]
    memory = upscale(scene, 2, options=asked, model=make_model(2)).cube.pixels
    np.testing.assert_array_equal(open_cube(tmp_path / "16.npy", axes="byx").pixels, memory)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"sensor": "enmap", "fwhm": (1.2, 1.2)}, "--fwhm"),
        ({"snr": 40}, "--sensor or --fwhm"),
        ({"sensor": "hubble"}, "choose one of"),
    ],
)
def test_contradicting_options_are_refused(make_scene, run, asked, words):
    with pytest.raises(SceneError, match=words):
        run(make_scene(), **asked)


@pytest.mark.parametrize("value", [0, 1, 0.3])
def test_a_constant_scene_is_not_corrected(make_scene, run, value):
    scene = make_scene(bands=4)
    report = run(scene.replace(pixels=np.full(scene.shape, value, np.float32)), sensor="enmap").report
    assert (report.fwhm, report.snr_db, report.sensor, report.sensor_gain_db) == (None, None, None, None)
    assert not report.exceeds_input_range


def test_consistency_is_a_share_of_what_was_measured(run):
    noise = np.random.default_rng(0).standard_normal((4, 48, 48)).astype(np.float32)
    report = run(Cube(noise), sensor="enmap", self_check=False).report
    assert report.noise == pytest.approx(1 / (noise.max() - noise.min()), rel=0.1)
    assert report.consistency == pytest.approx(report.noise, rel=0.2)


def test_a_band_of_noise_that_correction_makes_constant_is_still_a_band(run):
    slope = np.indices((32, 32)).sum(axis=0) * np.linspace(0.001, 0.01, 6)[:, None, None]
    noise = 0.5 + 1e-7 * np.random.default_rng(0).standard_normal((2, 32, 32))
    cube = Cube(np.concatenate([slope, noise]).astype(np.float32))
    correction = source_of(cube).correction
    assert correction.usable.all()
    corrected = source_of(cube).read(slice(0, 32), slice(0, 32))
    assert (np.ptp(corrected[6:], axis=(1, 2)) == 0).any()  # in single precision
    result = run(cube, sensor="enmap")
    assert result.report.bands_bicubic == 0
    assert np.isfinite(result.cube.pixels).all()


def test_a_detector_of_noise_alone_is_refused(run, monkeypatch):
    cube = Cube(np.random.default_rng(0).random((4, 24, 24)).astype(np.float32))
    monkeypatch.setattr(PSFCorrection, "apply", lambda self, block: np.full_like(block, 0.5))
    with pytest.raises(SceneError, match=r"noise alone.*--kernel bicubic"):
        run(cube, sensor="enmap")
