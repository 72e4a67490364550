"""The two losses of the diffusion objective, and that neither trains what belongs to the other."""

import pytest
import torch
from scipy import stats

from shsrd.model import Network, load_weights
from shsrd.training.config import PhotoAugmentation
from shsrd.training.data.loader import generator_of
from shsrd.training.data.photos import PhotoSource
from shsrd.training.losses import diffusion_loss, laplace_nll, posterior_mean_loss


@pytest.fixture
def batch(photo_folder):
    return PhotoSource(photo_folder, PhotoAugmentation(), scale=2, patch=8).draw(4, generator_of(0, 0, 0))


def test_the_scale_loss_is_a_laplace_likelihood():
    scale, std = torch.tensor([0.3, 2.0, 0.05]), torch.tensor([0.1, -5.0, 0.0])
    expected = -stats.laplace.logpdf(std.numpy(), scale=scale.numpy() / 2**0.5).mean()
    assert float(laplace_nll(scale, std)) == pytest.approx(expected, rel=1e-6)


def test_the_scale_loss_is_least_at_the_true_scale():
    noise = torch.distributions.Laplace(0.0, 0.7 / 2**0.5).sample((200_000,))
    losses = [float(laplace_nll(torch.tensor(0.7 * factor), noise)) for factor in (0.8, 1.0, 1.25)]
    assert losses[1] < min(losses[0], losses[2])


def gradients(network, loss):
    network.zero_grad()
    loss.backward()
    found = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    return {name.split(".")[0] for name in found}


def test_each_loss_trains_its_own_part(batch, stage_one):
    network = load_weights(stage_one).network
    network.scale_head.head.weight.data.normal_(std=0.1)
    for part, own in (("denoising", "denoiser"), ("scale", "scale_head")):
        loss = getattr(diffusion_loss(network, batch, torch.Generator().manual_seed(0)), part)
        assert gradients(network, loss) == {own}
    total = diffusion_loss(network, batch, torch.Generator().manual_seed(0)).total
    assert gradients(network, total) == {"denoiser", "scale_head"}


@torch.no_grad()
def test_many_noises_of_a_patch_cost_one_pass_of_the_encoder(batch, network_config, monkeypatch):
    network = Network(network_config)
    passes, rows = [], []
    encode, denoise = network.encode, network.denoise
    monkeypatch.setattr(network, "encode", lambda *given: passes.append(1) or encode(*given))
    monkeypatch.setattr(network, "denoise", lambda *given: rows.append(given[1]) or denoise(*given))
    loss = diffusion_loss(network, batch, torch.Generator().manual_seed(0), noise_samples=64)
    assert len(passes) == 1
    assert rows[0].shape == (64 * len(batch.low),)
    assert rows[0].unique().numel() == rows[0].numel()
    alone = [diffusion_loss(network, batch, torch.Generator().manual_seed(seed)) for seed in range(64)]
    assert float(loss.denoising) == pytest.approx(sum(float(one.denoising) for one in alone) / 64, rel=0.1)
    assert float(loss.scale) == pytest.approx(float(alone[0].scale), rel=1e-6)


@torch.no_grad()
def test_the_denoiser_works_in_units_of_the_scale(batch, network_config):
    """Twice the residual and twice the scale are the same task."""
    network = Network(network_config)  # its mean is zero
    losses = []
    for factor in (1.0, 2.0):
        network.scale_head.restart(0.3 * factor)
        scaled = type(batch)(batch.low, factor * batch.residual, batch.unit, batch.weight)
        losses.append(diffusion_loss(network, scaled, torch.Generator().manual_seed(0)))
    torch.testing.assert_close(losses[0].denoising, losses[1].denoising, rtol=1e-2, atol=0)
    assert float(losses[1].scale - losses[0].scale) == pytest.approx(0.693, abs=0.01)


def test_images_without_any_contrast_do_not_break_the_losses(batch, stage_one):
    network = load_weights(stage_one).network
    flat = type(batch)(torch.zeros_like(batch.low), torch.zeros_like(batch.residual), batch.unit, batch.weight)
    network.encoder.head.weight.data.zero_()  # the mean, too, is exactly right
    network.scale_head.restart(1e-6)
    loss = diffusion_loss(network, flat, torch.Generator().manual_seed(0)).total
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


@torch.no_grad()
def test_small_errors_count_by_their_square_and_large_ones_linearly(batch, network_config):
    network = Network(network_config)  # its mean is zero, so the residual is the error

    def loss(error, charbonnier_eps):
        even = torch.full_like(batch.residual, error)
        return float(
            posterior_mean_loss(
                network, type(batch)(batch.low, even, torch.ones_like(batch.unit), batch.weight), charbonnier_eps
            )
        )

    for charbonnier_eps in (0.1, 0.3, 1.0):
        assert loss(0.02 * charbonnier_eps, charbonnier_eps) == pytest.approx(
            4 * loss(0.01 * charbonnier_eps, charbonnier_eps), rel=1e-2
        )
        assert loss(200 * charbonnier_eps, charbonnier_eps) == pytest.approx(
            2 * loss(100 * charbonnier_eps, charbonnier_eps), rel=1e-2
        )
        assert loss(500.0, charbonnier_eps) == pytest.approx(500 / 0.3, rel=1e-2)  # the same slope for every knee
