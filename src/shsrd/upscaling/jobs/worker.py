"""What happens in a worker's process: the network is unpacked once, each scene opened once, tiles are computed."""

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
from shsrd.upscaling.jobs.executors import part_of
from shsrd.upscaling.jobs.tile_cache import Part
from shsrd.upscaling.options import choose_device, inference_precision
from shsrd.upscaling.plan import Plan
from shsrd.upscaling.reconstruction import read_tile, upscale_tile
from shsrd.upscaling.tiles import Window


@dataclass(frozen=True)
class ModelPayload:
    """What a worker needs whatever the scene: the network.

    Attributes:
        weights: content of the weight file.
        device: of every worker.
        threads: of every worker's network, or None to leave that alone.
    """

    weights: bytes
    device: str
    threads: int | None = None

    def unpacked(self) -> WorkerModel:
        """The network on this worker's device."""
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "weights.safetensors"
            place.write_bytes(self.weights)
            network = load_weights(place).network
        return WorkerModel(network, choose_device(self.device), self.threads)


@dataclass(frozen=True)
class WorkerModel:
    """An outfit unpacked in a worker's process."""

    network: Network
    device: torch.device
    threads: int | None

    def engine(self, precision: Precision) -> Engine:
        """The network in a scene's precision; a GPU beside workers in integers, which it has not, takes bf16.

        Raises:
            SceneError: the scene is computed in integers, and this worker's CPU has none.
        """
        if precision == "int8":
            precision = inference_precision("int8", self.device) if self.device.type == "cpu" else "bf16"
        return Engine(self.network, device=self.device, precision=precision)

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class ScenePayload:
    """What a worker needs beside the network to compute any tile of a scene.

    Attributes:
        source: opens the scene in the worker's process.
        plan: the decisions.
        precision: of the process that made the plan; one for all workers.
        outputs: facts of the files to be written.
    """

    source: Source
    plan: Plan
    precision: Precision
    outputs: tuple[SceneMetadata, ...]

    def unpacked(self) -> Bench:
        """The tiles are listed once."""
        return Bench(self, self.plan.tiles())


@dataclass
class Bench:
    """A kit unpacked in a worker's process."""

    scene_payload: ScenePayload
    tiles: list[Window]
    reading: threading.Lock = field(default_factory=threading.Lock)
    engine: Engine | None = None

    def part(self, number: int, worker_model: WorkerModel) -> Part:
        """One tile; several threads of a worker take turns at the file."""
        scene_payload = self.scene_payload
        if worker_model.threads is not None:
            torch.set_num_threads(worker_model.threads)  # a setting of each thread
        with self.reading:
            read = read_tile(scene_payload.source, scene_payload.plan, self.tiles[number])
        return part_of(upscale_tile(read, self._engine(worker_model), scene_payload.plan), scene_payload.outputs)

    def _engine(self, worker_model: WorkerModel) -> Engine:
        """Made once; two threads that make it at the same time make the same."""
        if self.engine is None:
            self.engine = worker_model.engine(self.scene_payload.precision)
        return self.engine

    def close(self) -> None:
        """Let go of the scene."""
        self.scene_payload.source.close()


_UNPACKED: dict[str, Any] = {}  # equipment and benches of this process, by the names of their plugins


def compute_tile(worker_pool: str, scene: str, number: int) -> Part:
    """A tile of a scene, by the network of a crew; both are given by the names of their plugins."""
    part: Part = _UNPACKED[scene].part(number, _UNPACKED[worker_pool])
    return part


def unpack(name: str, content: ModelPayload | ScenePayload) -> None:
    """Make ready what was handed out."""
    _UNPACKED[name] = content.unpacked()


def release_payload(name: str) -> None:
    """Forget it."""
    thing = _UNPACKED.pop(name, None)
    if thing is not None:
        thing.close()
