"""Networks only: from standardised triplets to the residual's mean and denoised samples."""

from shsrd.model.backends.fused import FUSED
from shsrd.model.backends.int8 import accumulator_dtype, int8_supported, to_int8
from shsrd.model.backends.winograd import NARROWEST, to_winograd, winograd_supported
from shsrd.model.config import INTERVALS, NetworkConfig
from shsrd.model.injection import SpectralInformation
from shsrd.model.layer_ops import install
from shsrd.model.network import Condition, Network, channels_last, pack, unpack
from shsrd.model.weights import (
    Model,
    WeightsError,
    bundled_models,
    load_weights,
    read_header,
    save_weights,
    serialize_weights,
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
    "accumulator_dtype",
    "bundled_models",
    "channels_last",
    "int8_supported",
    "load_weights",
    "pack",
    "read_header",
    "save_weights",
    "serialize_weights",
    "to_int8",
    "to_winograd",
    "unpack",
    "winograd_supported",
]

install(FUSED)
