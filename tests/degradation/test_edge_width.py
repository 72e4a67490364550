"""Widths of point spread functions from edges whose width is known."""

import numpy as np
import pytest
import torch

from shsrd.degradation import FWHM_PER_SIGMA, Degradation, degrade
from shsrd.degradation.edge_width import edge_width
from shsrd.degradation.edges import Edges, detect_edges

SCALE = 4


def seen(image, along_y, along_x):
    kernel = Degradation(kernel="gaussian", scale=SCALE, fwhm_pixels=along_y * SCALE, fwhm_x_pixels=along_x * SCALE)
    return degrade(torch.from_numpy(image)[None], kernel)[0].numpy().astype(np.float64)


@pytest.mark.parametrize("true", [(1.0, 1.0), (1.44, 1.25), (1.2, 1.7), (2.1, 2.1)])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_the_estimate_holds_the_true_width(edge_images, true, noise):
    image = seen(edge_images(), *true)
    found = edge_width(detect_edges(image + noise * np.random.default_rng(1).standard_normal(image.shape)))
    assert found is not None
    assert found.edges >= 20
    assert (np.abs(np.subtract(found.fwhm, true)) < 2 * np.array(found.error)).all()
    assert np.allclose(found.fwhm, true, rtol=0.12)
    assert (np.array(found.error) < 0.12 * np.array(true)).all()
    assert np.allclose(found.lower, np.subtract(found.fwhm, found.error))


def test_soft_edges_beside_sharp_ones_do_not_count(edge_images):
    sharp, soft = edge_images(seed=2), edge_images(seed=3)
    image = np.hstack([seen(sharp, 1.3, 1.3), seen(soft, 2.4, 2.4)])
    found = edge_width(detect_edges(image))
    assert found is not None
    assert np.allclose(found.fwhm, 1.3, rtol=0.12)


def test_exchanging_the_axes_exchanges_the_widths(edge_images):
    image = seen(edge_images(seed=4), 1.7, 1.2)
    found, turned = edge_width(detect_edges(image)), edge_width(detect_edges(image.T.copy()))
    assert found is not None
    assert turned is not None
    assert np.allclose(found.fwhm, turned.fwhm[::-1], rtol=0.05)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64)),
        np.random.default_rng(0).standard_normal((128, 128)),
        np.add(*np.mgrid[:96, :96]).astype(float),
        np.sin(np.mgrid[:96, :96][0] / 9) + np.cos(np.mgrid[:96, :96][1] / 11),
        np.zeros((5, 7)),
    ],
    ids=["flat", "noise", "slope", "hills", "small"],
)
def test_scenes_without_edges_are_refused(image):
    assert edge_width(detect_edges(image)) is None


def test_one_edge_seen_often_is_refused():
    once = seen(np.where(np.mgrid[: 4 * 64, : 4 * 48][1] > 90, 1.0, 0.0), 1.5, 1.5)
    edges = detect_edges(once)
    assert len(edges) >= 12
    assert edge_width(edges) is None


def test_width_and_direction_of_a_single_edge():
    y, x = np.mgrid[: 4 * 24, : 4 * 24] - 47.5
    image = seen(np.where(0.8 * y + 0.6 * x > 1.3, 2.0, 1.0), 1.6, 1.6)
    edges = detect_edges(image, most=3)
    assert len(edges) >= 1
    assert np.allclose(edges.along_y, 0.64, atol=0.02)
    assert np.allclose(edges.width * FWHM_PER_SIGMA, 1.6, rtol=0.03)
    assert len(Edges.joined([edges, edges])) == 2 * len(edges)
    assert (edges.moved(5, 7).row == edges.row + 5).all()
