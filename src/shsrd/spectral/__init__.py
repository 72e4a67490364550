"""Spectral bases and wavelengths: how a cube of any band count reaches a network that sees three channels."""

from shsrd.spectral.basis import (
    DEFAULT_INPUT_BANDS,
    MAX_FULL_INPUT_BANDS,
    BasisName,
    GuideName,
    SpectralBasis,
    band_basis,
    guide_basis,
    linear_basis,
    pca_basis,
    pca_component_counts,
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
from shsrd.spectral.regression import MIN_FILTERED_BANDS
from shsrd.spectral.statistics import SceneStatistics, scene_statistics

__all__ = [
    "ACQUISITION_FEATURES",
    "CONTENT_FEATURES",
    "DEFAULT_INPUT_BANDS",
    "DESCRIPTOR_FEATURES",
    "GUIDE_CHANNELS",
    "MAP_CHANNELS",
    "MAX_FULL_INPUT_BANDS",
    "MIN_FILTERED_BANDS",
    "WAVELENGTH_FEATURES",
    "Acquisition",
    "BasisName",
    "GuideName",
    "SceneStatistics",
    "SpectralBasis",
    "SpectralGuide",
    "band_basis",
    "guide_basis",
    "linear_basis",
    "pca_basis",
    "pca_component_counts",
    "positions_um",
    "scene_statistics",
    "spectral_guide",
]
