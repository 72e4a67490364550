"""Options of ``upscale``."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator

from shsrd.cube import SceneError
from shsrd.model import int8_supported
from shsrd.spectral import BasisName
from shsrd.upscaling.inference import Precision

DEFAULT_MODELS = {4: "cave-x4"}  # by scale factor


Width = Annotated[float, Field(ge=0.1, le=8, allow_inf_nan=False)]


class UpscaleOptions(BaseModel):
    """Options of ``upscale``; the defaults give the posterior mean, the most faithful estimate.

    Attributes:
        model: name of bundled weights or path of a file; None is the default model of the scale.
        sensor: whose point spread function the scene has (a key of ``SENSORS``); the scene is corrected for it first.
            None takes that of the product, if the scene is one that is recognised, else the bicubic kernel.
        fwhm: the same by its full widths at half maximum along y and x, or one number for both, in low-resolution
            pixels; ``auto`` estimates them from the edges of the scene, and takes the lower end of the estimate.
        snr: signal-to-noise ratio of every band in dB (root mean square over the noise's deviation), for that
            correction; None estimates the noise of each band.
        kernel: ``bicubic`` corrects for nothing, whatever is known of the scene, as the benchmarks do; ``auto`` is all
            the above.
        steps: diffusion steps; 0 is the posterior mean, 4 to 8 a posterior sample.
        detail: 0 (mean) to 1 (sample), how much texture a sample adds.
        samples: posterior samples to draw; the output is their mean.
        uncertainty: also give one standard deviation per pixel and band: with ``steps=0`` the one that the network
            predicts beside the posterior mean, at hardly any cost; with steps, the samples' own.
        seed: seed of the noise of samples.
        basis: what the network sees: ``bands``, from whose detail that of all bands follows, or ``pca``, the scene's
            principal components; None takes the model's recommendation.
        channels: how many of them; fewer are faster. None: every band of up to 36, 24 evenly spaced ones of more;
            eigenimages by the energy they leave out.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: ``int8`` (most of the encoder in integers: CPUs only), ``bf16`` or ``fp32``. ``auto`` takes the first
            of them that the processor has; for scenes of several blocks the first but ``int8``, unless that leaves
            ``fp32``.
        tile: side of a tile in low-resolution pixels: what is read, kept and handed out together, rounded up to whole
            blocks. It changes memory and the number of files of an interrupted run, never the result.
        block: side of the squares on a grid fixed to the scene that the network sees together; a smaller one needs less
            memory and more time (a halo for each).
        halo: low-resolution pixels that a block reads beyond itself, and never fewer than interpolation and consistency
            look at; None is the default, whose seams stay below 1e-3 of the range. There are no seams at all from the
            network's reach (plus its scale head's for an uncertainty and its denoiser's for every step) plus the
            consistency step's.
        consistency: back-project so that the degraded output equals the input.
        non_negative: set pixels of super-resolved bands below zero to zero, last of all; what is cut off is missing in
            the consistency, whose figure says so.
        overshoot: how far the output may leave the local range of the input (5 x 5 pixels around), in such ranges, and
            by 2 % of the band's range; never 10 % of it below the smallest value. What is cut off
            is given back to the pixels around as far as they may take it; what is missing shows in the consistency.
            None: no bounds.
        ensemble: average the posterior mean over this many flips and turns of the scene: 1 none, 2 the mirror image, 4
            both flips, 8 all of the square. Costs as many times the encoder; samples deviate as without it.
        stride: basis of bands only: bands from one triplet to the next. 3 shows each band to the network once; with 2
            or 1 triplets overlap, and a band's detail is the average over the triplets that contain it.
        self_check: degrade the scene once more, super-resolve that and compare; where the network does worse than
            bicubic, scale the detail of the bands it harms.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    sensor: str | None = None
    fwhm: tuple[Width, Width] | Literal["auto"] | None = None
    snr: float | None = Field(None, gt=0, le=200)
    kernel: Literal["auto", "bicubic"] = "auto"
    steps: int = Field(0, ge=0, le=1000)
    detail: float = Field(1.0, ge=0, le=1)
    samples: int = Field(1, ge=1, le=1000)
    uncertainty: bool = False
    seed: int = Field(0, ge=0, lt=2**40)
    basis: BasisName | None = None
    channels: int | None = Field(None, ge=1, le=4096)
    device: str = "auto"
    precision: Literal["auto", "int8", "bf16", "fp32"] = "auto"
    tile: int = Field(128, ge=1, le=65536)
    block: int = Field(128, ge=8, le=4096)
    halo: int | None = Field(None, ge=0, le=512)
    consistency: bool = True
    non_negative: bool = False
    overshoot: float | None = Field(1.0, ge=0, le=1000)
    ensemble: Literal[1, 2, 4, 8] = 1
    stride: Literal[1, 2, 3] = 3
    self_check: bool = True

    @field_validator("fwhm", mode="before")
    @classmethod
    def _both_axes(cls, fwhm: object) -> object:
        """One number is the width along both axes."""
        return (fwhm, fwhm) if isinstance(fwhm, int | float) and not isinstance(fwhm, bool) else fwhm

    def check_psf_options(self) -> None:
        """Refuse options about the scene's measurement that contradict each other.

        Raises:
            SceneError: two of a sensor, a width and the bicubic kernel, or a noise with that kernel.
        """
        if self.sensor is not None and self.fwhm is not None:
            raise SceneError(f"--sensor {self.sensor} has its own width; leave out --fwhm, or --sensor")
        if self.kernel == "bicubic" and (self.sensor, self.fwhm, self.snr) != (None, None, None):
            raise SceneError("--kernel bicubic has its own width and no noise; leave out --sensor, --fwhm and --snr")


def choose_device(name: str) -> torch.device:
    """The device of a name; ``auto`` is a GPU where there is one."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device).cpu()  # fails on devices that are not there, and on "meta"
    except (RuntimeError, AssertionError):
        raise SceneError(f"device {name!r} is not available here; use auto or cpu") from None
    return device


def choose_precision(name: Literal["auto", "bf16", "fp32"], device: torch.device) -> Precision:
    """Precision for training: bf16 where the processor computes in it, else float32."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX512":
        return "bf16" if torch.cpu.get_capabilities().get("avx512_bf16", False) else "fp32"
    return "fp32"


def inference_precision(
    name: Literal["auto", "int8", "bf16", "fp32"], device: torch.device, single_block: bool = True
) -> Precision:
    """Precision for inference.

    Integers where the processor has them, but for scenes of several blocks on one that has bf16 as well: scales follow
    the block, so rounding differs between neighbours. Where the choice is between that and float32, which takes more
    than twice as long, it is integers again.

    Args:
        name: what was asked for.
        device: where.
        single_block: whether the scene is no larger than what the network sees together.

    Raises:
        SceneError: integers were asked for and are not to be had.
    """
    integers = device.type == "cpu" and int8_supported()
    if name == "int8" and not integers:
        raise SceneError("precision int8 needs a CPU with VNNI instructions; use auto or bf16")
    if name != "auto":
        return name
    found = choose_precision("auto", device)
    return "int8" if integers and (single_block or found == "fp32") else found
