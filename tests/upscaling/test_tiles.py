import sys
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shsrd.degradation import Degradation, back_projection_reach
from shsrd.model import Model, Network, bundled_models, load_weights
from shsrd.upscaling.inference import Position
from shsrd.upscaling.tiles import BORDER, Window, mirrored, plan_tiles, read_window, trim


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 40))
def test_a_plan_covers_every_pixel_once(rows, columns, tile):
    covered = np.zeros((rows, columns), int)
    for window in plan_tiles(rows, columns, tile):
        assert 0 < window.rows <= tile
        assert 0 < window.columns <= tile
        covered[window.slices] += 1
    assert (covered == 1).all()


def test_a_plan_goes_row_of_tiles_by_row_of_tiles():
    corners = [(w.row, w.column) for w in plan_tiles(20, 30, 10)]
    assert corners == sorted(corners)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(-25, 25), st.integers(-25, 25), st.integers(1, 30))
def test_windows_outside_the_scene_are_mirrored(rows, columns, row, column, size):
    cube = np.arange(2 * rows * columns, dtype=np.float32).reshape(2, rows, columns)
    margin = 80
    padded = np.pad(cube, ((0, 0), (margin, margin), (margin, margin)), mode="symmetric")
    window = Window(row, column, size, size + 1)
    expected = padded[:, row + margin : row + margin + size, column + margin : column + margin + size + 1]
    np.testing.assert_array_equal(read_window(cube, window), expected)


def test_mirroring_repeats_the_edge_pixel():
    assert mirrored(-3, 10, 4).tolist() == [2, 1, 0, 0, 1, 2, 3, 3, 2, 1]
    assert mirrored(-2, 5, 1).tolist() == [0] * 5


@given(st.integers(0, 5), st.integers(1, 4))
def test_growing_then_trimming_gives_the_window_back(margin, scale):
    cube = np.random.default_rng(0).normal(size=(2, 12, 13)).astype(np.float32)
    window = Window(3, 4, 5, 6)
    grown = read_window(cube, window.grown(margin))
    np.testing.assert_array_equal(trim(grown, margin), cube[(slice(None), *window.slices)])
    assert window.finer(scale) == Window(3 * scale, 4 * scale, 5 * scale, 6 * scale)
    assert window.grown(margin).finer(scale) == window.finer(scale).grown(margin * scale)


@settings(max_examples=40)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(5, 20), st.integers(0, 12))
def test_clipped_windows_are_what_lies_inside(rows, columns, tile, halo):
    cube = np.arange(rows * columns, dtype=np.float32).reshape(1, rows, columns)
    for window in plan_tiles(rows, columns, tile):
        seen = window.grown(halo)
        inside = seen.clipped(rows, columns)
        block = read_window(cube, seen)[(slice(None), *inside.relative_to(seen).slices)]
        np.testing.assert_array_equal(block, cube[(slice(None), *inside.slices)])
        target = block[(slice(None), *window.relative_to(inside).slices)]
        np.testing.assert_array_equal(target, cube[(slice(None), *window.slices)])


SIZES = [(17, 23), (8, 8), (9, 40), (1, 1), (3, 2)]


@pytest.mark.parametrize(("rows", "columns"), SIZES)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_tiled_equals_whole(make_scene, make_model, run, rows, columns, scale):
    scene, halo = make_scene(rows=rows, columns=columns), make_model(scale).network.config.reach
    whole = run(scene, scale, block=64, halo=halo).cube.pixels
    tiled = run(scene, scale, block=8, halo=halo).cube.pixels
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


@pytest.mark.parametrize(
    "asked", [{"steps": 3}, {"steps": 2, "samples": 2}, {"steps": 3, "consistency": False}], ids=str
)
def test_tiles_agree_on_samples(make_scene, make_model, run, asked):
    config, scene = make_model().network.config, make_scene(rows=9)
    halo = config.reach + asked["steps"] * config.denoiser_reach + back_projection_reach(Degradation(scale=2))
    whole = run(scene, block=64, halo=halo, **asked).cube.pixels
    tiled = run(scene, block=8, halo=halo, **asked).cube.pixels
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_tiles_agree_on_uncertainty(make_scene, run):
    scene, asked = make_scene(rows=9, columns=17), {"halo": 24, "uncertainty": True, "steps": 2, "samples": 3}
    whole, tiled = (run(scene, block=tile, **asked).uncertainty.pixels for tile in (64, 8))
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_tiles_agree_on_a_scale_that_sees_its_surroundings(make_scene, make_model, run):
    config = make_model().network.config.model_copy(update={"scale_context": 3})
    network = Network(config)
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
    model, halo = Model("random", network, {}, "0" * 16), config.reach + config.std_reach
    asked = {"model": model, "uncertainty": True, "consistency": False, "halo": halo}
    whole, tiled = (run(make_scene(rows=9), block=block, **asked).uncertainty.pixels for block in (64, 8))
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
    blind = run(make_scene(rows=9), block=8, **asked | {"halo": 2}).uncertainty.pixels
    assert np.abs(blind - whole).max() > 1e-3


