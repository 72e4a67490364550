"""Definitions of the figures: pure functions of two cubes, each saying exactly what it averages over."""

from shsrd.metrics.angle import sam_deg
from shsrd.metrics.error import cc, consistency, ergas, mpsnr, psnr_cube, rmse
from shsrd.metrics.scores import DEFINITIONS, Scores, average, evaluate
from shsrd.metrics.spectrum import octave_edges, octave_power
from shsrd.metrics.structure import mssim
from shsrd.metrics.uncertainty import best_constant_std, coverage, crps_gaussian, error_ratio

__all__ = [
    "DEFINITIONS",
    "Scores",
    "average",
    "best_constant_std",
    "cc",
    "consistency",
    "coverage",
    "crps_gaussian",
    "ergas",
    "error_ratio",
    "evaluate",
    "mpsnr",
    "mssim",
    "octave_edges",
    "octave_power",
    "psnr_cube",
    "rmse",
    "sam_deg",
]
