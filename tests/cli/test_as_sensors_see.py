"""``--sensor``: low resolution by the published sharpness of a sensor."""

import json
from typing import get_args

import numpy as np
import pytest
import torch

from shsrd.cli.wishes import SensorName
from shsrd.degradation import SENSORS, Degradation, bicubic_up, degrade_cube
from shsrd.io import open_cube, save_cube


@pytest.mark.parametrize("sensor", SENSORS)
def test_degrade_as_a_sensor_sees(shsrd, tmp_path, source, sensor):
    done = shsrd("degrade", source, tmp_path / "low.npz", "--sensor", sensor)
    assert (done.code, done.out) == (0, "")
    expected = degrade_cube(open_cube(source), Degradation.of_sensor(sensor, scale=4)).pixels
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
        assert f"of the input {lowest} to {highest}" in done.err  # as it was measured, corrected or not
    pixels = [open_cube(path).pixels for path in (by_name, by_width, plain)]
    np.testing.assert_allclose(pixels[1], pixels[0], atol=1e-3)
    assert np.nanmax(np.abs(pixels[2] - pixels[0])) > 1e-2


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
        (["--sensor", "enmap", "--snr", "-3"], "--snr -3"),
    ],
)
def test_what_contradicts_itself_is_refused(shsrd, tmp_path, source, asked, words):
    done = shsrd("upscale", source, tmp_path / "out.tif", *asked)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert list(tmp_path.glob("out*")) == []
