"""Which bands of two scenes belong together, which say nothing, and what is said of scenes that do not fit."""

import math

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from shsrd.cube import Cube, SceneError
from shsrd.evaluation import compare
from shsrd.evaluation.pairing import format_bands, pair_bands, same_crs
from shsrd.metrics import mpsnr

WAVELENGTHS = np.array([450.0, 500, 550, 600, 650, 700])
UTM = {zone: CRS.from_epsg(32600 + zone).to_wkt() for zone in (32, 33)}


def scene(**changes):
    rows, columns = np.mgrid[:32, :40]
    pixels = np.stack([0.3 + 0.02 * b + 0.1 * np.sin(rows / 3 + b) * np.cos(columns / 4) for b in range(6)])
    return Cube(pixels.astype(np.float32), **({"wavelength_nm": WAVELENGTHS} | changes))


def noisy(cube, seed=0):
    noise = np.random.default_rng(seed).normal(scale=0.01, size=cube.shape)
    return cube.replace(pixels=(cube.pixels + noise).astype(np.float32))


def bands(cube, numbers, **changes):
    numbers = np.asarray(numbers)
    return Cube(cube.pixels[numbers], wavelength_nm=cube.wavelength_nm[numbers], **changes)


def with_band(cube, band, values):
    pixels = cube.pixels.copy()
    pixels[band] = values
    return cube.replace(pixels=pixels)


@pytest.mark.parametrize("dead", [0.0, 0.37, -9999.0, 1e30])
@pytest.mark.parametrize("estimated", ["same", "other", "noise"])
def test_a_constant_band_of_the_truth_counts_in_no_figure(dead, estimated):
    truth, estimate = scene(), noisy(scene())
    guess = {"same": dead, "other": 0.5, "noise": noisy(scene(), 1).pixels[3]}[estimated]
    found = compare(with_band(estimate, 3, guess), with_band(truth, 3, dead), 4)
    others = [0, 1, 2, 4, 5]
    expected = compare(bands(estimate, others), bands(truth, others), 4)
    assert (found.ours, found.bicubic, found.bands) == (expected.ours, expected.bicubic, 5)
    assert math.isfinite(found.ours.mpsnr) and math.isfinite(found.bicubic.mpsnr)
    assert list(found.excluded_bands) == [4]
    assert "constant" in found.excluded_bands[4]
    assert found.excluded_bands_json() == [{"band": 4, "reason": found.excluded_bands[4]}]
    assert found.exclusion_notes()[0].startswith("band 4 left out: constant in the reference")


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("whose", ["estimate", "truth"])
def test_a_band_without_a_finite_pixel_counts_in_no_figure(spoilt, whose):
    truth, estimate = scene(), noisy(scene())
    spoil = {"truth": truth, "estimate": estimate}[whose]
    cubes = {"truth": truth, "estimate": estimate} | {whose: with_band(spoil, 2, spoilt)}
    found = compare(cubes["estimate"], cubes["truth"], 4)
    assert found.bands == 5
    assert "finite" in found.excluded_bands[3]
    assert math.isfinite(found.ours.mpsnr) and math.isfinite(found.ours.consistency)


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_single_pixels_that_are_not_finite_do_not_count(spoilt):
    truth, estimate = scene(), noisy(scene())
    holed = truth.pixels.copy()
    holed[1, 5, 5] = spoilt
    found = compare(estimate, truth.replace(pixels=holed), 4)
    assert (found.bands, found.data_range) == (6, 1.0)
    assert found.ours.mpsnr == pytest.approx(compare(estimate, truth, 4).ours.mpsnr, abs=0.05)


def test_bad_bands_are_listed():
    good = np.array([True, False, True, True, True, True])
    found = compare(noisy(scene()), scene(good_bands=good), 4)
    assert found.excluded_bands == {2: "flagged as bad"}


def test_nothing_that_varies_is_refused():
    flat = scene().replace(pixels=np.full((6, 32, 40), 0.2, np.float32))
    with pytest.raises(SceneError, match="constant in the reference"):
        compare(scene(), flat, 4)


def test_an_identical_band_is_left_out_of_mpsnr_only_for_both():
    truth, estimate = scene(), noisy(scene())
    found = compare(with_band(estimate, 0, truth.pixels[0]), truth, 4)
    others = [1, 2, 3, 4, 5]
    alone = compare(bands(estimate, others), bands(truth, others), 4)
    assert found.ours.mpsnr == pytest.approx(alone.ours.mpsnr)
    assert found.bicubic.mpsnr == pytest.approx(alone.bicubic.mpsnr)
    assert found.ours.rmse < alone.ours.rmse  # every other figure counts the perfect band
    assert any("band 1 identical" in note for note in found.notes)


