"""Initial weights of a run: fresh, those of an earlier run, or those with parts of the network new."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from shsrd.model import Model, Network
from shsrd.spectral import DESCRIPTOR_FEATURES
from shsrd.training.config import TrainConfig
from shsrd.training.rescale import rescale_weights

INJECTION_SETTINGS = ("injection", "wavelengths", "guide_width", "inject_every", "guides")
_SELECTION = ".select.0.weight"


def initialise_network(config: TrainConfig, start: Model | None) -> Network:
    """Network of a run before its first step."""
    torch.manual_seed(config.seed)
    if start is None:
        return Network(config.network)
    settings = start.network.config
    if config.restart_injection:
        settings = settings.model_copy(update={key: getattr(config.network, key) for key in INJECTION_SETTINGS})
    if config.scale_context:
        settings = settings.model_copy(update={"scale_context": config.scale_context})
    if config.acquisition:
        settings = settings.model_copy(update={"descriptor_features": DESCRIPTOR_FEATURES})
    if config.scale and config.scale != settings.scale:
        rescaled = rescale_weights(start.network.state_dict(), settings.scale, config.scale)
        kept = {key: rescaled[key] for key in rescaled if not config.restart_injection or _is_kept(key)}
        return _filled(Network(settings.model_copy(update={"scale": config.scale})), kept)
    kept = start.network.state_dict()
    if config.restart_injection:
        kept = {key: value for key, value in kept.items() if _is_kept(key)}
    elif settings == start.network.config:
        return start.network
    return _filled(Network(settings), kept)


def _pad_inputs(weight: Tensor, like: Tensor) -> Tensor:
    """First weights of a selection by shorter descriptors, blind to the further entries."""
    return functional.pad(weight, (0, like.shape[1] - weight.shape[1]))


def _is_kept(key: str) -> bool:
    return ".injection." not in key


def _filled(network: Network, kept: dict[str, Tensor]) -> Network:
    fresh = network.state_dict()
    widened = {key: _pad_inputs(kept[key], fresh[key]) for key in kept if key.endswith(_SELECTION)}
    network.load_state_dict(fresh | kept | widened)
    return network
