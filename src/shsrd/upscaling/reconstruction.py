"""A tile of a scene from low to high resolution, cell by cell: the same bytes whatever is computed beside it.

A cell is a square of pixels that the network sees together, with a halo around it. Cells lie on a grid that is fixed
to the scene. How many of them are read together (a tile), in which order, or by which process, changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shsrd.cube import Source, Storage, fill_nodata
from shsrd.cube.linear import root_sum_square
from shsrd.degradation import bicubic_up, degrade
from shsrd.upscaling.block import BlockResult
from shsrd.upscaling.correction import CorrectedSource
from shsrd.upscaling.detectors import upscale_detectors
from shsrd.upscaling.inference import Engine, Position
from shsrd.upscaling.plan import Plan, band_means
from shsrd.upscaling.self_check import attenuate_detail
from shsrd.upscaling.tiles import BORDER, Window, filled_with, read_window

Block = NDArray[np.float32]

BAND_BATCH_SIZE = 16  # when the output is compared with the measurement


@dataclass(frozen=True)
class ConsistencyStats:
    """Squared differences between the degraded output, as it will be stored, and the measurement; its range.

    Attributes:
        squares: their sum.
        count: how many.
        lowest: smallest value of super-resolved bands where the input has data.
        highest: largest one.
        limited: values that had left the local range of the input (see ``bounds``).
    """

    squares: float = 0.0
    count: int = 0
    lowest: float = np.inf
    highest: float = -np.inf
    limited: int = 0

    @classmethod
    def of(cls, values: Sequence[float]) -> ConsistencyStats:
        """From its attributes as plain numbers."""
        squares, count, lowest, highest, limited = values
        return cls(squares, int(count), lowest, highest, int(limited))

    def __add__(self, other: ConsistencyStats) -> ConsistencyStats:
        return ConsistencyStats(
            self.squares + other.squares,
            self.count + other.count,
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
            self.limited + other.limited,
        )

    @property
    def span(self) -> tuple[float, float] | None:
        """Smallest and largest value of the output; None where there is none."""
        return (self.lowest, self.highest) if self.lowest <= self.highest else None

    def relative_to(self, span: float) -> float | None:
        """RMSE as a share of the range; None if nothing could be compared."""
        return float(np.sqrt(self.squares / self.count)) / span if self.count and span > 0 else None


@dataclass(frozen=True)
class UpscaledTile:
    """A tile at high resolution.

    Attributes:
        estimate: ``(band, s y, s x)``, all bands; NaN where the input has no data.
        std: one standard deviation, likewise (NaN in bands that are bicubic), or None.
        consistency_stats: with the measurement.
    """

    estimate: Block
    std: Block | None
    consistency_stats: ConsistencyStats


@dataclass(frozen=True)
class TileInput:
    """Input of a tile: pixels ``(band, y, x)`` of ``place``, the tile with its halo inside the scene.

    ``measured`` are the same before a correction for their sensor.
    """

    tile: Window
    place: Window
    pixels: Block
    measured: Block


def read_tile(source: Source, plan: Plan, tile: Window) -> TileInput:
    """Read a tile with its halo."""
    place = tile.grown(plan.halo).clipped(*plan.metadata.shape[1:])
    pixels = source.read(*place.slices)
    measured = source.measured.read(*place.slices) if isinstance(source, CorrectedSource) else pixels
    return TileInput(tile, place, pixels, measured)


def upscale_tile(read: TileInput, engine: Engine, plan: Plan) -> UpscaledTile:
    """Super-resolve a tile."""
    blocks = plan.blocks(read.tile)
    if len(blocks) == 1:
        return _upscale_block(read, blocks[0], engine, plan)
    s = plan.scale
    estimate = np.empty((plan.metadata.shape[0], read.tile.rows * s, read.tile.columns * s), np.float32)
    std = np.empty_like(estimate) if plan.options.uncertainty else None
    consistency_stats = ConsistencyStats()
    for block in blocks:
        solved = _upscale_block(read, block, engine, plan)
        target = (slice(None), *block.relative_to(read.tile).finer(s).slices)
        estimate[target] = solved.estimate
        if std is not None and solved.std is not None:
            std[target] = solved.std
        consistency_stats += solved.consistency_stats
    return UpscaledTile(estimate, std, consistency_stats)


def _upscale_block(read: TileInput, block: Window, engine: Engine, plan: Plan) -> UpscaledTile:
    s = plan.scale
    inside = block.grown(plan.halo).clipped(*plan.metadata.shape[1:])
    stored, measured = (p[:, *inside.relative_to(read.place).slices] for p in (read.measured, read.pixels))
    suspicious = plan.scan.outliers.flags(stored)
    sensed = stored
    if suspicious is not None:
        measured, sensed = (np.where(suspicious, np.float32(np.nan), pixels) for pixels in (measured, stored))
    core = (slice(None), *block.relative_to(inside).slices)
    missing = ~np.isfinite(measured[core])
    solved = (
        _empty(plan, block)
        if missing.all()
        else _upscale_valid(block, inside, engine, plan, measured=measured, sensed=sensed)
    )
    if suspicious is not None and suspicious[core].any():
        kept = suspicious[core].repeat(s, axis=1).repeat(s, axis=2)
        solved.estimate[kept] = stored[core].repeat(s, axis=1).repeat(s, axis=2)[kept]
    return solved


def _upscale_valid(
    block: Window, inside: Window, engine: Engine, plan: Plan, *, measured: Block, sensed: Block
) -> UpscaledTile:
    """A cell with some valid pixels, from those of ``inside``, corrected for their sensor and not."""
    usable, s = plan.scan.usable, plan.scale
    core = (slice(None), *block.relative_to(inside).slices)
    missing = ~np.isfinite(measured[core])
    low = filled_with(measured[usable], band_means(plan))
    limits = low if plan.correction is None else filled_with(sensed[usable], band_means(plan))
    valid = torch.from_numpy(sensed[usable]).to(engine.device)
    result, limited = _upscale_usable(low, limits, valid, block, inside, engine, plan)
    fine = (slice(None), *block.relative_to(inside).finer(s).slices)
    cut = result.estimate[fine]
    consistency_stats = _consistency_stats(cut, valid[core], block, plan)
    consistency_stats = replace(consistency_stats, limited=limited)
    estimate = _all_bands(cut, measured, fine, plan)
    std = None
    if result.std is not None:
        std = _to_all_bands(_with_noise(result.std[fine], plan), usable)
    if missing.any():
        holes = missing.repeat(s, axis=1).repeat(s, axis=2)
        for pixels in (estimate, std):
            if pixels is not None:
                pixels[holes] = np.nan
    return UpscaledTile(estimate, std, consistency_stats)


def _with_noise(std: Tensor, plan: Plan) -> Tensor:
    """Deviations of the usable bands, with the noise that a correction for their sensor left."""
    if plan.correction is None:
        return std
    return root_sum_square(std, plan.correction.residual_noise)


def _empty(plan: Plan, block: Window) -> UpscaledTile:
    """A cell without any data."""
    s = plan.scale
    nothing = np.full((plan.metadata.shape[0], block.rows * s, block.columns * s), np.nan, np.float32)
    return UpscaledTile(nothing, nothing if plan.options.uncertainty else None, ConsistencyStats())


def _upscale_usable(
    low: Block, limits: Block, sensed: Tensor, block: Window, inside: Window, engine: Engine, plan: Plan
) -> tuple[BlockResult, int]:
    """Estimate of ``inside`` from its pixels ``low``, mirrored beyond the scene; values limited in the cell.

    ``limits`` are the pixels whose local range limits the estimate: those before a correction for their sensor, which
    may ring; ``sensed`` are the same with holes.
    """
    context = block.grown(plan.halo).within(plan.scene.grown(BORDER))
    position = Position(context.row, context.column)
    pixels = torch.from_numpy(read_window(low, context.relative_to(inside))).to(engine.device)
    result = upscale_detectors(pixels, engine, plan.detector_settings, position, inside.relative_to(context), sensed)
    own = pixels[:, *inside.relative_to(context).slices]
    if plan.domain.outside:
        gain, degradation = plan.domain.gain, plan.block_settings.degradation
        attenuate_detail(result.estimate, result.std, low=own, gain=gain, degradation=degradation, scale=plan.scale)
    bounds, limited = plan.bounds, 0
    if bounds is not None:
        rows, columns = block.relative_to(inside).finer(plan.scale).slices
        kept = bounds.chosen(plan.scan.usable)
        ranges = own if limits is low else torch.from_numpy(limits).to(engine.device)
        limited = kept.apply(result.estimate, ranges, plan.block_settings.degradation, (rows, columns))
    if plan.options.non_negative:
        result.estimate.clamp_(min=0)
    return result, limited


def _all_bands(cut: Tensor, measured: Block, fine: tuple[slice, slice, slice], plan: Plan) -> Block:
    """All bands in their order: super-resolved where usable, bicubic elsewhere."""
    usable, bounds = plan.scan.usable, plan.bounds
    if usable.all():
        return _to_host(cut)
    estimate = cut.new_empty(len(usable), *cut.shape[1:])
    estimate[torch.from_numpy(usable)] = cut
    rest = torch.from_numpy(fill_nodata(measured[~usable])).to(cut.device)
    interpolated = bicubic_up(rest, plan.scale)
    if bounds is not None:
        bounds.chosen(~usable).apply(interpolated, rest, None)
    estimate[torch.from_numpy(~usable)] = interpolated[fine]
    return _to_host(estimate)


def _to_host(pixels: Tensor) -> Block:
    """Contiguous array of pixels on any device."""
    found: Block = pixels.contiguous().cpu().numpy()
    return found


def _to_all_bands(std: Tensor, usable: NDArray[np.bool_]) -> Block:
    """Deviations of all bands: those that are bicubic have none."""
    if usable.all():
        return _to_host(std)
    spread = std.new_full((len(usable), *std.shape[1:]), torch.nan)
    spread[torch.from_numpy(usable)] = std
    return _to_host(spread)


def _consistency_stats(estimate: Tensor, measured: Tensor, block: Window, plan: Plan) -> ConsistencyStats:
    """Over the valid pixels of a cell whose surroundings, as ``D`` sees them, lie in it or beyond the scene."""
    _, rows, columns = plan.metadata.shape
    parts = plan.band_degradations
    reach = max(degradation.reach for _, degradation in parts)
    compared = (_compared(block.row, block.rows, rows, reach), _compared(block.column, block.columns, columns, reach))
    total = ConsistencyStats()
    for bands, degradation in ((chosen, each) for numbers, each in parts for chosen in _band_batches(numbers)):
        stored = round_trip_storage(estimate[bands], plan.metadata.storage)
        truth = measured[bands][:, *compared]
        error = (degrade(stored, degradation)[:, *compared] - truth)[truth.isfinite()]
        span = _span(stored, measured[bands], plan.scale)
        total += ConsistencyStats(float(error.double().square().sum()), error.numel(), *span)
    return total


def _band_batches(bands: NDArray[np.intp]) -> list[Tensor]:
    groups = np.split(bands, range(BAND_BATCH_SIZE, len(bands), BAND_BATCH_SIZE))
    return [torch.from_numpy(group) for group in groups]


def _span(pixels: Tensor, measured: Tensor, scale: int) -> tuple[float, float]:
    """Smallest and largest of pixels ``(B, s y, s x)`` where there are measurements ``(B, y, x)``."""
    finite = measured.isfinite()
    if not finite.all():
        pixels = pixels[finite.repeat_interleave(scale, dim=1).repeat_interleave(scale, dim=2)]
    return (float(pixels.min()), float(pixels.max())) if pixels.numel() else (np.inf, -np.inf)


def _compared(start: int, count: int, size: int, reach: int) -> slice:
    """Rows (or columns) of a cell that can be compared, in its own numbers."""
    first = 0 if start == 0 else reach
    last = count if start + count == size else count - reach
    return slice(min(first, count), max(last, min(first, count)))


def round_trip_storage(pixels: Tensor, storage: Storage) -> Tensor:
    """Pixel values after a round trip through their storage type: integers are rounded and clipped."""
    if not np.issubdtype(np.dtype(storage.dtype), np.integer):
        return pixels.contiguous()
    limits = np.iinfo(storage.dtype)
    counts = ((pixels.double() - storage.offset) / storage.scale).round().clamp(int(limits.min), int(limits.max))
    return (counts * storage.scale + storage.offset).float()
