"""Networks only: from standardised triplets to the residual's mean and denoised samples."""

from shsrd.model.config import NetworkConfig
from shsrd.model.injection import SpectralInformation
from shsrd.model.network import Condition, Network, pack, unpack

__all__ = ["Condition", "Network", "NetworkConfig", "SpectralInformation", "pack", "unpack"]
