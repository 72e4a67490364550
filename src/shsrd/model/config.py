"""Settings of the network; they travel inside every weight file."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from shsrd.spectral import CONTENT_FEATURES, BasisName, GuideName

_RENAMED_KEYS = {"frame": "basis"}  # in weight files and configurations of version 0.1
_RENAMED_VALUES = {"eigen": "pca", "napc": "mnf"}
INTERVALS = (0.5, 0.8, 0.9)  # shares of the truth that central intervals are calibrated to hold


class NetworkConfig(BaseModel):
    """Widths and depths of the network.

    Attributes:
        scale: super-resolution factor s.
        width: feature channels of the condition encoder.
        blocks: residual blocks of the condition encoder.
        inject_every: an injection site after every so many encoder blocks.
        injection: ``gated`` (descriptors select how much of each guide feature enters), ``ungated`` (all enters) or
            ``none``.
        wavelengths: whether selection may look at wavelengths.
        guide_width: feature channels of the spectral information maps.
        denoiser_width: feature channels of the denoiser.
        denoiser_blocks: residual blocks of the denoiser.
        scale_width: feature channels of the head that predicts the scale of ``r - m``.
        scale_context: low-resolution pixels on each side over which that head also sees mean features; 0: it does not.
        sigma_data: standard deviation of ``(r - m) / scale`` (Karras et al. 2022, table 1).
        basis: spectral basis recommended for this model.
        spread: factor from the predicted scale to a calibrated standard deviation.
        sample_spread: factor from the standard deviation of posterior samples to a calibrated one.
        interval_factors: half-widths of the central intervals of ``INTERVALS``, in calibrated standard deviations;
            those of a Gaussian until they are measured.
        guides: components of the scene that guide maps are made of: principal components (``pca``), or the minimum
            noise fraction (``mnf``).
        map_channels: channels of the guide maps.
        descriptor_features: how many entries of a triplet's descriptor are looked at; the last 12 describe the
            acquisition (point spread function and noise of each channel).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    scale: int = Field(4, ge=2, le=16)
    width: int = Field(96, ge=8)
    blocks: int = Field(10, ge=1)
    inject_every: int = Field(2, ge=1)
    injection: Literal["gated", "ungated", "none"] = "gated"
    wavelengths: bool = True
    guide_width: int = Field(32, ge=4)
    denoiser_width: int = Field(64, ge=8)
    denoiser_blocks: int = Field(6, ge=1)
    scale_width: int = Field(32, ge=1)
    scale_context: int = Field(0, ge=0, le=64)
    sigma_data: float = Field(1.0, gt=0)
    basis: BasisName = "bands"
    spread: float = Field(1.0, gt=0)
    sample_spread: float = Field(1.0, gt=0)
    interval_factors: tuple[float, float, float] = (0.6745, 1.2816, 1.6449)
    guides: GuideName = "pca"
    map_channels: int = Field(9, ge=3)
    descriptor_features: int = Field(CONTENT_FEATURES, ge=3)

    @model_validator(mode="before")
    @classmethod
    def _current_names(cls, settings: Any) -> Any:
        """Settings under the names of this version."""
        if not isinstance(settings, Mapping):
            return settings
        values = {key: _RENAMED_VALUES.get(v, v) if isinstance(v, str) else v for key, v in settings.items()}
        return {_RENAMED_KEYS.get(key, key): value for key, value in values.items()}

    @field_validator("interval_factors")
    @classmethod
    def _wider_means_more(cls, factors: tuple[float, float, float]) -> tuple[float, float, float]:
        if not all(low < high for low, high in pairwise((0.0, *factors))):
            raise ValueError("interval factors must be above 0 and grow with the share of truths they hold")
        return factors

    @property
    def acquisition(self) -> bool:
        """True if the injection takes point spread function and noise."""
        return self.injection == "gated" and self.descriptor_features > CONTENT_FEATURES

    @property
    def reach(self) -> int:
        """Receptive field of the posterior mean, in low-resolution pixels on each side."""
        guide = 2
        encoder = 2 * self.blocks + 2
        return encoder + guide

    @property
    def std_reach(self) -> int:
        """Receptive field of the predicted scale beyond the encoder's, in low-resolution pixels."""
        return max(1, self.scale_context)

    @property
    def denoiser_reach(self) -> int:
        """Receptive field of one denoiser evaluation beyond the encoder's, in low-resolution pixels."""
        return 2 * self.denoiser_blocks + 2
