"""``upscale`` as people call it: with an array, an xarray object, or a path; the result in the same kind."""

import numpy as np
import pytest

from shsrd import upscale
from shsrd.cube import SceneError
from shsrd.io import save_cube
from shsrd.upscaling.input_types import as_cube


@pytest.fixture(scope="module")
def cube():
    from shsrd.cube import Storage
    from shsrd.datasets import synthetic_scene

    return synthetic_scene(rows=12, columns=16, wavelength_nm=np.linspace(420, 980, 5), seed=3).replace(
        storage=Storage()
    )


def finer(cube):
    """A cube twice as fine, as ``upscale`` would give it, without a network."""
    return type(cube).of(cube.pixels.repeat(2, 1).repeat(2, 2), cube.metadata.finer(2))


def test_array(cube):
    found, back = as_cube(cube.pixels)
    assert np.array_equal(found.pixels, cube.pixels)
    assert np.array_equal(back(finer(cube)), finer(cube).pixels)


def test_array_in_another_order_keeps_order_and_type(cube):
    found, back = as_cube(cube.pixels.transpose(1, 2, 0).astype(np.float64), "yxb")
    assert np.array_equal(found.pixels, cube.pixels)
    result = back(finer(cube))
    assert result.shape == (24, 32, 5) and result.dtype == np.float64
    assert np.array_equal(result, finer(cube).pixels.transpose(1, 2, 0))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.ones((160, 192, 6), np.float32), "160 x 192 x 6 does not look like bands x rows x columns"),
        (np.ones((8, 8), np.float32), "has 2 axes"),
        ([[1, 2], [3, 4]], "builtins.list is no scene; pass a shsrd.Cube, a numpy array"),
        (None, "NoneType is no scene"),
    ],
)
def test_what_is_no_scene_is_one_sentence(given, words):
    with pytest.raises(SceneError, match=words):
        upscale(given)


def test_data_array_keeps_name_and_dimensions(cube):
    array = cube.to_xarray().swap_dims({"band": "wavelength"}).drop_vars("band").rename("radiance")
    array = array.transpose("y", "x", "wavelength")
    found, back = as_cube(array)
    assert np.array_equal(found.pixels, cube.pixels)
    result = back(finer(cube))
    assert result.dims == array.dims and result.name == "radiance"
    assert result.wavelength.values.tolist() == cube.wavelength_nm.tolist()
    assert np.array_equal(result.transpose("wavelength", "y", "x").values, finer(cube).pixels)


def test_dataset_with_one_scene(cube):
    import xarray

    array = cube.to_xarray()
    found, _ = as_cube(xarray.Dataset({"scene": array, "mask": array.max("band")}))
    assert np.array_equal(found.pixels, cube.pixels)
    with pytest.raises(SceneError, match=r"\(a, b\); pass dataset\['NAME'\]"):
        as_cube(xarray.Dataset({"a": array, "b": array}))


def test_path(cube, tmp_path):
    save_cube(cube, tmp_path / "a.tif")
    for path in (tmp_path / "a.tif", str(tmp_path / "a.tif")):
        found, back = as_cube(path)
        assert np.array_equal(found.pixels, cube.pixels)
        assert back(cube) is cube


def test_cube_fits_on_a_screen(cube):
    large = cube.replace(
        headers={f"key {n}": "x" * 500 for n in range(200)}, source="/".join(["folder"] * 60), notes=("guessed.",)
    )
    for shown in (repr(large), repr(large.metadata)):
        lines = shown.splitlines()
        assert len(lines) < 20 and max(map(len, lines)) <= 96
        assert "5 bands, 12 x 16 pixels" in shown and "420 to 980 nm" in shown and "guessed." in shown
    assert "<td>5 bands, 12 x 16 pixels</td>" in large._repr_html_()
    hostile = cube.replace(source="<script>")
    assert "<script>" not in hostile._repr_html_()


def test_result_is_in_the_kind_that_was_given(cube):
    from shsrd.model import Model, Network, NetworkConfig

    pixels = np.ascontiguousarray(cube.pixels.transpose(1, 2, 0))
    config = NetworkConfig(
        scale=4, width=8, blocks=1, inject_every=1, guide_width=4, denoiser_width=8, denoiser_blocks=1, basis="pca"
    )
    model = Model("tiny", Network(config), {}, "0")
    done = upscale(pixels, axes="yxb", model=model)
    assert isinstance(done.result, np.ndarray) and done.result.shape == (48, 64, 5)
    assert np.array_equal(np.asarray(done), done.result)
    assert done.cube.shape == (5, 48, 64)
