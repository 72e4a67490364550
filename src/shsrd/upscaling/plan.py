"""Plan of a scene, made before any tile: block settings, attenuated detail, and the report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError, SceneMetadata, Source
from shsrd.degradation import Degradation, NoisyMeasurement, back_projection_reach
from shsrd.model import Model, load_weights
from shsrd.upscaling.block import BlockSettings
from shsrd.upscaling.bounds import Bounds
from shsrd.upscaling.correction import CorrectedSource, PSFCorrection
from shsrd.upscaling.detector_overlap import overlap_notes
from shsrd.upscaling.detectors import DetectorSettings, detector_bases, parts_of_usable
from shsrd.upscaling.inference import Engine, Sampling
from shsrd.upscaling.options import DEFAULT_MODELS, UpscaleOptions, choose_device, inference_precision
from shsrd.upscaling.outliers import MaskedSource
from shsrd.upscaling.report import Report
from shsrd.upscaling.scan import SceneScan, scan_scene
from shsrd.upscaling.scene_psf import Instrument, declared_psf
from shsrd.upscaling.self_check import SelfCheck, candidate_windows, run_self_check, select_windows
from shsrd.upscaling.tiles import Window, plan_tiles

if TYPE_CHECKING:
    from shsrd.upscaling.reconstruction import ConsistencyStats

DEFAULT_HALO = 18  # low-resolution pixels; measured in docs/method.md
BICUBIC_REACH = 2  # low-resolution pixels that D and U look at on each side


@dataclass(frozen=True)
class Plan:
    """All that computing a tile takes, but for the weights and the pixels; can be sent to other machines.

    Attributes:
        metadata: of the low-resolution scene.
        options: what was asked for.
        scan: what the first pass found.
        detector_settings: how blocks are computed, one for each detector.
        domain: what the self-check found.
        scale: factor.
        halo: low-resolution pixels around a cell that are read with it.
        correction: how the scene is corrected for its sensor before all this; None where it is not.
        instrument: what the scene was measured with, and who says so.
    """

    metadata: SceneMetadata
    options: UpscaleOptions
    scan: SceneScan
    detector_settings: tuple[DetectorSettings, ...]
    domain: SelfCheck
    scale: int
    halo: int
    correction: PSFCorrection | None = None
    instrument: Instrument = field(default_factory=Instrument)

    @property
    def block_settings(self) -> BlockSettings:
        """Block settings of the first detector; all but the bases hold for every one."""
        return self.detector_settings[0].block_settings

    @property
    def band_degradations(self) -> list[tuple[NDArray[np.intp], Degradation]]:
        """Numbers of usable bands, and the degradation that made their measurement as far as is known."""
        if self.correction is None:
            return [(np.arange(int(self.scan.usable.sum())), Degradation(scale=self.scale))]
        return [(part.bands, part.sensor) for part in self.correction.parts]

    @property
    def span(self) -> float:
        """Range of the valid pixels of usable bands, as they were measured."""
        lowest, highest = self._input_range()
        return highest - lowest

    @property
    def scene(self) -> Window:
        """All of the scene."""
        return Window(0, 0, *self.metadata.shape[1:])

    def tiles(self) -> list[Window]:
        """Rectangles of whole cells that are read and kept together, row by row."""
        _, rows, columns = self.metadata.shape
        return list(plan_tiles(rows, columns, self.tile))

    def blocks(self, tile: Window) -> list[Window]:
        """The squares of a tile that are computed together: the same ones whatever the tile."""
        parts = plan_tiles(tile.rows, tile.columns, self.options.block)
        return [Window(tile.row + part.row, tile.column + part.column, part.rows, part.columns) for part in parts]

    @property
    def tile(self) -> int:
        """Side of a tile: the least multiple of a cell's that is not smaller than what was asked for."""
        return tile_side(self.options)

    @property
    def bounds(self) -> Bounds | None:
        """Bounds from the surroundings of a pixel; None without bounds."""
        overshoot = self.options.overshoot
        return None if overshoot is None else Bounds.of(overshoot, *self.extremes.T)

    @property
    def extremes(self) -> NDArray[np.float64]:
        """Smallest and largest value of every band as it was measured, ``(B, 2)``; NaN where there is none."""
        return self.scan.extremes if self.correction is None else self.correction.extremes

    def _input_range(self) -> tuple[float, float]:
        lowest, highest = self.extremes[self.scan.usable].T
        return float(np.nanmin(lowest)), float(np.nanmax(highest))

    def report(self, model: Model, engine: Engine, consistency_stats: ConsistencyStats) -> Report:
        """Report, after all tiles were compared with the measurement."""
        options = self.options
        return Report(
            model=model.name,
            fingerprint=model.fingerprint,
            scale=self.scale,
            basis=self.block_settings.mean.basis.name,
            channels=sum(part.block_settings.mean.basis.channels for part in self.detector_settings),
            steps=options.steps,
            samples=self.block_settings.samples,
            seed=options.seed,
            bands_bicubic=int((~self.scan.usable).sum()),
            consistency=consistency_stats.relative_to(self.span),
            self_check_gain_db=self.domain.score_db,
            self_check_sam_ratio=self.domain.sam_ratio,
            sensor_gain_db=self.domain.sensor_gain_db,
            sensor_sam_ratio=self.domain.sensor_sam_ratio,
            worse_than_bicubic=self.domain.outside,
            bands_attenuated=self.domain.bands_attenuated,
            device=str(engine.device),
            precision=engine.precision,
            ensemble=options.ensemble,
            stride=options.stride,
            sensor=None if self.correction is None else self.instrument.sensor,
            psf_origin=self.instrument.origin,
            fwhm_error=self.instrument.error,
            fwhm=None if self.correction is None else self.correction.fwhm,
            fwhm_requested=None if self.correction is None else self.correction.fwhm_requested,
            snr_db=None if self.correction is None else self.correction.snr_db,
            noise=None if self.correction is None or self.span <= 0 else self.correction.noise_rms / self.span,
            notes=self.metadata.notes,
            input_range=self._input_range(),
            output_range=consistency_stats.span,
            values_clipped=consistency_stats.limited,
            suspect_notes=self.scan.notes,
            suspects_excluded=not self.scan.outliers.nothing,
        )


