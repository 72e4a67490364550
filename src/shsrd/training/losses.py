"""Loss functions; all in float32, in any precision of the network."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from shsrd.diffusion import loss_weight, sample_sigma
from shsrd.model import Network, pack, unpack
from shsrd.training.data.batch import Batch
from shsrd.training.data.random_ops import white_noise

ASYMPTOTIC_SLOPE = 10 / 3  # of the mean's loss for large errors, a typical residual being one


def posterior_mean_loss(network: Network, batch: Batch, charbonnier_eps: float = 0.3) -> Tensor:
    """Distance of the posterior mean from the true residual, with the spectral angle if requested.

    ``sqrt(1 + (error / (charbonnier_eps unit))^2) - 1`` (Charbonnier et al. 1994): quadratic for errors below the knee,
    linear for large ones. Noise in flat areas, which nobody can predict, is small against that size and hardly pulls; a
    plain L1 distance pulls as hard there as at an edge. For large errors the slope is ``ASYMPTOTIC_SLOPE``, whatever
    the knee.
    """
    information = batch.information
    mean = unpack(network.encode(batch.low, information).mean, network.config.scale).float()
    relative = (mean - batch.residual) / batch.unit
    loss = (
        ASYMPTOTIC_SLOPE
        * charbonnier_eps
        * (((1 + (relative / charbonnier_eps).square()).sqrt() - 1) * batch.weight).mean()
    )
    if batch.angle is not None:
        loss = loss + batch.angle.loss(mean, batch.residual)
    return loss


class DiffusionLoss(NamedTuple):
    """Both losses of the second objective; neither pulls at what the other trains.

    Attributes:
        denoising: of the denoiser, 1 for doing nothing where the scale is right.
        scale: of the scale head, in nats.
    """

    denoising: Tensor
    scale: Tensor

    @property
    def total(self) -> Tensor:
        """Loss of a step."""
        return self.denoising + self.scale


def diffusion_loss(network: Network, batch: Batch, generator: torch.Generator, noise_samples: int = 1) -> DiffusionLoss:
    """Denoising score matching around the frozen posterior mean (Karras et al. 2022, eq. 8), in units of the scale.

    Args:
        network: its encoder is not trained.
        batch: triplets.
        generator: of noise and noise levels.
        noise_samples: of them for each triplet; the encoder, most of the work, runs once for all.
    """
    config = network.config
    with torch.no_grad():
        condition = network.encode(batch.low, batch.information)
        std = pack(batch.residual, config.scale) - condition.mean.float()
    scale = network.scale(condition)
    clean = (std / scale.detach()).repeat(noise_samples, 1, 1, 1)
    base = network.prepare(condition, batch.low, batch.information).repeat(noise_samples, 1, 1, 1)
    sigma = sample_sigma(len(clean), config.sigma_data, generator).to(clean.device)
    noise = white_noise(clean.shape, generator, clean.device)
    estimate = network.denoise(clean + sigma.reshape(-1, 1, 1, 1) * noise, sigma, base)
    weight = loss_weight(sigma, config.sigma_data).reshape(-1, 1, 1, 1)
    return DiffusionLoss((weight * (estimate - clean).square()).mean(), laplace_nll(scale, std))


def laplace_nll(scale: Tensor, std: Tensor) -> Tensor:
    """Mean logarithmic score of a Laplace distribution of standard deviation ``scale``, in nats.

    ``log(sqrt(2) scale) + sqrt(2) |std| / scale``: a proper score (Gneiting and Raftery 2007), least where
    ``scale`` is ``sqrt(2)`` times the mean absolute deviation of what looks alike. Errors have heavy tails, to which a
    Gaussian score gives too much weight: in a trial on CAVE, its scales had more CRPS on scenes held out, and no less
    of the Gaussian score itself.
    """
    return (math.log(math.sqrt(2)) + scale.log() + math.sqrt(2) * std.abs() / scale).mean()
