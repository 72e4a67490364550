import hashlib
import subprocess
import sys
import time

import numpy as np
import pytest

from shsrd.cube import SceneError
from shsrd.datasets import synthetic_scene
from shsrd.datasets.synthetic.canvas import INDEX, Canvas, cloud
from shsrd.datasets.synthetic.landscape import paint_landscape
from shsrd.datasets.synthetic.materials import MATERIALS, library

LAM = np.arange(400, 2501, 10.0)


def spectrum(name, nm):
    return MATERIALS[name].typical(np.array([float(nm)]))[0]


def digest(**arguments):
    return hashlib.sha256(synthetic_scene(**arguments).pixels.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def scene():
    return synthetic_scene(rows=96, columns=120, seed=3)


def band(scene, nm):
    return scene.pixels[int(np.abs(scene.wavelength_nm - nm).argmin())]


def test_same_seed_same_bytes():
    small = {"rows": 40, "columns": 52, "wavelength_nm": LAM[::20]}
    assert digest(seed=5, **small) == digest(seed=5, **small)
    assert digest(seed=5, **small) != digest(seed=6, **small)


def test_default_is_quick_and_complete():
    begin = time.process_time()
    cube = synthetic_scene()
    assert time.process_time() - begin < 8  # about 1 s of one core
    assert cube.shape == (84, 256, 256)
    assert (cube.wavelength_nm[0], cube.wavelength_nm[-1]) == (400, 2500)
    assert "UTM zone 32N" in cube.crs
    assert (cube.transform.a, cube.transform.e) == (1.0, -1.0)
    assert "not a measurement" in cube.headers["description"]


def test_pixels_are_stored_numbers(scene):
    assert (scene.storage.dtype, scene.storage.scale) == ("int16", 1e-4)
    stored = scene.pixels.astype(float) / scene.storage.scale
    assert np.abs(stored - np.rint(stored)).max() < 1e-2
    assert stored.min() >= 0 and stored.max() < 32767


def test_water_vapour_is_flagged_and_noisy(scene):
    lam = scene.wavelength_nm
    assert not scene.good_bands[(lam > 1350) & (lam < 1440)].any()
    assert scene.good_bands[(lam > 450) & (lam < 1300)].all()
    clean = synthetic_scene(rows=96, columns=120, seed=3, noise=0).pixels
    sigma = (scene.pixels - clean).std(axis=(1, 2))
    assert sigma[~scene.good_bands].min() > 5 * np.median(sigma[scene.good_bands])
    assert np.median(sigma[scene.good_bands]) < 2e-3


def test_visible_list_has_no_bad_band():
    cube = synthetic_scene(rows=16, columns=16, wavelength_nm=np.arange(400, 701, 10.0))
    assert cube.good_bands.all()
    assert cube.shape == (31, 16, 16)
    np.testing.assert_allclose(cube.fwhm_nm, 10)


@pytest.mark.parametrize("size", [(1, 1), (3, 70), (17, 16)])
def test_any_size(size):
    cube = synthetic_scene(rows=size[0], columns=size[1], wavelength_nm=[550.0])
    assert cube.shape == (1, *size)
    assert np.isfinite(cube.pixels).all()


def test_scene_has_vegetation_and_dark_water(scene):
    red, nir, green = band(scene, 660), band(scene, 860), band(scene, 550)
    ndvi = (nir - red) / np.maximum(nir + red, 1e-3)
    ndwi = (green - nir) / np.maximum(green + nir, 1e-3)
    assert (ndvi > 0.6).mean() > 0.1
    water = ndwi > 0.3
    assert water.mean() > 0.01
    assert np.median(nir[water]) < 0.05


def test_several_dimensions_and_sharp_detail(scene):
    clean = synthetic_scene(rows=96, columns=120, seed=3, noise=0).pixels
    flat = clean.reshape(len(clean), -1)
    values = np.linalg.svd(flat - flat.mean(axis=1, keepdims=True), compute_uv=False)
    assert (values > 1e-3 * values[0]).sum() >= 10
    step = np.abs(np.diff(band(scene, 860), axis=1))
    assert np.quantile(step, 0.99) > 0.1


def test_mixing_is_linear_and_inside_the_materials():
    canvas = Canvas(60, 60, 1 / 3)
    paint_landscape(canvas, np.random.default_rng(0))
    assert canvas.cover.max() < len(MATERIALS)
    assert canvas.shadow.min() >= 0 and canvas.shadow.max() <= 1
    assert canvas.light.min() > 0


@pytest.mark.parametrize("name", MATERIALS)
def test_spectra_are_reflectances(name):
    for shape in (MATERIALS[name].typical, MATERIALS[name].altered):
        values = shape(LAM)
        assert values.min() >= 0.001
        assert values.max() <= 0.75
        assert np.abs(np.diff(values)).max() < 0.2


@pytest.mark.parametrize("name", ["cereal", "meadow", "lawn", "broadleaf", "conifer"])
def test_leaves(name):
    red, nir = spectrum(name, 670), spectrum(name, 860)
    assert (nir - red) / (nir + red) > 0.7
    assert spectrum(name, 550) > 1.2 * spectrum(name, 480)
    assert spectrum(name, 550) > 1.2 * spectrum(name, 670)
    assert spectrum(name, 1450) < 0.6 * spectrum(name, 1650)
    assert spectrum(name, 1940) < 0.6 * spectrum(name, 2200)
    assert spectrum(name, 970) < spectrum(name, 1070)


def test_the_other_materials():
    assert spectrum("clear_water", 860) < 0.01 < spectrum("clear_water", 480)
    assert spectrum("turbid_water", 580) > 2 * spectrum("clear_water", 580)
    assert spectrum("red_tile", 650) > 3 * spectrum("red_tile", 480)
    assert spectrum("wet_soil", 1650) < 0.7 * spectrum("dry_soil", 1650)
    assert spectrum("dry_soil", 2205) < 0.97 * spectrum("dry_soil", 2140)
    assert spectrum("membrane", 1725) < 0.85 * spectrum("membrane", 1650)
    assert spectrum("photovoltaic", 1300) > 3 * spectrum("photovoltaic", 900)
    assert spectrum("stubble", 2100) < spectrum("stubble", 2210)


def test_wide_bands_smooth_the_spectra():
    narrow, _ = library(LAM, np.full(LAM.size, 3.0))
    wide, _ = library(LAM, np.full(LAM.size, 60.0))
    assert np.abs(np.diff(wide)).sum() < np.abs(np.diff(narrow)).sum()


def test_cloud_is_standardised():
    field = cloud(Canvas(90, 60, 0.5), 20, np.random.default_rng(0))
    assert abs(field.mean()) < 1e-5
    assert field.std() == pytest.approx(1, abs=1e-4)


def test_shadow_falls_away_from_the_sun_and_paint_covers_it():
    canvas = Canvas(30, 30, 1.0)
    place = canvas.near((15, 15), 3)
    canvas.cast((15.0, 15.0), 3, lambda p: (abs(p.y) < 2) & (abs(p.x) < 2), (-6.0, 0.0))
    assert canvas.shadow[8:16, 15].all() and not canvas.shadow[20:, 15].any()
    canvas.paint(place, np.ones(canvas.shadow[place.window].shape, bool), "metal")
    assert canvas.cover[15, 15] == INDEX["metal"] and canvas.shadow[15, 15] == 0


@pytest.mark.parametrize(
    "wrong", [{"rows": 0}, {"noise": -1}, {"pixel_m": 30}, {"wavelength_nm": [0.55]}, {"wavelength_nm": []}]
)
def test_refuses(wrong):
    with pytest.raises(SceneError, match="synthetic scene"):
        synthetic_scene(**wrong)


def test_import_needs_no_torch():
    code = "import sys, shsrd.datasets, shsrd.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