def tile_side(options: UpscaleOptions) -> int:
    """Side of a tile in low-resolution pixels: whole cells."""
    return -(-options.tile // options.block) * options.block


def select_model(options: UpscaleOptions, scale: int, given: Model | None = None) -> Model:
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
    if (options.basis or config.basis) != "bands" and options.stride != 3:
        basis = options.basis or config.basis
        raise SceneError(f"the stride is that of band triplets, the basis is {basis}; ask for --basis bands as well")
    return model


def make_engine(model: Model, options: UpscaleOptions, shape: tuple[int, ...]) -> Engine:
    """The weights on the device that was asked for.

    Args:
        model: weights.
        options: what was asked for.
        shape: of the low-resolution scene ``(B, y, x)``.
    """
    device, single_block = choose_device(options.device), max(shape[1:]) <= options.block
    return Engine(model.network, device=device, precision=inference_precision(options.precision, device, single_block))


def make_plan(source: Source, engine: Engine, options: UpscaleOptions, scan: SceneScan | None = None) -> Plan:
    """Read the scene once (unless that was done before) and decide how it is computed.

    Raises:
        SceneError: nothing to super-resolve.
    """
    metadata, scale = source.metadata, engine.scale
    _, rows, columns = metadata.shape
    candidates = candidate_windows(rows, columns, scale)
    known = source.correction.usable if isinstance(source, CorrectedSource) else None
    scan = scan or scan_scene(source, candidates, known)
    if isinstance(source, CorrectedSource):  # what was suspicious before the correction is so after it
        scan = replace(scan, outliers=source.correction.outliers, notes=source.correction.notes)
    measured = source.measured if isinstance(source, CorrectedSource) else source
    said = overlap_notes(measured, scan.usable, scan.outliers)
    scan = replace(scan, notes=tuple(dict.fromkeys((*scan.notes, *said))))  # an interrupted run has said it before
    correction = source.correction if isinstance(source, CorrectedSource) else None
    if correction is not None:
        _check_signal(metadata, scan)
    instrument = source.instrument if isinstance(source, CorrectedSource) else declared_psf(metadata, options)
    detector_settings = _recipes(metadata, scan, engine, options, correction)
    block_settings = detector_settings[0].block_settings
    domain = SelfCheck()
    if options.self_check:
        windows = select_windows(candidates, scan.valid, scale)
        mean, asked = block_settings.mean.basis.name, options.channels
        plausible = source if isinstance(source, CorrectedSource) else MaskedSource(source, scan.outliers)
        domain = run_self_check(plausible, engine, mean, usable=scan.usable, windows=windows, channels=asked)
    reach = BICUBIC_REACH if block_settings.degradation is None else back_projection_reach(block_settings.degradation)
    reach = max(reach, *(part.reach for each in detector_settings for part in each.block_settings.measurements), 0)
    halo = max(DEFAULT_HALO if options.halo is None else options.halo, reach)
    return Plan(metadata, options, scan, detector_settings, domain, scale, halo, correction, instrument)


def _check_signal(metadata: SceneMetadata, scan: SceneScan) -> None:
    """Refuse a scene with a detector of which correction leaves nothing, since it has no signal in any band."""
    lowest, highest = scan.extremes[scan.usable].T
    for bands in parts_of_usable(metadata, scan.usable):
        if (lowest[bands] >= highest[bands]).all():
            raise SceneError(
                f"{metadata.source}: all bands of a detector are noise alone, which correction removes; leave "
                "them out with --bands, or correct for nothing with --kernel bicubic"
            )


def _recipes(
    metadata: SceneMetadata, scan: SceneScan, engine: Engine, options: UpscaleOptions, correction: PSFCorrection | None
) -> tuple[DetectorSettings, ...]:
    wavelength_nm = None if metadata.wavelength_nm is None else metadata.wavelength_nm[scan.usable]
    config = engine.network.config
    parts = parts_of_usable(metadata, scan.usable)
    bases_of = partial(
        detector_bases,
        scan.statistics,
        parts=parts,
        wavelength_nm=wavelength_nm,
        guides=config.guides,
        acquisition=None if correction is None else correction.acquisition,
    )
    means = bases_of(options.basis or config.basis, channels=options.channels, stride=options.stride)
    return tuple(
        DetectorSettings(
            mean.bands,
            BlockSettings(
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
        for mean, texture in zip(means, bases_of("pca"), strict=True)
    )


def _measurements(bands: NDArray[np.intp], correction: PSFCorrection | None) -> tuple[NoisyMeasurement, ...]:
    """Measurements of a detector's ``bands`` ``(b,)`` for ``BlockSettings``; empty without a correction."""
    return () if correction is None else correction.measurements(bands)


def band_means(plan: Plan) -> NDArray[np.float32]:
    """Mean of every usable band over the scene, ``(B,)``."""
    return plan.scan.statistics.mean.astype(np.float32)
