"""What is decided about a scene before any tile: recipe, what is held back, and what the report will say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Facts, SceneError, Source
from shsrd.degradation import Degradation, NoisyMeasurement, back_projection_reach
from shsrd.model import Model, load_weights
from shsrd.upscaling.block import Recipe
from shsrd.upscaling.bounds import Bounds
from shsrd.upscaling.correction import CorrectedSource, Correction
from shsrd.upscaling.detector_overlap import overlap_notes
from shsrd.upscaling.detectors import DetectorRecipe, detector_frames, parts_of_usable
from shsrd.upscaling.inference import Engine, Sampling
from shsrd.upscaling.options import DEFAULT_MODELS, UpscaleOptions, choose_device, running_precision
from shsrd.upscaling.outliers import Unsuspicious
from shsrd.upscaling.report import Report
from shsrd.upscaling.scan import Survey, survey
from shsrd.upscaling.scene_psf import Instrument, known_instrument
from shsrd.upscaling.self_check import DomainCheck, candidate_windows, check_domain, chosen_windows
from shsrd.upscaling.tiles import Window, plan_tiles

if TYPE_CHECKING:
    from shsrd.upscaling.reconstruction import Agreement

DEFAULT_HALO = 18  # low-resolution pixels; measured in docs/method.md
BICUBIC_REACH = 2  # low-resolution pixels that D and U look at on each side


@dataclass(frozen=True)
class Plan:
    """All that computing a tile takes, but for the weights and the pixels; can be sent to other machines.

    Attributes:
        facts: of the low-resolution scene.
        options: what was asked for.
        seen: what the first pass found.
        recipes: how blocks are computed, one for each detector.
        domain: what the self-check found.
        scale: factor.
        halo: low-resolution pixels around a cell that are read with it.
        correction: how the scene is corrected for its sensor before all this; None where it is not.
        instrument: what the scene was measured with, and who says so.
    """

    facts: Facts
    options: UpscaleOptions
    seen: Survey
    recipes: tuple[DetectorRecipe, ...]
    domain: DomainCheck
    scale: int
    halo: int
    correction: Correction | None = None
    instrument: Instrument = field(default_factory=Instrument)

    @property
    def recipe(self) -> Recipe:
        """How blocks of the first detector are computed; all but the frames holds for every one."""
        return self.recipes[0].recipe

    @property
    def measured_by(self) -> list[tuple[NDArray[np.intp], Degradation]]:
        """Numbers of usable bands, and the degradation that made their measurement as far as is known."""
        if self.correction is None:
            return [(np.arange(int(self.seen.usable.sum())), Degradation(scale=self.scale))]
        return [(part.bands, part.sensor) for part in self.correction.parts]

    @property
    def span(self) -> float:
        """Range of the valid pixels of usable bands, as they were measured."""
        lowest, highest = self._input_range()
        return highest - lowest

    @property
    def scene(self) -> Window:
        """All of the scene."""
        return Window(0, 0, *self.facts.shape[1:])

    def tiles(self) -> list[Window]:
        """Rectangles of whole cells that are read and kept together, row by row."""
        _, rows, columns = self.facts.shape
        return list(plan_tiles(rows, columns, self.tile))

    def cells(self, tile: Window) -> list[Window]:
        """The squares of a tile that are computed together: the same ones whatever the tile."""
        parts = plan_tiles(tile.rows, tile.columns, self.options.cell)
        return [Window(tile.row + part.row, tile.column + part.column, part.rows, part.columns) for part in parts]

    @property
    def tile(self) -> int:
        """Side of a tile: the least multiple of a cell's that is not smaller than what was asked for."""
        return tile_side(self.options)

    @property
    def bounds(self) -> Bounds | None:
        """What the surroundings of a pixel allow; None where nobody wants to know."""
        overshoot = self.options.overshoot
        return None if overshoot is None else Bounds.of(overshoot, *self.extremes.T)

    @property
    def extremes(self) -> NDArray[np.float64]:
        """Smallest and largest value of every band as it was measured, ``(B, 2)``; NaN where there is none."""
        return self.seen.extremes if self.correction is None else self.correction.extremes

    def _input_range(self) -> tuple[float, float]:
        lowest, highest = self.extremes[self.seen.usable].T
        return float(np.nanmin(lowest)), float(np.nanmax(highest))

    def report(self, model: Model, engine: Engine, agreement: Agreement) -> Report:
        """What the caller is told, once all tiles were compared with the measurement."""
        options = self.options
        return Report(
            model=model.name,
            fingerprint=model.fingerprint,
            scale=self.scale,
            frame=self.recipe.mean.frame.name,
            channels=sum(part.recipe.mean.frame.channels for part in self.recipes),
            steps=options.steps,
            samples=self.recipe.samples,
            seed=options.seed,
            bands_bicubic=int((~self.seen.usable).sum()),
            consistency=agreement.relative_to(self.span),
            domain_score_db=self.domain.score_db,
            domain_sam_ratio=self.domain.sam_ratio,
            sensor_gain_db=self.domain.sensor_gain_db,
            sensor_sam_ratio=self.domain.sensor_sam_ratio,
            outside_domain=self.domain.outside,
            bands_held_back=self.domain.bands_held_back,
            device=str(engine.device),
            precision=engine.precision,
            ensemble=options.ensemble,
            stride=options.stride,
            sensor=None if self.correction is None else self.instrument.sensor,
            psf_from=self.instrument.origin,
            fwhm_error=self.instrument.error,
            fwhm=None if self.correction is None else self.correction.fwhm,
            fwhm_told=None if self.correction is None else self.correction.fwhm_told,
            snr_db=None if self.correction is None else self.correction.snr_db,
            noise=None if self.correction is None or self.span <= 0 else self.correction.noise_rms / self.span,
            notes=self.facts.notes,
            input_range=self._input_range(),
            output_range=agreement.span,
            values_limited=agreement.limited,
            suspicious=self.seen.notes,
            some_left_out=not self.seen.suspicion.nothing,
        )


