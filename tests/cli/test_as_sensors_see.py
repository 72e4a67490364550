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


@pytest.mark.parametrize("command", ["degrade", "evaluate", "benchmark scenes"])
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
