"""Functions of a worker process: load the network once, open each scene once, compute tiles."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from shsrd.cube import SceneMetadata, Source
from shsrd.model import Network, load_weights
from shsrd.upscaling.inference import Engine, Precision
from shsrd.upscaling.jobs.executors import encode_tile
from shsrd.upscaling.jobs.tile_cache import EncodedTile
from shsrd.upscaling.options import choose_device, inference_precision
from shsrd.upscaling.plan import Plan
from shsrd.upscaling.reconstruction import read_tile, upscale_tile
from shsrd.upscaling.tiles import Window


@dataclass(frozen=True)
class ModelPayload:
    """Network as it is sent to workers, for all scenes of a command.

    Attributes:
        weights: content of the weight file.
        device: of every worker.
        threads: of every worker's network; None for the default.
    """

    weights: bytes
    device: str
    threads: int | None = None

    def load(self) -> WorkerModel:
        """Network on the device of this worker."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.safetensors"
            path.write_bytes(self.weights)
            network = load_weights(path).network
        return WorkerModel(network, choose_device(self.device), self.threads)


@dataclass(frozen=True)
class WorkerModel:
    """Network loaded in a worker process."""

    network: Network
    device: torch.device
    threads: int | None

    def engine(self, precision: Precision) -> Engine:
        """Network in the precision of a scene; a GPU takes bf16 in place of int8, which it does not support.

        Raises:
            SceneError: int8 was requested, and the CPU of this worker does not support it.
        """
        if precision == "int8":
            precision = inference_precision("int8", self.device) if self.device.type == "cpu" else "bf16"
        return Engine(self.network, device=self.device, precision=precision)

    def close(self) -> None:
        """Do nothing; no file is open."""


@dataclass(frozen=True)
class ScenePayload:
    """Scene and plan as they are sent to workers.

    Attributes:
        source: opens the scene in the worker's process.
        plan: settings of its tiles.
        precision: of the network, the same for all workers.
        outputs: metadata of the targets.
    """

    source: Source
    plan: Plan
    precision: Precision
    outputs: tuple[SceneMetadata, ...]

    def load(self) -> WorkerScene:
        """Scene in this worker, with its list of tiles."""
        return WorkerScene(self, self.plan.tiles())


@dataclass
class WorkerScene:
    """Scene loaded in a worker process."""

    payload: ScenePayload
    tiles: list[Window]
    read_lock: threading.Lock = field(default_factory=threading.Lock)
    engine: Engine | None = None

    def compute(self, number: int, model: WorkerModel) -> EncodedTile:
        """Compute a tile; threads of one worker read the file one at a time."""
        payload = self.payload
        if model.threads is not None:
            torch.set_num_threads(model.threads)  # a setting of each thread
        with self.read_lock:
            tile_input = read_tile(payload.source, payload.plan, self.tiles[number])
        return encode_tile(upscale_tile(tile_input, self._engine(model), payload.plan), payload.outputs)

    def _engine(self, model: WorkerModel) -> Engine:
        """Engine, made on first use; two threads that make it at the same time make equal ones."""
        if self.engine is None:
            self.engine = model.engine(self.payload.precision)
        return self.engine

    def close(self) -> None:
        """Close the scene."""
        self.payload.source.close()


_LOADED: dict[str, Any] = {}  # models and scenes of this process, by the names of their dask plugins


def compute_tile(model: str, scene: str, number: int) -> EncodedTile:
    """Compute a tile of a loaded scene.

    Args:
        model: plugin name of a ``ModelPayload``.
        scene: plugin name of a ``ScenePayload``.
        number: of the tile.
    """
    tile: EncodedTile = _LOADED[scene].compute(number, _LOADED[model])
    return tile


def load_payload(name: str, payload: ModelPayload | ScenePayload) -> None:
    """Load a payload in this process, under the name of its plugin."""
    _LOADED[name] = payload.load()


def release_payload(name: str) -> None:
    """Close what was loaded under a name, if anything."""
    loaded = _LOADED.pop(name, None)
    if loaded is not None:
        loaded.close()
