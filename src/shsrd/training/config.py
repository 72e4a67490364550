"""Settings of a training run: one YAML file, every key can be overridden, unknown keys are errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shsrd.cube import InputError
from shsrd.model import NetworkConfig

RENAMED_KEYS = {  # in configurations of version 0.1
    "rehearsal": "replay",
    "rehearsal_share": "replay_share",
    "knee": "charbonnier_eps",
    "draws": "noise_samples",
}


def current_keys(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a run, of any version, under the keys of this one."""
    return {RENAMED_KEYS.get(key, key): value for key, value in settings.items()}


class TrainingError(InputError):
    """A run cannot start: settings or data do not fit."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PhotoAugmentation(_Settings):
    """Augmentation of photos into spectral triplets (stage 1).

    Attributes:
        linear: share of photos turned from display values into light (power 2.2).
        near_grey: share of colour mixes that look like three neighbouring bands.
        noise: share of crops with sensor noise before the degradation.
        noise_range: its standard deviation in units of the channel's, log-uniform.
        blur: share of crops with extra blur, as of a soft lens.
        gain: standard units are divided by up to this factor and multiplied by up to it.
        shrunk: share of crops taken larger and made smaller, as photos of the same from farther away.
        shrink: by up to this factor, log-uniform, and as far as the photo is large enough.
        cubes: share of steps that see photos as cubes of many noisy bands, which teach the spectral injection.
        cube_noise_range: standard deviation of such a cube's noise at low resolution, in units of the band's,
            log-uniform; bands differ.
        cube_eigen: share of such cubes seen in the PCA basis.
        cube_sensors: share of such cubes measured by a random sensor (point spread function and noise) and corrected
            for it.
    """

    linear: float = Field(0.5, ge=0, le=1)
    near_grey: float = Field(0.6, ge=0, le=1)
    noise: float = Field(0.5, ge=0, le=1)
    noise_range: tuple[float, float] = (0.005, 0.3)
    blur: float = Field(0.25, ge=0, le=1)
    gain: float = Field(1.7, ge=1)
    shrunk: float = Field(0.0, ge=0, le=1)
    shrink: float = Field(1.6, ge=1, le=8)
    cubes: float = Field(0.0, ge=0, le=1)
    cube_noise_range: tuple[float, float] = (0.001, 0.15)
    cube_eigen: float = Field(0.3, ge=0, le=1)
    cube_sensors: float = Field(0.0, ge=0, le=1)


class SceneAugmentation(_Settings):
    """Sampling and augmentation of hyperspectral patches (stage 2).

    Attributes:
        eigen: share of patches seen in the PCA basis.
        mixed: share of patches seen through random broad bands, as of another sensor.
        balanced: share of patches drawn so that rare spectra are seen as often as common ones.
        triplets: triplets drawn from each patch.
        gain: standard units are divided by up to this factor and multiplied by up to it.
        dark: weight of relative errors (the loss divided by a pixel's brightness) beside absolute ones.
        angle: weight of the spectral angle on the bands drawn.
        noise: share of patches with noise of a sensor in the low resolution.
        noise_range: its standard deviation in units of the band's, log-uniform; bands differ.
        sensors: share of patches measured by a random sensor (point spread function and noise) and corrected for it.
        sensor_count: random sensors that measure each scene.
    """

    eigen: float = Field(0.2, ge=0, le=1)
    mixed: float = Field(0.15, ge=0, le=1)
    balanced: float = Field(0.3, ge=0, le=1)
    triplets: int = Field(2, ge=1)
    gain: float = Field(1.25, ge=1)
    dark: float = Field(0.3, ge=0)
    angle: float = Field(1.5, ge=0)
    noise: float = Field(0.0, ge=0, le=1)
    noise_range: tuple[float, float] = (0.001, 0.15)
    sensors: float = Field(0.0, ge=0, le=1)
    sensor_count: int = Field(16, ge=1)


class TrainConfig(_Settings):
    """One training run of either stage.

    Attributes:
        stage: ``pretrain`` on photos or ``transfer`` to hyperspectral scenes.
        objective: ``mean`` trains the encoder, ``diffusion`` the denoiser on a frozen encoder.
        train: packed training folder.
        validation: packed validation folder; None where all choices are made beforehand and nothing is held out: the
            averaged weights at the end of the run are kept.
        out: run folder: checkpoints, logs, final weights.
        start_from: weights or checkpoint to start from (always for transfer); never written to.
        replay: packed photos seen again during a transfer, against forgetting; None leaves them out.
        replay_share: share of the steps of a transfer that see photos.
        trainable: what may change in a transfer: ``injection``, ``adapters`` (injection, stem, head, last
            blocks' second convolutions) or ``all``.
        restart_injection: begin with an untrained injection as ``network`` describes it, the rest from ``start_from``.
        acquisition: let the injection look at point spread function and noise (see ``scenes.sensors``); what the start
            has learnt stays, bit for bit, until the first step.
        scale: super-resolution factor of a network that starts from weights of another factor: the trunk stays, heads
            are resampled (see ``shsrd.training.rescale``). 0 keeps the factor of the start.
        scale_context: that of the network's scale head, which ``start_from`` need not have: it is silent at first. 0
            keeps what the start has.
        mix: at the end of a transfer of the mean, also try averages of start, best and last weights.
        mix_share: instead of that, take this share of the last weights and the rest of the start's.
        calibration: without validation, weights whose calibrated uncertainty is taken over.
        network: widths and depths; ignored where ``start_from`` brings its own, but for ``restart_injection``.
        charbonnier_eps: errors of the mean above this share of the typical residual count linearly, smaller ones by
            their square.
        noise_samples: noises that the denoiser sees of each patch in a step; the frozen encoder runs once for all of
            them.
        steps: optimiser steps of the schedule (the cosine ends there).
        time_limit: minutes of wall time after which training stops and saves; 0 means none. The learning rate follows
            whichever of steps and time runs out first.
        batch: patches a step (photos), or patches times triplets (scenes).
        patch: side of a patch in low-resolution pixels; smaller scenes give smaller patches, 8 at least.
        optimizer: ``adamw``, or ``muon``: orthogonalised momentum for convolutions and AdamW for the rest, faster from
            scratch, with a larger ``lr`` (2e-3 for 128 channels, 5e-3 for 48).
        lr: peak learning rate.
        body_rate: learning rate, in units of ``lr``, of all but injection and scale head: a transfer may teach a new
            injection fast and change slowly what stage 1 has learnt.
        scale_rate: likewise of the scale head, which is small and starts far from its goal on new scenes.
        warmup: steps of linear warm-up.
        weight_decay: decoupled.
        clip: largest norm of the gradient.
        ema: decay of the exponential moving average of the weights.
        precision: ``bf16`` autocast, ``fp32``, or ``auto``: bf16 where the processor computes in it.
        seed: of everything random.
        validate_every: steps between validations; the best one is kept.
        patience: validations without a new best before the run stops early; 0 means never.
        checkpoint_every: steps between checkpoints.
        workers: processes that draw batches ahead, for scenes beside a GPU; the same batches come out of any number.
            With them, photos of stage 1 are drawn on the CPU too instead of on the GPU.
    """

    @model_validator(mode="before")
    @classmethod
    def _current_names(cls, settings: Any) -> Any:
        """Settings under the names of this version."""
        return current_keys(settings) if isinstance(settings, Mapping) else settings

    stage: Literal["pretrain", "transfer"]
    objective: Literal["mean", "diffusion"] = "mean"
    train: Path
    validation: Path | None
    out: Path
    start_from: Path | None = None
    replay: Path | None = None
    replay_share: float = Field(0.5, ge=0, lt=1)
    trainable: Literal["injection", "adapters", "all"] = "all"
    restart_injection: bool = False
    acquisition: bool = False
    scale: int = Field(0, ge=0, le=16)
    scale_context: int = Field(0, ge=0, le=64)
    mix: bool = True
    mix_share: float | None = Field(None, gt=0, le=1)
    calibration: Path | None = None
    network: NetworkConfig = NetworkConfig()
    photos: PhotoAugmentation = PhotoAugmentation()
    scenes: SceneAugmentation = SceneAugmentation()
    charbonnier_eps: float = Field(0.3, gt=0)
    noise_samples: int = Field(1, ge=1)
    steps: int = Field(20_000, ge=1)
    time_limit: float = Field(0.0, ge=0)
    batch: int = Field(16, ge=1)
    patch: int = Field(40, ge=8)
    optimizer: Literal["adamw", "muon"] = "adamw"
    lr: float = Field(4e-4, gt=0)
    body_rate: float = Field(1.0, gt=0, le=1)
    scale_rate: float = Field(1.0, gt=0)
    warmup: int = Field(200, ge=0)
    weight_decay: float = Field(1e-4, ge=0)
    clip: float = Field(1.0, gt=0)
    ema: float = Field(0.998, ge=0, lt=1)
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    seed: int = 0
    validate_every: int = Field(500, ge=1)
    patience: int = Field(0, ge=0)
    checkpoint_every: int = Field(500, ge=1)
    workers: int = Field(0, ge=0)
