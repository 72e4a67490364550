"""Every command once from end to end; results on stdout, remarks on stderr."""

import json
import re

import h5py
import numpy as np
import pytest
import torch
from rich.console import Console

from shsrd.cli.main import COMMANDS
from shsrd.cube import Storage
from shsrd.datasets import synthetic_scene
from shsrd.io import open_cube, save_cube
from shsrd.metrics import DEFINITIONS
from shsrd.model import Network, NetworkConfig, bundled_models, int8_supported, save_weights

SUFFIXES = (".img", ".tif", ".npz", ".nc", ".mat")


def strict(text):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("command", [[], ["--help"], ["-h"]])
def test_help_names_every_command(shsrd, command):
    done = shsrd(*command)
    assert (done.code, done.err) == (0, "")
    assert all(f"\n  {name} " in done.out for name in COMMANDS)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("pretrain", "transfer")])
def test_every_command_explains_itself(shsrd, command):
    done = shsrd(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"shsrd {command}" in done.out


def test_version(shsrd):
    from shsrd import __version__

    assert shsrd("--version").out == f"shsrd {__version__}\n"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_info(shsrd, tmp_path, scene, suffix):
    path = tmp_path / f"scene{suffix}"
    save_cube(scene, path)
    table = shsrd("info", path)
    assert (table.code, table.err) == (0, "")
    assert "EPSG:32632" in table.out
    assert "7, 16, 20" in table.out
    metadata = strict(shsrd("info", path, "--json").out)
    assert (metadata["shape"], metadata["dtype"]) == ([7, 16, 20], "int16")
    if metadata["bounds"] is not None:
        assert ", ".join(f"{edge:.10g}" for edge in metadata["bounds"]) in table.out  # not 5.3e+06
    assert metadata["wavelength_nm"] == [420.0, 980.0]


def test_info_of_holes_and_nothing_known_is_still_json(shsrd, tmp_path):
    np.savez(tmp_path / "bare.npz", cube=np.full((4, 5, 3), np.nan, np.float32))
    metadata = strict(shsrd("info", tmp_path / "bare.npz", "--json").out)
    assert (metadata["nodata_share"], metadata["value_range"], metadata["crs"]) == (1, None, None)


@pytest.mark.parametrize("kernel", [["bicubic"], ["gaussian", "--fwhm", "5"], ["area"]])
def test_degrade(shsrd, tmp_path, source, scene, kernel):
    done = shsrd("degrade", source, tmp_path / "low.tif", "--scale", 2, "--kernel", *kernel)
    assert (done.code, done.out) == (0, "")
    assert "low.tif: 7 bands of 8 x 10 pixels" in done.err
    low = open_cube(tmp_path / "low.tif")
    assert low.shape == (7, 8, 10)
    assert low.transform == scene.coarser_transform(2)
    assert low.pixels.mean() == pytest.approx(scene.pixels.mean(), rel=0.02)
    np.testing.assert_allclose(low.wavelength_nm, scene.wavelength_nm)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_upscale_keeps_what_is_known(shsrd, tmp_path, scene, tiny, suffix):
    before, after = tmp_path / f"low{suffix}", tmp_path / f"high{suffix}"
    save_cube(scene, before)
    done = shsrd("upscale", before, after, "--model", tiny)
    assert (done.code, done.out) == (0, "")
    assert re.search(r"model tiny-x4 \(\d+ principal components as network input\)", done.err)
    low, high = open_cube(before), open_cube(after)
    assert high.shape == (7, 64, 80)
    assert (high.crs, high.storage) == (low.crs, low.storage)
    assert high.transform == low.finer_transform(4)
    np.testing.assert_array_equal(high.wavelength_nm, low.wavelength_nm)
    np.testing.assert_array_equal(high.fwhm_nm, low.fwhm_nm)
    np.testing.assert_array_equal(high.good_bands, low.good_bands)
    assert set(low.headers) <= set(high.headers)


def test_upscale_reports_on_stdout_what_it_did(shsrd, tmp_path, source, tiny):
    done = shsrd("upscale", source, tmp_path / "high.npz", "--model", tiny, "--json")
    report = strict(done.out)
    assert report["shape"] == [7, 64, 80]
    assert report["destination"] == str(tmp_path / "high.npz")
    assert (report["model"], report["scale"], report["steps"], report["device"]) == ("tiny-x4", 4, 0, "cpu")
    assert 0 < report["consistency"] < 1e-4  # int16 counts of 1e-4 are the floor
    assert f"Consistency error {report['consistency']:.1e} of the data range." in done.err


@pytest.fixture(scope="module")
def wild(tmp_path_factory):
    """Weights whose random detail is far too strong."""
    torch.manual_seed(1)
    network = Network(NetworkConfig(scale=4, width=8, blocks=1, inject_every=1, denoiser_width=8, denoiser_blocks=1))
    with torch.no_grad():
        network.encoder.head.weight.normal_(std=0.3)
    path = tmp_path_factory.mktemp("weights") / "wild-x4.safetensors"
    save_weights(path, network, {"stages": []})
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A scene that is just large enough for the self-check."""
    path = tmp_path_factory.mktemp("large") / "large.npz"
    scene = synthetic_scene(rows=64, columns=65, wavelength_nm=np.linspace(420, 980, 3), seed=5)
    save_cube(scene.replace(storage=Storage()), path)
    return path


def test_upscale_says_that_a_scene_is_outside_the_domain(shsrd, tmp_path, large, wild):
    checked = shsrd("upscale", large, tmp_path / "checked.npz", "--model", wild, "--json")
    free = shsrd("upscale", large, tmp_path / "free.npz", "--model", wild, "--json", "--no-self-check")
    report = strict(checked.out)
    assert report["worse_than_bicubic"] and report["bands_attenuated"] == 3
    assert f"outside the model's domain ({report['self_check_gain_db']:.1f} dB" in checked.err
    assert "3 bands scaled down" in checked.err.splitlines()[-1]
    assert "domain" not in free.err
    assert (strict(free.out)["self_check_gain_db"], strict(free.out)["worse_than_bicubic"]) == (None, False)
    spread = [open_cube(tmp_path / f"{name}.npz").pixels.std() for name in ("checked", "free")]
    assert spread[0] < 0.9 * spread[1]


def test_upscale_says_nothing_of_the_domain_where_all_is_well(shsrd, tmp_path, large):
    done = shsrd("upscale", large, tmp_path / "well.npz", "--model", "cave-x4", "--json")
    assert strict(done.out)["self_check_gain_db"] > 0
    assert "domain" not in done.err


def test_benchmark_without_self_check(shsrd, tmp_path, wild):
    scene = synthetic_scene(rows=256, columns=256, wavelength_nm=np.linspace(420, 980, 3), seed=5)
    save_cube(scene, tmp_path / "truth.npz")
    found = []
    for flags in ([], ["--no-self-check"]):
        done = shsrd("benchmark", "scenes", tmp_path / "truth.npz", "--model", wild, "--json", *flags)
        found.append(strict(done.out)["scenes"]["truth"])
    assert [scene["bands_attenuated"] for scene in found] == [3, 0]
    assert found[0]["self_check_gain_db"] < 0 and found[1]["self_check_gain_db"] is None
    assert found[1]["ours"]["mpsnr"] < found[1]["bicubic"]["mpsnr"] - 3
    assert found[0]["ours"]["mpsnr"] > found[0]["bicubic"]["mpsnr"] - 0.1


FLAGS = (
    ["--basis", "bands"],
    ["--steps", 2, "--seed", 5],
    ["--steps", 2, "--detail", 0.5],
    ["--steps", 2, "--samples", 2],
    ["--precision", "fp32"],
    ["--precision", "bf16"],
    ["--device", "cpu"],
    ["--tile", 8],
    ["--block", 8, "--halo", 14],
    ["--no-consistency"],
    ["--ensemble", 2],
)


@pytest.mark.parametrize("flags", FLAGS, ids=lambda flags: " ".join(map(str, flags)))
def test_every_option_of_upscale_reaches_the_result(shsrd, tmp_path, float_scene, tiny, flags):
    save_cube(float_scene, tmp_path / "low.npz")
    plain, other = (tmp_path / name for name in ("plain.npz", "other.npz"))
    for path, options in ((plain, []), (other, flags)):
        assert shsrd("upscale", tmp_path / "low.npz", path, "--model", tiny, *options).code == 0
    expected, found = open_cube(plain).pixels, open_cube(other).pixels
    assert np.isfinite(found).all()
    spread = float(expected.std())
    if flags[0] in ("--basis", "--steps", "--no-consistency", "--ensemble"):
        assert 1e-5 * spread < np.abs(found - expected).max() < 10 * spread
    else:
        np.testing.assert_allclose(found, expected, atol=0.02 * spread)


def test_any_weights_run_in_integers_where_the_processor_has_them(shsrd, tmp_path, float_scene, tiny):
    save_cube(float_scene, tmp_path / "low.npz")
    asked = ("--model", tiny, "--precision", "int8", "--device", "cpu", "--json")
    done = shsrd("upscale", tmp_path / "low.npz", tmp_path / "fine.npz", *asked)
    if int8_supported():
        assert strict(done.out)["precision"] == "int8"
    else:
        assert done.code == 2
        assert "VNNI" in done.err
        assert not (tmp_path / "fine.npz").exists()


def test_stride_reaches_the_result_and_the_report(shsrd, tmp_path, float_scene, tiny):
    save_cube(float_scene, tmp_path / "low.npz")
    found = {}
    for stride in (1, 3):
        path = tmp_path / f"{stride}.npz"
        asked = ("--model", tiny, "--basis", "bands", "--stride", stride, "--json")
        assert strict(shsrd("upscale", tmp_path / "low.npz", path, *asked).out)["stride"] == stride
        found[stride] = open_cube(path).pixels
    assert 1e-5 * found[3].std() < np.abs(found[1] - found[3]).max() < found[3].std()


def test_non_negative_reaches_the_result(shsrd, tmp_path, float_scene, tiny):
    dark = np.maximum(float_scene.pixels - np.median(float_scene.pixels), 0)
    save_cube(float_scene.replace(pixels=dark), tmp_path / "low.npz")
    found = []
    for flags in ([], ["--non-negative"]):
        assert shsrd("upscale", tmp_path / "low.npz", tmp_path / "high.npz", "--model", tiny, *flags).code == 0
        found.append(open_cube(tmp_path / "high.npz").pixels)
        (tmp_path / "high.npz").unlink()
    assert found[0].min() < 0
    np.testing.assert_array_equal(found[1], np.maximum(found[0], 0))


@pytest.mark.parametrize("basis", ["bands", "pca"])
def test_channels_reach_the_result_and_the_report(shsrd, tmp_path, float_scene, tiny, basis):
    save_cube(float_scene, tmp_path / "low.npz")
    bands, found = float_scene.shape[0], {}
    for channels in (3, bands, bands + 5):
        path = tmp_path / f"{channels}.npz"
        asked = ("--model", tiny, "--basis", basis, "--channels", channels, "--json")
        done = shsrd("upscale", tmp_path / "low.npz", path, *asked)
        assert strict(done.out)["channels"] == min(channels, bands)
        assert ("3 of 7 bands as network input" in done.err) == (channels == 3 and basis == "bands")
        found[channels] = open_cube(path).pixels
    np.testing.assert_array_equal(found[bands], found[bands + 5])
    assert 1e-5 * found[3].std() < np.abs(found[bands] - found[3]).max() < found[3].std()


def test_more_texture_the_more_detail(shsrd, tmp_path, float_scene, tiny):
    save_cube(float_scene, tmp_path / "low.npz")
    found = []
    for detail in (0, 0.5, 1):
        path = tmp_path / f"{detail}.npz"
        options = ["--steps", 3, "--detail", detail, "--seed", 1, "--overshoot", None]
        assert shsrd("upscale", tmp_path / "low.npz", path, "--model", tiny, *options).code == 0
        found.append(open_cube(path).pixels)
    shsrd("upscale", tmp_path / "low.npz", tmp_path / "mean.npz", "--model", tiny, "--overshoot", None)
    np.testing.assert_allclose(found[0], open_cube(tmp_path / "mean.npz").pixels, atol=1e-6)
    np.testing.assert_allclose(found[1], (found[0] + found[2]) / 2, atol=1e-5)
    assert np.abs(found[2] - found[0]).max() > 1e-4


def test_same_seed_same_bytes_other_seed_other_bytes(shsrd, tmp_path, float_scene, tiny):
    save_cube(float_scene, tmp_path / "low.npz")
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        options = ["--model", tiny, "--steps", 2, "--seed", seed]
        assert shsrd("upscale", tmp_path / "low.npz", tmp_path / f"{name}.npy", *options).code == 0
    a, b, c = ((tmp_path / f"{name}.npy").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_uncertainty_is_a_scene_of_its_own(shsrd, tmp_path, source, tiny):
    options = ["--model", tiny, "--uncertainty", tmp_path / "sd.tif"]
    done = shsrd("upscale", source, tmp_path / "high.tif", *options)
    assert done.code == 0
    deviation, high = open_cube(tmp_path / "sd.tif"), open_cube(tmp_path / "high.tif")
    assert deviation.shape == high.shape
    assert deviation.transform == high.transform
    assert (deviation.pixels >= 0).all()
    assert deviation.pixels.max() > 0
    shsrd("upscale", source, tmp_path / "mean.tif", "--model", tiny)
    np.testing.assert_array_equal(high.pixels, open_cube(tmp_path / "mean.tif").pixels)  # it changes no estimate


@pytest.mark.parametrize("word", ["--dataset", "--variable"])
def test_paths_inside_a_generic_file(shsrd, tmp_path, scene, tiny, word):
    with h5py.File(tmp_path / "any.h5", "w") as file:
        file["one/numbers"] = file["two/numbers"] = scene.pixels.transpose(1, 2, 0)
        file["lists/centres"] = scene.wavelength_nm
    paths = [word, "two/numbers", "--wavelengths", "lists/centres"]
    told = json.loads(shsrd("info", tmp_path / "any.h5", *paths, "--json").out)
    assert told["shape"] == [7, 16, 20]
    done = shsrd("upscale", tmp_path / "any.h5", tmp_path / "fine.tif", "--model", tiny, *paths)
    assert done.code == 0, done.err
    np.testing.assert_array_equal(open_cube(tmp_path / "fine.tif").wavelength_nm, scene.wavelength_nm)
    assert shsrd("degrade", tmp_path / "any.h5", tmp_path / "coarse.tif", *paths[:2]).code == 0


def test_progress_is_told_on_stderr(shsrd, tmp_path, source, tiny, monkeypatch):
    options = ["--model", tiny, "--tile", 8, "--block", 8, "--json"]
    piped = shsrd("upscale", source, tmp_path / "a.tif", *options)
    assert strict(piped.out)
    assert "tiles: 6 of 6\n" in piped.err
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("shsrd.cli.console.ERRORS", Console(stderr=True, width=80))
    watched = shsrd("upscale", source, tmp_path / "b.tif", *options)
    assert strict(watched.out)
    assert "tiles" in watched.err
    assert "6/6" in watched.err


def test_overwrite_replaces_and_nothing_else_is_left(shsrd, tmp_path, source, tiny):
    target = tmp_path / "high.tif"
    target.write_bytes(b"old")
    assert shsrd("upscale", source, target, "--model", tiny, "--overwrite").code == 0
    assert open_cube(target).shape == (7, 64, 80)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["high.tif", "scene.hdr", "scene.img"]


def test_evaluate(shsrd, tmp_path, scene, tiny):
    paths = {name: tmp_path / f"{name}.tif" for name in ("truth", "low", "high")}
    save_cube(scene, paths["truth"])
    shsrd("degrade", paths["truth"], paths["low"])
    shsrd("upscale", paths["low"], paths["high"], "--model", tiny)
    done = shsrd("evaluate", paths["high"], paths["truth"], "--json")
    assert (done.code, done.err) == (0, "")
    found = strict(done.out)
    assert list(found["ours"]) == list(found["bicubic"]) == list(DEFINITIONS)
    assert list(DEFINITIONS) == ["mpsnr", "psnr_cube", "mssim", "sam_deg", "ergas", "cc", "rmse", "consistency"]
    assert (found["scale"], found["bands"], found["data_range"]) == (4, 7, 1.0)
    assert found["definitions"] == dict(DEFINITIONS)
    table = shsrd("evaluate", paths["high"], paths["truth"], "--data-range", 0.5)
    assert table.code == 0
    assert "ours" in table.out
    assert "bicubic" in table.out
    assert f"{found['bicubic']['sam_deg']:.3f}" in table.out
    assert all(name in table.err for name in DEFINITIONS)


def test_evaluate_of_the_truth_itself_is_still_json(shsrd, source):
    found = strict(shsrd("evaluate", source, source, "--json").out)["ours"]
    assert (found["mpsnr"], found["rmse"], found["sam_deg"]) == ("inf", 0, pytest.approx(0, abs=1e-5))


def test_evaluate_matches_bands_and_says_which_do_not_count(shsrd, tmp_path, scene):
    dead = scene.pixels.copy()
    dead[4] = 0
    save_cube(scene.replace(pixels=dead), tmp_path / "truth.npz")
    turned = scene.replace(pixels=scene.pixels[::-1], wavelength_nm=scene.wavelength_nm[::-1])
    save_cube(turned, tmp_path / "estimate.npz")
    command = ("evaluate", tmp_path / "estimate.npz", tmp_path / "truth.npz")
    found = strict(shsrd(*command, "--json").out)
    assert (found["ours"]["mpsnr"], found["bands"]) == ("inf", 6)
    assert [(band["band"], band["reason"][:8]) for band in found["bands_excluded"]] == [(5, "constant")]
    assert any("another order" in note for note in found["notes"])
    said = shsrd(*command).err
    assert "note: band 5 left out: constant" in said
    assert "another order" in said


def test_models_tells_where_weights_come_from(shsrd):
    assert "cave-x4" in bundled_models(), "the package must bring its default model"
    table = shsrd("models")
    assert "nothing held out" in table.out  # cave-x4 saw all its scenes
    assert "nan" not in table.out
    assert (table.code, table.err) == (0, "")
    assert all(name in table.out for name in bundled_models())
    headers = strict(shsrd("models", "--json").out)
    assert sorted(headers) == bundled_models()
    for header in headers.values():
        assert header["config"]["scale"] == 4
        assert header["provenance"]["stages"]


def test_the_default_model_super_resolves(shsrd, tmp_path, source, scene):
    done = shsrd("upscale", source, tmp_path / "high.img", "--json")
    assert done.code == 0, done.err
    report = strict(done.out)
    assert report["model"] == "cave-x4"
    assert report["consistency"] < 1e-4
    assert open_cube(tmp_path / "high.img").shape == (7, 64, 80)


@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_a_preview_beside_the_result(shsrd, tmp_path, source, tiny, suffix):
    target, picture = tmp_path / f"high{suffix}", tmp_path / "look.png"
    done = shsrd("upscale", source, target, "--model", tiny, "--preview", picture)
    assert done.code == 0, done.err
    assert picture.read_bytes().startswith(b"\x89PNG")
    again = shsrd("upscale", source, tmp_path / "other.tif", "--model", tiny, "--preview", picture)
    assert again.code == 2
    assert "look.png: exists already" in again.err
    assert not (tmp_path / "other.tif").exists()
    assert shsrd("upscale", source, target, "--model", tiny, "--preview", picture, "--overwrite").code == 0


def test_demo(shsrd, tmp_path, monkeypatch):
    monkeypatch.setattr("shsrd.evaluation.demo.SIDE", 32)
    done = shsrd("demo", tmp_path / "out", "--seed", 2)
    assert done.code == 0, done.err
    assert "bicubic" in done.out
    assert "panel.png" in done.err
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == ["lr.tif", "metrics.json", "panel.png", "preview.png", "sr.tif", "uncertainty.tif"]
    metrics = strict((tmp_path / "out" / "metrics.json").read_text())
    assert "seed 2" in metrics["scene"]
    assert list(metrics["ours"]) == list(DEFINITIONS)
    assert metrics["ours"]["consistency"] < 1e-4
    assert open_cube(tmp_path / "out" / "sr.tif").shape == (84, 32, 32)


def test_info_measures_blur_and_noise_where_it_is_asked_to(shsrd, source):
    plain, measured = (json.loads(shsrd("info", source, "--json", *more).out) for more in ((), ("--measure",)))
    assert plain["sensor"] is None
    added = ["psf", "psf_fwhm", "psf_estimate", "psf_error", "psf_edges", "psf_note", "snr_db"]
    assert [key for key in measured if key not in plain] == added
    assert measured["psf"] == "bicubic kernel assumed"
    assert measured["snr_db"] == sorted(measured["snr_db"])
    assert "snr db" in shsrd("info", source, "--measure").out


def test_the_kernel_of_the_literature_can_be_asked_for(shsrd, source, tmp_path):
    done = shsrd("upscale", source, tmp_path / "a.npz", "--kernel", "bicubic", "--sensor", "enmap")
    assert done.code == 2
    assert "leave out --sensor, --fwhm and --snr" in done.err
