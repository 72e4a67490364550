import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from shsrd.degradation import bicubic_down, bicubic_round_trip, bicubic_up, pad_symmetric

_spec = importlib.util.spec_from_file_location("imresize_oracle", Path(__file__).with_name("imresize_oracle.py"))
oracle = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(oracle)

SIZES = [(1, 1), (1, 3), (2, 5), (7, 4), (13, 9)]


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("size", SIZES)
def test_down_equals_matlab_everywhere(scale, size):
    image = np.random.default_rng(scale).random((size[0] * scale, size[1] * scale))
    ours = bicubic_down(torch.from_numpy(image).float(), scale)
    np.testing.assert_allclose(ours, oracle.imresize(image, 1 / scale), atol=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("size", SIZES)
def test_up_equals_matlab_everywhere(scale, size):
    image = np.random.default_rng(scale).random(size)
    ours = bicubic_up(torch.from_numpy(image).float(), scale)
    np.testing.assert_allclose(ours, oracle.imresize(image, scale), atol=1e-5)


def test_float64_stays_exact():
    image = np.random.default_rng(0).random((12, 20))
    np.testing.assert_allclose(bicubic_down(torch.from_numpy(image), 4), oracle.imresize(image, 0.25), atol=1e-12)


def test_leading_axes_are_independent_planes():
    x = torch.rand(2, 3, 16, 24)
    whole = bicubic_up(bicubic_down(x, 4), 4)
    one = bicubic_up(bicubic_down(x[1, 2], 4), 4)
    torch.testing.assert_close(whole[1, 2], one)


def test_sides_must_be_multiples():
    with pytest.raises(ValueError, match="multiples of scale 4"):
        bicubic_down(torch.rand(9, 8), 4)


def test_pad_symmetric_equals_numpy_for_any_margin():
    x = torch.arange(6.0).reshape(2, 3)
    for margin in (0, 1, 2, 7):
        np.testing.assert_array_equal(pad_symmetric(x, margin), np.pad(x.numpy(), margin, mode="symmetric"))


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [*SIZES, (3, 700)])
def test_round_trip_is_up_and_down(scale, size):
    """On both sides of the size from which no matrix is made."""
    y = torch.rand(2, *size, generator=torch.Generator().manual_seed(0))
    expected = bicubic_down(bicubic_up(y, scale), scale)
    torch.testing.assert_close(bicubic_round_trip(y, scale), expected, atol=2e-6, rtol=0)
    if min(size) > 1:
        assert (expected - y).abs().max() > 0.01
