"""What a scene carries with it: no-data, bad bands, georeference, odd values."""

import numpy as np
import pytest
import torch
from affine import Affine

from shsrd.cube import Cube, SceneError, Storage, fill_nodata
from shsrd.degradation import bicubic_up
from shsrd.model import WeightsError
from shsrd.upscaling import UpscaleOptions, upscale
from shsrd.upscaling.reconstruction import round_trip_storage


def bicubic(pixels, scale=2):
    return bicubic_up(torch.from_numpy(fill_nodata(pixels)), scale).numpy()


def finer(mask, scale=2):
    return mask.repeat(scale, axis=-2).repeat(scale, axis=-1)


def test_every_usable_band_gets_detail(make_scene, run):
    scene = make_scene(bands=11)
    result = run(scene)
    assert result.cube.shape == (11, 34, 46)
    assert (np.abs(result.cube.pixels - bicubic(scene.pixels)).max(axis=(1, 2)) > 0.01).all()
    assert result.report.bands_bicubic == 0


@pytest.mark.parametrize("asked", [{}, {"steps": 2}, {"basis": "pca"}], ids=str)
def test_bad_bands_come_out_bicubic(make_scene, run, asked):
    scene = make_scene(bands=7)
    good, pixels = np.ones(7, bool), scene.pixels.copy()
    good[[1, 6]] = False
    pixels[1], pixels[6] = 1e6 * pixels[1], -5
    bad = scene.replace(pixels=pixels, good_bands=good)
    result = run(bad, **asked)
    np.testing.assert_array_equal(result.cube.pixels[~good], bicubic(pixels[~good]))
    np.testing.assert_array_equal(result.cube.good_bands, good)
    without = Cube(pixels[good], wavelength_nm=scene.wavelength_nm[good])
    np.testing.assert_array_equal(result.cube.pixels[good], run(without, **asked).cube.pixels)  # never fed to the model
    assert result.report.bands_bicubic == 2


def test_bands_without_data_stay_without(make_scene, run):
    scene = make_scene(bands=6)
    pixels, good = scene.pixels.copy(), np.ones(6, bool)
    pixels[2] = pixels[4] = np.nan
    good[4] = False
    result = run(scene.replace(pixels=pixels, good_bands=good), uncertainty=True)
    for cube in (result.cube, result.uncertainty):
        assert np.isnan(cube.pixels[[2, 4]]).all()
        assert np.isfinite(cube.pixels[[0, 1, 3, 5]]).all()
    assert result.report.bands_bicubic == 2


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # inf - inf, left out
@pytest.mark.parametrize("asked", [{}, {"steps": 2}, {"basis": "pca"}, {"block": 8}], ids=str)
def test_no_data_stays_in_place(make_scene, run, asked):
    scene = make_scene()
    pixels = scene.pixels.copy()
    pixels[:, 3:6, 4:9] = np.nan  # a hole
    pixels[2, 10, 11] = np.inf  # one dead detector element
    pixels[:, :, 20:] = np.nan  # a border
    result = run(scene.replace(pixels=pixels), **asked)
    np.testing.assert_array_equal(np.isnan(result.cube.pixels), finer(~np.isfinite(pixels)))
    assert not np.isinf(result.cube.pixels).any()


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # inf - inf, left out
def test_no_data_never_bleeds(make_scene, run):
    """Whatever a file stores where there is no data, valid pixels are the same and of ordinary size."""
    scene = make_scene()
    hole = np.zeros(scene.pixels.shape[1:], bool)
    hole[5:9, 6:12] = True
    missing = np.where(hole, np.nan, scene.pixels).astype(np.float32)
    result = run(scene.replace(pixels=missing), basis="bands").cube.pixels
    valid = finer(~hole)
    assert np.abs(result[:, valid]).max() < 5
    everywhere_infinite = np.where(hole, np.inf, scene.pixels).astype(np.float32)
    np.testing.assert_array_equal(run(scene.replace(pixels=everywhere_infinite)).cube.pixels, result)
    rubbish = np.where(hole, -9999, scene.pixels).astype(np.float32)
    undeclared = run(scene.replace(pixels=rubbish)).cube.pixels
    np.testing.assert_array_equal(undeclared[:, valid], result[:, valid])
    assert (undeclared[:, ~valid] == -9999).all()  # kept: nobody said that it means no data


def test_a_hole_is_not_felt_far_away(make_scene, run):
    scene = make_scene(rows=40)
    pixels = scene.pixels.copy()
    pixels[:, :2] = np.nan
    holed = run(scene.replace(pixels=pixels), basis="bands").cube.pixels[:, 60:]
    whole = run(scene, basis="bands").cube.pixels[:, 60:]
    assert np.abs(holed - whole).max() < 0.1  # the scene's moments moved a little, no more


