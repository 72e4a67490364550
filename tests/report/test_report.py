import doctest
import io
import math
import sys

import numpy as np
import pytest
from matplotlib.image import imread
from rich.console import Console

from shsrd import datasets, report
from shsrd.cube import Cube, SceneError
from shsrd.degradation import Degradation, degrade_cube
from shsrd.metrics import evaluate
from shsrd.report.points_of_interest import max_gradient_window, representative_pixels


@pytest.fixture(scope="module")
def scenes():
    truth = datasets.synthetic_scene(rows=48, columns=64, wavelength_nm=np.arange(420, 1001, 40.0))
    low = degrade_cube(truth, Degradation(kernel="area", scale=4))
    blocky = truth.replace(pixels=low.pixels.repeat(4, axis=1).repeat(4, axis=2))
    closer = truth.replace(pixels=(truth.pixels + blocky.pixels) / 2)
    return {"low": low, "bicubic": blocky, "ours": closer, "truth": truth}


def test_panel_is_written(tmp_path, scenes):
    path = report.comparison_figure(tmp_path / "a.png", uncertainty=np.ones((15, 48, 64)), **scenes)
    picture = imread(path)
    assert picture.shape[0] > 600 and picture.shape[1] > 1000
    assert picture.std() > 0.1


def test_panel_without_truth_or_wavelengths_or_some_pixels(tmp_path, scenes):
    bare = {}
    for name in ("low", "bicubic", "ours"):
        pixels = scenes[name].pixels.copy()
        pixels[:, :2] = np.nan
        pixels[3] = np.nan
        bare[name] = Cube(pixels)
    assert report.comparison_figure(tmp_path / "b.png", **bare).stat().st_size > 10_000


def test_panel_of_one_tiny_band(tmp_path):
    low, high = Cube(np.ones((1, 2, 2))), Cube(np.ones((1, 4, 4)))
    assert report.comparison_figure(tmp_path / "c.png", low=low, bicubic=high, ours=high, truth=high).exists()


def test_panel_refuses_other_grids(tmp_path, scenes):
    wrong = scenes["bicubic"].crop(rows=44, columns=64)
    with pytest.raises(SceneError, match="compare scenes on one grid"):
        report.comparison_figure(tmp_path / "d.png", low=scenes["low"], bicubic=wrong, ours=scenes["ours"])
    with pytest.raises(SceneError, match="no coarser version"):
        report.comparison_figure(tmp_path / "d.png", low=wrong, bicubic=scenes["ours"], ours=scenes["ours"])
    assert not (tmp_path / "d.png").exists()


def test_true_colour_bands(scenes):
    bands, true_colour = report.rgb_bands(scenes["truth"])
    assert true_colour
    np.testing.assert_allclose(scenes["truth"].wavelength_nm[list(bands)], (640, 550, 460), atol=20)


def test_infrared_cube_gets_spread_good_bands():
    good = np.array([True, True, True, False, True, True, True])
    cube = Cube(np.random.default_rng(0).random((7, 4, 4)), wavelength_nm=np.linspace(1000, 2400, 7), good_bands=good)
    bands, true_colour = report.rgb_bands(cube)
    assert not true_colour
    assert bands[0] > bands[1] > bands[2]
    assert 3 not in bands


def test_same_stretch_compares_and_nodata_is_grey(scenes):
    stretch = report.stretch_of(scenes["truth"])
    darker = scenes["truth"].replace(pixels=scenes["truth"].pixels / 2)
    assert report.rgb(darker, stretch).mean() < 0.8 * report.rgb(scenes["truth"], stretch).mean()
    hole = scenes["truth"].pixels.copy()
    hole[:, 0, 0] = np.nan
    assert set(report.rgb(scenes["truth"].replace(pixels=hole))[0, 0].tolist()) == {237}
    assert report.rgb(scenes["truth"]).dtype == np.uint8


def test_error_map_ignores_bad_bands_and_holes():
    truth = Cube(np.zeros((3, 2, 2)), good_bands=np.array([True, True, False]))
    pixels = np.full((3, 2, 2), 0.5, np.float32)
    pixels[2] = 99
    pixels[1, 0, 0] = np.nan
    pixels[:, 1, 1] = np.nan
    found = report.error_map(Cube(pixels), truth)
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.5, np.nan]])


def test_distinct_pixels_are_of_distinct_materials():
    spectra = np.eye(3)[[0, 0, 1, 2]] + 0.01
    label = np.arange(400).reshape(20, 20) // 100
    cube = Cube(np.moveaxis(spectra[label], -1, 0))
    spots = representative_pixels(cube)
    assert {int(spectra[label[spot]].argmax()) for spot in spots} == {0, 1, 2}
    assert spots == representative_pixels(cube)


def test_busiest_window_finds_the_texture():
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[30:40, 50:60] = np.random.default_rng(0).integers(0, 255, (10, 10, 3))
    rows, columns = max_gradient_window(picture, 20)
    assert rows.start <= 30 and rows.stop >= 40
    assert columns.start <= 50 and columns.stop >= 60


def test_tables_mark_the_best_and_cite(scenes):
    scores = evaluate(scenes["ours"].pixels, scenes["truth"].pixels, scale=4)
    rows = [*map(report.published_row, datasets.printed("cave", 4)), report.score_row("ours", scores)]
    text = report.markdown(rows)
    assert "**39.09**" in text or f"**{scores.mpsnr:.2f}**" in text
    assert text.count("SSPSR, IEEE") == 7
    assert "consistency" not in text
    assert len(set(map(len, (line.split(" | ") for line in text.splitlines() if not line.startswith("|-"))))) == 1
    console = Console(file=io.StringIO(), width=200)
    console.print(report.table(rows, title="CAVE ×4"))
    assert "RCAN" in console.file.getvalue()


def test_markdown_examples_and_odd_values():
    assert doctest.testmod(sys.modules[report.Row.__module__]).failed == 0
    text = report.markdown([report.Row("a|b", {"mpsnr": math.inf}), report.Row("c", {})])
    assert "a\\|b | **∞**" in text and "| c | – |" in text
    with pytest.raises(ValueError, match="at least one row"):
        report.markdown([])


def test_scene_table_is_bold_within_each_scene():
    rows = {
        "easy": [report.Row("a", {"mpsnr": 40.0, "sam_deg": 2.0}), report.Row("b", {"mpsnr": 41.0, "sam_deg": 1.0})],
        "hard[1]": [report.Row("a", {"mpsnr": 21.0}), report.Row("b", {"mpsnr": 20.0})],
    }
    columns = report.scene_table(rows).columns
    cells = {str(column.header): list(column.cells) for column in columns}
    assert cells["MPSNR ↑"] == ["40.00\n[bold]41.00[/bold]", "[bold]21.00[/bold]\n20.00"]
    assert cells["SAM ° ↓"] == ["2.000\n[bold]1.000[/bold]", "–\n–"]
    drawn = io.StringIO()
    Console(file=drawn, width=80).print(report.scene_table(rows))
    assert "hard[1]" in drawn.getvalue()  # square brackets are no markup
