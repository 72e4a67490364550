"""State of a queue: a folder with a status file, weights, and the state of the training in progress."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from shsrd.training.checkpoint import BEST, CHECKPOINT, LAST, read_progress
from shsrd.training.config import TrainingError
from shsrd.training.queue.state import PART, pack_state, unpack_state

STATUS = "queue.json"
MAX_FILES = 8  # in a folder that travels
MAX_BYTES = 64 * 2**20


@dataclass(frozen=True)
class TrainingStatus:
    """Progress of one training.

    Attributes:
        state: ``done``, ``paused`` with what it takes to go on, or ``failed``.
        step: optimiser steps done.
        minutes: of wall time spent.
        gain_db: best validation figure, None where there is none.
        message: why it failed, or what did not fit when it was saved.
        parts: names of the files that hold its state.
        sha256: of the state.
    """

    state: Literal["done", "paused", "failed"]
    step: int = 0
    minutes: float = 0.0
    gain_db: float | None = None
    message: str = ""
    parts: tuple[str, ...] = ()
    sha256: str = ""


class QueueState:
    """A folder that holds what a queue has reached.

    Args:
        folder: its place; need not exist.

    Raises:
        TrainingError: its status file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.statuses: dict[str, TrainingStatus] = {}
        path = folder / STATUS
        if path.exists():
            try:
                found = json.loads(path.read_text())
                self.statuses = {k: TrainingStatus(**(v | {"parts": tuple(v["parts"])})) for k, v in found.items()}
            except (ValueError, TypeError, KeyError, AttributeError):
                raise TrainingError(f"{path}: damaged; copy it again, or remove it to begin the queue anew") from None

    def done(self, name: str) -> bool:
        """Return True if a training has ended."""
        return name in self.statuses and self.statuses[name].state == "done"

    def write(self) -> None:
        """Write the status file; it is replaced only when complete."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f"{STATUS}.part"
        values = {name: asdict(status) for name, status in self.statuses.items()}
        partial.write_text(json.dumps(values, indent=2) + "\n")
        partial.replace(self.folder / STATUS)

    def weights(self, name: str) -> Path:
        """Path of the weights of a training."""
        return self.folder / f"{name}.safetensors"

    def restore(self, name: str, run: Path) -> None:
        """Bring a run folder up to what is kept here, unless it is as far already.

        Raises:
            TrainingError: a part of the state is missing or damaged.
        """
        status = self.statuses.get(name)
        if status is None:
            return
        if status.state == "done":
            if not (run / BEST).exists() and self.weights(name).exists():
                run.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.weights(name), run / BEST)
            return
        if not status.parts or ((run / CHECKPOINT).exists() and read_progress(run).step >= status.step):
            return
        missing = [part for part in status.parts if not (self.folder / part).exists()]
        if missing:
            raise TrainingError(f"{self.folder / missing[0]} is missing; copy back all that came out of the last call")
        content = b"".join((self.folder / part).read_bytes() for part in status.parts)
        if hashlib.sha256(content).hexdigest() != status.sha256:
            raise TrainingError(f"{self.folder}: the state of {name!r} is damaged; copy its parts again")
        unpack_state(content, run)

    def finish(self, name: str, run: Path) -> None:
        """Keep the weights of a training that has ended."""
        self._drop_parts(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run / BEST, self.weights(name))
        counters = read_progress(run)
        gain = counters.best if counters.best > float("-inf") else None
        self.statuses[name] = TrainingStatus("done", counters.step, round(counters.seconds / 60, 2), gain)
        self.write()

    def pause(self, name: str, run: Path, *, for_transfer: bool) -> None:
        """Keep the weights so far of a training that was stopped and, where the folder travels, all to go on with."""
        self._drop_parts(name)
        counters = read_progress(run)
        self.folder.mkdir(parents=True, exist_ok=True)
        if (run / LAST).exists():
            shutil.copyfile(run / LAST, self.weights(name))
        gain = counters.best if counters.best > float("-inf") else None
        parts, digest, message = self._keep_state(name, run) if for_transfer else ((), "", "")
        minutes = round(counters.seconds / 60, 2)
        self.statuses[name] = TrainingStatus("paused", counters.step, minutes, gain, message, parts, digest)
        self.write()

    def fail(self, name: str, message: str) -> None:
        """Remember why a training could not go; it is tried again in the next call."""
        before = self.statuses.get(name)
        kept = {} if before is None else {"parts": before.parts, "sha256": before.sha256, "step": before.step}
        self.statuses[name] = TrainingStatus("failed", message=message, **kept)  # type: ignore[arg-type]
        self.write()

    def free_quota(self) -> tuple[int, int]:
        """Files and bytes that the folder may still take, where it travels, a status file counted in."""
        others = [file for file in self.folder.glob("*") if file.name != STATUS] if self.folder.is_dir() else []
        return MAX_FILES - 1 - len(others), MAX_BYTES - 2**20 - sum(file.stat().st_size for file in others)

    def _keep_state(self, name: str, run: Path) -> tuple[tuple[str, ...], str, str]:
        """Names of the parts, their digest, and what has to be said of them."""
        files, size = self.free_quota()
        for compact, message in ((False, ""), (True, "state kept in bf16: too large to travel exactly")):
            content = pack_state(run, compact=compact)
            pieces = [content[first : first + PART] for first in range(0, len(content), PART)]
            if len(pieces) <= files and len(content) <= size:
                names = tuple(f"{name}.{number}.state" for number in range(len(pieces)))
                for part, piece in zip(names, pieces, strict=True):
                    (self.folder / part).write_bytes(piece)
                return names, hashlib.sha256(content).hexdigest(), message
        return (), "", "state too large to travel: it begins anew elsewhere"

    def _drop_parts(self, name: str) -> None:
        status = self.statuses.get(name)
        for part in () if status is None else status.parts:
            (self.folder / part).unlink(missing_ok=True)
