"""The CAVE protocol on an archive made on the spot, nested and flat."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from shsrd.cube import Storage
from shsrd.datasets import cave_names, cave_scenes, synthetic_scene
from shsrd.degradation import Degradation, degrade_cube
from shsrd.evaluation import compare
from shsrd.evaluation.benchmark import SPLITS
from shsrd.io import open_cube, save_cube
from shsrd.upscaling import UpscaleOptions, upscale

SIDE = 32
BLACK = 0.2  # away from zero, where estimates are cut off


@pytest.fixture(scope="module", params=["nested", "flat"])
def archive(request, tmp_path_factory):
    """The four validation scenes, 31 bands of 16-bit PNG, with the archive's stray files."""
    root = tmp_path_factory.mktemp("cave")
    for seed, name in enumerate(cave_names("validation")):
        folder = root / name / name if request.param == "nested" else root / name
        folder.mkdir(parents=True)
        scene = synthetic_scene(rows=SIDE, columns=SIDE, wavelength_nm=np.linspace(400, 700, 31), pixel_m=4, seed=seed)
        for band, pixels in enumerate(BLACK + (1 - BLACK) * scene.pixels, 1):
            Image.fromarray(np.rint(65535 * pixels).astype(np.uint16)).save(folder / f"{name}_{band:02d}.png")
        (folder / "Thumbs.db").write_bytes(b"stray")
        Image.new("RGB", (SIDE, SIDE)).save(folder / f"{name[:-3]}_RGB.bmp")
    return root


def test_means_and_scenes(shsrd, archive, tiny):
    done = shsrd("benchmark", "cave", "--root", archive, "--model", tiny, "--overshoot", "none", "--json")
    assert done.code == 0, done.err
    assert done.err.count(" dB (") == 4
    found = json.loads(done.out)
    assert (found["benchmark"], found["split"], found["scale"]) == ("cave", "val", 4)
    assert sorted(found["scenes"]) == sorted(cave_names("validation"))
    for who in ("ours", "bicubic"):
        for key, mean in found["mean"][who].items():
            values = [scene[who][key] for scene in found["scenes"].values()]
            assert mean == pytest.approx(np.mean(values)), key
    assert found["mean"]["ours"]["consistency"] < 1e-5  # the benchmark rounds nothing
    assert found["mean"]["bicubic"]["consistency"] > found["mean"]["ours"]["consistency"]
    assert [row["method"] for row in found["published_results"]][:1] == ["bicubic"]


def test_counts_get_no_negative_estimates(shsrd, tmp_path, archive, tiny):
    dark = tmp_path / "dark"
    shutil.copytree(archive, dark)
    for path in dark.rglob("*.png"):
        counts = np.asarray(Image.open(path)).astype(np.int64)
        Image.fromarray(np.maximum(counts - int(np.median(counts)), 0).astype(np.uint16)).save(path)
    found = json.loads(shsrd("benchmark", "cave", "--root", dark, "--model", tiny, "--json").out)["scenes"]
    truth = open_cube(next(iter(cave_scenes(dark, "validation"))))
    low = degrade_cube(truth, Degradation(scale=4)).replace(storage=Storage())
    for non_negative, same in ((True, True), (False, False)):
        options = UpscaleOptions(model=str(tiny), non_negative=non_negative)
        ours = compare(upscale(low, 4, options=options).cube, truth, 4, data_range=1.0).ours
        assert (ours.as_json() == found[cave_names("validation")[0]]["ours"]) == same


def test_table_and_options(shsrd, archive, tiny):
    options = ["--steps", 2, "--samples", 2, "--detail", 0.5, "--seed", 3, "--basis", "bands", "--device", "cpu"]
    done = shsrd("benchmark", "cave", "--root", archive, "--model", tiny, *options, "--no-consistency")
    assert done.code == 0, done.err
    assert "MPSNR" in done.out
    assert "bicubic" in done.out
    assert "SSPSR" not in done.out  # printed rows are of the test scenes only


@pytest.mark.parametrize("asked", [["--ensemble", 2], ["--stride", 1]], ids=str)
def test_averages_of_the_mean_are_judged(shsrd, archive, tiny, asked):
    common = ("benchmark", "cave", "--root", archive, "--model", tiny, "--basis", "bands", "--json")
    plain, averaged = (json.loads(shsrd(*common, *options).out)["mean"] for options in ([], asked))
    assert averaged["bicubic"] == plain["bicubic"]
    assert averaged["ours"]["mpsnr"] != plain["ours"]["mpsnr"]


