"""The only training loop, its data and its two stages: photos first, then hyperspectral scenes.

``run_training`` is loaded when first used: packing and reading configs need none of the libraries that train.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from shsrd.training.config import TrainConfig, TrainingError
from shsrd.training.data.pack import pack_photos, pack_scenes
from shsrd.training.settings import read_config

if TYPE_CHECKING:
    from shsrd.training.run import run_training

__all__ = ["TrainConfig", "TrainingError", "pack_photos", "pack_scenes", "read_config", "run_training"]


def __getattr__(name: str) -> Any:
    """Load ``run_training`` on first use (PEP 562)."""
    if name != "run_training":
        raise AttributeError(f"module 'shsrd.training' has no attribute {name!r}")
    return import_module("shsrd.training.run").run_training
