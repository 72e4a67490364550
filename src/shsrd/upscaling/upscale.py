"""``upscale``: a whole scene in, a sharper one out, with everything that is known about it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from shsrd.cube import Cube, MemorySource, SceneMetadata, Source, Storage
from shsrd.model import INTERVALS, Model
from shsrd.upscaling.correction import match_bicubic_psf
from shsrd.upscaling.inference import Engine
from shsrd.upscaling.input_types import as_cube
from shsrd.upscaling.options import UpscaleOptions
from shsrd.upscaling.plan import Plan, make_engine, make_plan, select_model
from shsrd.upscaling.reconstruction import Block, ConsistencyStats, read_tile, upscale_tile
from shsrd.upscaling.report import Report

if TYPE_CHECKING:
    import xarray

    Scene = Cube | NDArray[Any] | torch.Tensor | xarray.DataArray | xarray.Dataset | str | os.PathLike[str]

Progress = Callable[[int, int], None]  # tiles done, tiles in all


@dataclass(frozen=True)
class UpscaleResult:
    """Result of ``upscale``.

    Attributes:
        cube: the super-resolved scene.
        uncertainty: one standard deviation per pixel and band, if asked for.
        report: what was done.
        result: the scene in the type of the input: an array for an array (``numpy.asarray(upscaled)`` gives it
            too), a tensor on the same device, a DataArray for xarray's, else the cube.
        std: the uncertainty in the same type, if it was asked for.
    """

    cube: Cube
    uncertainty: Cube | None
    report: Report
    result: Any = field(default=None, repr=False)
    std: Any = field(default=None, repr=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The result as a numpy array, in the order of axes of what was given."""
        values = self.cube.pixels if self.result is None or isinstance(self.result, Cube) else self.result
        return np.array(values, dtype) if copy else np.asarray(values, dtype)


def upscale(
    scene: Scene,
    scale: int = 4,
    *,
    axes: str | None = None,
    wavelengths: ArrayLike | None = None,
    options: UpscaleOptions | None = None,
    model: Model | None = None,
    progress: Progress | None = None,
) -> UpscaleResult:
    """Super-resolve a scene in memory; ``upscale_file`` takes scenes of any size.

    Args:
        scene: the low-resolution scene: a cube, a numpy array or torch tensor ``(band, y, x)``, an xarray DataArray
            (or a Dataset with one scene), or the path of a file. NaN is no-data, bad bands of a cube are flagged.
        scale: factor; there must be a model for it.
        axes: order of the axes of an array, such as ``"yxb"``, or of the array in a file that does not tell.
        wavelengths: ``(B,)`` band centres in nanometres of an array or tensor.
        options: see ``UpscaleOptions``.
        model: weights already loaded, instead of ``options.model``.
        progress: called after every tile.

    Returns:
        A scene with ``scale`` times as many rows and columns, same bands, same outer corner, same storage.

    Raises:
        SceneError: nothing to super-resolve, something that is no scene, or options that do not fit each other.
        shsrd.model.WeightsError: the weights cannot be used.
    """
    options = options or UpscaleOptions()
    cube, back = as_cube(scene, axes, wavelengths)
    model = select_model(options, scale, model)
    engine, source = make_engine(model, options, cube.shape), match_bicubic_psf(MemorySource(cube), options, scale)
    plan = make_plan(source, engine, options)
    estimate, std, consistency_stats = _upscale_tiles(source, engine, plan, progress)
    finer = Cube.of(estimate, cube.metadata.finer(scale))
    uncertainty = None if std is None else Cube.of(std, uncertainty_metadata(finer.metadata, model, options))
    given_back = None if uncertainty is None else back(uncertainty)
    return UpscaleResult(finer, uncertainty, plan.report(model, engine, consistency_stats), back(finer), given_back)


def _upscale_tiles(
    source: Source, engine: Engine, plan: Plan, progress: Progress | None
) -> tuple[Block, Block | None, ConsistencyStats]:
    tiles, report_progress = plan.tiles(), progress or (lambda done, total: None)
    if len(tiles) == 1:  # the tile is the scene: no copy
        only = upscale_tile(read_tile(source, plan, tiles[0]), engine, plan)
        report_progress(1, 1)
        return only.estimate, only.std, only.consistency_stats
    estimate = np.empty(source.metadata.finer(plan.scale).shape, np.float32)
    std = np.empty_like(estimate) if plan.options.uncertainty else None
    consistency_stats = ConsistencyStats()
    for done, tile in enumerate(tiles, start=1):
        solved = upscale_tile(read_tile(source, plan, tile), engine, plan)
        target = (slice(None), *tile.finer(plan.scale).slices)
        estimate[target] = solved.estimate
        if std is not None and solved.std is not None:
            std[target] = solved.std
        consistency_stats += solved.consistency_stats
        report_progress(done, len(tiles))
    return estimate, std, consistency_stats


def uncertainty_metadata(finer: SceneMetadata, model: Model, options: UpscaleOptions) -> SceneMetadata:
    """Metadata of the file that holds one standard deviation per pixel and band."""
    factors = model.network.config.interval_factors if options.steps == 0 else ()  # measured for the predicted scale
    held = [f"{100 * share:g} % within {factor:.3g} of it" for share, factor in zip(INTERVALS, factors, strict=False)]
    description = "; ".join(["one standard deviation of the super-resolved scene", *held])
    return finer.replace(storage=Storage(nodata=-9999.0), headers={**finer.headers, "description": description})