def tile_side(options: UpscaleOptions) -> int:
    """Side of a tile in low-resolution pixels: whole cells."""
    return -(-options.tile // options.cell) * options.cell


def chosen_model(options: UpscaleOptions, scale: int, given: Model | None = None) -> Model:
    """The weights for a scale factor, after checks that need no pixels.

    Raises:
        SceneError: options that do not fit each other or the weights.
        shsrd.model.WeightsError: the weights cannot be used.
    """
    if options.samples > 1 and options.steps == 0:
        raise SceneError("several samples of the posterior mean are all the same; ask for --steps 8 as well")
    if options.uncertainty and options.steps > 0 and options.samples < 2:
        raise SceneError("an uncertainty needs at least two samples; ask for --samples 8")
    if given is None and options.model is None and scale not in DEFAULT_MODELS:
        known = ", ".join(str(s) for s in DEFAULT_MODELS)
        raise SceneError(f"no model for scale {scale} comes with shsrd (only {known}); give one with --model PATH")
    model = given or load_weights(options.model or DEFAULT_MODELS[scale])
    config = model.network.config
    if config.scale != scale:
        raise SceneError(f"model {model.name} is for scale {config.scale}, not {scale}; choose another")
    if (options.frame or config.frame) != "bands" and options.stride != 3:
        frame = options.frame or config.frame
        raise SceneError(f"the stride is that of band triplets, the frame is {frame}; ask for --frame bands as well")
    return model


def make_engine(model: Model, options: UpscaleOptions, shape: tuple[int, ...]) -> Engine:
    """The weights on the device that was asked for.

    Args:
        model: weights.
        options: what was asked for.
        shape: of the low-resolution scene ``(B, y, x)``.
    """
    device, one_cell = choose_device(options.device), max(shape[1:]) <= options.cell
    return Engine(model.network, device=device, precision=running_precision(options.precision, device, one_cell))


def make_plan(source: Source, engine: Engine, options: UpscaleOptions, seen: Survey | None = None) -> Plan:
    """Read the scene once (unless that was done before) and decide how it is computed.

    Raises:
        SceneError: nothing to super-resolve.
    """
    facts, scale = source.facts, engine.scale
    _, rows, columns = facts.shape
    candidates = candidate_windows(rows, columns, scale)
    known = source.correction.usable if isinstance(source, CorrectedSource) else None
    seen = seen or survey(source, candidates, known)
    if isinstance(source, CorrectedSource):  # what was suspicious before the correction is so after it
        seen = replace(seen, suspicion=source.correction.suspicion, notes=source.correction.notes)
    measured = source.measured if isinstance(source, CorrectedSource) else source
    said = overlap_notes(measured, seen.usable, seen.suspicion)
    seen = replace(seen, notes=tuple(dict.fromkeys((*seen.notes, *said))))  # an interrupted run has said it before
    correction = source.correction if isinstance(source, CorrectedSource) else None
    if correction is not None:
        _check_left(facts, seen)
    instrument = source.instrument if isinstance(source, CorrectedSource) else known_instrument(facts, options)
    recipes = _recipes(facts, seen, engine, options, correction)
    recipe = recipes[0].recipe
    domain = DomainCheck()
    if options.self_check:
        windows = chosen_windows(candidates, seen.valid, scale)
        mean, asked = recipe.mean.frame.name, options.channels
        plausible = source if isinstance(source, CorrectedSource) else Unsuspicious(source, seen.suspicion)
        domain = check_domain(plausible, engine, mean, usable=seen.usable, windows=windows, channels=asked)
    reach = BICUBIC_REACH if recipe.degradation is None else back_projection_reach(recipe.degradation)
    reach = max(reach, *(part.reach for each in recipes for part in each.recipe.measurements), 0)
    halo = max(DEFAULT_HALO if options.halo is None else options.halo, reach)
    return Plan(facts, options, seen, recipes, domain, scale, halo, correction, instrument)


def _check_left(facts: Facts, seen: Survey) -> None:
    """Refuse a scene with a detector of which correction leaves nothing, since it has no signal in any band."""
    lowest, highest = seen.extremes[seen.usable].T
    for bands in parts_of_usable(facts, seen.usable):
        if (lowest[bands] >= highest[bands]).all():
            raise SceneError(
                f"{facts.source}: all bands of a detector are noise alone, which correction removes; leave "
                "them out with --bands, or correct for nothing with --kernel bicubic"
            )


def _recipes(
    facts: Facts, seen: Survey, engine: Engine, options: UpscaleOptions, correction: Correction | None
) -> tuple[DetectorRecipe, ...]:
    wavelength_nm = None if facts.wavelength_nm is None else facts.wavelength_nm[seen.usable]
    config = engine.network.config
    parts = parts_of_usable(facts, seen.usable)
    framed = partial(
        detector_frames,
        seen.statistics,
        parts=parts,
        wavelength_nm=wavelength_nm,
        guides=config.guides,
        acquisition=None if correction is None else correction.acquisition,
    )
    means = framed(options.frame or config.frame, channels=options.channels, stride=options.stride)
    return tuple(
        DetectorRecipe(
            mean.bands,
            Recipe(
                mean=mean.guided,
                texture=texture.guided,
                degradation=Degradation(scale=config.scale) if options.consistency and correction is None else None,
                measurements=_measurements(mean.bands, correction if options.consistency else None),
                sampling=Sampling(options.steps, options.seed) if options.steps > 0 else None,
                samples=options.samples,
                detail=options.detail,
                uncertain=options.uncertainty,
                spread=config.sample_spread if options.steps > 0 else config.spread,
                ensemble=options.ensemble,
            ),
        )
        for mean, texture in zip(means, framed("eigen"), strict=True)
    )


def _measurements(bands: NDArray[np.intp], correction: Correction | None) -> tuple[NoisyMeasurement, ...]:
    """How a detector's ``bands`` ``(b,)`` were measured, as ``Recipe`` takes it; nothing without a correction."""
    return () if correction is None else correction.measurements(bands)


def band_means(plan: Plan) -> NDArray[np.float32]:
    """Mean of every usable band over the scene, ``(B,)``."""
    return plan.seen.statistics.mean.astype(np.float32)
