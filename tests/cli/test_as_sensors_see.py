"""``--sensor``: low resolution by the published sharpness of a sensor."""

import json
from typing import get_args

import numpy as np
import pytest
import torch

from shsrd import synthetic_scene
from shsrd.cli.upscale_options import SensorName
from shsrd.degradation import (
    SENSORS,
    Degradation,
    NoiseModel,
    ObservationModel,
    add_noise,
    bicubic_up,
    degrade_cube,
    observe_cube,
)
from shsrd.io import open_cube, save_cube


@pytest.mark.parametrize("sensor", SENSORS)
def test_degrade_as_a_sensor_sees(shsrd, tmp_path, source, sensor):
    done = shsrd("degrade", source, tmp_path / "low.npz", "--sensor", sensor)
    assert (done.code, done.out) == (0, "")
    scene = open_cube(source)
    observation = ObservationModel.of_sensor(sensor, scale=4, wavelength_nm=scene.wavelength_nm)
    expected = observe_cube(scene, observation).pixels
    np.testing.assert_allclose(open_cube(tmp_path / "low.npz").pixels, expected, atol=6e-5)  # stored as int16
    assert np.abs(expected - degrade_cube(open_cube(source), Degradation(scale=4)).pixels).max() > 1e-3


@pytest.mark.parametrize(
    "command", ["degrade", "evaluate", "benchmark scenes", "benchmark cave", "upscale", "upscale-all"]
)
def test_help_lists_the_sensors(shsrd, command):
    assert get_args(SensorName) == tuple(SENSORS)
    explained = shsrd(*command.split(), "--help").out.split("--sensor ", 1)[1]
    assert all(name in explained for name in SENSORS)


def test_evaluate_takes_bicubic_from_what_the_sensor_saw(shsrd, tmp_path, float_scene):
    truth, low = tmp_path / "truth.npz", tmp_path / "low.npz"
    save_cube(float_scene, truth)
    assert shsrd("degrade", truth, low, "--sensor", "prisma").code == 0
    estimate = bicubic_up(torch.from_numpy(open_cube(low).pixels), 4).numpy()
    save_cube(float_scene.replace(pixels=estimate), tmp_path / "estimate.npz")
    seen, plain = (
        json.loads(shsrd("evaluate", tmp_path / "estimate.npz", truth, "--json", *asked).out)
        for asked in (["--sensor", "prisma"], [])
    )
    assert seen["ours"]["mpsnr"] == pytest.approx(seen["bicubic"]["mpsnr"], abs=1e-3)
    assert seen["ours"]["mpsnr"] == plain["ours"]["mpsnr"] < plain["bicubic"]["mpsnr"]


def test_upscale_corrects_for_a_sensor_or_its_width(shsrd, tmp_path, source):
    by_name, by_width, plain = (tmp_path / f"{name}.npz" for name in ("name", "width", "plain"))
    scene = open_cube(source)
    measured = scene.pixels[scene.usable_bands]
    lowest, highest = (f"{float(end(measured)):.5g}" for end in (np.nanmin, np.nanmax))
    for target, asked in ((by_name, ["--sensor", "enmap"]), (by_width, ["--fwhm", "1.435,1.248"]), (plain, [])):
        done = shsrd("upscale", source, target, "--model", "cave-x4-fast", "--channels", "3", *asked)
        assert done.code == 0
        assert ("FWHM" in done.err) is bool(asked)
        assert ("the noise (" in done.err) is bool(asked)
        assert f"of the input {lowest} to {highest}" in done.err  # as it was measured, corrected or not
    pixels = [open_cube(path).pixels for path in (by_name, by_width, plain)]
    np.testing.assert_allclose(pixels[1], pixels[0], atol=1e-3)
    assert np.nanmax(np.abs(pixels[2] - pixels[0])) > 1e-2


def test_the_last_line_tells_what_the_self_check_found(shsrd, tmp_path):
    truth = synthetic_scene(wavelength_nm=np.linspace(450, 900, 3), rows=256, columns=256, seed=3)
    save_cube(degrade_cube(truth, Degradation.of_sensor("prisma", scale=4)), tmp_path / "low.npz")
    asked = ["--sensor", "prisma", "--model", "cave-x4-fast", "--channels", "3"]
    done = shsrd("upscale", tmp_path / "low.npz", tmp_path / "high.npz", *asked)
    assert done.code == 0
    assert "Self-check with the same point spread function and noise: +" in done.err
    assert "dB against bicubic, spectral angle 0." in done.err
    assert "WARNING: bicubic" not in done.err


