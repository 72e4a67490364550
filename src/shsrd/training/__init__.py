"""The only training loop, its data and its two stages: photos first, then hyperspectral scenes."""

from shsrd.training.config import TrainConfig
from shsrd.training.run import run_training
from shsrd.training.settings import read_config

__all__ = ["TrainConfig", "read_config", "run_training"]
