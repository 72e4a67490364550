"""How far the truth may be from the posterior mean: a scale for every pixel, read off the encoder's features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from shsrd.model.blocks import conv3, zeroed
from shsrd.model.config import NetworkConfig

INITIAL = 0.25  # standard units: what a new head says everywhere
SMALLEST = 2e-3  # standard units: no pixel is known better, whatever the head says
KNEE = 0.05  # standard units: above it the scale is linear in the head's output, below it exponential


class ScaleHead(nn.Module):
    """Standard deviation of ``r - m`` at every pixel, in standard units.

    ``sqrt(SMALLEST^2 + (KNEE softplus(h / KNEE))^2)``, where ``h`` comes from two small convolutions. The scale is
    *linear* in large ``h``, not its exponential: twice the contrast makes features, residual and scale twice as large,
    and what the head has never seen cannot blow up. (In a trial on CAVE, an exponential of the same ``h`` scored 0.1 to
    0.4 nats worse on scenes held out, and its scales were 2 to 3 times too large there.)
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.lift = nn.Conv2d(config.width, config.scale_width, 1)
        self.head = zeroed(conv3(config.scale_width, 3 * config.scale**2))
        self.restart(INITIAL)

    @torch.no_grad()
    def restart(self, scale: float) -> None:
        """Say ``scale`` (well above ``KNEE``, standard units) everywhere, from now on."""
        zeroed(self.head)
        assert self.head.bias is not None
        self.head.bias.fill_(scale)

    def forward(self, features: Tensor) -> Tensor:
        """Encoder features ``(n, width, y, x)`` to packed scales ``(n, 3 s s, y, x)``, float32, never zero."""
        h = self.head(torch.relu(self.lift(features))).float()
        return torch.hypot(KNEE * functional.softplus(h / KNEE), torch.full_like(h, SMALLEST))
