"""``Job``: source, target and options of one file-to-file run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shsrd.cube import SceneMetadata
from shsrd.io.compression import Compression
from shsrd.io.stac.origin import Origin
from shsrd.model import Model
from shsrd.upscaling.options import UpscaleOptions
from shsrd.upscaling.upscale import uncertainty_metadata


@dataclass(frozen=True)
class Job:
    """Source, target and options of one run of ``upscale_file``.

    Attributes:
        source: scene file or CAVE folder.
        target: file to write; its ending decides the format.
        scale: super-resolution factor.
        options: of the computation; ``uncertainty`` there follows from the next attribute.
        uncertainty: file for one standard deviation per pixel and band, or None.
        opening: further arguments of ``open_source`` (``variable``, ``wavelengths`` ...).
        overwrite: replace existing files, and an interrupted run.
        resume: continue an interrupted run if there is one.
        workers: number of worker processes to start on this machine; 0 runs tiles in the current process.
        scheduler: address of a running dask scheduler, or the file that it wrote; its workers run the tiles.
        cog: write cloud optimised GeoTIFF.
        compress: compression of GeoTIFF; None for the default.
        origin: origin of the source, to write a STAC item beside the target; None for no item.
    """

    source: Path
    target: Path
    scale: int = 4
    options: UpscaleOptions = field(default_factory=UpscaleOptions)
    uncertainty: Path | None = None
    opening: dict[str, Any] = field(default_factory=dict)
    overwrite: bool = False
    resume: bool = False
    workers: int = 0
    scheduler: str | None = None
    cog: bool = False
    compress: Compression | None = None
    origin: Origin | None = None

    @property
    def targets(self) -> list[Path]:
        """Files to be written: the scene, and the uncertainty if requested."""
        return [self.target] if self.uncertainty is None else [self.target, self.uncertainty]

    @property
    def effective_options(self) -> UpscaleOptions:
        """Options in which ``uncertainty`` says if a file for it was requested."""
        return self.options.model_copy(update={"uncertainty": self.uncertainty is not None})

    def output_metadata(self, low: SceneMetadata, model: Model) -> tuple[SceneMetadata, ...]:
        """Metadata of each target.

        Args:
            low: of the source.
            model: weights, whose calibration is described in the uncertainty.
        """
        finer = low.finer(self.scale)
        if self.uncertainty is None:
            return (finer,)
        return (finer, uncertainty_metadata(finer, model, self.effective_options))
