"""Geometry, memory, tiles: from a low-resolution scene to a high-resolution one."""

from shsrd.upscaling.jobs.batch import Order, Outcome, upscale_many, write_collection
from shsrd.upscaling.jobs.resource_estimate import Forecast, Observer
from shsrd.upscaling.jobs.upscale_file import Job, Streamed, upscale_file
from shsrd.upscaling.options import UpscaleOptions
from shsrd.upscaling.report import Report
from shsrd.upscaling.upscale import Upscaled, upscale

__all__ = [
    "Forecast",
    "Job",
    "Observer",
    "Order",
    "Outcome",
    "Report",
    "Streamed",
    "UpscaleOptions",
    "Upscaled",
    "upscale",
    "upscale_file",
    "upscale_many",
    "write_collection",
]
