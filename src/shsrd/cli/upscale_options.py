"""Command-line options of super-resolution, shared by ``upscale``, ``upscale-all`` and ``benchmark``."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from shsrd.cli.console import option
from shsrd.cli.degradation_options import MAX_FWHM, SHARPEST, check_snr, parse_fwhm
from shsrd.cli.read_options import ReadOptions
from shsrd.cube import SceneError

if TYPE_CHECKING:
    from shsrd.cube import Cube
    from shsrd.degradation import ObservationModel
    from shsrd.upscaling import UpscaleOptions

SensorName = Literal[  # as in shsrd.degradation.SENSORS, whose import brings torch
    "enmap", "hyperion", "hypso-1", "hyspex-mjolnir", "prisma", "tanager"
]
SENSORS = "{enmap,hyperion,hypso-1,hyspex-mjolnir,prisma,tanager}"


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Network and its input.

    Attributes:
        model: name of bundled weights (`shsrd models`) or path of a weight file; the default is that of the scale.
        basis: channels that are the network's input, three at a time: bands, or pca (the scene's principal components);
            the default is the model's recommendation.
        channels: how many bands (or components) the network sees; the others follow from them. Fewer are faster: 12 or
            15 are nearly as good as all. The default is every band of up to 36, and 24 evenly spaced ones of more.
        stride: basis of bands only, bands from one triplet to the next; with 2 or 1 triplets overlap and are averaged.
    """

    model: Annotated[str | None, option("NAME")] = None
    basis: Annotated[Literal["pca", "bands"] | None, option("{pca,bands}")] = None
    channels: Annotated[int | None, option("N")] = None
    stride: Literal[1, 2, 3] = 3


@dataclass(frozen=True, kw_only=True)
class QualityOptions:
    """Posterior mean or samples, and corrections afterwards.

    Attributes:
        steps: diffusion steps; 0 gives the posterior mean (most faithful), 4 to 8 a posterior sample (natural texture).
        detail: 0 to 1, how much texture a sample adds to the mean.
        samples: posterior samples to draw; the output is their mean.
        seed: seed of the noise of samples.
        ensemble: average the mean over flips (2, 4) and turns (8) of the scene; a little better, as many times slower.
        non_negative: set what comes out below zero to zero, for quantities that cannot be; the input is contradicted by
            as much as is cut off.
        overshoot: how far values may leave the local range of the input (5 x 5 pixels around), in such ranges; none for
            no bounds.
        no_consistency: leave out the last step, which makes the degraded output equal the input.
        no_self_check: leave out the self-check, which scales the detail of bands that the model would make worse than
            bicubic.
    """

    steps: int = 0
    detail: float = 1.0
    samples: int = 1
    seed: int = 0
    ensemble: Literal[1, 2, 4, 8] = 1
    non_negative: Annotated[bool, option()] = False
    overshoot: Annotated[float | Literal["none", "None"], option("FACTOR")] = 1.0
    no_consistency: Annotated[bool, option()] = False
    no_self_check: Annotated[bool, option()] = False


@dataclass(frozen=True, kw_only=True)
class DeviceOptions:
    """Device.

    Attributes:
        device: auto, cpu, cuda, cuda:1 or mps.
    """

    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class Computing(DeviceOptions):
    """Device, precision, tiles and workers; only the precision changes the result.

    Attributes:
        precision: int8 (CPUs only), bf16 or fp32; auto takes the fastest that the processor computes in;
            for scenes larger than one block bf16 goes before int8.
        tile: low-resolution pixels on a side that are read and kept together, in whole blocks; the result is the same.
        block: side of the squares that the network sees together, in low-resolution pixels; smaller needs less memory.
        halo: low-resolution pixels that a block reads beyond itself; the default leaves no visible seams.
        workers: processes to start on this machine for the tiles (needs shsrd[cluster]); 0 computes them in this one.
        scheduler: address of a running dask scheduler (tcp://host:8786), or the file that it wrote.
    """

    precision: Literal["auto", "int8", "bf16", "fp32"] = "auto"
    tile: int = 128
    block: int = 128
    halo: Annotated[int | None, option("PIXELS")] = None
    workers: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    scheduler: Annotated[str | None, option("ADDRESS")] = None


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """Format of the results.

    Attributes:
        compress: of GeoTIFF outputs: deflate (also by default; every reader knows it), zstd (faster, a little larger;
            not every reader knows it) or none.
        json: print a report as JSON.
    """

    compress: Annotated[Literal["deflate", "zstd", "none"] | None, option("{deflate,zstd,none}")] = None
    json: Annotated[bool, option()] = False


