"""Scenes of a sensor with a known point spread function, seen as the bicubic kernel would have given them.

Everything after this step (statistics, self-check, network, filters) sees the corrected scene. Bands are brought into
units of their noise and turned into principal components (minimum noise fraction, Green et al. 1988): signal gathers in
few components, each of which is corrected by as much as its own signal allows (``shsrd.degradation.correction``). A
width with which the leading component rings is lowered (``shsrd.degradation.ringing``).

Blocks lie on a grid fixed to the scene, so the same pixels come out whatever rectangle is read.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Facts, Source
from shsrd.degradation import FWHM_PER_SIGMA, Degradation, NoisyMeasurement, corrected, plausible_sensor
from shsrd.spectral import Acquisition
from shsrd.upscaling.instrument import Instrument, instrument_of
from shsrd.upscaling.noise import LEAST_NOISE, unforeseen_noise
from shsrd.upscaling.options import UpscaleOptions
from shsrd.upscaling.survey import survey
from shsrd.upscaling.suspicion import Suspicion, Unsuspicious
from shsrd.upscaling.tiles import Window, filled_with, plan_tiles, read_window

BLOCK = 128  # low-resolution pixels on a side that are corrected together
MARGIN = 24  # pixels around them that the filter sees
HELD = 2**28  # bytes of corrected blocks that are kept: neighbouring tiles share them
LOOKED_AT = 4  # blocks of the scene, spread over it, in which the leading component must not ring
Block = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Correction:
    """How a scene is corrected.

    Attributes:
        sensor: point spread function, and the scale factor of the super-resolution.
        usable: bool ``(B,)``; the other bands stay as they are.
        mean: ``(b,)`` of the usable bands.
        noise: ``(b,)`` standard deviation of their noise.
        basis: ``(b, b)``, components of bands in units of noise, in columns.
        variance: ``(b,)`` of the components.
        extremes: ``(B, 2)`` smallest and largest value of every band as it was measured; NaN where there is none.
        suspicion: which values of the scene are left out.
        notes: what is said of them.
        told: point spread function that was asked for, where ``sensor`` is a narrower one; the scene rang with it.
    """

    sensor: Degradation
    usable: NDArray[np.bool_]
    mean: NDArray[np.float64]
    noise: NDArray[np.float64]
    basis: NDArray[np.float64]
    variance: NDArray[np.float64]
    extremes: NDArray[np.float64]
    suspicion: Suspicion = field(default_factory=Suspicion)
    notes: tuple[str, ...] = ()
    told: Degradation | None = None

    @classmethod
    def of_scene(cls, source: Source, sensor: Degradation, snr_db: float | None = None) -> Correction:
        """Read a scene once and decide how it is corrected.

        Args:
            source: the scene.
            sensor: point spread function and scale.
            snr_db: root mean square of a band over its noise; None estimates the noise of every band.

        Raises:
            SceneError: no band can be used.
        """
        seen = survey(source, [])
        statistics = seen.statistics
        deviation = np.sqrt(np.maximum(np.diag(statistics.covariance), 0))
        if snr_db is None:
            noise = unforeseen_noise(statistics)
        else:
            noise = np.hypot(statistics.mean, deviation) / 10 ** (snr_db / 20)
        smallest = LEAST_NOISE * np.maximum(deviation, 1e-6 * max(deviation.max(), statistics.brightest, 1e-30))
        noise = np.maximum(noise, smallest)
        variance, basis = np.linalg.eigh(statistics.covariance / np.outer(noise, noise))
        found = cls(
            sensor, seen.usable, statistics.mean, noise, basis, variance, seen.extremes, seen.suspicion, seen.notes
        )
        plausible = plausible_sensor(*leading_component(source, found), float(variance[-1]), sensor)
        return found if plausible == sensor else replace(found, sensor=plausible, told=sensor)

    @property
    def snr_db(self) -> float:
        """Median over bands of the signal-to-noise ratio: root mean square over the noise's deviation."""
        signal = np.hypot(self.mean, self.noise * np.sqrt(np.maximum(np.square(self.basis) @ self.variance, 0)))
        return float(20 * np.log10(np.median(signal / self.noise)))

    @property
    def noise_rms(self) -> float:
        """Root mean square over bands of the noise's standard deviation."""
        return float(np.sqrt(np.mean(np.square(self.noise))))

    @property
    def fwhm(self) -> tuple[float, float]:
        """Full widths at half maximum of the point spread function along y and x, in low-resolution pixels."""
        return _fwhm(self.sensor)

    @property
    def fwhm_told(self) -> tuple[float, float] | None:
        """The same of the point spread function that was asked for; None where it is the one that is taken."""
        return None if self.told is None else _fwhm(self.told)

    @property
    def acquisition(self) -> Acquisition:
        """What the network is told of the usable bands."""
        return Acquisition(np.tile(self.fwhm, (len(self.noise), 1)), self.noise)

    def measurements(self, bands: NDArray[np.intp]) -> tuple[NoisyMeasurement, ...]:
        """How some of the usable bands were measured, numbered from 0 among themselves."""
        covariance = (self.basis * self.variance) @ self.basis.T
        _, basis = np.linalg.eigh(covariance[np.ix_(bands, bands)])
        return (NoisyMeasurement(np.arange(len(bands)), self.sensor, self.noise[bands], basis),)

    def apply(self, block: Block) -> Block:
        """Correct a square ``(b, side, side)`` of the usable bands, without missing pixels."""
        bands, mean = len(block), self.mean[:, None].astype(np.float32)
        out = corrected(self.components(block), self.variance, self.sensor).reshape(bands, -1)
        pixels: Block = np.matmul((self.noise[:, None] * self.basis).astype(np.float32), out) + mean
        return pixels.reshape(block.shape)

    def components(self, block: Block, chosen: slice = slice(None)) -> Block:
        """Some components ``(k, y, x)`` of pixels ``(b, y, x)``, in units of noise; the last one is the leading one."""
        units = block.reshape(len(block), -1) - self.mean[:, None].astype(np.float32)
        units /= self.noise[:, None].astype(np.float32)
        found: Block = np.matmul(self.basis[:, chosen].T.astype(np.float32), units).reshape(-1, *block.shape[1:])
        return found


