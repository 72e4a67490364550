"""Geometry, memory, tiles: from a low-resolution scene to a high-resolution one."""

from shsrd.upscaling.jobs.batch import BatchOptions, SceneResult, upscale_batch, write_collection
from shsrd.upscaling.jobs.job import Job
from shsrd.upscaling.jobs.observer import Observer
from shsrd.upscaling.jobs.resource_estimate import ResourceEstimate
from shsrd.upscaling.jobs.upscale_file import UpscaleFileResult, upscale_file
from shsrd.upscaling.options import UpscaleOptions
from shsrd.upscaling.report import Report
from shsrd.upscaling.super_resolver import SuperResolver
from shsrd.upscaling.upscale import UpscaleResult, upscale

__all__ = [
    "BatchOptions",
    "Job",
    "Observer",
    "Report",
    "ResourceEstimate",
    "SceneResult",
    "SuperResolver",
    "UpscaleFileResult",
    "UpscaleOptions",
    "UpscaleResult",
    "upscale",
    "upscale_batch",
    "upscale_file",
    "write_collection",
]