def test_scenes_without_one_pixel_valid_in_all_bands(make_scene, run):
    scene = make_scene(bands=3)
    pixels = scene.pixels.copy()
    pixels[0, :9], pixels[1, 9:] = np.nan, np.nan
    result = run(scene.replace(pixels=pixels))
    np.testing.assert_array_equal(np.isnan(result.cube.pixels), finer(np.isnan(pixels)))


TRANSFORMS = {
    "north up": Affine(30, 0, 691000.125, 0, -30, 5335000.5),
    "rotated": Affine.translation(691000, 5335000) * Affine.rotation(33) * Affine.scale(1.7, -1.9),
    "sheared, south up": Affine(0.3, 0.1, -11.7, -0.05, 0.4, 48.2),
}


@pytest.mark.parametrize("kind", TRANSFORMS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_outer_corners_stay(make_scene, run, kind, scale):
    scene = make_scene(transform=TRANSFORMS[kind], crs="EPSG:32632")
    result = run(scene, scale, uncertainty=True)
    for cube in (result.cube, result.uncertainty):
        assert cube.crs == "EPSG:32632"
        for corner in ((0, 0), (23, 0), (0, 17), (23, 17)):
            before, after = scene.transform * corner, cube.transform * (corner[0] * scale, corner[1] * scale)
            assert np.allclose(before, after, rtol=0, atol=1e-9 * max(1, np.abs(before).max()))
        side = [np.hypot(t.a, t.d) for t in (scene.transform, cube.transform)]
        assert side[0] / side[1] == pytest.approx(scale)


def test_metadata_travels_along(make_scene, run):
    scene = make_scene(
        fwhm_nm=np.linspace(5, 9, 5),
        band_names=tuple("abcde"),
        storage=Storage("int16", 1e-4, 0.0, -9999.0),
        headers={"sensor type": "HySpex", "note": "kept"},
        source="scene.bsq",
    )
    cube = run(scene).cube
    np.testing.assert_array_equal(cube.wavelength_nm, scene.wavelength_nm)
    np.testing.assert_array_equal(cube.fwhm_nm, scene.fwhm_nm)
    assert (cube.band_names, cube.storage, cube.headers, cube.source) == (
        scene.band_names,
        scene.storage,
        scene.headers,
        scene.source,
    )


def test_uncertainty_is_stored_as_floats_with_no_data(make_scene, run):
    scene = make_scene(
        storage=Storage("uint16", 1e-4, 0.0, 65535.0), headers={"description": "a scene", "note": "kept"}
    )
    result = run(scene, uncertainty=True)
    assert result.cube.storage == scene.storage
    assert result.uncertainty.storage == Storage("float32", nodata=-9999.0)
    assert result.uncertainty.headers["note"] == "kept"
    assert "standard deviation" in result.uncertainty.headers["description"]


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 13])
@pytest.mark.parametrize("basis", ["bands", "pca"])
@pytest.mark.parametrize("steps", [0, 2])
def test_any_number_of_bands(make_scene, run, bands, basis, steps):
    scene = make_scene(bands)
    result = run(scene, basis=basis, steps=steps)
    assert result.cube.shape == (bands, 34, 46)
    assert np.isfinite(result.cube.pixels).all()
    assert np.abs(result.cube.pixels - bicubic(scene.pixels)).max() > 0.01
    assert result.report.consistency < 1e-4


def test_wavelengths_may_be_missing(make_scene, run):
    known, unknown = run(make_scene()), run(make_scene(wavelength_nm=None))
    assert unknown.cube.wavelength_nm is None
    assert np.isfinite(unknown.cube.pixels).all()
    assert not np.array_equal(known.cube.pixels, unknown.cube.pixels)  # they are information


@pytest.mark.parametrize("value", [0.0, 0.37, -4.0, 1e8])
@pytest.mark.parametrize("basis", ["bands", "pca"])
@pytest.mark.parametrize("steps", [0, 2])
def test_constant_scenes_stay_constant(run, value, basis, steps):
    scene = Cube(np.full((4, 9, 11), value, np.float32))
    result = run(scene, basis=basis, steps=steps)
    np.testing.assert_allclose(result.cube.pixels, value, rtol=1e-5, atol=1e-5)
    assert result.report.consistency is None  # no range to compare with


def test_a_constant_band_stays_constant_among_others(make_scene, run):
    scene = make_scene()
    pixels = scene.pixels.copy()
    pixels[3] = 0.25
    for basis in ("bands", "pca"):
        result = run(scene.replace(pixels=pixels), basis=basis, consistency=False).cube.pixels
        np.testing.assert_allclose(result[3], 0.25, atol=1e-4)


