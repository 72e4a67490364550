import pytest
import torch
from torch import nn

from shsrd.training.muon import Muon, is_matrix, newton_schulz


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_orthogonalised_singular_values_are_near_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 1e-3
    values = torch.linalg.svdvals(newton_schulz(matrix))
    assert values.min() > 0.3
    assert values.max() < 1.4


def test_orthogonalising_keeps_the_singular_vectors():
    matrix = torch.randn(6, 20, generator=torch.Generator().manual_seed(1))
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    inside = left.T @ newton_schulz(matrix) @ right.T
    off = inside - torch.diag(inside.diagonal())
    assert off.abs().max() < 1e-3
    assert newton_schulz(torch.zeros(3, 4)).abs().max() == 0


def test_convolutions_are_matrices_and_biases_are_not():
    layer = nn.Conv2d(3, 5, 3)
    assert is_matrix(layer.weight)
    assert not is_matrix(layer.bias)
    assert not is_matrix(torch.ones(1, 9))


def test_biases_follow_adam():
    """A parameter that is no matrix moves as torch's own AdamW moves it."""
    start, target = torch.zeros(7), torch.tensor([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0])
    moved = []
    for make in (Muon, torch.optim.AdamW):
        bias = nn.Parameter(start.clone())
        optimizer = make([bias], lr=0.01, weight_decay=0.1, betas=(0.9, 0.99))
        for _ in range(20):
            optimizer.zero_grad()
            (bias - target).square().sum().backward()
            optimizer.step()
        moved.append(bias.detach())
    torch.testing.assert_close(*moved, rtol=1e-5, atol=1e-6)
    assert (moved[0] - start).abs().min() > 0.05


def test_a_closure_is_refused():
    with pytest.raises(ValueError, match="closure"):
        Muon([nn.Parameter(torch.zeros(2, 2))], lr=0.1).step(lambda: 0.0)
