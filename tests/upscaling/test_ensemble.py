"""Averages over flips and turns, and over overlapping triplets; triplets shown mirrored in turn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from shsrd.cube import SceneError
from shsrd.spectral import scene_statistics
from shsrd.upscaling.bases import guided_basis
from shsrd.upscaling.ensemble import ensemble_mean
from shsrd.upscaling.inference import Engine
from shsrd.upscaling.symmetry import Symmetry, symmetries

FLIP = Symmetry(flip_columns=True)
UPSIDE_DOWN = Symmetry(flip_rows=True)
TURN = Symmetry(transpose=True, flip_columns=True)


def turned(symmetry, pixels):
    return np.ascontiguousarray(symmetry.apply(torch.from_numpy(pixels)))


def acted(scene, symmetry):
    return scene.replace(pixels=turned(symmetry, scene.pixels))


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_symmetries_are_a_group_and_undo_what_they_do(count):
    image = torch.arange(24).reshape(2, 3, 4)
    group = symmetries(count)
    images = {np.ascontiguousarray(g.apply(image)).tobytes() + bytes(g.apply(image).shape) for g in group}
    assert len(images) == len(group) == count
    for one in group:
        np.testing.assert_array_equal(one.undo(one.apply(image)), image)
        for other in group:
            both = other.apply(one.apply(image))
            assert np.ascontiguousarray(both).tobytes() + bytes(both.shape) in images


def test_a_quarter_turn_is_one_of_the_eight():
    image = torch.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(TURN.apply(image), np.rot90(image.numpy(), -1))
    assert TURN in symmetries(8)


@pytest.mark.parametrize("basis", ["bands", "pca"])
@pytest.mark.parametrize(("count", "symmetry"), [(2, FLIP), (4, UPSIDE_DOWN), (8, TURN)], ids=["2", "4", "8"])
def test_a_turned_scene_gives_the_turned_result(make_scene, run, basis, count, symmetry):
    scene = make_scene(rows=11, columns=14)
    straight = turned(symmetry, run(scene, basis=basis, ensemble=count).cube.pixels)
    found = run(acted(scene, symmetry), basis=basis, ensemble=count).cube.pixels
    np.testing.assert_allclose(found, straight, atol=3e-5)
    fewer = turned(symmetry, run(scene, basis=basis, ensemble=count // 2).cube.pixels)
    assert np.abs(run(acted(scene, symmetry), basis=basis, ensemble=count // 2).cube.pixels - fewer).max() > 0.01


def test_the_ensemble_is_the_average_of_its_members(make_scene, make_model):
    scene, engine = make_scene(rows=9, columns=12), Engine(make_model().network, precision="fp32")
    guided = guided_basis(scene_statistics(scene.pixels), "bands", scene.wavelength_nm, guides="mnf")
    low = torch.from_numpy(scene.pixels)
    members = [g.undo(engine.mean(g.apply(low).contiguous(), guided)).numpy() for g in symmetries(8)]
    assert np.std(members, axis=0).max() > 0.01
    averaged, scale = ensemble_mean(low, engine, guided, count=8)
    assert scale is None
    np.testing.assert_allclose(averaged, np.mean(members, axis=0), atol=1e-5)


def test_tiles_agree_on_the_ensemble(make_scene, make_model, run):
    scene, halo = make_scene(rows=9), make_model().network.config.reach
    whole, tiled = (run(scene, block=tile, halo=halo, ensemble=8).cube.pixels for tile in (64, 8))
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


@pytest.mark.parametrize("asked", [{"ensemble": 8}, {"stride": 1}], ids=str)
def test_averages_of_the_mean_leave_texture_and_uncertainty_alone(make_scene, run, asked):
    scene = make_scene(rows=9, columns=12)
    pixels = [
        {steps: run(scene, steps=steps, consistency=False, **a).cube.pixels for steps in (0, 2)} for a in ({}, asked)
    ]
    textures = [p[2] - p[0] for p in pixels]
    np.testing.assert_allclose(textures[1], textures[0], atol=1e-5)
    assert np.abs(pixels[1][0] - pixels[0][0]).max() > 0.01
    plain, averaged = (run(scene, uncertainty=True, steps=2, samples=2, **a).uncertainty.pixels for a in ({}, asked))
    np.testing.assert_array_equal(averaged, plain)


def test_the_ensemble_leaves_the_predicted_scale_alone(make_scene, run):
    scene = make_scene(rows=9, columns=12)
    plain, averaged = (run(scene, uncertainty=True, **asked).uncertainty.pixels for asked in ({}, {"ensemble": 8}))
    np.testing.assert_array_equal(averaged, plain)


@pytest.mark.parametrize("asked", [{"ensemble": 4}, {"stride": 1}, {"stride": 2, "ensemble": 2, "steps": 2}], ids=str)
def test_averages_are_consistent_and_reported(make_scene, run, asked):
    report = run(make_scene(), **asked).report
    assert report.consistency < 1e-4 < 0.01 < run(make_scene(), **asked, consistency=False).report.consistency
    assert (report.ensemble, report.stride) == (asked.get("ensemble", 1), asked.get("stride", 3))


@pytest.mark.parametrize("stride", [1, 2])
def test_overlapping_triplets_are_averaged(make_scene, make_model, stride):
    """Every band is the mean of what each triplet makes of it, one triplet at a time."""
    scene, engine = make_scene(bands=7, rows=8, columns=9), Engine(make_model().network, precision="fp32")
    guided = guided_basis(scene_statistics(scene.pixels), "bands", scene.wavelength_nm, stride=stride, guides="mnf")
    alone = np.full((len(guided.triplets), *scene.pixels.shape[:1], 16, 18), np.nan, np.float32)
    for number, triplet in enumerate(guided.triplets):
        single = replace(guided, triplets=triplet[None], flips=guided.flips[number, None])
        alone[number, triplet] = engine.mean(torch.from_numpy(scene.pixels), single).numpy()[triplet]
    np.testing.assert_allclose(
        engine.mean(torch.from_numpy(scene.pixels), guided), np.nanmean(alone, axis=0), atol=1e-5
    )
    assert np.nanstd(alone, axis=0).max() > 0.01


def test_triplets_are_shown_in_turn_as_they_are_and_mirrored(make_scene, make_model):
    """Each triplet's mean is that of the mirrored scene, mirrored back."""
    scene, engine = make_scene(bands=15, rows=8, columns=9), Engine(make_model().network, precision="fp32")
    guided = guided_basis(scene_statistics(scene.pixels), "bands", scene.wavelength_nm, guides="mnf")
    assert guided.flips.tolist() == [0, 1, 2, 3, 0]
    plain = replace(guided, flips=np.zeros_like(guided.flips))
    low = torch.from_numpy(scene.pixels)
    found = engine.mean(low, guided)
    for triplet, flip in zip(guided.triplets, symmetries(4), strict=False):
        mirrored = engine.mean(flip.apply(low).contiguous(), plain)
        np.testing.assert_allclose(found[triplet], flip.undo(mirrored)[triplet], atol=1e-5)
    assert (found - engine.mean(low, plain)).abs().max() > 0.01


@pytest.mark.parametrize(("name", "bands"), [("pca", 15), ("bands", 9)], ids=["pca", "few bands"])
def test_without_a_filter_nothing_is_mirrored(make_scene, name, bands):
    scene = make_scene(bands=bands)
    guided = guided_basis(scene_statistics(scene.pixels), name, scene.wavelength_nm, 9, guides="mnf")
    assert guided.flips.tolist() == [0, 0, 0]


def test_a_stride_without_band_triplets_is_refused(make_scene, make_model, run):
    with pytest.raises(SceneError, match="--basis bands"):
        run(make_scene(), basis="pca", stride=1)
    with pytest.raises(SceneError, match="--basis bands"):
        run(make_scene(), model=make_model(basis="pca"), stride=2)
    run(make_scene(rows=8, columns=8), model=make_model(basis="pca"), basis="bands", stride=2)


@pytest.mark.parametrize("count", [0, 3, 16])
def test_no_other_group(count):
    with pytest.raises(ValueError, match="1, 2, 4 or 8"):
        symmetries(count)