def _fwhm(sensor: Degradation) -> tuple[float, float]:
    along_y, along_x = (sigma * FWHM_PER_SIGMA / sensor.scale for sigma in (sensor.sigma, sensor.sigma_x))
    return along_y, along_x


def leading_component(source: Source, correction: Correction) -> tuple[Block, NDArray[np.bool_]]:
    """The scene's leading component in a few blocks with their margins, and where it was measured.

    Args:
        source: the scene.
        correction: its statistics.

    Returns:
        ``(n, side, side)`` twice, in units of noise; the margin counts as not measured.
    """
    blocks = list(plan_tiles(*source.facts.shape[1:], BLOCK))
    chosen = np.unique(np.linspace(0, len(blocks) - 1, LOOKED_AT).round().astype(int))
    side = BLOCK + 2 * MARGIN
    images, known = np.empty((len(chosen), side, side), np.float32), np.zeros((len(chosen), side, side), bool)
    for number, block in enumerate(blocks[n] for n in chosen):
        around, inside, measured = _surroundings(source, correction.suspicion, block)
        measured = measured[correction.usable]
        filled = filled_with(measured, correction.mean.astype(np.float32))
        images[number] = correction.components(read_window(filled, around.relative_to(inside)), slice(-1, None))[0]
        valid = np.isfinite(measured[:, *block.relative_to(inside).slices]).all(axis=0)
        known[number][block.relative_to(around).slices] = valid
    return images, known


def _surroundings(source: Source, suspicion: Suspicion, block: Window) -> tuple[Window, Window, Block]:
    """A block of full size with its margin, the part of that in the scene, and its pixels ``(B, y, x)``."""
    around = Window(block.row, block.column, BLOCK, BLOCK).grown(MARGIN)
    inside = around.clipped(*source.facts.shape[1:])
    return around, inside, Unsuspicious(source, suspicion).read(*inside.slices)


class CorrectedSource:
    """A scene as the bicubic kernel would have given it.

    Args:
        measured: the scene as the sensor saw it.
        correction: how.
        instrument: what it is corrected for, and who says so.
    """

    def __init__(self, measured: Source, correction: Correction, instrument: Instrument | None = None) -> None:
        self.measured, self.correction, self.instrument = measured, correction, instrument or Instrument()
        self._blocks: OrderedDict[Window, Block] = OrderedDict()

    @property
    def facts(self) -> Facts:
        """Those of the measured scene."""
        return self.measured.facts

    @property
    def row_step(self) -> int:
        """Rows that are cheapest to read together."""
        return self.measured.row_step

    def read(self, rows: slice, columns: slice) -> Block:
        """Corrected pixels ``(band, y, x)`` of a rectangle; NaN stays NaN."""
        asked = Window(rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)
        out = np.empty((self.facts.shape[0], asked.rows, asked.columns), np.float32)
        for block in plan_tiles(*self.facts.shape[1:], BLOCK):
            common = block.within(asked)
            if common.rows > 0 and common.columns > 0:
                pixels = self._block(block)
                out[:, *common.relative_to(asked).slices] = pixels[:, *common.relative_to(block).slices]
        return out

    def close(self) -> None:
        """Let go of the file and of what was kept."""
        self._blocks.clear()
        self.measured.close()

    def __reduce__(self) -> tuple[type[CorrectedSource], tuple[Source, Correction, Instrument]]:
        """Travel to another process without what was kept."""
        return CorrectedSource, (self.measured, self.correction, self.instrument)

    def _block(self, block: Window) -> Block:
        if block in self._blocks:
            self._blocks.move_to_end(block)
            return self._blocks[block]
        pixels = self._blocks[block] = self._corrected(block)
        while len(self._blocks) > 1 and sum(kept.nbytes for kept in self._blocks.values()) > HELD:
            self._blocks.popitem(last=False)
        return pixels

    def _corrected(self, block: Window) -> Block:
        """The pixels of one block; what lies beyond the scene is mirrored."""
        around, inside, measured = _surroundings(self.measured, self.correction.suspicion, block)
        core = (slice(None), *block.relative_to(inside).slices)
        out = measured[core].copy()  # a source in memory gives views
        usable, missing = self.correction.usable, ~np.isfinite(out)
        if not missing[usable].all():
            filled = filled_with(measured[usable], self.correction.mean.astype(np.float32))
            square = read_window(filled, around.relative_to(inside))
            out[usable] = self.correction.apply(square)[:, *block.relative_to(around).slices]
            out[missing] = np.nan
        return out


def as_bicubic(source: Source, options: UpscaleOptions, scale: int) -> Source:
    """The scene as the bicubic kernel would have given it, where another is known; it is read once for that.

    Raises:
        SceneError: contradictory options, nothing to correct, or an estimate that the scene does not allow.
    """
    instrument = instrument_of(source, options)
    sensor = instrument.degradation(scale)
    if sensor is None:
        return source
    return CorrectedSource(source, Correction.of_scene(source, sensor, options.snr), instrument)
