"""Definitions of the figures: pure functions of two cubes, each saying exactly what it averages over."""

from shsrd.metrics.angle import sam_deg
from shsrd.metrics.error import cc, consistency, ergas, mpsnr, psnr_cube, rmse
from shsrd.metrics.scores import DEFINITIONS, Scores, average, evaluate
from shsrd.metrics.spectrum import octave_edges, octave_power
from shsrd.metrics.structure import mssim

__all__ = [
    "DEFINITIONS",
    "Scores",
    "average",
    "cc",
    "consistency",
    "ergas",
    "evaluate",
    "mpsnr",
    "mssim",
    "octave_edges",
    "octave_power",
    "psnr_cube",
    "rmse",
    "sam_deg",
]
