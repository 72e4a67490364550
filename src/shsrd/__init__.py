"""SHSRD: super-resolution of a single hyperspectral image with a conditional diffusion model.

The names below are loaded when first used, so ``import shsrd`` stays light (no torch).
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from shsrd.version import __version__

__all__ = [
    "Cube",
    "Degradation",
    "InputError",
    "Job",
    "NoiseModel",
    "ObservationModel",
    "SceneError",
    "SuperResolver",
    "UpscaleOptions",
    "UpscaleResult",
    "__version__",
    "benchmark_cave",
    "benchmark_scenes",
    "compare",
    "degrade_cube",
    "load_weights",
    "observe_cube",
    "open_cube",
    "open_source",
    "open_writer",
    "save_cube",
    "synthetic_scene",
    "upscale",
    "upscale_file",
]

if TYPE_CHECKING:
    from shsrd.cube import Cube, InputError, SceneError
    from shsrd.datasets import synthetic_scene
    from shsrd.degradation import Degradation, NoiseModel, ObservationModel, degrade_cube, observe_cube
    from shsrd.evaluation import benchmark_cave, benchmark_scenes, compare
    from shsrd.io import open_cube, open_source, open_writer, save_cube
    from shsrd.model import load_weights
    from shsrd.upscaling import Job, SuperResolver, UpscaleOptions, UpscaleResult, upscale, upscale_file

_EXPORTS = {
    "cube": ("Cube", "InputError", "SceneError"),
    "datasets": ("synthetic_scene",),
    "degradation": ("Degradation", "NoiseModel", "ObservationModel", "degrade_cube", "observe_cube"),
    "evaluation": ("benchmark_cave", "benchmark_scenes", "compare"),
    "io": ("open_cube", "open_source", "open_writer", "save_cube"),
    "model": ("load_weights",),
    "upscaling": ("Job", "SuperResolver", "UpscaleOptions", "UpscaleResult", "upscale", "upscale_file"),
}
_MODULES = {name: f"shsrd.{room}" for room, names in _EXPORTS.items() for name in names}


_RENAMED = {"phantom": "synthetic_scene"}  # for one release


def __getattr__(name: str) -> Any:
    """Load a public name from its room on first use (PEP 562)."""
    if name in _RENAMED:
        warnings.warn(f"shsrd.{name} is now shsrd.{_RENAMED[name]}", DeprecationWarning, stacklevel=2)
        name = _RENAMED[name]
    if name not in _MODULES:
        raise AttributeError(f"module 'shsrd' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
