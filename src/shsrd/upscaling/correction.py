"""Scenes of a sensor with a known point spread function, seen as the bicubic kernel would have given them.

Everything after this step (statistics, self-check, network, filters) sees the corrected scene. Bands are brought into
units of their noise and turned into principal components (minimum noise fraction, Green et al. 1988): signal gathers in
few components, each of which is corrected by as much as its own signal allows (``shsrd.degradation.correction``). A
width with which the leading component rings is lowered (``shsrd.degradation.ringing``). Bands of two detectors, or of
two widths, have no component in common.

Blocks lie on a grid fixed to the scene, so the same pixels come out whatever rectangle is read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneMetadata, Source
from shsrd.degradation import Degradation, NoisyMeasurement, limit_ringing
from shsrd.spectral import MIN_FILTERED_BANDS, Acquisition, SceneStatistics
from shsrd.upscaling.components import MNFTransform, fwhm_of, group_by_fwhm
from shsrd.upscaling.detectors import parts_of_usable
from shsrd.upscaling.noise_estimate import MIN_NOISE_RATIO, estimate_noise_std
from shsrd.upscaling.options import UpscaleOptions
from shsrd.upscaling.outliers import MaskedSource, OutlierRules
from shsrd.upscaling.scan import scan_scene
from shsrd.upscaling.scene_psf import Instrument, resolve_psf
from shsrd.upscaling.tiles import Window, filled_with, plan_tiles, read_window

BLOCK = 128  # low-resolution pixels on a side that are corrected together
MARGIN = 24  # pixels around them that the filter sees
BLOCK_CACHE_BYTES = 2**28  # bytes of corrected blocks that are kept: neighbouring tiles share them
RINGING_TEST_BLOCKS = 4  # blocks of the scene, spread over it, in which the leading component must not ring
Block = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PSFCorrection:
    """Correction of a scene for its point spread function.

    Attributes:
        parts: bands of one detector and one point spread function each, all usable bands together.
        usable: bool ``(B,)``; the other bands stay as they are.
        extremes: ``(B, 2)`` smallest and largest value of every band as it was measured; NaN where there is none.
        outliers: which values of the scene are left out.
        notes: what is said of them.
    """

    parts: tuple[MNFTransform, ...]
    usable: NDArray[np.bool_]
    extremes: NDArray[np.float64]
    outliers: OutlierRules = field(default_factory=OutlierRules)
    notes: tuple[str, ...] = ()

    @classmethod
    def of_scene(
        cls,
        source: Source,
        sensor: Degradation,
        snr_db: float | None = None,
        fwhm: NDArray[np.float64] | None = None,
    ) -> PSFCorrection:
        """Read a scene once and decide how it is corrected.

        Args:
            source: the scene.
            sensor: point spread function and scale.
            snr_db: root mean square of a band over its noise; None estimates the noise of every band.
            fwhm: ``(B, 2)`` full widths at half maximum of every band along y and x, in low-resolution pixels, where
                they differ from band to band; None takes those of ``sensor``.

        Raises:
            SceneError: no band can be used.
        """
        scan = scan_scene(source, [])
        statistics = scan.statistics
        detectors = parts_of_usable(source.metadata, scan.usable)
        noise = _noise(statistics, detectors, snr_db)
        widths = np.tile(fwhm_of(sensor), (len(noise), 1)) if fwhm is None else fwhm[scan.usable]
        parts = tuple(
            MNFTransform.of(bands, sensor if fwhm is None else _with_fwhm(sensor, widths[bands]), statistics, noise)
            for bands in group_by_fwhm(widths, detectors)
        )
        found = cls(parts, scan.usable, scan.extremes, scan.outliers, scan.notes)
        return replace(found, parts=tuple(map(_plausible, parts, leading_components(source, found))))

    @property
    def varies(self) -> bool:
        """True if any usable band varies."""
        lowest, highest = self.extremes[self.usable].T
        return bool((lowest < highest).any())

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean of every usable band ``(b,)``."""
        return self._of_bands([part.mean for part in self.parts])

    @property
    def noise(self) -> NDArray[np.float64]:
        """Standard deviation of every usable band's noise ``(b,)``."""
        return self._of_bands([part.noise for part in self.parts])

    @property
    def snr_db(self) -> float:
        """Median over bands of the signal-to-noise ratio: root mean square over the noise's deviation."""
        shares = [part.signal / part.noise for part in self.parts]
        return float(20 * np.log10(np.median(np.concatenate(shares))))

    @property
    def noise_rms(self) -> float:
        """Root mean square over bands of the noise's standard deviation."""
        return float(np.sqrt(np.mean(np.square(self.noise))))

    @property
    def fwhm(self) -> tuple[float, float]:
        """Full widths at half maximum along y and x in low-resolution pixels, mean over the usable bands."""
        return self._mean_fwhm([part.sensor for part in self.parts])

    @property
    def fwhm_requested(self) -> tuple[float, float] | None:
        """The same of the point spread functions that were asked for; None where those are the ones that are taken."""
        if all(part.requested is None for part in self.parts):
            return None
        return self._mean_fwhm([part.requested or part.sensor for part in self.parts])

    @property
    def residual_noise(self) -> NDArray[np.float64]:
        """Standard deviation ``(b,)`` of the noise that correction leaves in every usable band, typically."""
        return self._of_bands([part.residual_noise for part in self.parts])

    @property
    def acquisition(self) -> Acquisition:
        """Acquisition of the usable bands for the network."""
        widths = [np.tile(fwhm_of(part.sensor), (len(part.bands), 1)) for part in self.parts]
        return Acquisition(self._of_bands(widths), self.noise)

    def measurements(self, bands: NDArray[np.intp]) -> tuple[NoisyMeasurement, ...]:
        """Measurements of some of the usable bands, numbered from 0 among themselves."""
        found = []
        for part in self.parts:
            places = np.flatnonzero(np.isin(bands, part.bands))
            if places.size:
                own = part.only(bands[places])
                found.append(NoisyMeasurement(places, own.sensor, own.noise, own.basis))
        return tuple(found)

    def apply(self, block: Block) -> Block:
        """Correct a square ``(b, side, side)`` of the usable bands, without missing pixels."""
        if len(self.parts) == 1:
            return self.parts[0].apply(block)
        out = np.empty_like(block)
        for part in self.parts:
            out[part.bands] = part.apply(block[part.bands])
        return out

    def _of_bands(self, values: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Values of every part's bands in the order of the bands."""
        out = np.empty((sum(map(len, values)), *values[0].shape[1:]))
        for part, own in zip(self.parts, values, strict=True):
            out[part.bands] = own
        return out

    def _mean_fwhm(self, sensors: Sequence[Degradation]) -> tuple[float, float]:
        if len(sensors) == 1:
            return fwhm_of(sensors[0])
        counts = [len(part.bands) for part in self.parts]
        along_y, along_x = np.average([fwhm_of(sensor) for sensor in sensors], axis=0, weights=counts).tolist()
        return along_y, along_x


def _noise(
    statistics: SceneStatistics, detectors: Sequence[NDArray[np.intp]], snr_db: float | None
) -> NDArray[np.float64]:
    """Standard deviation of every usable band's noise; detectors of many bands are asked by themselves."""
    std = np.sqrt(np.maximum(np.diag(statistics.covariance), 0))
    if snr_db is not None:
        noise = np.hypot(statistics.mean, std) / 10 ** (snr_db / 20)
    else:
        noise = estimate_noise_std(statistics)
        for bands in detectors:
            if MIN_FILTERED_BANDS <= len(bands) < len(noise):
                noise[bands] = estimate_noise_std(statistics.select_bands(bands))
    smallest = MIN_NOISE_RATIO * np.maximum(std, 1e-6 * max(std.max(), statistics.brightest, 1e-30))
    return np.asarray(np.maximum(noise, smallest))


def _with_fwhm(sensor: Degradation, fwhm: NDArray[np.float64]) -> Degradation:
    """The sensor with the mean of some widths ``(b, 2)``."""
    along_y, along_x = (sensor.scale * fwhm.mean(axis=0)).tolist()
    return sensor.model_copy(update={"kernel": "gaussian", "fwhm_pixels": along_y, "fwhm_x_pixels": along_x})


def _plausible(part: MNFTransform, leading: tuple[Block, NDArray[np.bool_]]) -> MNFTransform:
    """The part with a width with which its leading component does not ring."""
    plausible = limit_ringing(*leading, float(part.variance[-1]), part.sensor)
    return part if plausible == part.sensor else replace(part, sensor=plausible, requested=part.sensor)


def leading_components(source: Source, correction: PSFCorrection) -> list[tuple[Block, NDArray[np.bool_]]]:
    """Every part's leading component in a few blocks with their margins, and where it was measured.

    Args:
        source: the scene.
        correction: its statistics.

    Returns:
        For each part ``(n, side, side)`` twice, in units of noise; the margin counts as not measured.
    """
    blocks = list(plan_tiles(*source.metadata.shape[1:], BLOCK))
    chosen = np.unique(np.linspace(0, len(blocks) - 1, RINGING_TEST_BLOCKS).round().astype(int))
    shape = (len(chosen), BLOCK + 2 * MARGIN, BLOCK + 2 * MARGIN)
    found = [(np.empty(shape, np.float32), np.zeros(shape, bool)) for _ in correction.parts]
    for number, block in enumerate(blocks[n] for n in chosen):
        around, inside, measured = _read_with_margin(source, correction.outliers, block)
        measured = measured[correction.usable]
        filled = read_window(filled_with(measured, correction.mean.astype(np.float32)), around.relative_to(inside))
        core = (number, *block.relative_to(around).slices)
        for (images, known), part in zip(found, correction.parts, strict=True):
            images[number] = part.project(filled[part.bands], slice(-1, None))[0]
            known[core] = np.isfinite(measured[part.bands][:, *block.relative_to(inside).slices]).all(axis=0)
    return found


def _read_with_margin(source: Source, outliers: OutlierRules, block: Window) -> tuple[Window, Window, Block]:
    """A block of full size with its margin, the part of that in the scene, and its pixels ``(B, y, x)``."""
    around = Window(block.row, block.column, BLOCK, BLOCK).grown(MARGIN)
    inside = around.clipped(*source.metadata.shape[1:])
    return around, inside, MaskedSource(source, outliers).read(*inside.slices)


class CorrectedSource:
    """A scene as the bicubic kernel would have given it.

    Args:
        measured: the scene as the sensor saw it.
        correction: how.
        instrument: what it is corrected for, and who says so.
    """

    def __init__(self, measured: Source, correction: PSFCorrection, instrument: Instrument | None = None) -> None:
        self.measured, self.correction, self.instrument = measured, correction, instrument or Instrument()
        self._blocks: OrderedDict[Window, Block] = OrderedDict()

    @property
    def metadata(self) -> SceneMetadata:
        """Those of the measured scene."""
        return self.measured.metadata

    @property
    def block_height(self) -> int:
        """Rows that are cheapest to read together."""
        return self.measured.block_height

    def read(self, rows: slice, columns: slice) -> Block:
        """Corrected pixels ``(band, y, x)`` of a rectangle; NaN stays NaN."""
        asked = Window(rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)
        out = np.empty((self.metadata.shape[0], asked.rows, asked.columns), np.float32)
        for block in plan_tiles(*self.metadata.shape[1:], BLOCK):
            common = block.within(asked)
            if common.rows > 0 and common.columns > 0:
                pixels = self._block(block)
                out[:, *common.relative_to(asked).slices] = pixels[:, *common.relative_to(block).slices]
        return out

    def close(self) -> None:
        """Let go of the file and of what was kept."""
        self._blocks.clear()
        self.measured.close()

    def __reduce__(self) -> tuple[type[CorrectedSource], tuple[Source, PSFCorrection, Instrument]]:
        """Travel to another process without what was kept."""
        return CorrectedSource, (self.measured, self.correction, self.instrument)

    def _block(self, block: Window) -> Block:
        if block in self._blocks:
            self._blocks.move_to_end(block)
            return self._blocks[block]
        pixels = self._blocks[block] = self._corrected(block)
        while len(self._blocks) > 1 and sum(kept.nbytes for kept in self._blocks.values()) > BLOCK_CACHE_BYTES:
            self._blocks.popitem(last=False)
        return pixels

    def _corrected(self, block: Window) -> Block:
        """The pixels of one block; what lies beyond the scene is mirrored."""
        around, inside, measured = _read_with_margin(self.measured, self.correction.outliers, block)
        core = (slice(None), *block.relative_to(inside).slices)
        out = measured[core].copy()  # a source in memory gives views
        usable, missing = self.correction.usable, ~np.isfinite(out)
        if not missing[usable].all():
            filled = filled_with(measured[usable], self.correction.mean.astype(np.float32))
            square = read_window(filled, around.relative_to(inside))
            out[usable] = self.correction.apply(square)[:, *block.relative_to(around).slices]
            out[missing] = np.nan
        return out


def match_bicubic_psf(source: Source, options: UpscaleOptions, scale: int) -> Source:
    """The scene as the bicubic kernel would have given it, where another is known; it is read once for that.

    A scene whose bands are all constant is returned as it is.

    Raises:
        SceneError: contradictory options, nothing to correct, or an estimate that the scene does not allow.
    """
    instrument = resolve_psf(source, options)
    sensor, metadata = instrument.degradation(scale), source.metadata
    if sensor is None:
        return source
    widths = None if instrument.sensor is None else instrument.fwhm_at(metadata.wavelength_nm, metadata.shape[0])
    correction = PSFCorrection.of_scene(source, sensor, options.snr, widths)
    return CorrectedSource(source, correction, instrument) if correction.varies else source
