"""Many scenes in one command: real runs on tiny scenes; what is done, skipped, named."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from shsrd.io import open_cube, save_cube
from shsrd.upscaling.jobs import batch as many
from shsrd.upscaling.jobs import provenance as record
from shsrd.upscaling.jobs import upscale_file as stream
from shsrd.upscaling.report import RENAMED


def results(table):
    return [row["result"] for row in table["scenes"]]


def states(folder):
    return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.iterdir() if p.name != "items.json"}


def test_all_scenes_of_a_folder(upscale_all, out, shsrd, scenes, tiny, tmp_path):
    table, said = upscale_all()
    assert results(table) == ["done"] * 3
    assert table["counts"] == {"done": 3, "skipped": 0, "resumed": 0, "failed": 0}
    names = ["a_x4.tif", "b_x4.tif", "c_x4.tif"]
    assert sorted(p.name for p in out.iterdir()) == sorted([*names, *(f"{n}.json" for n in names), "items.json"])
    first = table["scenes"][0]
    assert (first["bands"], first["rows"], first["columns"]) == (7, 64, 80)
    assert first["consistency"] < 1e-3 and first["seconds"] > 0 and first["reason"] is None
    assert "1 of 3: " in said and "3 of 3: " in said
    assert shsrd("upscale", scenes / "a.img", tmp_path / "single.tif", "--model", tiny).code == 0
    assert (tmp_path / "single.tif").read_bytes() == (out / "a_x4.tif").read_bytes()


def test_what_scenes_were_corrected_for_is_said(upscale_all):
    table, said = upscale_all("--fwhm", "1.3,1.2")
    assert [row["psf_origin"] for row in table["scenes"]] == ["fwhm"] * 3
    assert all(row["sensor"] is None and max(row["fwhm"]) <= 1.3 for row in table["scenes"])
    assert said.count(", corrected for FWHM 1.") == 3
    plain, said = upscale_all("--kernel", "bicubic", "--overwrite")
    assert [row["fwhm"] for row in plain["scenes"]] == [None] * 3
    assert "corrected" not in said


def test_weights_are_loaded_once(upscale_all, monkeypatch):
    loaded, real = [], many.select_model

    def counted(*given):
        loaded.append(given)
        return real(*given)

    for place in (many, stream):
        monkeypatch.setattr(place, "select_model", counted)
    upscale_all()
    assert [len(given) for given in loaded] == [2, 3, 3, 3]  # one reads the file, the others are given its contents
    assert len({id(given[2]) for given in loaded[1:]}) == 1


def test_what_is_done_is_skipped_and_not_touched(upscale_all, out, monkeypatch):
    before, _ = upscale_all()
    files = states(out)
    monkeypatch.setattr(many, "upscale_file", lambda *_, **__: pytest.fail("computed again"))
    table, _ = upscale_all()
    assert results(table) == ["skipped"] * 3
    assert states(out) == files
    kept = ("bands", "rows", "columns", "consistency", "self_check_gain_db")
    assert [[row[key] for key in kept] for row in table["scenes"]] == [
        [row[key] for key in kept] for row in before["scenes"]
    ]
    assert results(upscale_all("--overwrite")[0]) == ["skipped"] * 3  # overwriting is for what differs
    assert results(upscale_all("--tile", 256)[0]) == ["skipped"] * 3  # changes no pixel


def test_a_touched_or_moved_input_is_the_same(upscale_all, scenes, tmp_path):
    upscale_all()
    os.utime(scenes / "b.tif", (1, 1))
    assert results(upscale_all()[0]) == ["skipped"] * 3
    shutil.move(scenes, tmp_path / "elsewhere")
    assert results(upscale_all(sources=[tmp_path / "elsewhere"])[0]) == ["skipped"] * 3


def test_a_changed_input_is_named_and_done_again_only_if_asked(upscale_all, scenes, out, scene):
    upscale_all()
    old = (out / "b_x4.tif").read_bytes()
    save_cube(scene.replace(pixels=scene.pixels + 0.03), scenes / "b.tif", overwrite=True)
    table, said = upscale_all(code=2)
    assert results(table) == ["skipped", "failed", "skipped"]
    assert "the input has changed; --overwrite makes it again" in table["scenes"][1]["reason"]
    assert "1 of 3 scenes failed:" in said and f"{scenes / 'b.tif'}: " in said
    assert (out / "b_x4.tif").read_bytes() == old
    assert results(upscale_all("--overwrite")[0]) == ["skipped", "done", "skipped"]
    assert (out / "b_x4.tif").read_bytes() != old
    assert results(upscale_all()[0]) == ["skipped"] * 3


@pytest.mark.parametrize(
    ("option", "word"),
    [
        (["--seed", 1], "--seed was 0 and is 1"),
        (["--uncertainty"], "--uncertainty was False"),
        (["--block", 8], "--block"),
    ],
)
def test_another_option_is_named(upscale_all, out, option, word):
    upscale_all()
    files = states(out)
    table, _ = upscale_all(*option, code=2)
    assert results(table) == ["failed"] * 3
    assert word in table["scenes"][0]["reason"]
    assert states(out) == files


def test_another_compression_is_named(upscale_all, out):
    upscale_all()
    files = states(out)
    assert results(upscale_all("--compress", "deflate")[0]) == ["skipped"] * 3
    table, _ = upscale_all("--compress", "zstd", code=2)
    assert "--compress was deflate and is zstd now" in table["scenes"][0]["reason"]
    assert states(out) == files
    assert results(upscale_all("--compress", "zstd", "--overwrite")[0]) == ["done"] * 3
    assert results(upscale_all("--compress", "zstd")[0]) == ["skipped"] * 3
    assert results(upscale_all(code=2)[0]) == ["failed"] * 3


def test_items_that_do_not_tell_the_compression_mean_deflate(upscale_all, out):
    """As they were before there was a choice."""
    upscale_all()
    for place in out.glob("*_x4.tif.json"):
        item = json.loads(place.read_text())
        del item["properties"]["shsrd:writing"]
        place.write_text(json.dumps(item))
    assert results(upscale_all()[0]) == ["skipped"] * 3
    assert results(upscale_all("--compress", "none", code=2)[0]) == ["failed"] * 3


def test_items_with_keys_of_earlier_versions_are_recognised(upscale_all, out):
    expected, _ = upscale_all()
    names = {new: old for old, new in RENAMED.items()}
    for place in out.glob("*_x4.tif.json"):
        item = json.loads(place.read_text())
        found = {key.removeprefix("shsrd:"): value for key, value in item["properties"].items() if "shsrd:" in key}
        rest = {key: value for key, value in item["properties"].items() if "shsrd:" not in key}
        item["properties"] = rest | {f"shsrd:{names.get(key, key)}": value for key, value in found.items()}
        assert "shsrd:psf_from" in item["properties"] and "shsrd:frame" in item["properties"]
        options = item["properties"]["shsrd:options"]
        for old, new in {"frame": "basis", "cell": "block"}.items():
            options[old] = options.pop(new, options.get(old))
        place.write_text(json.dumps(item))
    table, _ = upscale_all()
    assert results(table) == ["skipped"] * 3
    for key in ("psf_origin", "self_check_gain_db", "worse_than_bicubic"):
        assert [row[key] for row in table["scenes"]] == [row[key] for row in expected["scenes"]]


def test_compression_is_only_of_geotiff(refuses, scenes, tiny, tmp_path):
    refuses(
        ["upscale-all", scenes, tmp_path / "new", "--model", tiny, "--suffix", "nc", "--compress", "zstd"],
        "a_x4.nc: only a GeoTIFF's compression can be chosen; give a name ending in .tif",
    )
    refuses(
        ["upscale", scenes / "a.img", tmp_path / "new.img", "--model", tiny, "--compress", "none"],
        "new.img: only a GeoTIFF's compression can be chosen",
    )


def test_other_weights_are_named(upscale_all, shsrd, scenes, out):
    upscale_all()
    done = shsrd("upscale-all", scenes, out, "--json")
    assert done.code == 2
    assert "other weights" in json.loads(done.out)["scenes"][0]["reason"]


def test_foreign_and_damaged_outputs_are_never_replaced(upscale_all, out):
    out.mkdir()
    (out / "a_x4.tif").write_bytes(b"mine")
    table, _ = upscale_all(code=2)
    assert results(table) == ["failed", "done", "done"]
    assert "nothing tells what it was made of" in table["scenes"][0]["reason"]
    assert (out / "a_x4.tif").read_bytes() == b"mine"
    (out / "b_x4.tif").write_bytes(b"cut")
    table, _ = upscale_all(code=2)
    assert "b_x4.tif was changed afterwards" in table["scenes"][1]["reason"]
    assert (out / "b_x4.tif").read_bytes() == b"cut"
    (out / "c_x4.tif").unlink()  # gone, so there is nothing to replace
    assert results(upscale_all(code=2)[0]) == ["failed", "failed", "done"]


def test_an_output_of_the_same_size_but_other_bytes_is_named(upscale_all, scenes, out, shsrd, tiny):
    sources = [scenes / "a.img"]
    upscale_all("--suffix", "img", sources=sources)
    target = out / "a_x4.img"
    target.write_bytes(target.read_bytes())  # younger than its item, but the same, as copies are
    assert results(upscale_all("--suffix", "img", sources=sources)[0]) == ["skipped"]
    target.write_bytes(bytes(target.stat().st_size))
    table, _ = upscale_all("--suffix", "img", sources=sources, code=2)
    assert "a_x4.img was changed afterwards" in table["scenes"][0]["reason"]


def test_an_item_goes_with_what_it_told_of(upscale_all, scenes, out, shsrd, tiny):
    upscale_all(sources=[scenes / "a.img"])
    assert shsrd("upscale", scenes / "a.img", out / "a_x4.tif", "--model", tiny, "--steps", 1, "--overwrite").code == 0
    assert not (out / "a_x4.tif.json").exists()
    table, _ = upscale_all(sources=[scenes / "a.img"], code=2)
    assert "nothing tells what it was made of" in table["scenes"][0]["reason"]


def test_a_missing_half_is_named(upscale_all, scenes, out):
    sources = [scenes / "a.img"]
    upscale_all("--uncertainty", sources=sources)
    (out / "a_x4.tif").unlink()
    table, _ = upscale_all("--uncertainty", sources=sources, code=2)
    assert "a_x4_uncertainty.tif: exists already, but a_x4.tif is missing" in table["scenes"][0]["reason"]
    assert results(upscale_all("--uncertainty", "--overwrite", sources=sources)[0]) == ["done"]


def test_a_foreign_item_is_not_replaced(upscale_all, out):
    out.mkdir()
    (out / "a_x4.tif.json").write_text("{}")
    table, _ = upscale_all(code=2)
    assert "is no item of shsrd" in table["scenes"][0]["reason"]
    assert (out / "a_x4.tif.json").read_text() == "{}"
    assert not (out / "a_x4.tif").exists()


def test_bad_files_do_not_stop_the_others(upscale_all, scenes, out):
    (scenes / "aa.tif").write_bytes(b"II*\0 broken")
    (scenes / "b.tif").write_bytes((scenes / "b.tif").read_bytes()[:2000])
    table, said = upscale_all(code=2)
    assert results(table) == ["done", "failed", "failed", "done"]
    assert not list(out.glob("b_x4*")) and not list(out.glob("*.partial"))
    last = said[said.index("2 of 4 scenes failed:") :].splitlines()
    assert [line.split(": ")[0].strip() for line in last[1:]] == [str(scenes / "aa.tif"), str(scenes / "b.tif")]
    assert all(len(line) > 40 for line in last[1:])
    assert "Traceback" not in said


def test_our_own_faults_do_not_stop_the_others(upscale_all, monkeypatch):
    real = many.upscale_file

    def faulty(job, **given):
        if job.source.name == "b.tif":
            raise KeyError("oops")
        return real(job, **given)

    monkeypatch.setattr(many, "upscale_file", faulty)
    table, _ = upscale_all(code=2)
    assert results(table) == ["done", "failed", "done"]
    assert "please report it: KeyError in test_upscale_all.py" in table["scenes"][1]["reason"]


def test_a_table_for_people(shsrd, scenes, out, tiny):
    (scenes / "bad.tif").write_bytes(b"")
    done = shsrd("upscale-all", scenes, out, "--model", tiny)
    assert done.code == 2
    header, *rows = done.out.splitlines()
    assert header.split() == ["scene", "bands", "size", "seconds", "consistency", "domain", "result"]
    assert [row.split()[-1] for row in rows] == ["done", "done", "failed", "done"]
    assert "64 x 80" in rows[0]
    assert "bad.tif: the file is empty; copy it again" in done.err


@pytest.mark.parametrize("suffix", ["img", ".nc", "zarr"])
def test_other_formats_are_skipped_too(upscale_all, out, suffix):
    assert results(upscale_all("--suffix", suffix)[0]) == ["done"] * 3
    assert open_cube(out / f"a_x4.{suffix.removeprefix('.')}").shape == (7, 64, 80)
    assert results(upscale_all("--suffix", suffix)[0]) == ["skipped"] * 3


def test_outputs_beside_inputs_are_not_taken_for_scenes(shsrd, scenes, tiny):
    for expected in ("done", "skipped"):
        done = shsrd("upscale-all", scenes, scenes, "--model", tiny, "--json", "--uncertainty")
        assert results(json.loads(done.out)) == [expected] * 3, done.err
    assert "6 files left out: they are outputs of earlier runs" in done.err


def test_equal_names_of_different_folders(upscale_all, scenes, out, scene):
    (scenes / "sub").mkdir()
    save_cube(scene, scenes / "sub" / "b.tif")
    table, _ = upscale_all(sources=[scenes / "**" / "*.tif"])
    assert [Path(row["output"]).name for row in table["scenes"]] == ["scenes-b_x4.tif", "sub-b_x4.tif"]


def test_progress_of_each_scene_and_of_all(upscale_all, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("shsrd.cli.console.ERRORS", Console(stderr=True, width=80))
    _, said = upscale_all("--tile", 8, "--block", 8)
    assert "2 of 3: b" in said and "6/6" in said


def test_another_array_of_the_same_file_is_named(upscale_all, tmp_path):
    cubes = {name: np.random.default_rng(seed).random((8, 9, 3), np.float32) for seed, name in enumerate("pq")}
    np.savez(tmp_path / "two.npz", **cubes)
    sources = [tmp_path / "two.npz"]
    assert results(upscale_all("--variable", "p", sources=sources)[0]) == ["done"]
    assert results(upscale_all("--variable", "p", sources=sources)[0]) == ["skipped"]
    table, _ = upscale_all("--variable", "q", sources=sources, code=2)
    assert "--variable was p and is q now" in table["scenes"][0]["reason"]


def test_a_store_of_many_files_is_told_in_short(upscale_all, tmp_path, out, scene, monkeypatch):
    monkeypatch.setattr(record, "MAX_LISTED_FILES", 5)
    save_cube(scene, tmp_path / "s.zarr")
    sources = [tmp_path / "s.zarr"]
    assert results(upscale_all(sources=sources)[0]) == ["done"]
    (files,) = json.loads((out / "s_x4.tif.json").read_text())["properties"]["shsrd:input"]["files"]
    assert files[0] == f"{sum(path.is_file() for path in sources[0].rglob('*'))} files"
    assert results(upscale_all(sources=sources)[0]) == ["skipped"]
    save_cube(scene.replace(pixels=scene.pixels + 0.1), sources[0], overwrite=True)
    assert results(upscale_all(sources=sources, code=2)[0]) == ["failed"]
