"""Point spread functions of scenes: which one is taken, and who says so."""

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from pydantic import ValidationError

from shsrd.cube import Cube, MemorySource, SceneError, SceneMetadata
from shsrd.degradation import SENSORS, Degradation, degrade_cube
from shsrd.io import open_cube, save_cube
from shsrd.upscaling import UpscaleOptions, upscale
from shsrd.upscaling.correction import CorrectedSource, match_bicubic_psf
from shsrd.upscaling.scene_psf import Instrument, blur_and_noise_summary, declared_psf, resolve_psf

FAST = {"model": "cave-x4-fast-dev", "channels": 3, "device": "cpu", "precision": "fp32", "self_check": False}
PRISMA = SceneMetadata((4, 8, 8), sensor="prisma")


@pytest.mark.parametrize(
    ("options", "metadata", "origin", "sensor"),
    [
        ({}, SceneMetadata((4, 8, 8)), "assumed", None),
        ({}, PRISMA, "product", "prisma"),
        ({}, SceneMetadata((4, 8, 8), sensor="desis"), "assumed", None),  # no width of it is published
        ({"sensor": "enmap"}, PRISMA, "sensor", "enmap"),
        ({"fwhm": (1.4, 1.2)}, PRISMA, "fwhm", None),
        ({"kernel": "bicubic"}, PRISMA, "kernel", None),
    ],
)
def test_options_come_before_metadata(options, metadata, origin, sensor):
    found = declared_psf(metadata, UpscaleOptions(**options))
    assert (found.origin, found.sensor) == (origin, sensor)
    assert found.bicubic == (found.degradation(4) is None) == (origin in ("assumed", "kernel"))


def test_widths_of_a_product_in_its_own_grid_and_along_a_map():
    own = declared_psf(PRISMA.replace(sensor="enmap"), UpscaleOptions())
    turned = declared_psf(PRISMA.replace(sensor="enmap", transform=Affine(30, 0, 0, 0, -30, 0)), UpscaleOptions())
    along, across = SENSORS["enmap"].fwhm
    assert np.allclose(own.fwhm_at(None, 3), [(along, across)] * 3)
    assert np.allclose(turned.fwhm_at(None, 3), (along + across) / 2)
    assert not own.north_up
    assert turned.north_up
    assert own.degradation(4) == Degradation.of_sensor("enmap", scale=4)


@pytest.mark.parametrize(
    "options",
    [
        {"sensor": "enmap", "fwhm": (1.0, 1.0)},
        {"sensor": "enmap", "fwhm": "auto"},
        {"sensor": "enmap", "kernel": "bicubic"},
        {"fwhm": "auto", "kernel": "bicubic"},
        {"snr": 40, "kernel": "bicubic"},
        {"snr": 40},
        {"sensor": "landsat"},
    ],
)
def test_contradictions_are_refused(options):
    with pytest.raises(SceneError, match=r"--sensor|no sensor"):
        resolve_psf(MemorySource(Cube(np.zeros((4, 8, 8), np.float32))), UpscaleOptions(**options))


def test_noise_alone_may_be_told_of_a_product():
    assert declared_psf(PRISMA, UpscaleOptions(snr=40)).origin == "product"
    with pytest.raises(ValidationError):
        UpscaleOptions(fwhm="wide")


def test_an_estimate_that_the_scene_does_not_allow_is_refused():
    with pytest.raises(SceneError, match=r"too few sharp edges.*--sensor or --fwhm"):
        match_bicubic_psf(MemorySource(Cube(np.zeros((4, 40, 40), np.float32))), UpscaleOptions(fwhm="auto"), 4)


def test_only_scenes_with_the_products_own_pixels_keep_the_sensor(make_scene, tmp_path):
    product = make_scene(bands=4, rows=16, columns=16).replace(sensor="prisma")
    assert product.metadata.subset(slice(2, 9), slice(0, 5)).sensor == "prisma"
    assert product.metadata.finer(4).sensor is None
    assert degrade_cube(product, Degradation(scale=4)).sensor is None
    save_cube(product, tmp_path / "scene.tif")
    assert open_cube(tmp_path / "scene.tif").sensor is None


def test_a_product_is_corrected_unless_the_bicubic_kernel_is_asked_for(make_scene):
    scene = make_scene(bands=4, rows=40, columns=40)
    product = scene.replace(sensor="prisma", transform=None)

    def made(cube, **options):
        return upscale(cube, options=UpscaleOptions(**FAST, **options))

    recognised, requested = made(product), made(scene, sensor="prisma")
    np.testing.assert_array_equal(recognised.cube.pixels, requested.cube.pixels)
    assert (recognised.report.psf_origin, recognised.report.sensor) == ("product", "prisma")
    assert requested.report.psf_origin == "sensor"
    assert recognised.cube.sensor is None
    asked, assumed = made(product, kernel="bicubic"), made(scene)
    np.testing.assert_array_equal(asked.cube.pixels, assumed.cube.pixels)
    assert (asked.report.psf_origin, assumed.report.psf_origin) == ("kernel", "assumed")
    assert not np.array_equal(asked.cube.pixels, requested.cube.pixels, equal_nan=True)


def test_an_estimate_is_taken_where_it_is_asked_for(monkeypatch, make_scene):
    from shsrd.degradation.edge_width import PsfEstimate
    from shsrd.upscaling.blur_noise_estimate import BlurNoiseEstimate

    width = PsfEstimate((1.5, 1.4), (0.1, 0.2), 40)
    seen = BlurNoiseEstimate(width, 40, np.arange(4), np.array([38.0, 40, 42, 44]))
    monkeypatch.setattr("shsrd.upscaling.scene_psf.estimate_blur_noise", lambda source: seen)
    scene = make_scene(bands=4, rows=40, columns=40)
    source = match_bicubic_psf(MemorySource(scene), UpscaleOptions(fwhm="auto"), 4)
    assert isinstance(source, CorrectedSource)
    assert source.instrument == Instrument("estimate", fwhm=width.lower, error=width.error)
    assert np.allclose(source.instrument.fwhm_at(None, 2), [(1.4, 1.2)] * 2)
    sharp = replace(seen, width=PsfEstimate((0.9, 1.0), (0.1, 0.1), 40))
    monkeypatch.setattr("shsrd.upscaling.scene_psf.estimate_blur_noise", lambda source: sharp)
    assert isinstance(match_bicubic_psf(MemorySource(scene), UpscaleOptions(fwhm="auto"), 4), MemorySource)
    assert declared_psf(PRISMA, UpscaleOptions(fwhm="auto")) == Instrument("estimate")
    monkeypatch.setattr("shsrd.upscaling.scene_psf.estimate_blur_noise", lambda source: seen)
    metadata = blur_and_noise_summary(MemorySource(scene))
    assert metadata["psf_fwhm"] is None
    assert (metadata["psf_estimate"], metadata["psf_error"], metadata["psf_edges"]) == ([1.5, 1.4], [0.1, 0.2], 40)
    assert metadata["snr_db"] == [38, 41, 44]
    assert "--fwhm auto" in metadata["psf_note"]
    assert blur_and_noise_summary(MemorySource(scene.replace(sensor="tanager")))["psf_note"] is None
    wider = blur_and_noise_summary(MemorySource(scene.replace(sensor="hypso-1")))
    assert "sharper than the published width" in wider["psf_note"]


def test_one_number_is_the_width_along_both_axes():
    assert UpscaleOptions(fwhm=1.4) == UpscaleOptions(fwhm=(1.4, 1.4))
    with pytest.raises(ValueError, match="fwhm"):
        UpscaleOptions(fwhm=True)
