"""Networks only: from standardised triplets to the residual's mean and denoised samples."""

from shsrd.model.config import INTERVALS, NetworkConfig
from shsrd.model.injection import SpectralInformation
from shsrd.model.int8 import has_limits, in_int8, int8_supported, largest_feature
from shsrd.model.network import Condition, Network, channels_last, pack, unpack
from shsrd.model.weights import (
    LIMITS,
    Model,
    WeightsError,
    bundled_models,
    load_weights,
    read_header,
    save_weights,
    weights_content,
)

__all__ = [
    "INTERVALS",
    "LIMITS",
    "Condition",
    "Model",
    "Network",
    "NetworkConfig",
    "SpectralInformation",
    "WeightsError",
    "bundled_models",
    "channels_last",
    "has_limits",
    "in_int8",
    "int8_supported",
    "largest_feature",
    "load_weights",
    "pack",
    "read_header",
    "save_weights",
    "unpack",
    "weights_content",
]
