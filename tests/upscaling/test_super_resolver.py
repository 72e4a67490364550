"""Weights loaded once; the result in the type of the input."""

import numpy as np
import pytest
import torch

from shsrd import SceneError, SuperResolver, UpscaleOptions, upscale
from shsrd.cube import Cube
from shsrd.model import save_weights


@pytest.fixture
def weights(make_model, tmp_path):
    path = tmp_path / "tiny.safetensors"
    model = make_model()
    save_weights(path, model.network, provenance={})
    return path


@pytest.fixture
def resolver(weights):
    return SuperResolver.from_pretrained(weights, device="cpu", precision="fp32")


def test_every_type_comes_back(resolver, make_scene):
    scene = make_scene()
    expected = upscale(scene, resolver.scale, options=resolver.options, model=resolver.model)
    pixels, nm = scene.pixels, scene.wavelength_nm
    as_cube = resolver(scene)
    assert isinstance(as_cube.result, Cube)
    assert isinstance(as_cube.std, Cube)
    as_array = resolver(pixels, wavelengths=nm)
    assert isinstance(as_array.result, np.ndarray)
    as_tensor = resolver(torch.from_numpy(pixels), wavelengths=nm)
    assert isinstance(as_tensor.result, torch.Tensor)
    as_xarray = resolver(scene.to_xarray())
    assert as_xarray.result.dims == as_xarray.std.dims == ("band", "y", "x")
    for found in (as_cube, as_array, as_tensor, as_xarray):
        assert np.array_equal(found.cube.pixels, expected.cube.pixels, equal_nan=True)
        assert found.report.model == resolver.model.name
    for found in (as_array, as_tensor, as_xarray):
        assert np.array_equal(np.asarray(found.result), expected.cube.pixels, equal_nan=True)
        assert np.array_equal(np.asarray(found.std), expected.uncertainty.pixels, equal_nan=True)
    last = resolver(np.moveaxis(pixels, 0, 2), wavelengths=nm, axes="yxb")
    assert np.array_equal(last.result, np.moveaxis(expected.cube.pixels, 0, 2), equal_nan=True)


def test_wavelengths_of_an_array_count(resolver, make_scene):
    scene = make_scene()
    one, other = (resolver(scene.pixels, wavelengths=nm).cube for nm in (scene.wavelength_nm, None))
    assert np.array_equal(one.wavelength_nm, scene.wavelength_nm)
    assert other.wavelength_nm is None
    for given in (scene, scene.to_xarray()):
        with pytest.raises(SceneError, match="has its own"):
            resolver(given, wavelengths=scene.wavelength_nm)


def test_weights_are_read_once(resolver, weights, make_scene):
    weights.unlink()
    assert resolver(make_scene()).std is not None
    assert resolver(make_scene(), uncertainty=False).std is None


def test_options_are_checked(weights):
    for wrong in ({"step": 3}, {"samples": 0}):
        with pytest.raises(ValueError, match=r"step|samples"):
            SuperResolver.from_pretrained(weights, **wrong)
    with pytest.raises(SceneError, match="not available"):
        SuperResolver.from_pretrained(weights, device="cuda:9")
    with pytest.raises(SceneError, match="no model for scale 5"):
        SuperResolver.from_pretrained(scale=5)
    assert not SuperResolver.from_pretrained(weights, steps=2).options.uncertainty  # one sample has none


def test_accessor_of_xarray(weights, make_scene):
    pytest.importorskip("xarray")
    import shsrd.accessor

    scene = make_scene()
    options = {"model": str(weights), "device": "cpu", "precision": "fp32", "uncertainty": True}
    found = scene.to_xarray().shsrd.upscale(2, **options)
    expected = upscale(scene, 2, options=UpscaleOptions(**options))
    assert np.array_equal(found, expected.cube.pixels, equal_nan=True)
    assert np.array_equal(found.coords["std"], expected.uncertainty.pixels, equal_nan=True)
    assert isinstance(scene.to_xarray().shsrd.to_cube(), Cube)
    assert shsrd.SuperResolver is SuperResolver
