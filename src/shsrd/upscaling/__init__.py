"""Geometry, memory, tiles: from a low-resolution scene to a high-resolution one."""

from shsrd.upscaling.options import UpscaleOptions
from shsrd.upscaling.report import Report
from shsrd.upscaling.stream import Job, Streamed, upscale_file
from shsrd.upscaling.upscale import Upscaled, upscale

__all__ = ["Job", "Report", "Streamed", "UpscaleOptions", "Upscaled", "upscale", "upscale_file"]
