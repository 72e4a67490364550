"""Spectral frames and wavelengths: how a cube of any band count reaches a network that sees three channels."""

from shsrd.spectral.basis import (
    ALL_SEEN,
    REPRESENTATIVES,
    Frame,
    FrameName,
    GuideName,
    bands_frame,
    eigen_channels,
    eigen_frame,
    guide_frame,
    linear_frame,
)
from shsrd.spectral.information import (
    ACQUISITION_FEATURES,
    CONTENT_FEATURES,
    DESCRIPTOR_FEATURES,
    GUIDE_CHANNELS,
    MAP_CHANNELS,
    WAVELENGTH_FEATURES,
    Acquisition,
    SpectralGuide,
    positions_um,
    spectral_guide,
)
from shsrd.spectral.regression import MANY_BANDS
from shsrd.spectral.statistics import SceneStatistics, scene_statistics

__all__ = [
    "ACQUISITION_FEATURES",
    "ALL_SEEN",
    "CONTENT_FEATURES",
    "DESCRIPTOR_FEATURES",
    "GUIDE_CHANNELS",
    "MANY_BANDS",
    "MAP_CHANNELS",
    "REPRESENTATIVES",
    "WAVELENGTH_FEATURES",
    "Acquisition",
    "Frame",
    "FrameName",
    "GuideName",
    "SceneStatistics",
    "SpectralGuide",
    "bands_frame",
    "eigen_channels",
    "eigen_frame",
    "guide_frame",
    "linear_frame",
    "positions_um",
    "scene_statistics",
    "spectral_guide",
]
