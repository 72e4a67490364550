"""The SHSRD network: condition encoder with posterior mean, spectral injection, residual denoiser."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from shsrd.diffusion import precondition
from shsrd.model.blocks import ResidualBlock, conv3x3, zero_module
from shsrd.model.config import NetworkConfig
from shsrd.model.injection import SpectralInformation, SpectralInjection
from shsrd.model.layer_ops import modulate
from shsrd.model.residual_std import StdHead


@dataclass(frozen=True)
class Condition:
    """Output of the encoder for a batch of triplets.

    Attributes:
        features: ``(n, width, y, x)``.
        mean: packed posterior mean ``m = E[r | y]`` of the residual ``r``: ``(n, 3 s s, y, x)``, see ``pack``.
    """

    features: Tensor
    mean: Tensor


def pack(fine: Tensor, scale: int) -> Tensor:
    """``(n, 3, s y, s x)`` to ``(n, 3 s s, y, x)``."""
    return functional.pixel_unshuffle(fine, scale)


def unpack(packed: Tensor, scale: int) -> Tensor:
    """``(n, 3 s s, y, x)`` to ``(n, 3, s y, s x)``."""
    return functional.pixel_shuffle(packed, scale)


def _injection(config: NetworkConfig, site_widths: list[int]) -> SpectralInjection | None:
    return None if config.injection == "none" else SpectralInjection(config, site_widths)


class Encoder(nn.Module):
    """The condition encoder: most of the parameters, run once per triplet on the low-resolution grid."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.inject_every = config.inject_every
        self.stem = conv3x3(3, config.width)
        self.blocks = nn.ModuleList(ResidualBlock(config.width) for _ in range(config.blocks))
        self.head = zero_module(conv3x3(config.width, 3 * config.scale**2))
        self.injection = _injection(config, [config.width] * (config.blocks // config.inject_every))

    def forward(self, triplets: Tensor, information: SpectralInformation | None) -> Condition:
        """Standardised triplets ``(n, 3, y, x)`` to features and posterior mean."""
        return self.forward_blocks(self.blocks, self.stem(triplets), triplets, information)

    def forward_blocks(
        self,
        blocks: Iterable[Callable[[Tensor], Tensor]],
        stem: Tensor,
        triplets: Tensor,
        information: SpectralInformation | None,
    ) -> Condition:
        """The rest of ``forward``, by these blocks instead of the encoder's own."""
        injection = self.injection
        guide = None if injection is None or information is None else injection.guide(triplets, information)
        h = stem
        for number, block in enumerate(blocks, start=1):
            h = block(h)
            if injection is not None and guide is not None and number % self.inject_every == 0:
                h = injection.inject(h, number // self.inject_every - 1, guide)
        features = h + stem
        return Condition(features, self.head(features))


class Denoiser(nn.Module):
    """The light network F that runs at every diffusion step, on the low-resolution grid."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width, packed = config.denoiser_width, 3 * config.scale**2
        self.stem = conv3x3(packed, width)
        self.merge = nn.Conv2d(config.width, width, 1)
        self.injection = _injection(config, [width])
        self.blocks = nn.ModuleList(ResidualBlock(width) for _ in range(config.denoiser_blocks))
        self.level = nn.Sequential(nn.Linear(32, width), nn.SiLU())
        self.modulations = nn.ModuleList(zero_module(nn.Linear(width, 2 * width)) for _ in self.blocks)
        self.head = zero_module(conv3x3(width, packed))
        self.frequencies: Tensor
        # on the CPU even where the network is built without memory: no file fills it, and on "meta" linspace imports
        # PyTorch's compiler
        frequencies = torch.exp(torch.linspace(-1.0, 3.0, 16, device="cpu"))
        self.register_buffer("frequencies", frequencies, persistent=False)

    def prepare(self, features: Tensor, triplets: Tensor, information: SpectralInformation | None) -> Tensor:
        """Features of the condition for all steps: ``(n, denoiser_width, y, x)``."""
        base: Tensor = self.merge(features)
        if information is None or self.injection is None:
            return base
        return self.injection.inject(base, 0, self.injection.guide(triplets, information))

    def forward(self, noisy: Tensor, level: Tensor, base: Tensor) -> Tensor:
        """Scaled noisy residual ``(n, 3 s s, y, x)`` and noise level ``(n,)`` to the raw network output."""
        phase = level[:, None] * self.frequencies
        embedding = self.level(torch.cat([phase.sin(), phase.cos()], dim=1))
        first = h = self.stem(noisy) + base
        for block, modulation in zip(self.blocks, self.modulations, strict=True):
            h = block(modulate(h, modulation(embedding)[:, :, None, None]))
        out: Tensor = self.head(h + first)
        return out


class Network(nn.Module):
    """The whole model of one scale factor; it sees triplets of standardised channels and nothing of the scene's size.

    No layer mixes pixels farther apart than ``config.reach``: no normalisation over pixels, no attention.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.denoiser = Denoiser(config)
        self.scale_head = StdHead(config)

    def encode(self, triplets: Tensor, information: SpectralInformation | None = None) -> Condition:
        """Run the condition encoder on ``(n, 3, y, x)``; without ``information`` the injection is left out."""
        condition: Condition = self.encoder(triplets, information)
        return condition

    def scale(self, condition: Condition) -> Tensor:
        """Packed standard deviation ``(n, 3 s s, y, x)`` of ``r - m`` in standard units, float32, never zero.

        Apart from ``encode``, so that the posterior mean alone does not pay for it.
        """
        scale: Tensor = self.scale_head(condition.features)
        return scale

    def prepare(self, condition: Condition, triplets: Tensor, information: SpectralInformation | None = None) -> Tensor:
        """Features of a condition for the denoiser; computed once, used at every step."""
        return self.denoiser.prepare(condition.features, triplets, information)

    def denoise(self, noisy: Tensor, sigma: Tensor, base: Tensor) -> Tensor:
        """Estimate ``z``, the packed ``(r - m) / scale``, from its noisy version (the preconditioned denoiser D_theta).

        Args:
            noisy: ``z + sigma * noise``, ``(n, 3 s s, y, x)``.
            sigma: ``(n,)`` noise level in units of the scale.
            base: from ``prepare``.

        Returns:
            ``c_skip * noisy + c_out * F(c_in * noisy; c_noise)`` (Karras et al. 2022, eq. 7).
        """
        c_skip, c_out, c_in, c_noise = precondition(sigma.reshape(-1, 1, 1, 1), self.config.sigma_data)
        out: Tensor = self.denoiser(c_in * noisy, c_noise.flatten(), base)
        return c_skip * noisy + c_out * out.float()


def with_encoder(network: Network, encoder: nn.Module) -> Network:
    """A copy of the network with another encoder; all other weights are shared with the original."""
    made = copy.copy(network)
    made._modules = {**network._modules, "encoder": encoder}
    return made


def channels_last(network: Network) -> Network:
    """The network with its weights in the memory order in which CPUs and GPUs convolve bf16 fastest."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