def test_scale_two_needs_a_model(refuses, archive):
    refuses(["benchmark", "cave", "--root", archive, "--scale", 2], "cave-x2")


@pytest.mark.parametrize("split", ["test", "train"])
def test_missing_scenes_are_named(refuses, archive, split):
    absent = next(name for name in cave_names(SPLITS[split]) if name not in cave_names("validation"))
    refuses(["benchmark", "cave", "--root", archive, "--split", split], absent, "give the folder")


def test_missing_band(refuses, tmp_path, archive, tiny):
    shutil.copytree(archive, tmp_path / "cave")
    next((tmp_path / "cave").rglob("cloth_ms_07.png")).unlink()
    refuses(["benchmark", "cave", "--root", tmp_path / "cave", "--model", tiny], "07", "copy the folder again")


def test_no_archive(refuses, tmp_path):
    refuses(["benchmark", "cave", "--root", tmp_path / "none"], "none", "give the folder")


def test_scenes_of_ones_own(shsrd, tmp_path, source, float_scene, tiny):
    save_cube(float_scene.crop(rows=13, columns=19), tmp_path / "odd.npz")
    done = shsrd("benchmark", "scenes", source, tmp_path / "odd.npz", "--model", tiny, "--json")
    assert done.code == 0, done.err
    assert [line.split(":")[0] for line in done.err.splitlines()] == ["scene", "odd"]
    found = json.loads(done.out)
    assert (found["benchmark"], list(found["scenes"])) == ("scenes", ["scene", "odd"])
    for who in ("ours", "bicubic"):
        values = [scene[who]["mpsnr"] for scene in found["scenes"].values()]
        assert found["mean"][who]["mpsnr"] == pytest.approx(np.mean(values))


def test_scenes_as_a_sensor_sees(shsrd, source, tiny):
    common = ("benchmark", "scenes", source, "--model", tiny, "--overshoot", "none", "--json")
    plain, seen = (json.loads(shsrd(*common, *asked).out) for asked in ([], ["--sensor", "enmap"]))
    assert "sensor" not in plain and seen["sensor"] == "enmap"
    assert seen["mean"]["bicubic"]["mpsnr"] < plain["mean"]["bicubic"]["mpsnr"]  # a wider PSF than bicubic's
    assert plain["mean"]["ours"]["consistency"] < 1e-5 < seen["mean"]["ours"]["consistency"]


def test_scenes_by_a_width_with_noise_and_wrong_beliefs(shsrd, source, tiny):
    common = ("benchmark", "scenes", source, "--model", tiny, "--json", "--fwhm", "1.4,1.2", "--snr", "30")
    told, uncorrected, wrong = (
        json.loads(shsrd(*common, *asked).out)
        for asked in (
            ["--shot-noise", 0.5],
            ["--shot-noise", 0.5, "--assume-bicubic"],
            ["--fwhm-error", 20, "--snr-error", -3],
        )
    )
    assert (told["fwhm"], told["photon_share"], told["corrected"]) == ([1.4, 1.2], 0.5, True)
    assert told["mean"]["bicubic"] == uncorrected["mean"]["bicubic"] != wrong["mean"]["bicubic"]  # white noise
    assert told["mean"]["ours"]["mpsnr"] != uncorrected["mean"]["ours"]["mpsnr"]
    assert (wrong["fwhm_error"], wrong["snr_error_db"]) == (0.2, -3)


