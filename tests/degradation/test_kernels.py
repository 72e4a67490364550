import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from shsrd.degradation import area_down, gaussian_down
from shsrd.degradation.kernels import decimate, gaussian_taps


def slow_gaussian(image, scale, sigma):
    """Every LR pixel as an explicit sum over a mirrored neighbourhood."""
    margin = 8 * scale + 8
    padded = np.pad(image, margin, mode="symmetric")
    position = np.arange(-margin, image.shape[0] + margin), np.arange(-margin, image.shape[1] + margin)
    out = np.zeros((image.shape[0] // scale, image.shape[1] // scale))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            wy, wx = (
                np.exp(-(((p - (scale * k + (scale - 1) / 2)) / sigma) ** 2) / 2)
                for p, k in zip(position, (i, j), strict=True)
            )
            out[i, j] = wy @ padded @ wx / (wy.sum() * wx.sum())
    return out


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_gaussian_equals_explicit_sum(scale):
    image = np.random.default_rng(1).random((5 * scale, 3 * scale))
    sigma = scale / 2.3548
    np.testing.assert_allclose(
        gaussian_down(torch.from_numpy(image), scale, sigma), slow_gaussian(image, scale, sigma), atol=2e-4
    )


def test_gaussian_of_odd_scale_equals_scipy_at_block_centres():
    image = np.random.default_rng(2).random((30, 21))
    blurred = gaussian_filter(image, 1.7, mode="reflect", truncate=4.0)[1::3, 1::3]
    np.testing.assert_allclose(gaussian_down(torch.from_numpy(image), 3, 1.7), blurred, atol=2e-4)


@pytest.mark.parametrize("scale", [2, 3, 4, 5, 8])
def test_ramp_keeps_its_block_centres(scale):
    ramp = torch.arange(20.0 * scale, dtype=torch.float64).expand(20 * scale, -1)
    expected = scale * torch.arange(20, dtype=torch.float64) + (scale - 1) / 2
    for low in (gaussian_down(ramp, scale, 0.6 * scale), area_down(ramp, scale)):
        torch.testing.assert_close(low[10, 5:15], expected[5:15])


def test_area_is_the_block_mean():
    x = torch.rand(3, 8, 12, dtype=torch.float64)
    torch.testing.assert_close(area_down(x, 4), x.reshape(3, 2, 4, 3, 4).mean(dim=(2, 4)))


def test_taps_sum_to_one_with_the_parity_of_the_scale():
    for scale in range(2, 9):
        taps = gaussian_taps(scale, 0.5 * scale)
        assert sum(taps) == pytest.approx(1)
        assert len(taps) % 2 == scale % 2


def test_gradient_flows():
    x = torch.rand(1, 8, 8, requires_grad=True)
    gaussian_down(x, 2, 1.0).sum().backward()
    torch.testing.assert_close(x.grad.sum(), torch.tensor(16.0))


@pytest.mark.parametrize("bad", [lambda x: decimate(x, (0.5, 0.5), 3), lambda x: gaussian_down(x, 2, 0.0)])
def test_refuses(bad):
    with pytest.raises(ValueError, match=r"taps|sigma|multiples"):
        bad(torch.rand(12, 12))


@pytest.mark.parametrize("scale", [3, 4])
def test_a_gaussian_sharper_than_the_grid_is_the_nearest_samples(scale):
    nearest = {3: (0, 1, 0), 4: (0, 0.5, 0.5, 0)}[scale]
    for sigma in (0.01, 1e-300):
        np.testing.assert_allclose(gaussian_taps(scale, sigma), nearest, atol=1e-80)
