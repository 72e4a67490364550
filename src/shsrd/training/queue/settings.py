"""The queue file: data sets by name, and trainings in order of worth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shsrd.training.config import TrainConfig, TrainingError, current_keys
from shsrd.training.settings import sentence

DATA_KEYS = ("train", "validation", "replay")  # of a config: what names a data set
WEIGHT_KEYS = ("start_from", "calibration")  # of a config: what may name an earlier training


class DatasetSpec(BaseModel):
    """Photos or scenes that trainings use under one name.

    Attributes:
        photos: folders of photos below the data folder; several make one set.
        scenes: scene files or folders, or a CAVE archive, below the data folder.
        names: of a CAVE archive: ``train``, ``val`` or ``development``.
        share: of the files that must be at hand before a training begins with the set.
        files: how many files the whole set has; written by ``shsrd queue pack``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    photos: tuple[str, ...] = ()
    scenes: tuple[str, ...] = ()
    names: Literal["train", "val", "development"] | None = None
    share: float = Field(1.0, gt=0, le=1)
    files: int | None = None


class TrainingSpec(BaseModel):
    """One training of the queue; every further key is one of ``TrainConfig``.

    Attributes:
        name: of its weights, ``NAME.safetensors``.
        config: YAML file that the further keys override, relative to the queue file.
        after: trainings that must be done before it; ``start_from`` counts without being listed.
        minutes: ``time_limit`` under another name: of wall time, over all calls together.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60)
    config: str | None = None
    after: tuple[str, ...] = ()
    minutes: float | None = Field(None, gt=0)


class Queue(BaseModel):
    """All of a queue file.

    Attributes:
        data: sets by name.
        trainings: in order of worth.
        folder: where the file lies.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    data: dict[str, DatasetSpec] = Field(default_factory=dict)
    trainings: tuple[TrainingSpec, ...]
    folder: Path = Path()

    def settings(self, training: TrainingSpec) -> dict[str, Any]:
        """Keys of ``TrainConfig``: those of the config file under those of the queue, names not yet resolved.

        Raises:
            TrainingError: no such config file.
        """
        values = dict(_yaml(self.folder / training.config)) if training.config else {}
        values |= training.model_extra or {}
        if training.minutes is not None:
            values["time_limit"] = training.minutes
        return current_keys(values)

    def needs(self, training: TrainingSpec) -> tuple[str, ...]:
        """Names of the trainings that must be done before this one."""
        values, names = self.settings(training), {other.name for other in self.trainings}
        starts = [str(values[key]) for key in WEIGHT_KEYS if str(values.get(key)) in names]
        return tuple(dict.fromkeys((*training.after, *starts)))

    def sets(self, training: TrainingSpec) -> tuple[str, ...]:
        """Names of the data sets of a training, the one it learns from last."""
        values = self.settings(training)
        return tuple(dict.fromkeys(str(values[key]) for key in reversed(DATA_KEYS) if values.get(key) is not None))

    def resolved(self, training: TrainingSpec, *, packs: Path, runs: Path) -> TrainConfig:
        """The config of a training, with paths for names.

        Args:
            training: one of the queue.
            packs: folder of packed data sets.
            runs: folder of run folders.

        Raises:
            TrainingError: a key that is unknown or does not fit.
        """
        values, names = self.settings(training), {other.name for other in self.trainings}
        for key in DATA_KEYS:
            if values.get(key) is not None:
                values[key] = packs / str(values[key])
        for key in WEIGHT_KEYS:
            if str(values.get(key)) in names:
                values[key] = runs / str(values[key]) / "best.safetensors"
        try:
            return TrainConfig.model_validate(values | {"out": runs / training.name})
        except ValidationError as error:
            raise TrainingError(f"training {training.name!r}: {sentence(error)}") from None


def read_queue(path: Path) -> Queue:
    """Read and check a queue file, every config in it included.

    Raises:
        TrainingError: not readable, an unknown key, a name that stands for nothing or comes later.
    """
    values = dict(_yaml(path))
    values.pop("folder", None)
    try:
        queue = Queue.model_validate(values | {"folder": path.parent})
    except ValidationError as error:
        raise TrainingError(f"{path}: {sentence(error)}") from None
    known: set[str] = set()
    for training in queue.trainings:
        if training.name in known:
            raise TrainingError(f"{path}: two trainings are called {training.name!r}; rename one")
        if late := [name for name in queue.needs(training) if name not in known]:
            raise TrainingError(f"{path}: {training.name!r} needs {late[0]!r}, which must stand above it")
        if strange := [name for name in queue.sets(training) if name not in queue.data]:
            raise TrainingError(f"{path}: {training.name!r} names the data {strange[0]!r}; describe it under data")
        queue.resolved(training, packs=Path(), runs=Path())
        known.add(training.name)
    return queue


def _yaml(path: Path) -> Mapping[str, Any]:
    try:
        values = yaml.safe_load(path.read_text())
    except OSError:
        raise TrainingError(f"{path}: no such file; give the queue or config file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: not valid YAML ({' '.join(str(error).split())}); correct it") from None
    if not isinstance(values, Mapping):
        raise TrainingError(f"{path}: a list of `key: value` lines is needed")
    return values
