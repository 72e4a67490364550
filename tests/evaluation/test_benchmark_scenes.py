"""Any scenes as a benchmark: degraded, super-resolved and judged as each step by itself would be."""

import numpy as np
import pytest
import torch

from shsrd.cube import Cube, SceneError, Storage
from shsrd.datasets import synthetic_scene
from shsrd.degradation import SENSORS, Degradation, ObservationModel, add_noise, degrade_cube, observe_cube
from shsrd.evaluation import Simulation, benchmark_scenes, compare
from shsrd.io import open_cube, save_cube
from shsrd.model import Network, NetworkConfig, load_weights, save_weights
from shsrd.upscaling import UpscaleOptions, upscale


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """A small network of random detail."""
    torch.manual_seed(0)
    network = Network(NetworkConfig(scale=4, width=8, blocks=1, inject_every=1, denoiser_width=8, denoiser_blocks=1))
    with torch.no_grad():
        network.encoder.head.weight.normal_(std=0.02)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, network, {"stages": []})
    return UpscaleOptions(model=str(path), device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Reflectance whose sides are no multiples of 4, the same in counts, and a scene with a hole and a bad band."""
    folder = tmp_path_factory.mktemp("scenes")
    scene = synthetic_scene(rows=35, columns=41, wavelength_nm=np.linspace(420, 900, 6), seed=1)
    counts = Cube(np.rint(scene.pixels * 4000), wavelength_nm=scene.wavelength_nm, storage=Storage("uint16"))
    pixels = scene.pixels.copy()
    pixels[:, 4:9, 6:12] = np.nan
    holed = scene.replace(pixels=pixels, good_bands=np.arange(6) != 2, storage=Storage())
    for name, cube in {"odd.tif": scene, "counts.npz": counts, "holed.tif": holed}.items():
        save_cube(cube, folder / name)
    return [folder / name for name in ("odd.tif", "counts.npz", "holed.tif")]


def test_each_scene_is_judged_as_by_hand(files, options):
    told = []
    options = options.model_copy(update={"overshoot": None})  # random detail, which bounds would cut off
    found = benchmark_scenes(files, scale=4, options=options, done=lambda name, _: told.append(name))
    assert told == list(found.scenes) == ["odd", "counts", "holed"]
    model = load_weights(options.model)
    for path, comparison in zip(files, found.scenes.values(), strict=True):
        truth = open_cube(path)
        low = degrade_cube(truth, Degradation(scale=4)).replace(storage=Storage())
        assert comparison == compare(upscale(low, 4, options=options, model=model).cube, truth, 4), path
        assert comparison.ours.consistency < 1e-5 < comparison.bicubic.consistency, path
    assert found.scenes["odd"].data_range == 1
    assert found.scenes["counts"].data_range == pytest.approx(open_cube(files[1]).pixels.max())
    assert found.scenes["holed"].bands == 5


def test_the_mean_is_over_scenes_and_json_has_both(files, options):
    found = benchmark_scenes(files[:2], scale=4, options=options)
    plain = found.as_json()
    assert "split" not in plain and "published_results" not in plain
    for who in ("ours", "bicubic"):
        values = [scene[who]["mpsnr"] for scene in plain["scenes"].values()]
        assert values[0] != values[1]
        assert plain["mean"][who]["mpsnr"] == pytest.approx(np.mean(values))


def test_scenes_that_the_weights_were_trained_on_are_named(files, options, tmp_path):
    assert benchmark_scenes(files[:1], scale=4, options=options).trained_on == ()
    stages = [{"scenes": ["odd", "elsewhere"]}, {"scenes": []}, {}]
    path = tmp_path / "seen.safetensors"
    save_weights(path, load_weights(options.model).network, {"stages": stages})
    found = benchmark_scenes(files, scale=4, options=options.model_copy(update={"model": str(path)}))
    assert found.trained_on == ("odd",)
    assert found.as_json()["trained_on"] == ["odd"]


def test_names_stay_apart(files, options, tmp_path):
    other = tmp_path / files[0].name
    save_cube(open_cube(files[0]).crop(rows=16, columns=16), other)
    found = benchmark_scenes([files[0], other, files[1], files[0]], scale=4, options=options)
    assert list(found.scenes) == [str(files[0]), str(other), "counts"]


def test_all_files_are_looked_at_before_anything_is_computed(files, options, tmp_path):
    narrow = tmp_path / "narrow.tif"
    save_cube(open_cube(files[0]).crop(rows=3, columns=20), narrow)
    told = []
    for bad, words in ((narrow, "scale 4 does not fit 3 x 20"), (tmp_path / "none.tif", "no such file")):
        with pytest.raises(SceneError, match=words):
            benchmark_scenes([files[0], bad], scale=4, options=options, done=lambda *found: told.append(found))
    with pytest.raises(SceneError, match="at least one file"):
        benchmark_scenes([], scale=4, options=options)
    assert told == []


def test_a_sensor_is_simulated_and_judged_by_its_own_low_resolution(files, options):
    truth, model = open_cube(files[0]), load_weights(options.model)
    simulation = Simulation("enmap", corrected=False)
    found = benchmark_scenes(files[:1], scale=4, options=options, simulation=simulation).scenes["odd"]
    enmap = Degradation.of_sensor("enmap", scale=4)
    low = degrade_cube(truth, enmap).replace(storage=Storage())
    fine = upscale(low, 4, options=options, model=model).cube
    assert found == compare(fine, truth, 4, degradation=enmap)
    assert found.ours == compare(fine, truth, 4, degradation=enmap).ours != compare(fine, truth, 4).ours


def test_shsrd_is_told_the_sensor_and_both_begin_with_the_same_noise(files, options):
    truth, model = open_cube(files[0]), load_weights(options.model)
    simulation = Simulation("enmap", snr_db=30)
    result = benchmark_scenes(files[:1], scale=4, options=options, simulation=simulation)
    low = add_noise(degrade_cube(truth, Degradation.of_sensor("enmap", scale=4)), 30).replace(storage=Storage())
    fine = upscale(low, 4, options=options.model_copy(update={"sensor": "enmap"}), model=model).cube
    judged = compare(fine, truth, 4, degradation=Degradation.of_sensor("enmap", scale=4), measured=low)
    assert result.scenes["odd"] == judged
    assert result.as_json()["snr_db"] == 30
    assert judged.bicubic.mpsnr < compare(fine, truth, 4).bicubic.mpsnr


def test_a_sensor_of_several_ranges_is_judged_band_by_band(files, options):
    truth, model = open_cube(files[0]), load_weights(options.model)
    observation = ObservationModel.of_sensor("hyperion", scale=4, wavelength_nm=truth.wavelength_nm)
    assert len(observation.groups(truth.shape[0])) > 1
    found = benchmark_scenes(files[:1], scale=4, options=options, simulation=Simulation("hyperion")).scenes["odd"]
    low = observe_cube(truth, observation).replace(storage=Storage())
    fine = upscale(low, 4, options=options.model_copy(update={"sensor": "hyperion"}), model=model).cube
    assert found == compare(fine, truth, 4, degradation=observation)
    exact = truth.crop(rows=truth.shape[1] // 4 * 4, columns=truth.shape[2] // 4 * 4)
    assert compare(exact, truth, 4, degradation=observation).ours.consistency < 1e-6


def test_what_upscale_is_told(options):
    told = Simulation(fwhm=(1.4, 1.2), snr_db=30, fwhm_error=0.2, snr_error_db=-3).upscale_options(options)
    assert (told.sensor, told.snr) == (None, 27)
    assert told.fwhm == pytest.approx((1.68, 1.44))
    assert Simulation("prisma", snr_db=30).upscale_options(options) == options.model_copy(update={"sensor": "prisma"})
    wrong = Simulation("prisma", fwhm_error=-0.1).upscale_options(options)
    assert wrong.sensor is None and wrong.fwhm == pytest.approx(tuple(0.9 * width for width in SENSORS["prisma"].fwhm))
    for plain in (Simulation(), Simulation("prisma", corrected=False), Simulation(kernel="area")):
        assert plain.upscale_options(options) == options.model_copy(update={"kernel": "bicubic"})
    own = options.model_copy(update={"fwhm": (1.2, 1.2)})
    assert Simulation().upscale_options(own) == own
    assert Simulation("prisma", estimated=True).upscale_options(options).fwhm == "auto"


def test_a_degradation_of_another_scale_is_our_own_mistake(files):
    truth = open_cube(files[0])
    with pytest.raises(ValueError, match="give one scale"):
        compare(truth, truth, 4, degradation=Degradation(scale=2))