def test_mpsnr_leaves_identical_bands_out_unless_all_are():
    truth = scene().pixels
    estimate = noisy(scene()).pixels
    estimate[2] = truth[2]
    assert mpsnr(estimate, truth) == pytest.approx(mpsnr(np.delete(estimate, 2, 0), np.delete(truth, 2, 0)))
    assert mpsnr(truth, truth) == math.inf


@pytest.mark.parametrize("order", [[5, 4, 3, 2, 1, 0], [3, 0, 1, 2, 5, 4]])
def test_other_band_order_is_matched_by_wavelength(order):
    truth, estimate = scene(), noisy(scene())
    found, expected = compare(bands(estimate, order), truth, 4), compare(estimate, truth, 4)
    assert (found.ours, found.bicubic) == (expected.ours, expected.bicubic)
    assert any("another order" in note for note in found.notes)
    assert expected.notes == ()


def test_wavelengths_rounded_by_a_format_are_the_same():
    rounded = scene(wavelength_nm=WAVELENGTHS + np.array([0.5, -0.5, 0.3, 0, 0, 0]))
    assert compare(rounded, scene(), 4).notes == ()


def test_two_detectors_that_overlap():
    twice = np.array([450.0, 500, 550, 550, 600, 650])
    pairing = pair_bands(scene(wavelength_nm=twice[::-1]), scene(wavelength_nm=twice))
    assert sorted(pairing.estimate.tolist()) == list(range(6))
    assert pairing.reference.tolist() == list(range(6))


def test_a_subset_of_the_bands_is_judged_and_the_rest_named():
    truth, estimate = scene(), noisy(scene())
    found = compare(bands(estimate, [0, 2, 3, 5]), truth, 4)
    expected = compare(bands(estimate, [0, 2, 3, 5]), bands(truth, [0, 2, 3, 5]), 4)
    assert found.ours == expected.ours
    assert set(found.excluded_bands) == {2, 5}
    assert any("bands 2, 5 of" in note for note in found.notes)
    more = compare(estimate, bands(truth, [0, 1]), 4)
    assert more.bands == 2
    assert any("bands 3-6 of" in note for note in more.notes)


@pytest.mark.parametrize("change", [lambda w: w + 10, lambda w: w / 1000, lambda w: np.append(w[:-1], 702)])
def test_other_wavelengths_are_refused_naming_the_first(change):
    changed = change(WAVELENGTHS)
    first = int(np.flatnonzero(np.abs(changed - WAVELENGTHS) > 1)[0])
    with pytest.raises(SceneError, match=f"band {first + 1} of .*est.* {changed[first]:g} nm"):
        compare(scene(wavelength_nm=changed, source="est.tif"), scene(), 4)


def test_one_without_wavelengths_is_compared_in_order_and_said():
    found = compare(noisy(scene(wavelength_nm=None)), scene(), 4)
    assert "no wavelengths" in found.notes[0]
    with pytest.raises(SceneError, match="5 bands"):
        compare(Cube(scene().pixels[:5]), scene(), 4)


@pytest.mark.parametrize(
    ("moved", "said"),
    [
        (Affine.translation(0, 0), False),
        (Affine.translation(0.01, 0), False),
        (Affine.translation(1, 0), True),
        (Affine.translation(0.5, 0.5), True),
        (Affine.scale(1.01), True),
        (Affine.translation(0, 32) * Affine.scale(1, -1), True),
    ],
)
def test_a_shifted_place_is_said(moved, said):
    place = Affine(10, 0, 500_000, 0, -10, 5_000_000)
    truth = scene(crs=UTM[33], transform=place)
    found = compare(noisy(scene(crs=UTM[33], transform=place * moved)), truth, 4)
    assert any("lies elsewhere" in note for note in found.notes) == said


def test_another_crs_is_said():
    place = Affine(10, 0, 500_000, 0, -10, 5_000_000)
    found = compare(noisy(scene(crs=UTM[32], transform=place)), scene(crs=UTM[33], transform=place), 4)
    assert any("EPSG:32632" in note and "EPSG:32633" in note for note in found.notes)
    esri = CRS.from_epsg(32633).to_wkt(version="WKT1_ESRI")
    assert same_crs(esri, UTM[33])
    assert same_crs("no CRS at all", UTM[33])


def test_other_units_are_said():
    counts = scene().replace(pixels=scene().pixels * np.float32(10_000))
    assert any("same unit" in note for note in compare(noisy(scene()), counts, 4).notes)


def test_numbers_are_listed_as_a_person_counts():
    assert format_bands([4]) == "band 5"
    assert format_bands([0, 2, 3, 4]) == "bands 1, 3-5"
