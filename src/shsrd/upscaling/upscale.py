"""``upscale``: a whole scene in, a sharper one out, with everything that is known about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from shsrd.cube import Cube, SceneError, Storage, fill_nodata
from shsrd.degradation import Degradation, back_projection_reach, bicubic_up, degrade
from shsrd.model import INTERVALS, Model, load_weights
from shsrd.spectral import FrameName, SceneStatistics, scene_statistics
from shsrd.upscaling.block import Block, BlockResult, Recipe, solve_block
from shsrd.upscaling.domain import DomainCheck, check_domain, hold_back
from shsrd.upscaling.engine import Engine, Position, Sampling
from shsrd.upscaling.frames import guided_frame
from shsrd.upscaling.options import DEFAULT_MODELS, UpscaleOptions, choose_device, choose_precision
from shsrd.upscaling.tiles import Window, plan_tiles, read_window

DEFAULT_HALO = 10  # low-resolution pixels; measured in docs/method.md
Progress = Callable[[int, int], None]  # tiles done, tiles in all


@dataclass(frozen=True)
class Report:
    """What was done, and how far the output may be believed.

    Attributes:
        model: name of the weights.
        fingerprint: of the weight file.
        scale: factor.
        frame: spectral frame of the posterior mean.
        channels: channels of that frame.
        steps: diffusion steps of the output.
        samples: posterior samples drawn.
        seed: of their noise.
        bands_bicubic: bands that are bicubic only (flagged bad, or without valid pixels).
        consistency: RMSE(D(output), input) as a share of the input's range, over valid pixels, or None if nothing
            could be compared.
        domain_score_db: gain over bicubic in the self-check, dB, mean over bands (see ``upscaling/domain.py``: measured
            one scale step coarser, on the posterior mean); None if not assessed.
        domain_sam_ratio: spectral angle over that of bicubic in the self-check; None if not assessed.
        outside_domain: the score is below -0.05 dB: the network did worse than bicubic.
        bands_held_back: bands whose detail was scaled down because of that.
        device: where it was computed.
        precision: bf16 or fp32.
        ensemble: flips and turns over which the posterior mean was averaged.
        stride: bands from one triplet to the next.
    """

    model: str
    fingerprint: str
    scale: int
    frame: FrameName
    channels: int
    steps: int
    samples: int
    seed: int
    bands_bicubic: int
    consistency: float | None
    domain_score_db: float | None
    domain_sam_ratio: float | None
    outside_domain: bool
    bands_held_back: int
    device: str
    precision: str
    ensemble: int
    stride: int

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Upscaled:
    """Result of ``upscale``: the scene, its uncertainty if asked for (one standard deviation), and a report."""

    cube: Cube
    uncertainty: Cube | None
    report: Report


def upscale(
    cube: Cube,
    scale: int = 4,
    *,
    options: UpscaleOptions | None = None,
    model: Model | None = None,
    progress: Progress | None = None,
) -> Upscaled:
    """Super-resolve a scene.

    Args:
        cube: the low-resolution scene; NaN is no-data, bad bands are flagged.
        scale: factor; there must be a model for it.
        options: see ``UpscaleOptions``.
        model: weights already loaded, instead of ``options.model``.
        progress: called after every tile.

    Returns:
        A scene with ``scale`` times as many rows and columns, same bands, same outer corner, same storage.

    Raises:
        SceneError: nothing to super-resolve, or options that do not fit each other.
        shsrd.model.WeightsError: the weights cannot be used.
    """
    options = _checked(options or UpscaleOptions())
    usable = cube.usable_bands
    if not usable.any():
        raise SceneError(f"{cube.source}: no good band has a valid pixel; check no-data value and bad-band list")
    model = model or load_weights(options.model or _default_model(scale))
    if model.network.config.scale != scale:
        raise SceneError(f"model {model.name} is for scale {model.network.config.scale}, not {scale}; choose another")
    device = choose_device(options.device)
    precision = choose_precision(options.precision, device)
    engine = Engine(model.network, device=device, precision=precision)
    low = fill_nodata(cube.pixels[usable])
    recipe = _recipe(cube, model, options)
    domain = check_domain(cube, engine, recipe.mean.frame.name) if options.self_check else DomainCheck()
    solved = _solve_tiles(low, engine, recipe, options, progress)
    hold_back(solved.estimate, solved.deviation, low=low, gain=domain.gain, degradation=recipe.degradation, scale=scale)
    consistency = _consistency(solved.estimate, cube, scale)  # before no-data is cut out of the estimate, in place
    pixels = _assemble(cube, solved.estimate, scale)
    report = Report(
        model=model.name,
        fingerprint=model.fingerprint,
        scale=scale,
        frame=recipe.mean.frame.name,
        channels=recipe.mean.frame.channels,
        steps=options.steps,
        samples=recipe.samples,
        seed=options.seed,
        bands_bicubic=int((~usable).sum()),
        consistency=consistency,
        domain_score_db=domain.score_db,
        domain_sam_ratio=domain.sam_ratio,
        outside_domain=domain.outside,
        bands_held_back=domain.bands_held_back,
        device=str(device),
        precision=precision,
        ensemble=options.ensemble,
        stride=options.stride,
    )
    finer = cube.replace(pixels=pixels, transform=cube.finer_transform(scale))
    factors = model.network.config.interval_factors if options.steps == 0 else ()  # measured for the predicted scale
    return Upscaled(finer, _uncertainty(finer, solved.deviation, usable, factors), report)


@dataclass(frozen=True)
class _Solved:
    estimate: Block
    deviation: Block | None


def _checked(options: UpscaleOptions) -> UpscaleOptions:
    if options.samples > 1 and options.steps == 0:
        raise SceneError("several samples of the posterior mean are all the same; ask for --steps 8 as well")
    if options.uncertainty and options.steps > 0 and options.samples < 2:
        raise SceneError("an uncertainty needs at least two samples; ask for --samples 8")
    return options


def _default_model(scale: int) -> str:
    if scale not in DEFAULT_MODELS:
        known = ", ".join(str(s) for s in DEFAULT_MODELS)
        raise SceneError(f"no model for scale {scale} comes with shsrd (only {known}); give one with --model PATH")
    return DEFAULT_MODELS[scale]


def _recipe(cube: Cube, model: Model, options: UpscaleOptions) -> Recipe:
    usable = cube.usable_bands
    statistics = _statistics(cube.pixels[usable])
    wavelength_nm = None if cube.wavelength_nm is None else cube.wavelength_nm[usable]
    config = model.network.config
    frame = options.frame or config.frame
    if frame != "bands" and options.stride != 3:
        raise SceneError(f"the stride is that of band triplets, the frame is {frame}; ask for --frame bands as well")
    return Recipe(
        mean=guided_frame(statistics, frame, wavelength_nm, stride=options.stride),
        texture=guided_frame(statistics, "eigen", wavelength_nm),
        degradation=Degradation(kernel="bicubic", scale=config.scale) if options.consistency else None,
        sampling=Sampling(options.steps, options.seed) if options.steps > 0 else None,
        samples=options.samples,
        detail=options.detail,
        uncertain=options.uncertainty,
        spread=config.sample_spread if options.steps > 0 else config.spread,
        ensemble=options.ensemble,
    )


def _statistics(pixels: Block) -> SceneStatistics:
    """Moments over pixels that are valid in every band; over filled ones where no such pixel exists."""
    statistics = scene_statistics(pixels)
    return statistics if statistics.count > 0 else scene_statistics(fill_nodata(pixels))


def _solve_tiles(
    low: Block, engine: Engine, recipe: Recipe, options: UpscaleOptions, progress: Progress | None
) -> _Solved:
    bands, rows, columns = low.shape
    s = engine.scale
    reach = 0 if recipe.degradation is None else back_projection_reach(recipe.degradation)
    halo = max(DEFAULT_HALO if options.halo is None else options.halo, reach)
    tiles = list(plan_tiles(rows, columns, options.tile))
    results = (_solve_tile(low, tile.grown(halo), engine, recipe) for tile in tiles)
    if len(tiles) == 1:  # the block is the scene: no copy
        only = next(results)
        if progress is not None:
            progress(1, 1)
        return _Solved(only.estimate, only.deviation if options.uncertainty else None)
    estimate = np.empty((bands, rows * s, columns * s), np.float32)
    deviation = np.empty_like(estimate) if options.uncertainty else None
    for done, (tile, result) in enumerate(zip(tiles, results, strict=True), start=1):
        inside = tile.grown(halo).clipped(rows, columns)
        source = (slice(None), *tile.relative_to(inside).finer(s).slices)
        target = (slice(None), *tile.finer(s).slices)
        estimate[target] = result.estimate[source]
        if deviation is not None and result.deviation is not None:
            deviation[target] = result.deviation[source]
        if progress is not None:
            progress(done, len(tiles))
    return _Solved(estimate, deviation)


def _solve_tile(low: Block, seen: Window, engine: Engine, recipe: Recipe) -> BlockResult:
    """What the window ``seen`` shows of the scene, at high resolution."""
    inside = seen.clipped(*low.shape[1:]).relative_to(seen)
    return solve_block(read_window(low, seen), engine, recipe, Position(seen.row, seen.column), inside)


def _assemble(cube: Cube, estimate: Block, scale: int) -> Block:
    """All bands in their order: super-resolved where usable, bicubic elsewhere, no-data where the input has none."""
    usable, (bands, rows, columns) = cube.usable_bands, cube.shape
    if usable.all():
        pixels = estimate
    else:
        pixels = np.empty((bands, rows * scale, columns * scale), np.float32)
        pixels[usable] = estimate
        rest = torch.from_numpy(fill_nodata(cube.pixels[~usable]))
        pixels[~usable] = bicubic_up(rest, scale).numpy()
    missing = ~cube.valid
    if missing.any():
        pixels[missing.repeat(scale, axis=1).repeat(scale, axis=2)] = np.nan
    return pixels


def _uncertainty(
    finer: Cube, deviation: Block | None, usable: NDArray[np.bool_], factors: tuple[float, ...]
) -> Cube | None:
    if deviation is None:
        return None
    pixels = deviation
    if not usable.all():
        pixels = np.full(finer.shape, np.nan, np.float32)
        pixels[usable] = deviation
    pixels[~finer.valid] = np.nan
    held = [f"{100 * share:g} % within {factor:.3g} of it" for share, factor in zip(INTERVALS, factors, strict=False)]
    description = "; ".join(["one standard deviation of the super-resolved scene", *held])
    headers = {**finer.headers, "description": description}
    return finer.replace(pixels=pixels, storage=Storage(nodata=-9999.0), headers=headers)


def _consistency(estimate: Block, cube: Cube, scale: int) -> float | None:
    """RMSE between the degraded output, as it will be stored, and the measurement, over its range."""
    low = cube.pixels[cube.usable_bands]
    valid = np.isfinite(low)
    span = float(low[valid].max()) - float(low[valid].min())
    if span == 0:
        return None
    squares, count = 0.0, 0
    degradation = Degradation(kernel="bicubic", scale=scale)
    for band in range(len(low)):
        stored = torch.from_numpy(stored_values(estimate[band], cube.storage))
        error = degrade(stored, degradation).numpy()[valid[band]].astype(np.float64) - low[band][valid[band]]
        squares, count = squares + float(np.square(error).sum()), count + error.size
    return float(np.sqrt(squares / count)) / span


def stored_values(pixels: Block, storage: Storage) -> Block:
    """Pixel values after a round trip through their storage type: integers are rounded and clipped."""
    if not np.issubdtype(np.dtype(storage.dtype), np.integer):
        return pixels
    limits = np.iinfo(storage.dtype)
    counts = np.clip(np.rint((pixels.astype(np.float64) - storage.offset) / storage.scale), limits.min, limits.max)
    return (counts * storage.scale + storage.offset).astype(np.float32)
