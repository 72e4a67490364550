"""Trainable weights of a run."""

from typing import Any

from torch import nn

from shsrd.model import Network
from shsrd.training.config import TrainConfig, TrainingError


def freeze(network: Network, config: TrainConfig) -> None:
    """Mark the parameters that this run trains; all others keep their bits."""
    network.requires_grad_(False)
    for part in _trained_parts(network, config):
        part.requires_grad_(True)
    if config.stage == "pretrain" and not config.photos.cubes:  # plain photos carry no spectral information
        for injection in (network.encoder.injection, network.denoiser.injection):
            if injection is not None:
                injection.requires_grad_(False)


def _trained_parts(network: Network, config: TrainConfig) -> list[nn.Module]:
    mean = config.objective == "mean"
    body = network.encoder if mean else network.denoiser
    light: list[nn.Module] = [] if mean else [network.scale_head]  # what is left open differs from scene to scene
    if config.stage == "pretrain" or config.trainable == "all":
        return [body, *light]
    injection: list[nn.Module] = [] if body.injection is None else [body.injection]
    if config.trainable == "injection":
        if not injection:
            raise TrainingError("this network has no injection to train; set trainable to adapters or all")
        return [*injection, *light]
    return [*injection, body.stem, body.head, *[block.second for block in body.blocks], *light]  # type: ignore[list-item]


def trainable_parameters(network: Network) -> list[nn.Parameter]:
    """The parameters marked by ``freeze``, in a fixed order."""
    return [p for p in network.parameters() if p.requires_grad]


def parameter_groups(network: Network, body_rate: float, scale_rate: float) -> list[dict[str, Any]]:
    """Groups for an optimiser, each with its ``share`` of the learning rate: body, scale head, injection.

    One group, in the order of ``trainable_parameters``, where all learn alike.
    """
    if body_rate == scale_rate == 1:
        return [{"params": trainable_parameters(network), "share": 1.0}]
    parts: dict[str, list[nn.Parameter]] = {"body": [], "scale": [], "injection": []}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            part = "injection" if ".injection." in name else "scale" if name.startswith("scale_head.") else "body"
            parts[part].append(parameter)
    shares = {"body": body_rate, "scale": scale_rate, "injection": 1.0}
    return [{"params": found, "share": shares[part]} for part, found in parts.items() if found]
