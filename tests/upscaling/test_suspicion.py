"""Values that cannot be pixels are named, left out, and kept as they are."""

import dataclasses

import numpy as np
import pytest

from shsrd.cube import MemorySource, Storage
from shsrd.upscaling.scan import scan_scene


@pytest.fixture
def ordinary(make_scene):
    return make_scene(bands=10, rows=40, columns=30)


def seen(scene):
    return scan_scene(MemorySource(scene), [])


def spoiled(scene, places, value):
    pixels = scene.pixels.copy()
    pixels[places] = value
    return scene.replace(pixels=pixels)


KINDS = {
    "no data in a band": ((3, slice(5, 8), slice(5, 9)), -9999.0, "--nodata -9999"),
    "no data in all bands": ((slice(None), slice(0, 9)), -9999.0, "--nodata -9999"),
    "one pixel of it": ((slice(None), 7, 7), -9999.0, "--nodata -9999"),
    "most of a scene": ((slice(None), slice(0, 30)), -9999.0, "--nodata -9999"),
    "a frame of zeros": ((slice(None), slice(0, 4)), 0.0, "--nodata 0"),
    "65535": ((slice(2, 4), slice(5, 8), slice(5, 9)), 65535.0, "--nodata 65535"),
    "-32768": ((2, slice(None), 6), -32768.0, "--nodata -32768"),
    "one value of 1e30": ((4, 20, 11), 1e30, "1e+30"),
    "floats at their end": ((4, 20, slice(11, 15)), -3.4e38, "-3.4e+38"),
    "a repeated number of one's own": ((4, 20, slice(3, 9)), 777.0, "--nodata 777"),
    "a spike": ((4, 20, 11), 60.0, "isolated extreme"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_named_before_anything_is_computed(ordinary, kind):
    places, value, words = KINDS[kind]
    notes = seen(spoiled(ordinary, places, value)).notes
    assert len(notes) == 1, notes
    assert words in notes[0]


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_are_those_without_them(ordinary, kind):
    places, value, _ = KINDS[kind]
    found, expected = (seen(spoiled(ordinary, places, v)) for v in (value, np.nan))
    for name in ("mean", "covariance", "noise_covariance"):
        np.testing.assert_allclose(getattr(found.statistics, name), getattr(expected.statistics, name), rtol=1e-9)
    np.testing.assert_array_equal(found.extremes, expected.extremes)
    assert expected.notes == ()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("asked", [{}, {"block": 16, "halo": 2}], ids=str)
def test_kept_as_measured_and_nothing_else_changes(ordinary, run, kind, asked):
    """What no-data declared would give, but for the values themselves."""
    places, value, _ = KINDS[kind]
    found, expected = (run(spoiled(ordinary, places, v), overshoot=1.0, **asked) for v in (value, np.nan))
    there = np.isnan(expected.cube.pixels)
    assert there.any()
    np.testing.assert_array_equal(found.cube.pixels[there], np.float32(value))
    np.testing.assert_array_equal(found.cube.pixels[~there], expected.cube.pixels[~there])
    assert found.report.consistency == expected.report.consistency
    assert found.report.output_range == expected.report.output_range
    assert found.report.suspect_notes and not expected.report.suspect_notes


def test_ordinary_scenes_have_no_notes(ordinary, make_scene):
    rng = np.random.default_rng(1)
    shape = ordinary.pixels.shape
    glint = ordinary.pixels.copy()
    glint[:, 10:12, 10:12] = rng.uniform(30, 40, (shape[0], 2, 2))  # in all bands, wider than a pixel
    lines = np.zeros(shape) + rng.normal(size=shape) * 1e-3
    lines[5, 10:14, 10:14] = rng.uniform(5, 9, (4, 4))  # a lamp, in one band
    counts = np.rint(rng.exponential(0.02, size=shape))  # bands of zeros and few ones
    grey = np.broadcast_to(ordinary.pixels[:1], shape)
    saturated = np.minimum(ordinary.pixels, np.quantile(ordinary.pixels, 0.9))
    tail = rng.lognormal(0, 1, shape)
    kinds = [ordinary.pixels, ordinary.pixels - 0.5, glint, lines, counts, grey, saturated, tail]
    for number, pixels in enumerate(kinds):
        assert seen(ordinary.replace(pixels=np.asarray(pixels, np.float32))).notes == (), number


def test_numbers_are_those_of_the_file(ordinary):
    """``--nodata`` takes stored numbers, pixels are scaled."""
    scaled = spoiled(ordinary, (3, 5, slice(5, 8)), np.float32(-9999 * 1e-4))
    notes = seen(scaled.replace(storage=Storage("int16", 1e-4))).notes
    assert [note for note in notes if "--nodata -9999" in note and "band 4" in note]


def test_constant_bands_are_named_and_stay_constant(ordinary, run):
    pixels = ordinary.pixels.copy()
    pixels[[2, 3, 4, 7]] = 0.25
    found = run(ordinary.replace(pixels=pixels), overshoot=1.0)
    assert found.report.suspect_notes == ("4 bands (3-5, 8) are constant (0.25): not shown to the network.",)
    assert (found.cube.pixels[[2, 3, 4, 7]] == np.float32(0.25)).all()
    assert found.report.bands_bicubic == 4


def test_saturated_bands_are_named(ordinary):
    counts = np.minimum(np.rint(ordinary.pixels * 8000), 4095).astype(np.float32)
    notes = seen(ordinary.replace(pixels=counts, storage=Storage("uint16"))).notes
    assert len(notes) == 1 and "4095" in notes[0] and "saturated" in notes[0]


def test_a_band_with_few_values_does_not_spoil_the_others(ordinary, run):
    """Its holes leave next to no pixel that is valid in all bands."""
    pixels = ordinary.pixels.copy()
    pixels[6] = np.nan
    pixels[6, ::9, ::7] = ordinary.pixels[6, ::9, ::7]
    found = run(ordinary.replace(pixels=pixels)).cube.pixels
    assert np.isfinite(np.delete(found, 6, axis=0)).all()
    assert seen(ordinary.replace(pixels=pixels)).statistics.count == ordinary.pixels[0].size


def test_travels_with_the_plan(ordinary):
    import pickle

    found = seen(spoiled(ordinary, (4, 20, 11), 1e30)).outliers
    again = pickle.loads(pickle.dumps(found))
    for each in dataclasses.fields(found):
        np.testing.assert_array_equal(getattr(again, each.name), getattr(found, each.name))
