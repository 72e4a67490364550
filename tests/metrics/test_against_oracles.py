"""Every figure against scikit-image, scipy or loops written from the definition."""

import math

import numpy as np
import pytest
from scipy.stats import pearsonr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from shsrd import metrics


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(7)
    reference = rng.random((4, 23, 31)) * np.array([0.2, 1, 0.6, 0.9])[:, None, None]
    return (reference + 0.05 * rng.standard_normal(reference.shape)).astype(np.float32), reference.astype(np.float32)


def with_holes(pair):
    estimate, reference = (cube.copy() for cube in pair)
    estimate[1, 3:5, 6] = np.nan
    reference[2, 20, 20:25] = np.nan
    mask = np.ones(reference.shape[1:], bool)
    mask[:2, :3] = False
    return estimate, reference, mask


def counted_pixels(estimate, reference, mask):
    bands, rows, columns = reference.shape
    for b in range(bands):
        yield [
            (float(estimate[b, i, j]), float(reference[b, i, j]))
            for i in range(rows)
            for j in range(columns)
            if mask[i, j] and not math.isnan(estimate[b, i, j]) and not math.isnan(reference[b, i, j])
        ]


def test_psnr_equals_skimage(pair):
    x, y = pair
    bands = [peak_signal_noise_ratio(b.astype(float), a.astype(float), data_range=1) for a, b in zip(x, y, strict=True)]
    assert metrics.mpsnr(x, y) == pytest.approx(np.mean(bands), abs=1e-9)
    cube = peak_signal_noise_ratio(y.astype(float), x.astype(float), data_range=1)
    assert metrics.psnr_cube(x, y) == pytest.approx(cube, abs=1e-9)


@pytest.mark.parametrize("data_range", [1.0, 4000.0])
def test_mssim_equals_skimage(pair, data_range):
    x, y = (data_range * cube.astype(float) for cube in pair)
    expected = structural_similarity(x, y, channel_axis=0, data_range=data_range)
    assert metrics.mssim(x, y, data_range=data_range) == pytest.approx(expected, abs=1e-9)


def test_mssim_of_float32_equals_skimage(pair):
    expected = structural_similarity(*pair, channel_axis=0, data_range=1)
    assert metrics.mssim(*pair) == pytest.approx(expected, abs=1e-6)


def test_mssim_with_holes_counts_whole_windows_only(pair):
    x, y, mask = with_holes(pair)
    per_band = []
    for a, b in zip(x, y, strict=True):
        keep = mask & np.isfinite(a) & np.isfinite(b)
        windows = []
        for i in range(a.shape[0] - 6):
            for j in range(a.shape[1] - 6):
                cut = slice(i, i + 7), slice(j, j + 7)
                if keep[cut].all():
                    u, v = a[cut].astype(float), b[cut].astype(float)
                    cov = np.cov(u.ravel(), v.ravel())
                    m, n = u.mean(), v.mean()
                    windows.append(
                        (2 * m * n + 1e-4)
                        * (2 * cov[0, 1] + 9e-4)
                        / ((m * m + n * n + 1e-4) * (cov[0, 0] + cov[1, 1] + 9e-4))
                    )
        per_band.append(np.mean(windows))
    assert metrics.mssim(x, y, mask=mask) == pytest.approx(np.mean(per_band), abs=1e-9)


def test_error_figures_with_holes_equal_loops(pair):
    x, y, mask = with_holes(pair)
    bands = [np.array(band) for band in counted_pixels(x, y, mask)]
    mse = [np.mean((b[:, 0] - b[:, 1]) ** 2) for b in bands]
    everything = np.concatenate(bands)
    assert metrics.mpsnr(x, y, mask=mask) == pytest.approx(np.mean([10 * math.log10(1 / m) for m in mse]))
    assert metrics.rmse(x, y, mask=mask) == pytest.approx(
        math.sqrt(np.mean((everything[:, 0] - everything[:, 1]) ** 2))
    )
    relative = [m / b[:, 1].mean() ** 2 for m, b in zip(mse, bands, strict=True)]
    assert metrics.ergas(x, y, scale=8, mask=mask) == pytest.approx(100 / 8 * math.sqrt(np.mean(relative)))
    assert metrics.cc(x, y, mask=mask) == pytest.approx(np.mean([pearsonr(b[:, 0], b[:, 1])[0] for b in bands]))


def test_sam_with_holes_equals_loops(pair):
    x, y, mask = with_holes(pair)
    angles = []
    for i, j in zip(*np.nonzero(mask), strict=True):
        u, v = x[:, i, j].astype(float), y[:, i, j].astype(float)
        both = np.isfinite(u) & np.isfinite(v)
        u, v = u[both], v[both]
        angles.append(math.degrees(math.acos(u @ v / math.sqrt((u @ u) * (v @ v)))))
    assert metrics.sam_deg(x, y, mask=mask) == pytest.approx(np.mean(angles), abs=1e-9)


def test_cropping_and_masking_agree(pair):
    x, y = pair
    mask = np.zeros(y.shape[1:], bool)
    mask[2:19, 5:30] = True
    masked = metrics.evaluate(x, y, scale=4, mask=mask)
    cropped = metrics.evaluate(x[:, 2:19, 5:30], y[:, 2:19, 5:30], scale=4)
    for name in metrics.DEFINITIONS:
        assert getattr(masked, name) == pytest.approx(getattr(cropped, name), nan_ok=True)