@dataclass(frozen=True, kw_only=True)
class SensorOptions:
    """Point spread function and noise of the scene: those of a recognised product, else the bicubic kernel.

    Attributes:
        sensor: whose point spread function the scene has, by its published MTF; the scene is corrected for it first.
            Flight direction along y.
        fwhm: the same by its full width at half maximum in pixels of the scene: one number, or Y,X; auto estimates it
            from the scene's edges (`shsrd info --measure` shows it).
        kernel: bicubic corrects for nothing, whatever the product says.
        snr: signal-to-noise ratio of every band in dB, for that correction; the default estimates the noise of each.
    """

    sensor: Annotated[SensorName | None, option(SENSORS)] = None
    fwhm: Annotated[str | None, option("Y[,X]")] = None
    kernel: Literal["auto", "bicubic"] = "auto"
    snr: Annotated[float | None, option("DB")] = None

    def sensor_options(self) -> dict[str, Any]:
        """Options of ``upscale``.

        Raises:
            SceneError: a width that is none, or a ratio out of range.
        """
        widths = self.fwhm if self.fwhm is None or self.fwhm == "auto" else parse_scene_fwhm(self.fwhm)
        if self.snr is not None:
            check_snr(self.snr)
        return {"sensor": self.sensor, "fwhm": widths, "kernel": self.kernel, "snr": self.snr}


def parse_scene_fwhm(text: str) -> tuple[float, float]:
    """Widths along y and x of a scene that is super-resolved, in its pixels.

    Raises:
        SceneError: no width, or one that no sensor has.
    """
    widths = parse_fwhm(text)
    if not widths or not SHARPEST <= min(widths) <= max(widths) <= MAX_FWHM:
        raise SceneError(
            f"--fwhm {text} is no width; give pixels of the scene from {SHARPEST} to {MAX_FWHM}, such as 1.4 or 1.4,1.2"
        )
    return widths[0], widths[1]


@dataclass(frozen=True, kw_only=True)
class EstimateOptions:
    """Options of an estimate.

    Attributes:
        scale: factor; ×4 comes with shsrd.
    """

    scale: int = 4
    model: ModelOptions = field(default_factory=ModelOptions)
    quality: QualityOptions = field(default_factory=QualityOptions)
    computing: DeviceOptions = field(default_factory=DeviceOptions)

    def options(self) -> UpscaleOptions:
        """Options of ``upscale``: those that this command has, the others as they are by default."""
        from shsrd.upscaling import UpscaleOptions

        told = self.measured()
        for group in (self.model, self.quality, self.computing):
            told |= {name.name: getattr(group, name.name) for name in fields(group)}
        told["overshoot"] = None if isinstance(self.quality.overshoot, str) else self.quality.overshoot
        asked = {name: value for name, value in told.items() if name in UpscaleOptions.model_fields}
        consistency, self_check = not self.quality.no_consistency, not self.quality.no_self_check
        return UpscaleOptions(**asked, consistency=consistency, self_check=self_check)

    def measured(self) -> dict[str, Any]:
        """Options of ``upscale`` that say how the scene was measured."""
        return {}


@dataclass(frozen=True, kw_only=True)
class UpscaleArguments(EstimateOptions):
    """Options shared by ``upscale`` and ``upscale-all``."""

    sensor: SensorOptions = field(default_factory=SensorOptions)
    computing: Computing = field(default_factory=Computing)
    reading: ReadOptions = field(default_factory=ReadOptions)

    def measured(self) -> dict[str, Any]:
        """Sensor, width and noise, as given."""
        return self.sensor.sensor_options()


def sensor_observation(sensor: SensorName | None, scale: int, scene: Cube) -> ObservationModel:
    """Simulated observation of a scene: by the sensor's bands, or bicubic as in the benchmarks."""
    from shsrd.degradation import ObservationModel

    if sensor is None:
        return ObservationModel(scale=scale)
    return ObservationModel.of_sensor(sensor, scale=scale, wavelength_nm=scene.wavelength_nm)
