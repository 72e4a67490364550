"""Networks only: from standardised triplets to the residual's mean and denoised samples."""

from shsrd.model.backends.int8 import in_int8, int8_supported, sums_dtype
from shsrd.model.backends.winograd import NARROWEST, in_winograd, winograd_supported
from shsrd.model.config import INTERVALS, NetworkConfig
from shsrd.model.injection import SpectralInformation
from shsrd.model.network import Condition, Network, channels_last, pack, unpack
from shsrd.model.weights import (
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
    "NARROWEST",
    "Condition",
    "Model",
    "Network",
    "NetworkConfig",
    "SpectralInformation",
    "WeightsError",
    "bundled_models",
    "channels_last",
    "in_int8",
    "in_winograd",
    "int8_supported",
    "load_weights",
    "pack",
    "read_header",
    "save_weights",
    "sums_dtype",
    "unpack",
    "weights_content",
    "winograd_supported",
]
