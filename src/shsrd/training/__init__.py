"""The only training loop, its data and its two stages: photos first, then hyperspectral scenes."""

from shsrd.training.config import TrainConfig, TrainingError
from shsrd.training.pack import pack_photos, pack_scenes
from shsrd.training.run import run_training
from shsrd.training.settings import read_config

__all__ = ["TrainConfig", "TrainingError", "pack_photos", "pack_scenes", "read_config", "run_training"]
