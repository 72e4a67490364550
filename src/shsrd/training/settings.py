"""Reading a run's settings from YAML."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from shsrd.training.config import TrainConfig, TrainingError


def read_config(path: Path) -> TrainConfig:
    """Settings of a run.

    Raises:
        TrainingError: no such file, not YAML, an unknown key or a value out of range; the message names it.
    """
    try:
        values = yaml.safe_load(path.read_text())
    except OSError:
        raise TrainingError(f"{path}: no such config file; configs/ has examples") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: not valid YAML ({' '.join(str(error).split())}); correct it") from None
    if not isinstance(values, dict):
        raise TrainingError(f"{path}: a config is a list of `key: value` lines; configs/ has examples")
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        raise TrainingError(f"{path}: {sentence(error)}") from None


def sentence(error: ValidationError) -> str:
    """The first thing a validation found wrong, in one sentence."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "the config"
    return f"{key}: {first['msg'].lower()} (given: {first.get('input')!r}); correct this key"
