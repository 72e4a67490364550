"""What may be asked of super-resolution on a command line: one definition, one translation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

if TYPE_CHECKING:
    from shsrd.degradation import Degradation
    from shsrd.upscaling import UpscaleOptions

SensorName = Literal["enmap", "prisma", "tanager"]  # as in shsrd.degradation.SENSORS, whose import brings torch
Variable = Annotated[str | None, tyro.conf.arg(aliases=["--dataset"])]  # what HDF5 calls it


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Which estimate is wanted.

    Attributes:
        scale: factor; ×4 comes with shsrd.
        model: name of bundled weights (`shsrd models`) or path of a weight file.
        steps: diffusion steps; 0 gives the posterior mean (most faithful), 4 to 8 a posterior sample (natural texture).
        detail: 0 to 1, how much texture a sample adds to the mean.
        samples: posterior samples to draw; the output is their mean.
        seed: of the samples' noise.
        frame: what the network sees, three at a time: bands, or eigen (the scene's principal components); the default
            is the model's recommendation.
        channels: how many bands (or components) the network sees; the others follow from them. Fewer are faster: 12 or
            15 are nearly as good as all. The default is every band of up to 36, and 24 evenly spaced ones of more.
        ensemble: average the mean over flips (2, 4) and turns (8) of the scene; a little better, as many times slower.
        stride: bands frame only, bands from one triplet to the next; with 2 or 1 triplets overlap and are averaged.
        non_negative: set what comes out below zero to zero, for quantities that cannot be; the input is contradicted by
            as much as is cut off.
        no_consistency: leave out the last step, which makes the degraded output equal the input.
        no_self_check: leave out the self-check, which scales the detail of bands that the model would make worse than
            bicubic.
        device: auto, cpu, cuda, cuda:1 or mps.
    """

    scale: int = 4
    model: str | None = None
    steps: int = 0
    detail: float = 1.0
    samples: int = 1
    seed: int = 0
    frame: Literal["eigen", "bands"] | None = None
    channels: int | None = None
    ensemble: Literal[1, 2, 4, 8] = 1
    stride: Literal[1, 2, 3] = 3
    non_negative: bool = False
    no_consistency: bool = False
    no_self_check: bool = False
    device: str = "auto"

    def options(self) -> UpscaleOptions:
        """Options of ``upscale``: those that this command has, the others as they are by default."""
        from shsrd.upscaling import UpscaleOptions

        names = UpscaleOptions.model_fields.keys() - {"uncertainty"}  # on a command line that is a file, if anything
        asked = {name: getattr(self, name) for name in names if hasattr(self, name)}
        return UpscaleOptions(**asked, consistency=not self.no_consistency, self_check=not self.no_self_check)


@dataclass(frozen=True, kw_only=True)
class Wishes(Estimate):
    """How scenes go from file to file; for ``upscale`` and ``upscale-all`` alike.

    Attributes:
        precision: int8 (CPUs only), bf16 or fp32; auto takes the fastest that the processor computes in;
            for scenes larger than one cell bf16 goes before int8.
        tile: low-resolution pixels on a side that are read and kept together, in whole cells; the result is the same.
        cell: side of the squares that the network sees together, in low-resolution pixels; smaller needs less memory.
        halo: low-resolution pixels a cell sees beyond itself.
        variable: name or path of the array, where a file has several.
        wavelengths: name or path of the list of wavelengths inside the file.
        compress: of GeoTIFF outputs: deflate (also by default; every reader knows it), zstd (faster, a little larger;
            not every reader knows it) or none.
        workers: processes to start on this machine for the tiles (needs shsrd[cluster]); 0 computes them in this one.
        scheduler: address of a running dask scheduler (tcp://host:8786), or the file that it wrote.
    """

    precision: Literal["auto", "int8", "bf16", "fp32"] = "auto"
    tile: int = 128
    cell: int = 128
    halo: int | None = None
    variable: Variable = None
    wavelengths: str | None = None
    compress: Literal["deflate", "zstd", "none"] | None = None
    workers: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    scheduler: str | None = None

    def opening(self) -> dict[str, str | None]:
        """Further arguments of ``open_source``."""
        return {"variable": self.variable, "wavelengths": self.wavelengths}


def seen_by(sensor: SensorName | None, scale: int) -> Degradation:
    """How a low-resolution scene is made: as the sensor sees, or bicubic as in the benchmarks."""
    from shsrd.degradation import Degradation

    return Degradation(scale=scale) if sensor is None else Degradation.of_sensor(sensor, scale=scale)