def test_what_was_simulated_and_told_is_said(shsrd, source, tiny):
    common = ("benchmark", "scenes", source, "--model", tiny)
    for asked, words in (
        (["--sensor", "prisma", "--fwhm-error", -20], "as prisma sees; shsrd was told a width 20 % too small"),
        (["--kernel", "detector", "--fwhm", "1.3"], "by the detector kernel of FWHM 1.3 pixels"),
        (["--kernel", "area", "--snr", 40, "--stripes", 0.5], "area kernel, noise of 40 dB and stripes of 0.5 of it"),
        (["--sensor", "enmap", "--snr", 40, "--snr-error", 3], "shsrd was told a signal-to-noise ratio of 43 dB"),
    ):
        done = shsrd(*common, *asked)
        assert done.code == 0, done.err
        assert words in done.err


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["--sensor", "enmap", "--fwhm", "1.2"], "leave out --fwhm"),
        (["--kernel", "area", "--fwhm", "1.2"], "--kernel area"),
        (["--fwhm", "9"], "--fwhm 9"),
        (["--sensor", "enmap", "--snr", 30, "--snr-error", 1000], "--snr-error 1000 makes it 1030 dB"),
        (["--sensor", "hypso-1", "--fwhm-error", 900], "--fwhm: input should be less than or equal to 8 (given: 22.0)"),
        (["--fwhm-error", 20], "give --sensor or --fwhm"),
        (["--sensor", "enmap", "--assume-bicubic", "--snr", 30, "--snr-error", 3], "give --sensor or --fwhm"),
        (["--sensor", "enmap", "--snr-error", 3], "give --snr as well"),
        (["--sensor", "enmap", "--fwhm-error", -100], "--fwhm-error -100"),
        (["--shot-noise", 0.5], "give --snr as well"),
        (["--sensor", "enmap", "--assume-bicubic", "--estimate-fwhm"], "give one of them"),
        (["--sensor", "enmap", "--estimate-fwhm", "--fwhm-error", 20], "give --sensor or --fwhm"),
        (["--sensor", "enmap", "--estimate-fwhm"], "too few sharp edges"),
    ],
)
def test_simulations_that_contradict_themselves(refuses, source, tiny, asked, words):
    refuses(["benchmark", "scenes", source, "--model", tiny, *asked], words)


def test_scenes_in_a_table(shsrd, source, tiny):
    options = ["--steps", 2, "--samples", 2, "--detail", 0.5, "--seed", 3, "--basis", "bands", "--device", "cpu"]
    done = shsrd("benchmark", "scenes", source, "--model", tiny, *options, "--no-consistency")
    assert done.code == 0, done.err
    lines = [line.split() for line in done.out.splitlines()]
    heads = [line[:2] for line in lines if line[-1:] and line[-1].replace(".", "").isdigit()]
    assert heads[0] == ["scene", "shsrd"] and heads[2] == ["mean", "shsrd"]
    assert heads[1][0] == heads[3][0] == "bicubic"


def test_scenes_from_a_file_of_several(shsrd, refuses, tmp_path, float_scene, tiny):
    array = np.ascontiguousarray(np.moveaxis(float_scene.pixels, 0, -1))
    np.savez(tmp_path / "two.npz", first=array, second=array[:12, :12])
    refuses(["benchmark", "scenes", tmp_path / "two.npz", "--model", tiny], "two.npz", "first", "second")
    done = shsrd("benchmark", "scenes", tmp_path / "two.npz", "--model", tiny, "--variable", "second", "--json")
    assert done.code == 0, done.err


def test_a_bad_scene_among_good_ones(refuses, tmp_path, source, tiny):
    (tmp_path / "notes.txt").write_text("no scene")
    for bad in ("notes.txt", "absent.tif"):
        refuses(["benchmark", "scenes", source, tmp_path / bad, "--model", tiny], bad)
    refuses(["benchmark", "scenes", "--model", tiny], "at least one file")
    refuses(["benchmark", "scenes", source, "--scale", 17, "--model", tiny], "scale 17")


def test_a_dead_band_leaves_the_figures_to_the_others(shsrd, refuses, tmp_path, float_scene, tiny):
    pixels = float_scene.pixels.copy()
    pixels[2] = 0
    save_cube(float_scene.replace(pixels=pixels), tmp_path / "dead.npz")
    done = shsrd("benchmark", "scenes", tmp_path / "dead.npz", "--model", tiny, "--json")
    assert done.code == 0, done.err
    scene = json.loads(done.out)["scenes"]["dead"]
    assert all(isinstance(scene[who]["mpsnr"], float) for who in ("ours", "bicubic"))
    assert [left["band"] for left in scene["bands_excluded"]] == [3]
    assert "band 3 left out: constant" in done.err
    save_cube(float_scene.replace(pixels=np.full_like(pixels, 0.2)), tmp_path / "flat.npz")
    refuses(["benchmark", "scenes", tmp_path / "flat.npz", "--model", tiny], "flat.npz", "two different valid pixels")