@pytest.mark.parametrize(("factor", "offset"), [(1, -5), (-1, 0), (1e8, 0), (1e-8, 0), (1, 1e4), (3e8, -1e8)])
@pytest.mark.parametrize("basis", ["bands", "pca"])
def test_units_do_not_matter(make_scene, run, factor, offset, basis):
    """Radiance, counts or reflectance: another unit gives the same picture in that unit."""
    scene = make_scene()
    other = scene.replace(pixels=scene.pixels.astype(np.float64) * factor + offset)
    result = run(other, basis=basis).cube.pixels
    assert np.isfinite(result).all()
    if factor > 0:
        expected = run(scene, basis=basis).cube.pixels.astype(np.float64) * factor + offset
        scale = abs(factor) * np.ptp(scene.pixels)
        rounding = np.abs(other.pixels).max() * 2.0**-24 / scale  # of the input itself
        assert np.abs(result - expected).max() / scale < 2e-3 + 100 * rounding


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (2, 3), (5, 1), (129, 3)])
def test_odd_sizes(make_scene, run, size):
    rows, columns = size
    result = run(make_scene(rows=rows, columns=columns), 3)
    assert result.cube.shape == (5, 3 * rows, 3 * columns)
    assert np.isfinite(result.cube.pixels).all()


def test_the_input_is_left_alone(make_scene, run):
    scene = make_scene()
    pixels = scene.pixels.copy()
    pixels[1, 3, 3] = np.nan
    kept = pixels.copy()
    run(scene.replace(pixels=pixels), uncertainty=True)
    np.testing.assert_array_equal(pixels, kept)


def test_refusals(make_scene, make_model, run):
    with pytest.raises(SceneError, match="no good band has a valid pixel"):
        run(Cube(np.full((3, 5, 6), np.nan, np.float32)))
    with pytest.raises(SceneError, match="no good band has a valid pixel"):
        run(make_scene(good_bands=np.zeros(5, bool)))
    with pytest.raises(SceneError, match="is for scale 4, not 2"):
        run(make_scene(), 2, model=make_model(4))
    with pytest.raises(SceneError, match="scale 7"):
        upscale(make_scene(), 7)
    with pytest.raises(SceneError, match="--samples 8"):
        run(make_scene(), uncertainty=True, steps=4)
    with pytest.raises(SceneError, match="--steps 8"):
        run(make_scene(), samples=4)
    with pytest.raises(SceneError, match="not available"):
        run(make_scene(), device="cuda:99")
    with pytest.raises(WeightsError, match="no model"):
        upscale(make_scene(), 4, options=UpscaleOptions(model="no-such-model"))


@pytest.mark.parametrize(
    "wrong", [{"detail": 1.1}, {"steps": -1}, {"tile": 0}, {"block": 7}, {"seed": -1}, {"basis": "x"}, {"Tile": 9}]
)
def test_impossible_options_are_errors(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        UpscaleOptions(**wrong)


def test_the_report_says_what_was_done(make_scene, run):
    report = run(make_scene(), basis="pca", steps=3, samples=2, seed=5).report
    assert report.as_json() == {
        "model": "random",
        "fingerprint": "0" * 16,
        "scale": 2,
        "basis": "pca",
        "channels": 5,
        "steps": 3,
        "samples": 2,
        "seed": 5,
        "bands_bicubic": 0,
        "consistency": report.consistency,
        "self_check_gain_db": None,  # the scene is too small to tell
        "self_check_sam_ratio": None,
        "worse_than_bicubic": False,
        "bands_attenuated": 0,
        "device": "cpu",
        "precision": "fp32",
        "ensemble": 1,
        "stride": 3,
        "sensor": None,
        "psf_origin": "assumed",
        "fwhm_error": None,
        "fwhm": None,
        "fwhm_requested": None,
        "snr_db": None,
        "sensor_gain_db": None,
        "sensor_sam_ratio": None,
        "noise": None,
        "input_range": report.input_range,
        "output_range": report.output_range,
        "values_clipped": 0,
        "suspect_notes": (),
        "suspects_excluded": False,
        "notes": (),
    }


def test_stored_values_are_rounded_and_clipped():
    storage = Storage("int16", 1e-4, 0.5)
    given = np.array([0.5, 0.50014, 0.50016, 1e6, -1e6], np.float32)
    expected = np.array([0.5, 0.5001, 0.5002, 0.5 + 3.2767, 0.5 - 3.2768])
    np.testing.assert_allclose(round_trip_storage(torch.from_numpy(given), storage), expected, rtol=1e-6)
    np.testing.assert_array_equal(round_trip_storage(torch.from_numpy(given), Storage()), given)
