"""What changes no byte (tiles, their order), and what shows no more than rounding (cells whose halo reaches)."""

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from shsrd.cube import Storage
from shsrd.degradation import Degradation, back_projection_reach
from shsrd.io import save_cube
from shsrd.spectral.regression import MIN_FILTERED_BANDS
from shsrd.upscaling import Job, UpscaleOptions, upscale_file
from shsrd.upscaling.jobs.executors import LocalExecutor

CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
SIDES = st.integers(1, 40)
BASES = st.sampled_from(["bands", "pca"])
MEANS = st.sampled_from([{}, {"ensemble": 8}, {"ensemble": 2, "uncertainty": True}, {"uncertainty": True}])
BANDS = st.sampled_from([4, MIN_FILTERED_BANDS])  # detail of many bands is filtered across them
SAMPLES = st.sampled_from([{"steps": 3}, {"steps": 2, "samples": 3, "uncertainty": True}, {"steps": 2, "ensemble": 2}])


def pictures(upscaled):
    """Estimate and, where there is one, its uncertainty."""
    return [cube.pixels for cube in (upscaled.cube, upscaled.uncertainty) if cube is not None]


def reaching(config, asked):
    """A halo that covers everything that a pixel depends on."""
    steps = asked.get("steps", 0)
    return config.reach + steps * config.denoiser_reach + back_projection_reach(Degradation(scale=config.scale))


def holed(cube, row, column):
    """The scene without some pixels, where it is larger than that."""
    pixels = cube.pixels.copy()
    pixels[:, row : row + 3, column : column + 5] = np.nan
    return cube.replace(pixels=pixels if np.isfinite(pixels).any() else cube.pixels)


@settings(max_examples=30, suppress_health_check=CHECKS)
@given(rows=SIDES, columns=SIDES, tile=st.integers(1, 60), block=st.integers(8, 20), basis=BASES, asked=MEANS | SAMPLES,
       hole=st.tuples(SIDES, SIDES), bands=BANDS)  # fmt: skip
@example(rows=33, columns=40, tile=60, block=8, basis="pca", asked={"steps": 3}, hole=(3, 6), bands=4)
@example(rows=21, columns=34, tile=60, block=8, basis="bands", asked={}, hole=(3, 6), bands=MIN_FILTERED_BANDS)
def test_no_tile_changes_a_byte(make_scene, run, rows, columns, tile, block, basis, asked, hole, bands):
    """Whatever is asked for, in memory; ``test_stream`` has the same of files."""
    scene = holed(make_scene(bands=bands, rows=rows, columns=columns), *hole)
    one, other = (pictures(run(scene, block=block, tile=side, basis=basis, **asked)) for side in (block, tile))
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


@settings(max_examples=8, suppress_health_check=CHECKS)
@given(seed=st.integers(0, 1000), tile=st.integers(8, 24), basis=BASES, asked=MEANS | SAMPLES)
def test_no_order_of_tiles_changes_a_byte(tmp_path, make_scene, make_model, seed, tile, basis, asked):
    """As workers deliver them: the writer waits for the one that is next."""
    scene = make_scene(bands=4, rows=29, columns=26, storage=Storage("int16", 1e-4, 0.0, -9999.0))
    save_cube(holed(scene, 5, 5), tmp_path / "scene.img", overwrite=True)
    straight, made = LocalExecutor.run, []

    def shuffled(self, plan, numbers):
        return straight(self, plan, random.Random(seed).sample(numbers, len(numbers)))

    for run in (straight, shuffled):
        uncertainty = tmp_path / "deviation.img" if asked.get("uncertainty") else None
        wanted = {"device": "cpu", "precision": "fp32", "block": 8, "tile": tile, "basis": basis, **asked}
        job = Job(tmp_path / "scene.img", tmp_path / "fine.img", 2, UpscaleOptions(**wanted), uncertainty=uncertainty)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(LocalExecutor, "run", run)
            upscale_file(job, model=make_model())
        made.append([path.read_bytes() for path in job.targets])
        for path in job.targets:
            path.unlink()
            path.with_suffix(".hdr").unlink()
    assert made[0] == made[1]


def check_seams(run, scene, *, block, **asked):
    """One cell for the whole scene, or many: the same pictures."""
    whole, parts = (pictures(run(scene, block=side, **asked)) for side in (64, block))
    for first, second in zip(whole, parts, strict=True):
        np.testing.assert_allclose(second, first, atol=1e-5)


@settings(max_examples=25, suppress_health_check=CHECKS)
@given(rows=SIDES, columns=SIDES, block=st.integers(8, 30), basis=BASES, asked=MEANS, bands=BANDS)
@example(rows=17, columns=40, block=16, basis="pca", asked={"ensemble": 8}, bands=4)
@example(rows=17, columns=40, block=16, basis="bands", asked={}, bands=MIN_FILTERED_BANDS)
def test_no_seams_in_the_mean(make_scene, make_model, run, rows, columns, block, basis, asked, bands):
    """One cell for the whole scene, or many: the same picture where the halo covers the declared reach."""
    halo = reaching(make_model().network.config, asked)
    check_seams(run, make_scene(bands=bands, rows=rows, columns=columns), block=block, halo=halo, basis=basis, **asked)


@settings(max_examples=12, suppress_health_check=CHECKS)
@given(rows=st.integers(1, 20), columns=SIDES, block=st.integers(8, 30), asked=SAMPLES, seed=st.integers(0, 9))
@example(rows=9, columns=31, block=8, asked={"steps": 3}, seed=1)
def test_no_seams_in_samples(make_scene, make_model, run, rows, columns, block, asked, seed):
    halo = reaching(make_model().network.config, asked)
    check_seams(run, make_scene(bands=4, rows=rows, columns=columns), block=block, halo=halo, seed=seed, **asked)


@settings(max_examples=12, suppress_health_check=CHECKS)
@given(rows=st.integers(10, 40), columns=st.integers(10, 40), block=st.integers(8, 20), halo=st.integers(0, 12))
@example(rows=20, columns=20, block=8, halo=0)
def test_no_seams_in_bands_that_are_bicubic(make_scene, run, rows, columns, block, halo):
    """Whatever the halo: the network's may be too small, that of interpolation never."""
    scene = make_scene(bands=4, rows=rows, columns=columns, good_bands=np.array([True, False, True, True]))
    assume(rows > block or columns > block)
    whole, parts = (
        run(scene, block=side, halo=halo, consistency=False, self_check=False).cube.pixels[1] for side in (64, block)
    )
    np.testing.assert_allclose(parts, whole, atol=1e-6)
