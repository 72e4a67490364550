"""Random sensors: reproducible, within their ranges, as often of each kind as asked."""

import numpy as np
import pytest
from pydantic import ValidationError

from shsrd.cube import Cube
from shsrd.degradation import ObservationRanges, observe_cube, random_observation

MANY = 400


@pytest.fixture(scope="module")
def sensors():
    rng = np.random.default_rng(0)
    return [random_observation(rng, bands=3) for _ in range(MANY)]


def test_the_same_seed_gives_the_same_sensors(sensors):
    rng = np.random.default_rng(0)
    assert [random_observation(rng, bands=3) for _ in range(MANY)] == sensors
    assert random_observation(np.random.default_rng(1), bands=3) != sensors[0]


def test_what_comes_out_does_not_change_what_comes_next():
    plain, noiseless = (ObservationRanges(noiseless=share, bicubic=0, detector=0) for share in (0.0, 1.0))
    first, second = np.random.default_rng(0), np.random.default_rng(0)
    for _ in range(5):
        assert random_observation(first, bands=3, ranges=plain).fwhm == (
            random_observation(second, bands=3, ranges=noiseless).fwhm
        )


def test_all_lie_within_their_ranges(sensors):
    widths = np.array([sensor.fwhm for sensor in sensors if sensor.fwhm is not None])
    assert 0.6 <= widths.min() < 0.65 and 2.15 < widths.max() <= 2.2
    assert (np.abs(widths / widths.mean(axis=1, keepdims=True) - 1) < 0.06).all()  # bands differ by little
    assert (widths[:, 0] != widths[:, 2]).any()
    assert abs(np.corrcoef(widths[:, 1].T)[0, 1]) < 0.2  # axes are independent
    ratios = np.array([sensor.noise.snr_db for sensor in sensors if sensor.noise])
    assert 20 <= ratios.min() < 22 and 58 < ratios.max() <= 60


def test_every_kind_comes_up_as_often_as_asked(sensors):
    kernels = [sensor.kernel for sensor in sensors]
    assert kernels.count("bicubic") / MANY == pytest.approx(0.2, abs=0.07)
    assert 0.08 < kernels.count("detector") / MANY < 0.27  # fewer: narrow ones are left to the Gaussian
    assert [sensor.fwhm is None for sensor in sensors] == [kernel == "bicubic" for kernel in kernels]
    noises = [sensor.noise for sensor in sensors]
    assert noises.count(None) / MANY == pytest.approx(0.2, abs=0.07)
    striped = [noise.stripe_offset > 0 for noise in noises if noise]
    assert 0.03 < np.mean(striped) < 0.2
    shares = [noise.photon_share for noise in noises if noise]
    assert min(shares) < 0.05 and max(shares) > 0.95


def test_every_sensor_can_observe(sensors):
    cube = Cube(np.random.default_rng(0).random((3, 16, 16), np.float32))
    for sensor in sensors[:40]:
        assert np.isfinite(observe_cube(cube, sensor).pixels).all()


@pytest.mark.parametrize("bands", [1, 2, 31])
def test_any_number_of_bands(bands):
    ranges = ObservationRanges(bicubic=0, noiseless=0)
    sensor = random_observation(np.random.default_rng(0), bands=bands, scale=2, ranges=ranges)
    assert len(sensor.fwhm) == len(sensor.noise.snr_db) == bands


def test_ranges_are_shares():
    with pytest.raises(ValidationError):
        ObservationRanges(bicubic=1.5)
