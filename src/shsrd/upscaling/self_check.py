"""The self-check: is a scene of the kind that the network knows? Asked of the scene itself, without any truth.

The scene ``y`` is degraded once more, ``yy = D y``, and super-resolved by the same weights in the same basis. What
comes out can be compared with ``y``, and so can bicubic enlargement ``U(yy)``. The check happens one scale step coarser
than the use: what differs between the two (noise above all, which ``D`` averages away) it does not see.

A scene that was corrected for its sensor is degraded by that sensor, gets its noise, and is corrected again. The
network is judged by what it adds to that; all of it together is compared with bicubic enlargement of what the sensor
would have delivered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shsrd.cube import Source, fill_nodata
from shsrd.degradation import Degradation, back_project, bicubic_up, degrade
from shsrd.metrics import sam_deg
from shsrd.spectral import BasisName, scene_statistics
from shsrd.upscaling.correction import CorrectedSource
from shsrd.upscaling.detectors import DetectorBasis, detector_bases, parts_of_usable, posterior_mean_by_detector
from shsrd.upscaling.inference import Engine
from shsrd.upscaling.sensor_self_check import correct_simulated, simulate_measurement
from shsrd.upscaling.tiles import Window, read_window

Block = NDArray[np.float32]
Vector = NDArray[np.float64]

SELF_CHECK_THRESHOLD_DB = -0.05  # a gain over bicubic below it: outside the domain; see docs/results.md
FULL_GAIN_THRESHOLD = 0.9  # a band whose detail deserves at least this share keeps all of it
SMALLEST_SIDE = 16  # pixels of yy on each side, below which nothing is said
WHOLE_SIDE = 256  # pixels of y: scenes up to this side are checked whole
WINDOW_SIDE = 128  # pixels of y: larger ones in windows of this side
WINDOWS = 4
HALO = 4  # mirrored pixels of yy around a window
BLOCK = 4  # pixels of yy: side of the blocks over which the evidence is gathered


@dataclass(frozen=True)
class SelfCheck:
    """Result of the self-check.

    Attributes:
        score_db: gain of the posterior mean (before consistency) over bicubic, ``10 log10(MSE bicubic / MSE ours)``,
            mean over bands, one scale step coarser than the scene; None where nothing could be assessed.
        sam_ratio: spectral angle of the mean over that of bicubic, likewise.
        sensor_gain_db: of a scene that was corrected for its sensor, the gain of correction and network together over
            bicubic enlargement of what the sensor would have delivered; ``score_db`` is then that of the network alone.
        sensor_sam_ratio: spectral angles likewise.
        gain: ``(B,)`` what every usable band's detail is multiplied by; all 1 unless outside the domain.
    """

    score_db: float | None = None
    sam_ratio: float | None = None
    sensor_gain_db: float | None = None
    sensor_sam_ratio: float | None = None
    gain: Vector = field(default_factory=lambda: np.ones(0))

    @property
    def outside(self) -> bool:
        """True if the network did worse than bicubic beyond a tolerance."""
        return self.score_db is not None and self.score_db < SELF_CHECK_THRESHOLD_DB

    @property
    def bands_attenuated(self) -> int:
        """Number of bands whose detail is scaled down."""
        return int((self.gain < 1).sum())


def run_self_check(
    source: Source,
    engine: Engine,
    basis: BasisName,
    *,
    usable: NDArray[np.bool_],
    windows: list[Window],
    channels: int | None = None,
) -> SelfCheck:
    """Run the self-check on a scene, or on windows of a large one.

    Args:
        source: the low-resolution scene; NaN is no-data.
        engine: the network.
        basis: of the posterior mean.
        usable: bool ``(B,)``, the bands that are looked at.
        windows: where (see ``select_windows``).
        channels: how many the network sees, see ``guided_basis``.

    Returns:
        What was found; nothing is assessed without windows or where no band varies.
    """
    if not windows:
        return SelfCheck()
    s, metadata = engine.scale, source.metadata
    measured = np.stack([source.read(*window.slices)[usable] for window in windows])
    truth = np.stack([fill_nodata(pixels) for pixels in measured])
    correction = source.correction if isinstance(source, CorrectedSource) else None
    if correction is None:
        coarse = degrade(torch.from_numpy(truth), Degradation(kernel="bicubic", scale=s)).numpy()
    else:
        delivered = simulate_measurement(correction, truth)
        coarse = correct_simulated(correction, delivered)
    wavelength_nm = None if metadata.wavelength_nm is None else metadata.wavelength_nm[usable]
    statistics, guides = scene_statistics(np.concatenate(list(coarse), axis=1)), engine.network.config.guides
    parts = parts_of_usable(metadata, usable)
    acquisition = None if correction is None else correction.acquisition
    bases = detector_bases(statistics, basis, parts, wavelength_nm, channels, guides=guides, acquisition=acquisition)
    observed = [read_window(low, Window(0, 0, *low.shape[1:]).grown(HALO)) for low in coarse]
    margin = slice(HALO * s, -HALO * s)
    base = np.stack([bicubic_up(torch.from_numpy(low), s).numpy()[:, margin, margin] for low in observed])
    mean = np.stack([_mean(low, engine, bases)[:, margin, margin] for low in observed])
    known = np.where(np.isfinite(measured), truth, np.nan)
    found = _score_windows(known, base, mean, BLOCK * s)
    if correction is None:
        return found
    plain = bicubic_up(torch.from_numpy(delivered), s).numpy()
    whole = _score_windows(known, plain, mean, BLOCK * s)
    return replace(found, sensor_gain_db=whole.score_db, sensor_sam_ratio=whole.sam_ratio)


def _mean(low: Block, engine: Engine, bases: Sequence[DetectorBasis]) -> Block:
    """Posterior mean ``(B, s y, s x)`` of a window ``(B, y, x)``."""
    found: Block = posterior_mean_by_detector(torch.from_numpy(low).to(engine.device), engine, bases).cpu().numpy()
    return found


def candidate_windows(rows: int, columns: int, scale: int) -> list[Window]:
    """Candidate windows of a scene: the whole up to 256 x 256 pixels, else all of 128 x 128.

    Sides are multiples of the scale; none where the scene is too small.
    """
    side = WHOLE_SIDE if max(rows, columns) <= WHOLE_SIDE else WINDOW_SIDE
    height, width = (min(size, side) // scale * scale for size in (rows, columns))
    if min(height, width) < SMALLEST_SIDE * scale:
        return []
    return [Window(r, c, height, width) for r in _starts(rows, height) for c in _starts(columns, width)]


def select_windows(candidates: list[Window], valid: NDArray[np.int64], scale: int) -> list[Window]:
    """At most four of the candidates, spread evenly over those with the fewest missing pixels.

    Args:
        candidates: all of the same size.
        valid: how many pixels of each have data in all bands.
        scale: factor.

    Returns:
        None where half of the smallest assessable scene is not even valid.
    """
    if not candidates:
        return []
    fullest = [number for number, pixels in enumerate(valid) if pixels >= 0.9 * valid.max()]
    chosen = [fullest[n] for n in np.linspace(0, len(fullest) - 1, min(WINDOWS, len(fullest))).astype(int)]
    enough = int(valid[chosen].sum()) >= (SMALLEST_SIDE * scale) ** 2 / 2
    return [candidates[number] for number in chosen] if enough else []


def _starts(size: int, side: int) -> range:
    return range(0, size - side + 1, side)


def attenuate_detail(
    estimate: Tensor,
    std: Tensor | None,
    *,
    low: Tensor,
    gain: Vector,
    degradation: Degradation | None,
    scale: int,
) -> None:
    """Scale the detail of some bands, in place: ``b + gain (x - b)``, where ``b`` is bicubic made consistent.

    Back-projection is affine and knows one band at a time, so this is what scaling mean and samples before it gives.

    Args:
        estimate: ``(B, s y, s x)``, mean or samples.
        std: likewise, or None.
        low: ``(B, y, x)`` the scene without missing values.
        gain: ``(B,)`` between 0 (bicubic) and 1 (left alone, bit for bit).
        degradation: D, or None where consistency is left out.
        scale: factor.
    """
    for band in np.flatnonzero(gain < 1).tolist():
        measured = low[band]
        bicubic, share = bicubic_up(measured, scale), float(gain[band])
        if degradation is not None:
            bicubic = back_project(bicubic, measured, degradation)
        estimate[band] = bicubic + share * (estimate[band] - bicubic) if share > 0 else bicubic
        if std is not None:
            std[band] *= share


def shrinkage_gain(error: Block, detail: Block, block: int) -> Vector:
    """Share of every band's detail that the evidence supports.

    The least-squares gain ``beta = <e, r> / <r, r>``, its standard error from sums over blocks (taken as independent of
    each other), and a shrinkage of ``1 - beta`` by ``max(0, 1 - se^2 / (1 - beta)^2)``: what is no larger than its
    error counts as nothing (James and Stein's positive part, for one number).

    Args:
        error: ``(n, B, y, x)`` truth minus bicubic; 0 where nothing is known.
        detail: likewise, what the network adds to bicubic.
        block: side of the blocks in pixels.

    Returns:
        ``(B,)`` between 0 and 1; at least 0.9 counts as 1.
    """
    cross, power = _block_sums(error * detail, block), _block_sums(np.square(detail), block)  # (blocks, B)
    total = power.sum(axis=0)
    known = total > 0
    total = np.where(known, total, 1)
    beta = cross.sum(axis=0) / total
    variance = np.square(cross - beta * power).sum(axis=0) / total**2
    missing = 1 - beta
    believed = np.maximum(0, 1 - variance / np.maximum(missing**2, np.finfo(float).tiny))
    gain = np.clip(1 - believed * missing, 0, 1)
    return np.where(known & (gain < FULL_GAIN_THRESHOLD), gain, 1.0)


def _block_sums(values: Block, block: int) -> Vector:
    """Sums ``(blocks, B)`` over squares of ``(n, B, y, x)``; those at the lower right may be smaller."""
    rows, columns = (np.arange(0, size, block) for size in values.shape[2:])
    sums = np.add.reduceat(np.add.reduceat(values.astype(np.float64), rows, axis=2), columns, axis=3)
    return np.moveaxis(sums, 1, -1).reshape(-1, values.shape[1])


def _score_windows(truth: Block, base: Block, mean: Block, block: int) -> SelfCheck:
    """Compare windows ``(n, B, y, x)``; ``truth`` is NaN where nothing was measured."""
    bands = truth.shape[1]
    error, detail = np.nan_to_num(truth - base), np.where(np.isfinite(truth), mean - base, 0)
    before, after = (np.square(e, dtype=np.float64).sum(axis=(0, 2, 3)) for e in (error, error - detail))
    rounding = 1e-6 * np.nanmax(np.abs(truth))
    varies = before > np.isfinite(truth).sum(axis=(0, 2, 3)) * rounding**2
    if not varies.any():
        return SelfCheck(gain=np.ones(bands))
    score = float(np.mean(10 * np.log10(before[varies] / np.maximum(after[varies], np.finfo(float).tiny))))
    gain = np.ones(bands)
    if score < SELF_CHECK_THRESHOLD_DB:
        gain[varies] = shrinkage_gain(error[:, varies], detail[:, varies], block)
    return SelfCheck(score, _sam_ratio(truth, base, mean), gain=gain)


def _sam_ratio(truth: Block, base: Block, mean: Block) -> float | None:
    """Spectral angles over all windows, ours over bicubic's; None where bicubic's is 0 or means nothing."""
    ours, bicubic = (sam_deg(_side_by_side(pixels), _side_by_side(truth)) for pixels in (mean, base))
    return ours / bicubic if bicubic > 0 and np.isfinite(ours) else None


def _side_by_side(windows: Block) -> Block:
    return np.concatenate(list(windows), axis=1)
