"""Standard deviation of the truth around the posterior mean, for every pixel, from the encoder's features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from shsrd.model.blocks import conv3x3, zero_module
from shsrd.model.config import NetworkConfig

INITIAL_STD = 0.25  # standard units: what a new head says everywhere
MIN_STD = 2e-3  # standard units: no pixel is known better, whatever the head says
SOFTPLUS_WIDTH = 0.05  # standard units: above it the scale is linear in the head's output, below it exponential


class StdHead(nn.Module):
    """Standard deviation of ``r - m`` at every pixel, in standard units.

    ``sqrt(MIN_STD^2 + (SOFTPLUS_WIDTH softplus(h / SOFTPLUS_WIDTH))^2)``, where ``h`` comes from two small
    convolutions. The scale is *linear* in large ``h``, not its exponential: twice the contrast makes features, residual
    and scale twice as large, and what the head has never seen cannot blow up. (In a trial on CAVE, an exponential of
    the same ``h`` scored 0.1 to 0.4 nats worse on scenes held out, and its scales were 2 to 3 times too large there.)

    With a context, ``h`` also depends on mean features of the surroundings, which tell one kind of scene from another:
    how sharp it is, how noisy.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.lift = nn.Conv2d(config.width, config.scale_width, 1)
        self.head = zero_module(conv3x3(config.scale_width, 3 * config.scale**2))
        self.reach = config.scale_context
        self.context = zero_module(nn.Conv2d(config.scale_width, 3 * config.scale**2, 1)) if self.reach else None
        self.restart(INITIAL_STD)

    @torch.no_grad()
    def restart(self, scale: float) -> None:
        """Say ``scale`` (well above ``SOFTPLUS_WIDTH``, standard units) everywhere, from now on."""
        zero_module(self.head)
        if self.context is not None:
            zero_module(self.context)
        assert self.head.bias is not None
        self.head.bias.fill_(scale)

    def forward(self, features: Tensor) -> Tensor:
        """Encoder features ``(n, width, y, x)`` to packed scales ``(n, 3 s s, y, x)``, float32, never zero."""
        lifted = torch.relu(self.lift(features))
        h = self.head(lifted).float()
        if self.context is not None:
            h = h + self.context(box_mean(lifted, self.reach)).float()
        return torch.hypot(SOFTPLUS_WIDTH * functional.softplus(h / SOFTPLUS_WIDTH), torch.full_like(h, MIN_STD))


def box_mean(x: Tensor, reach: int) -> Tensor:
    """Mean over the square of ``2 reach + 1`` pixels a side around each pixel, as far as it lies in the image."""
    side = 2 * reach + 1
    for kernel, padding in (((side, 1), (reach, 0)), ((1, side), (0, reach))):
        x = functional.avg_pool2d(x, kernel, stride=1, padding=padding, count_include_pad=False)
    return x