def test_tiles_agree_because_noise_knows_its_place(make_scene, run, monkeypatch):
    monkeypatch.setattr(sys.modules["shsrd.upscaling.reconstruction"], "Position", lambda row, column: Position(0, 0))
    whole, tiled = (run(make_scene(rows=8, columns=60), block=tile, halo=24, steps=3).cube.pixels for tile in (64, 8))
    assert np.abs(tiled - whole).max() > 0.01


def test_too_small_a_halo_shows(make_scene, run, monkeypatch):
    """The comparison is not blind: without any halo, not even that of interpolation, tiles differ from the whole."""
    monkeypatch.setattr("shsrd.upscaling.plan.BICUBIC_REACH", 0)
    whole, tiled = (run(make_scene(), block=tile, halo=0, consistency=False).cube.pixels for tile in (64, 8))
    assert np.abs(tiled - whole).max() > 0.01


def test_any_tile_size_gives_the_same_scene(make_scene, run):
    scene = make_scene(rows=30, columns=26)
    reference = run(scene, block=100, halo=20).cube.pixels
    for tile in (8, 11, 16, 29):
        np.testing.assert_allclose(run(scene, block=tile, halo=20).cube.pixels, reference, atol=1e-5)


@pytest.mark.parametrize("pixels", [1, 200, 10**9])
def test_how_many_triplets_run_together_does_not_matter(make_scene, run, monkeypatch, pixels):
    scene = make_scene(bands=11)
    reference = run(scene, steps=2).cube.pixels
    monkeypatch.setattr("shsrd.upscaling.inference.BATCH_PIXELS", pixels)
    np.testing.assert_allclose(run(scene, steps=2).cube.pixels, reference, atol=1e-5)


def test_progress_counts_tiles(make_scene, make_model):
    from shsrd.upscaling import UpscaleOptions, upscale

    progress = Mock()
    options = UpscaleOptions(tile=8, block=8, device="cpu", precision="fp32")
    upscale(make_scene(), 2, options=options, model=make_model(), progress=progress)
    assert [call.args for call in progress.call_args_list] == [(done, 9) for done in range(1, 10)]


SEAMS = [
    {"basis": "bands"},
    {"basis": "pca", "ensemble": 2},
    {"uncertainty": True},
    {"steps": 4},
    pytest.param({"steps": 8, "samples": 2, "uncertainty": True}, marks=pytest.mark.slow),
]


def seams(one, other, low):
    """Largest differences of estimates and, where asked for, uncertainties, as shares of the scene's range."""
    pairs = [(one.cube, other.cube), (one.uncertainty, other.uncertainty)]
    return [np.nanmax(np.abs(a.pixels - b.pixels)) / np.ptp(low.pixels) for a, b in pairs if a is not None]


@pytest.mark.parametrize("asked", SEAMS, ids=str)
@pytest.mark.parametrize("name", [n for n in bundled_models() if not n.endswith("-dev")] or [None])
def test_default_halo_leaves_no_visible_seam(run, name, asked):
    """Four cells against one for the whole scene: below 1e-3 of the range, with the weights that the wheel carries."""
    if name is None:
        pytest.skip("no bundled weights yet")
    from shsrd.datasets import synthetic_scene
    from shsrd.degradation import degrade_cube

    model = load_weights(name)
    scale = model.network.config.scale
    scene = synthetic_scene(rows=34 * scale, columns=34 * scale, wavelength_nm=np.linspace(450, 900, 6))
    low = degrade_cube(scene, Degradation(scale=scale))
    whole, blocks = (run(low, scale, model=model, block=side, **asked) for side in (64, 17))
    for seam in seams(whole, blocks, low):
        assert 0 < seam < 1e-3  # not even rounding would tell that nothing was cut
    blind = run(low, scale, model=model, block=17, halo=0, consistency=False, **asked)
    uncut = run(low, scale, model=model, block=64, halo=0, consistency=False, **asked)
    assert seams(uncut, blind, low)[0] > 1e-3  # seams do show where the halo is too small


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("asked", [{}, {"steps": 4}], ids=str)
def test_default_halo_leaves_no_visible_seam_in_a_real_scene(run, shared_data, asked):
    """jasperRidge2_R198, AVIRIS, 198 bands; the whole as one cell."""
    from shsrd.io import open_cube

    low, model = open_cube(shared_data / "hsi/eval/jasperRidge2_R198.img"), load_weights("cave-x4")
    whole, blocks = (run(low, 4, model=model, basis="pca", block=side, **asked) for side in (128, 50))
    assert 0 < seams(whole, blocks, low)[0] < 1e-3


def test_what_lies_beyond_a_scene_is_seen_as_far_as_it_matters(make_scene, run, monkeypatch):
    """A wide halo costs nothing at the edge of a scene: the network looks at the same few mirrored pixels."""
    scene, read = make_scene(rows=20, columns=20), sys.modules["shsrd.upscaling.reconstruction"].read_window
    shapes = []

    def noted(pixels, window):
        shapes.append((window.rows, window.columns))
        return read(pixels, window)

    monkeypatch.setattr(sys.modules["shsrd.upscaling.reconstruction"], "read_window", noted)
    near, far = (run(scene, block=64, halo=halo, self_check=False).cube.pixels for halo in (BORDER + 6, 40))
    assert set(shapes) == {(20 + 2 * BORDER, 20 + 2 * BORDER)}
    assert np.array_equal(near, far)
