"""Muon (Jordan et al. 2024): momentum whose update is orthogonalised, for all convolutions; AdamW for the rest.

A gradient of a convolution, seen as a matrix ``(out, in * taps)``, is dominated by few directions. Replacing its
singular values by one moves all directions alike. Measured from scratch and from trained weights in docs/ablations.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

NS = (3.4445, -4.7750, 2.0315)  # quintic of the Newton-Schulz iteration, Jordan et al. 2024
NS_STEPS = 5
RMS_OF_ADAM = 0.2  # typical root mean square of an AdamW update, Liu et al. 2025 ("Moonlight"), eq. 4


def newton_schulz(matrix: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """The nearest matrix ``(rows, columns)`` with singular values near one, by Newton-Schulz iteration in ``dtype``."""
    a, b, c = NS
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = (matrix.T if tall else matrix).float()
    x = (x / (x.norm() + 1e-12)).to(dtype)
    for _ in range(NS_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    nearest: Tensor = (x.T if tall else x).float()
    return nearest


class Muon(torch.optim.Optimizer):
    """One optimiser with two rules: orthogonalised momentum for convolutions of several channels, AdamW elsewhere.

    Args:
        parameters: to be trained, or groups of them.
        lr: for both rules; updates of convolutions are scaled to the size of AdamW's.
        weight_decay: decoupled, for both.
        momentum: of the orthogonalised rule (Nesterov).
        betas: of AdamW.
        dtype: of the iteration that orthogonalises; bfloat16 is enough (Jordan et al. 2024) where it is fast.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        lr: float,
        *,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.dtype = dtype
        given: list[Any] = list(parameters)
        super().__init__(given, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        if closure is not None:
            raise ValueError("closures are not supported")
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                rule = self._muon if is_matrix(parameter) else self._adam
                rule(parameter, self.state[parameter], group)

    def _muon(self, parameter: nn.Parameter, state: dict[str, Any], group: dict[str, Any]) -> None:
        gradient = parameter.grad
        assert gradient is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
        average = state["momentum"].lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(average, group["momentum"])
        matrix = ahead.flatten(1)
        update = newton_schulz(matrix, self.dtype) * (RMS_OF_ADAM * max(matrix.shape) ** 0.5)
        parameter.add_(update.reshape(parameter.shape), alpha=-group["lr"])

    def _adam(self, parameter: nn.Parameter, state: dict[str, Any], group: dict[str, Any]) -> None:
        gradient = parameter.grad
        assert gradient is not None
        if "step" not in state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
        fast, slow = group["betas"]
        state["step"] += 1
        count = float(state["step"])
        first = state["exp_avg"].lerp_(gradient, 1 - fast) / (1 - fast**count)
        second = state["exp_avg_sq"].lerp_(gradient.square(), 1 - slow) / (1 - slow**count)
        parameter.add_(first / (second.sqrt() + 1e-8), alpha=-group["lr"])


def is_matrix(parameter: Tensor) -> bool:
    """Weights of a convolution or linear layer with several inputs and outputs."""
    return parameter.ndim >= 2 and min(parameter.flatten(1).shape) > 1