def test_degrade_adds_the_noise_that_was_asked_for(shsrd, tmp_path, float_scene):
    save_cube(float_scene, tmp_path / "truth.npz")
    for target, asked in (("clean", []), ("noisy", ["--snr", "30"]), ("again", ["--snr", "30"])):
        assert shsrd("degrade", tmp_path / "truth.npz", tmp_path / f"{target}.npz", *asked).code == 0
    clean, noisy, again = (open_cube(tmp_path / f"{name}.npz").pixels for name in ("clean", "noisy", "again"))
    power, noise = np.nanmean(clean**2, axis=(1, 2)), np.nanmean((noisy - clean) ** 2, axis=(1, 2))
    assert np.mean(10 * np.log10(power / noise)) == pytest.approx(30, abs=0.8)  # few pixels
    np.testing.assert_array_equal(noisy, again)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["--sensor", "enmap", "--fwhm", "1.2"], "leave out --fwhm"),
        (["--snr", "40"], "give --sensor or --fwhm"),
        (["--fwhm", "wide"], "--fwhm wide"),
        (["--fwhm", "1,2,3"], "--fwhm 1,2,3"),
        (["--fwhm", "1e-300"], "from 0.1 to 8"),
        (["--sensor", "enmap", "--snr", "-3"], "--snr -3"),
    ],
)
def test_what_contradicts_itself_is_refused(shsrd, tmp_path, source, asked, words):
    done = shsrd("upscale", source, tmp_path / "out.tif", *asked)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert list(tmp_path.glob("out*")) == []


def test_degrade_takes_two_widths_in_pixels_of_the_source(shsrd, tmp_path, float_scene):
    save_cube(float_scene, tmp_path / "truth.npz")
    for kernel in ("gaussian", "detector"):
        done = shsrd("degrade", tmp_path / "truth.npz", tmp_path / f"{kernel}.npz", "--kernel", kernel, "--fwhm", "6,5")
        assert done.code == 0, done.err
        told = f"{kernel}, FWHM (y x x) 6 x 5 pixels of the source, 1.5 x 1.25 of the result: upscale it with --fwhm"
        assert f"{told} 1.5,1.25" in done.err
        of = Degradation(kernel=kernel, fwhm_pixels=6, fwhm_x_pixels=5)
        expected = degrade_cube(open_cube(tmp_path / "truth.npz"), of).pixels
        np.testing.assert_allclose(open_cube(tmp_path / f"{kernel}.npz").pixels, expected, atol=1e-6)


def test_degrade_says_where_widths_differ_between_bands(shsrd, tmp_path, source):
    done = shsrd("degrade", source, tmp_path / "low.npz", "--sensor", "hyperion")
    assert "FWHM (y x x) by band 4.65-4.92 x 4.65-4.92 pixels of the source" in done.err
    plain = shsrd("degrade", source, tmp_path / "plain.npz")
    assert "FWHM" not in plain.err


def test_degrade_adds_photon_noise_and_stripes(shsrd, tmp_path, float_scene):
    save_cube(float_scene, tmp_path / "truth.npz")
    asked = ["--snr", "20", "--shot-noise", "1", "--stripes", "0.5", "--seed", "4"]
    done = shsrd("degrade", tmp_path / "truth.npz", tmp_path / "low.npz", *asked)
    assert done.code == 0, done.err
    noise = NoiseModel(snr_db=20, photon_share=1, stripe_offset=0.5)
    expected = add_noise(degrade_cube(open_cube(tmp_path / "truth.npz"), Degradation()), noise, seed=4).pixels
    np.testing.assert_allclose(open_cube(tmp_path / "low.npz").pixels, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["--shot-noise", "0.5"], "give --snr as well"),
        (["--stripes", "0.5"], "give --snr as well"),
        (["--snr", "30", "--shot-noise", "2"], "--shot-noise 2"),
        (["--snr", "30", "--stripes", "-1"], "--stripes -1"),
        (["--snr", "0"], "--snr 0"),
        (["--snr", "30", "--seed", "-1"], "--seed -1"),
        (["--kernel", "gaussian", "--fwhm", "1,2,3"], "--fwhm: 1,2,3"),
        (["--kernel", "gaussian", "--fwhm", "wide"], "--fwhm: wide"),
        (["--kernel", "gaussian", "--fwhm", "1e9"], "from 0.4 to 32 (0.1 to 8 of the result)"),
        (["--kernel", "gaussian", "--fwhm", "0.01"], "from 0.4 to 32 (0.1 to 8 of the result)"),
        (["--kernel", "area", "--fwhm", "4"], "--kernel gaussian or detector"),
        (["--kernel", "detector", "--fwhm", "2"], "sharper than a detector"),
        (["--sensor", "enmap", "--kernel", "area"], "leave out --kernel"),
    ],
)
def test_degrade_refuses_what_contradicts_itself(shsrd, tmp_path, source, asked, words):
    done = shsrd("degrade", source, tmp_path / "out.tif", *asked)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert list(tmp_path.glob("out*")) == []
