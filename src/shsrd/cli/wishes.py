"""What may be asked of ``upscale`` and ``upscale-all`` alike: one definition, one translation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from shsrd.upscaling import UpscaleOptions


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """How a scene is super-resolved.

    Attributes:
        scale: factor; ×4 comes with shsrd.
        model: name of bundled weights (`shsrd models`) or path of a weight file.
        steps: diffusion steps; 0 gives the posterior mean (most faithful), 4 to 8 a posterior sample (natural texture).
        detail: 0 to 1, how much texture a sample adds to the mean.
        samples: posterior samples to draw; the output is their mean.
        seed: of the samples' noise.
        frame: eigen (cost does not grow with the number of bands) or bands (each band triplet by itself; slower,
            closest spectra); the default is the model's recommendation.
        ensemble: average the mean over flips (2, 4) and turns (8) of the scene; a little better, as many times slower.
        stride: bands frame only, bands from one triplet to the next; with 2 or 1 triplets overlap and are averaged.
        device: auto, cpu, cuda, cuda:1 or mps.
        precision: bf16 or fp32; auto takes bf16 where the processor computes in it.
        tile: low-resolution pixels on a side that are read and kept together, in whole cells; the result is the same.
        cell: side of the squares that the network sees together, in low-resolution pixels; smaller needs less memory.
        halo: low-resolution pixels a cell sees beyond itself.
        no_consistency: leave out the last step, which makes the degraded output equal the input.
        no_self_check: leave out the self-check, which scales the detail of bands that the model would make worse than
            bicubic.
        variable: name or path of the array, where a file has several.
        wavelengths: name or path of the list of wavelengths inside the file.
    """

    scale: int = 4
    model: str | None = None
    steps: int = 0
    detail: float = 1.0
    samples: int = 1
    seed: int = 0
    frame: Literal["eigen", "bands"] | None = None
    ensemble: Literal[1, 2, 4, 8] = 1
    stride: Literal[1, 2, 3] = 3
    device: str = "auto"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    tile: int = 128
    cell: int = 128
    halo: int | None = None
    no_consistency: bool = False
    no_self_check: bool = False
    variable: str | None = None
    wavelengths: str | None = None

    def options(self) -> UpscaleOptions:
        """Options of ``upscale``."""
        from shsrd.upscaling import UpscaleOptions

        return UpscaleOptions(
            model=self.model,
            steps=self.steps,
            detail=self.detail,
            samples=self.samples,
            seed=self.seed,
            frame=self.frame,
            ensemble=self.ensemble,
            stride=self.stride,
            device=self.device,
            precision=self.precision,
            tile=self.tile,
            cell=self.cell,
            halo=self.halo,
            consistency=not self.no_consistency,
            self_check=not self.no_self_check,
        )

    def opening(self) -> dict[str, str | None]:
        """Further arguments of ``open_source``."""
        return {"variable": self.variable, "wavelengths": self.wavelengths}
