"""Noise of a push-broom sensor: its variance follows the signal, its stripes the flight, its numbers the seed."""

import numpy as np
import pytest
from pydantic import ValidationError

from shsrd.cube import Cube, SceneError
from shsrd.degradation import NoiseModel, add_noise

SIDE = 256


def steps(*levels, bands=1):
    """Blocks of rows of constant signal, the same in every band."""
    rows = np.repeat(np.array(levels, np.float32), SIDE // len(levels))
    return Cube(np.broadcast_to(rows[None, :, None], (bands, len(rows), SIDE)).copy())


@pytest.mark.parametrize("photon_share", [0.0, 0.4, 1.0])
def test_variance_is_a_constant_and_a_slope(photon_share):
    scene, noise = steps(0.1, 0.2, 0.4, 0.8), NoiseModel(snr_db=30, photon_share=photon_share)
    level = np.sqrt(np.mean(np.square(scene.pixels, dtype=np.float64)))
    (a,), (b,) = noise.variance(np.array([level]))
    added = (add_noise(scene, noise, seed=1).pixels - scene.pixels).reshape(4, -1)
    for step, signal in zip(added, (0.1, 0.2, 0.4, 0.8), strict=True):
        spread = 5 * np.sqrt(2 / step.size)  # five standard deviations of a variance over so many pixels
        assert np.var(step) == pytest.approx(a + b * signal, rel=spread)
        assert abs(step.mean()) < 5 * np.sqrt((a + b * signal) / step.size)
    assert a + b * level == pytest.approx((level / 10**1.5) ** 2)
    assert (b == 0, a == 0) == (photon_share == 0, photon_share == 1)


def test_ratios_may_differ_between_bands():
    scene = steps(0.3, 0.3, bands=3)
    added = add_noise(scene, NoiseModel(snr_db=(20, 30, 40))).pixels - scene.pixels
    ratios = 20 * np.log10(0.3 / added.std(axis=(1, 2)))
    np.testing.assert_allclose(ratios, [20, 30, 40], atol=0.1)


def test_stripes_are_the_same_in_every_row():
    scene = steps(0.2, 0.6)
    plain = add_noise(scene, NoiseModel(snr_db=40)).pixels
    offsets = add_noise(scene, NoiseModel(snr_db=40, stripe_offset=0.5)).pixels - plain
    gains = (add_noise(scene, NoiseModel(snr_db=40, stripe_gain=0.02)).pixels - plain) / scene.pixels
    for stripes, std in ((offsets[0], 0.5 * np.sqrt(0.2) / 100), (gains[0], 0.02)):
        assert np.abs(stripes - stripes[:1]).max() < 1e-6
        assert np.std(stripes[0]) == pytest.approx(std, rel=5 / np.sqrt(2 * SIDE))


def test_noise_of_a_band_depends_on_seed_and_number_alone():
    scene, noise = steps(0.2, 0.6, bands=3), NoiseModel(snr_db=20, photon_share=0.5, stripe_offset=0.3)
    found = add_noise(scene, noise, seed=7).pixels
    np.testing.assert_array_equal(found, add_noise(scene, noise, seed=7).pixels)
    np.testing.assert_array_equal(found[:2], add_noise(steps(0.2, 0.6, bands=2), noise, seed=7).pixels)
    assert np.abs(found - add_noise(scene, noise, seed=8).pixels).min(axis=(1, 2)).max() > 0
    assert abs(np.corrcoef(*(found - scene.pixels)[:2].reshape(2, -1))[0, 1]) < 0.02


def test_white_noise_is_the_plain_ratio():
    scene = steps(0.2, 0.6, bands=2)
    np.testing.assert_array_equal(add_noise(scene, 30).pixels, add_noise(scene, NoiseModel(snr_db=30)).pixels)


def test_missing_pixels_stay_missing_and_do_not_count():
    scene = steps(0.5, 0.5, bands=2)
    scene.pixels[0, :100] = np.nan
    scene.pixels[1] = np.nan
    with np.errstate(all="raise"):
        noisy = add_noise(scene, NoiseModel(snr_db=30, photon_share=1, stripe_gain=0.01)).pixels
    np.testing.assert_array_equal(np.isnan(noisy), np.isnan(scene.pixels))
    assert np.nanstd(noisy[0]) == pytest.approx(np.hypot(0.5 / 10**1.5, 0.005), rel=0.05)


def test_a_dark_band_has_no_noise_and_negative_signals_no_photons():
    dark = add_noise(Cube(np.zeros((1, 8, 8), np.float32)), NoiseModel(snr_db=20, photon_share=0.5))
    assert not dark.pixels.any()
    scene = Cube(np.where(np.arange(64).reshape(1, 8, 8) % 2, -1.0, 1.0).astype(np.float32))
    added = add_noise(scene, NoiseModel(snr_db=20, photon_share=1)).pixels - scene.pixels
    assert not added[scene.pixels < 0].any()
    assert added[scene.pixels > 0].all()


def test_refuses_what_fits_no_scene():
    with pytest.raises(SceneError, match="2 signal-to-noise ratios for 3 bands; give one, or one each"):
        add_noise(steps(0.5, bands=3), NoiseModel(snr_db=(20, 30)))
    for wrong in ({"photon_share": 1.1}, {"stripe_offset": -0.1}, {"stripe_gain": -1}, {"colour": "pink"}):
        with pytest.raises(ValidationError):
            NoiseModel(snr_db=30, **wrong)
