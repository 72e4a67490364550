"""What training minimises; everything in float32, whatever precision the network runs in."""

from __future__ import annotations

import torch
from torch import Tensor

from shsrd.diffusion import draw_sigma, loss_weight
from shsrd.model import Network, SpectralInformation, pack, unpack
from shsrd.training.batch import Batch


def mean_loss(network: Network, batch: Batch) -> Tensor:
    """How far the posterior mean is from the true residual, plus the spectral angle if asked.

    ``sqrt(1 + (error / unit)^2) - 1`` (Charbonnier et al. 1994): quadratic for errors below the residual's typical
    size, linear for large ones. Noise in flat areas, which nobody can predict, is small against that size and hardly
    pulls; a plain L1 distance pulls as hard there as at an edge.
    """
    information = batch.information
    mean = unpack(network.encode(batch.low, information).mean, network.config.scale).float()
    relative = (mean - batch.residual) / batch.unit
    loss = (((1 + relative.square()).sqrt() - 1) * batch.weight).mean()
    if batch.angle is not None:
        loss = loss + batch.angle.loss(mean, batch.residual)
    return loss


def diffusion_loss(network: Network, batch: Batch, generator: torch.Generator) -> Tensor:
    """Denoising score matching around the frozen posterior mean (Karras et al. 2022, eq. 8)."""
    config = network.config
    information: SpectralInformation | None = batch.information
    with torch.no_grad():
        condition = network.encode(batch.low, information)
    base = network.prepare(condition, batch.low, information)
    clean = pack(batch.residual, config.scale) - condition.mean.float()
    sigma = draw_sigma(len(clean), config.sigma_data, generator).to(clean.device)
    noise = torch.randn(clean.shape, generator=generator).to(clean.device)
    estimate = network.denoise(clean + sigma.reshape(-1, 1, 1, 1) * noise, sigma, base)
    weight = loss_weight(sigma, config.sigma_data).reshape(-1, 1, 1, 1)
    return (weight * (estimate - clean).square()).mean()
