"""Scenes of two detectors come out as two scenes do: nothing of one is in the other."""

import numpy as np
import pytest

from shsrd.cube import MemorySource
from shsrd.io import describe
from shsrd.spectral import scene_statistics
from shsrd.upscaling import UpscaleOptions
from shsrd.upscaling.detectors import detector_bases, shared_channels
from shsrd.upscaling.inference import Engine
from shsrd.upscaling.plan import make_plan


def two_detectors(make_scene, first=5, second=4, **size):
    """A scene of two detectors, the second a pixel aside, and the two as scenes of their own."""
    whole = make_scene(bands=first + second, **size)
    pixels = whole.pixels.copy()
    pixels[first:] = np.roll(pixels[first:], 1, axis=2)
    names = ["VNIR"] * first + ["SWIR"] * second
    joined = whole.replace(pixels=pixels)
    joined = joined.replace(headers=joined.metadata.with_detectors(names).headers)
    return joined, [only(joined, part) for part in (slice(0, first), slice(first, None))]


def only(cube, bands):
    return cube.replace(
        pixels=cube.pixels[bands],
        wavelength_nm=cube.wavelength_nm[bands],
        good_bands=cube.good_bands[bands],
        headers={},
    )


@pytest.mark.parametrize("sizes", [(5, 4), (14, 13), (1, 4), (2, 2), (1, 1)], ids=str)
@pytest.mark.parametrize("asked", [{}, {"uncertainty": True}, {"basis": "pca", "channels": 6}], ids=str)
def test_two_detectors_come_out_as_two_scenes(make_scene, run, sizes, asked):
    joined, alone = two_detectors(make_scene, *sizes)
    together = run(joined, self_check=False, **asked)
    if asked.get("basis") == "pca":
        asked = {**asked, "channels": 3}
    apart = [run(cube, self_check=False, **asked) for cube in alone]
    np.testing.assert_allclose(together.cube.pixels, np.concatenate([a.cube.pixels for a in apart]), atol=2e-5)
    if asked.get("uncertainty"):
        np.testing.assert_allclose(
            together.uncertainty.pixels, np.concatenate([a.uncertainty.pixels for a in apart]), rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize("asked", [{}, {"basis": "pca"}, {"steps": 2}, {"channels": 6}], ids=str)
def test_nothing_of_one_detector_is_in_the_other(make_scene, run, asked):
    joined, _ = two_detectors(make_scene, 14, 13)
    changed = joined.pixels.copy()
    changed[14:, 8, 9] += 0.2
    before, after = (
        run(cube, self_check=False, **asked).cube.pixels for cube in (joined, joined.replace(pixels=changed))
    )
    np.testing.assert_array_equal(after[:14], before[:14])
    assert np.abs(after[14:] - before[14:]).max() > 0.05


def test_the_order_of_bands_does_not_mix_detectors(make_scene, run):
    joined, _ = two_detectors(make_scene, 5, 4)
    order = [0, 5, 1, 6, 2, 7, 3, 8, 4]
    names = [joined.detectors[band] for band in order]
    mixed = only(joined, order)
    mixed = mixed.replace(headers=mixed.metadata.with_detectors(names).headers)
    usual = run(joined, self_check=False).cube.pixels
    np.testing.assert_allclose(run(mixed, self_check=False).cube.pixels, usual[order], atol=2e-6)


def test_a_scene_of_one_detector_is_as_ever(make_scene, run):
    scene = make_scene(bands=9)
    named = scene.replace(headers=scene.metadata.with_detectors(["one"] * 9).headers)
    np.testing.assert_array_equal(run(named).cube.pixels, run(scene).cube.pixels)


def test_the_self_check_judges_each_detector_by_itself(make_scene, make_model):
    joined, alone = two_detectors(make_scene, 5, 4, rows=64, columns=64)
    engine = Engine(make_model().network, precision="fp32")
    plans = [make_plan(MemorySource(cube), engine, UpscaleOptions(device="cpu")) for cube in (joined, *alone)]
    gains = [plan.domain.gain for plan in plans]
    np.testing.assert_allclose(gains[0], np.concatenate(gains[1:]), rtol=1e-4)


def test_the_network_sees_no_more_of_two_detectors_than_of_one(make_scene):
    statistics = [scene_statistics(make_scene(bands=bands).pixels) for bands in (91, 133)]
    assert shared_channels(statistics, "bands", None) == [12, 12]
    assert shared_channels(statistics, "bands", 6) == [3, 3]
    assert shared_channels(statistics, "bands", 10) == [5, 5]
    assert sum(shared_channels(statistics, "pca", None)) <= 12
    few = [scene_statistics(make_scene(bands=bands).pixels) for bands in (63, 2, 1)]
    assert shared_channels(few, "bands", None) == [21, 2, 1]
    assert shared_channels(few[1:], "bands", None) == [None, None]


def test_bands_of_a_frame_are_those_of_its_detector(make_scene):
    scene = make_scene(bands=40)
    parts = [np.arange(0, 40, 2), np.arange(1, 40, 2)]
    bases = detector_bases(scene_statistics(scene.pixels), "bands", parts, scene.wavelength_nm, guides="mnf")
    for part, basis in zip(parts, bases, strict=True):
        np.testing.assert_array_equal(basis.bands, part)
        np.testing.assert_allclose(basis.guided.basis.mean, scene.pixels[part].mean(axis=(1, 2)), rtol=1e-5)


def test_info_tells_the_detectors(make_scene):
    joined, alone = two_detectors(make_scene)
    assert describe(joined)["detectors"] == ["VNIR 1-5", "SWIR 6-9"]
    assert describe(alone[0])["detectors"] is None
