"""Judging weights on images never trained on: gains over bicubic in dB."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from shsrd.cube import varying_bands
from shsrd.degradation import bicubic_down, bicubic_up
from shsrd.metrics import sam_deg
from shsrd.model import Network, NetworkConfig, unpack
from shsrd.spectral import Acquisition, BasisName, scene_statistics
from shsrd.training.config import SceneAugmentation, TrainingError
from shsrd.training.data.batch import MARGIN, Batch
from shsrd.training.data.pack import PackedScene, load_photos, load_scenes
from shsrd.training.data.scenes import SceneSource
from shsrd.training.data.simulated_sensor import SimulatedSensor
from shsrd.training.losses import diffusion_loss
from shsrd.upscaling.bases import GuidedBasis, guided_basis
from shsrd.upscaling.block import posterior_mean
from shsrd.upscaling.inference import Engine, Precision
from shsrd.upscaling.tiles import BORDER, Window, read_window, trim

Validate = Callable[[Network], dict[str, float]]  # holds "gain_db", larger is better

PHOTO_SIDE = 320  # pixels of the central crop
PHOTOS = 24
FLAT = 1e-10  # mean squared error of bicubic, full scale being 1: below it is rounding
SCENE_BATCHES = 8
SENSORS = (("enmap", None), ("enmap", 40.0), ("prisma", 30.0))  # names and signal-to-noise ratios in dB
SENSOR_CHANNELS = 6  # bands that the network sees of their scenes: three times as fast
DENOISING_PATCH = 40  # low-resolution pixels, less where scenes are smaller
Objective = Literal["mean", "diffusion"]


def photo_validator(folder: Path, *, network: NetworkConfig, objective: Objective, precision: Precision) -> Validate:
    """Central crops of photos, each channel standardised by its own low-resolution photo."""
    cropped = (_Photo(photo, network.scale) for photo in load_photos(folder)[:PHOTOS])
    photos = [photo for photo in cropped if photo.counted.any()]
    if not photos:
        raise TrainingError(f"{folder}: no photo has a crop that can be judged; give others")

    def validate(network: Network) -> dict[str, float]:
        if objective == "diffusion":
            return _denoising_scores([photo.batch() for photo in photos], network)
        with torch.inference_mode():
            return {"gain_db": float(np.mean([photo.gain(network, precision) for photo in photos]))}

    return validate


def scene_validator(
    folder: Path,
    *,
    network: NetworkConfig,
    objective: Objective,
    precision: Precision,
    noise: float = 0.0,
    sensors: bool = False,
) -> Validate:
    """Whole scenes: gain in MPSNR over bicubic and SAM as a share of bicubic's, in both bases.

    Args:
        folder: packed scenes.
        network: what will be judged: scale factor and guide maps.
        objective: what is judged, the posterior mean or the denoiser.
        precision: of the network.
        noise: see ``HeldOutScene``.
        sensors: also judge the scenes as ``SENSORS`` measure them, corrected for that; ``gain_db`` is then the mean
            over all of them and the kernel of the literature.
    """
    scale = network.scale
    if objective == "diffusion":
        smallest = min(min(packed.stored.shape[1:]) // scale for packed in load_scenes(folder))
        patch = min(DENOISING_PATCH, smallest - 2 * MARGIN)
        augmentation = SceneAugmentation(eigen=1.0, gain=1.0)
        source = SceneSource(folder, augmentation, scale=scale, patch=patch, guides=network.guides)
        batches = [source.draw(8, torch.Generator().manual_seed(seed)) for seed in range(SCENE_BATCHES)]
        return lambda network: _denoising_scores(batches, network)
    scenes = [HeldOutScene(packed, scale, noise) for packed in load_scenes(folder)]
    measured = held_out_by_sensor(folder, scale) if sensors else {}

    def validate(network: Network) -> dict[str, float]:
        engine = Engine(network, device=next(network.parameters()).device, precision=precision)
        figures: dict[str, float] = {}
        names: tuple[BasisName, ...] = ("bands", "pca")
        for name in names:
            gain, ratio = np.mean([scene.judge(engine, scene.guided(engine, name)) for scene in scenes], axis=0)
            figures |= {f"{name}_gain_db": float(gain), f"{name}_sam_ratio": float(ratio)}
        gains = [figures[f"{network.config.basis}_gain_db"]]
        for sensor, seen in measured.items():
            pairs = [scene.judge(engine, scene.guided(engine, "bands", SENSOR_CHANNELS)) for scene in seen]
            gain, ratio = np.mean(pairs, axis=0)
            figures |= {f"{sensor}_gain_db": float(gain), f"{sensor}_sam_ratio": float(ratio)}
            gains.append(float(gain))
        if measured:
            figures["sensors_gain_db"] = float(np.mean(gains[1:]))
        return {"gain_db": float(np.mean(gains)), **figures}

    return validate


def held_out_by_sensor(folder: Path, scale: int) -> dict[str, list[HeldOutScene]]:
    """Held-out scenes by name of the sensor and its noise."""
    return {
        f"{name}_{snr_db:g}dB" if snr_db else name: [
            HeldOutScene(packed, scale, sensor=SimulatedSensor.by_sensor(name, snr_db, scale=scale))
            for packed in load_scenes(folder)
        ]
        for name, snr_db in SENSORS
    }


@torch.no_grad()
def _denoising_scores(batches: list[Batch], network: Network) -> dict[str, float]:
    """Both losses at fixed noise, and their sum in dB.

    The denoiser's part is how far it is below the loss of doing nothing; the scale's how small the scales are, as long
    as they are honest (one nat is a factor e in the scale).
    """
    device = next(network.parameters()).device
    losses = [
        torch.stack(diffusion_loss(network, batch.to(device), torch.Generator().manual_seed(number))).tolist()
        for number, batch in enumerate(batches)
    ]
    denoising, scale = np.mean(losses, axis=0).tolist()
    gain_db = -10 * np.log10(denoising) - 20 * math.log10(math.e) * scale
    return {"gain_db": float(gain_db), "denoising_loss": denoising, "laplace_nll": scale}


class _Photo:
    """A held-out photo: truth, low resolution, scale of each channel."""

    def __init__(self, photo: NDArray[np.uint8], scale: int) -> None:
        self.scale = scale
        rows, columns = (min(PHOTO_SIDE, size) // scale * scale for size in photo.shape[1:])
        self.truth = torch.from_numpy(photo[:, :rows, :columns].copy()).float() / 255
        self.low = bicubic_down(self.truth, scale)
        self.mean = self.low.mean(dim=(1, 2), keepdim=True)
        self.std = self.low.std(dim=(1, 2), keepdim=True) + 1e-4
        self.base = bicubic_up(self.low, scale)
        self.counted = _mse(self.base, self.truth) > FLAT  # a crop of one colour says nothing

    def batch(self) -> Batch:
        """The whole crop as one training batch."""
        residual = ((self.truth - self.base) / self.std)[None]
        return Batch(
            ((self.low - self.mean) / self.std)[None], residual, torch.ones(1, 3, 1, 1), torch.ones(1, 3, 1, 1)
        )

    def gain(self, network: Network, precision: Precision) -> float:
        """Gain over bicubic in dB, mean over channels."""
        device = next(network.parameters()).device
        triplets = self.batch().to(device).low
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            residual = unpack(network.encode(triplets).mean, self.scale)[0].float().cpu()
        ours, bicubic = (_mse(x, self.truth) for x in (self.base + self.std * residual, self.base))
        ratio = bicubic[self.counted] / ours[self.counted].clamp_min(torch.finfo(torch.float32).tiny)
        return float(10 * ratio.log10().mean())


def _mse(estimate: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    return (estimate - truth).square().mean(dim=(1, 2))


class HeldOutScene:
    """A held-out scene: truth, low resolution, and bicubic's scores.

    Args:
        packed: the scene.
        scale: super-resolution factor.
        noise: white noise put into the low resolution that bicubic and network see, the same in all bands, as a share
            of the root mean square of the bands' standard deviations.
        sensor: that measured the scene, in place of the bicubic kernel; bicubic enlarges what it measured, the network
            what is corrected for it.
    """

    def __init__(
        self, packed: PackedScene, scale: int, noise: float = 0.0, sensor: SimulatedSensor | None = None
    ) -> None:
        self.truth = packed.pixels(scale)
        self.acquisition: Acquisition | None = None
        if sensor is None:
            self.low = bicubic_down(torch.from_numpy(self.truth), scale).numpy()
        else:
            self.low = sensor.measured(self.truth, seed=0)
        if noise:
            typical = math.sqrt(self.low.var(axis=(1, 2), dtype=np.float64).mean())
            white = np.random.default_rng(0).standard_normal(self.low.shape, np.float32)
            self.low += np.float32(noise * typical) * white
        bicubic = bicubic_up(torch.from_numpy(self.low), scale).numpy()
        if sensor is not None:
            self.low, self.acquisition = sensor.corrected(self.low)
        self.statistics = scene_statistics(self.low)
        self.wavelength_nm = packed.wavelength_nm
        self.bicubic_mse, self.bicubic_sam = self._errors(bicubic)
        self.counted = np.isfinite(self.bicubic_mse) & (self.bicubic_mse > 0) & varying_bands(self.truth)
        if not self.counted.any():
            raise TrainingError(f"validation scene {packed.name!r} has no band that can be judged; leave it out")

    def guided(self, engine: Engine, name: BasisName, channels: int | None = None) -> GuidedBasis:
        """A basis of the scene with the guides that the weights take."""
        guides, acquisition = engine.network.config.guides, self.acquisition
        statistics, wavelength_nm = self.statistics, self.wavelength_nm
        return guided_basis(statistics, name, wavelength_nm, channels, guides=guides, acquisition=acquisition)

    def judge(self, engine: Engine, guided: GuidedBasis) -> tuple[float, float]:
        """Gain in dB (mean over the bands that can be judged) and SAM as a share of bicubic's (1 where it has none)."""
        window = Window(0, 0, *self.low.shape[1:]).grown(BORDER)
        low = torch.from_numpy(read_window(self.low, window)).to(engine.device)
        estimate = posterior_mean(low, engine, guided)
        mse, sam = self._errors(trim(estimate.cpu().numpy(), BORDER * engine.scale))
        ratio = self.bicubic_mse[self.counted] / np.maximum(mse[self.counted], np.finfo(np.float64).tiny)
        return float((10 * np.log10(ratio)).mean()), sam / self.bicubic_sam if self.bicubic_sam > 0 else 1.0

    def _errors(self, estimate: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
        mse = np.square(estimate - self.truth).mean(axis=(1, 2), dtype=np.float64)
        return mse, sam_deg(estimate, self.truth) if np.isfinite(estimate).any() else math.nan
