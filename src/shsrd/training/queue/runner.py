"""Running a queue: the trainings in their order, until the time is up."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from shsrd.cube import InputError
from shsrd.training.checkpoint import CHECKPOINT
from shsrd.training.config import TrainConfig
from shsrd.training.queue.data import DatasetStore
from shsrd.training.queue.home import QueueState
from shsrd.training.queue.settings import DATA_KEYS, WEIGHT_KEYS, Queue, TrainingSpec

SAVE_MARGIN_S = 8.0  # kept free at the end for writing state and weights
MIN_RUN_S = 20.0  # less time than that starts no training
STATE_FILES = 3  # room for the state of a training that is stopped, in a folder that travels


class Clock:
    """Time left in a call; SIGTERM uses it up.

    Args:
        minutes: of the call; 0 means no limit.
    """

    def __init__(self, minutes: float) -> None:
        self.end = time.monotonic() + 60 * minutes if minutes else float("inf")

    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()

    def pause(self, longest: float) -> bool:
        """Return True if a training has to stop now to leave time for saving; see ``Run``."""
        return self.left() < SAVE_MARGIN_S + 1.5 * longest

    @contextmanager
    def stop_on_sigterm(self) -> Iterator[None]:
        """Within it, SIGTERM ends the time instead of the process."""

        def stop(number: int, basis: FrameType | None) -> None:
            self.end = float("-inf")

        before = None
        with suppress(ValueError):  # not the main thread
            before = signal.signal(signal.SIGTERM, stop)
        try:
            yield
        finally:
            if before is not None:
                signal.signal(signal.SIGTERM, before)


@dataclass(frozen=True)
class Places:
    """Folders of a call.

    Attributes:
        work: packs and run folders; what is lost of it is made again.
        root: folders of photos and scenes, as the queue file names them.
        home: what earlier calls have reached.
        out: what this call reaches, where it has to travel; None keeps it in ``home``.
    """

    work: Path
    root: Path
    home: Path
    out: Path | None = None


def run_queue(queue: Queue, places: Places, *, minutes: float = 0.0, on_message: Callable[[str], None]) -> QueueState:
    """Run trainings in their order until all are done or the time is up; the same call again goes on.

    Args:
        queue: what to train.
        places: where everything lies.
        minutes: of this call; 0 means no limit. Learning rates follow the steps or minutes of a whole training, so the
            end of a call changes nothing in them.
        on_message: gets one sentence at a time.

    Returns:
        What has been reached.
    """
    clock, earlier = Clock(minutes), QueueState(places.home)
    reached = earlier if places.out is None else QueueState(places.out)
    if reached is not earlier:
        reached.statuses = dict(earlier.statuses)
    store = DatasetStore(places.work, places.root, on_message)
    if (queue.folder / "home").is_dir():  # a carried folder: the next call may carry another
        store.copy_transferred()
    call = _Call(queue, places, clock, earlier, reached, store, on_message)
    with clock.stop_on_sigterm():
        for training in queue.trainings:
            if not reached.done(training.name) and not call.run(training):
                break
    reached.write()
    return reached


@dataclass(frozen=True)
class _Call:
    queue: Queue
    places: Places
    clock: Clock
    earlier: QueueState
    reached: QueueState
    store: DatasetStore
    on_message: Callable[[str], None]

    @property
    def runs(self) -> Path:
        return self.places.work / "runs"

    def run(self, training: TrainingSpec) -> bool:
        """Run one training as far as may be; False ends the call."""
        name = training.name
        waits = self._blocked_by(training)
        if waits is not None:
            self.on_message(f"{name}: waits, {waits}")
            return True
        if self.clock.left() < MIN_RUN_S:
            self.on_message("the time is up")
            return False
        if self.places.out is not None and self.reached.free_quota()[0] < 1 + STATE_FILES:
            self.on_message(f"{self.places.out} has no room for another training; copy its files home and call again")
            return False
        try:
            return self._run(training)
        except (InputError, OSError) as error:
            self.reached.fail(name, str(error))
            self.on_message(f"{name}: failed, {error}")
            return True

    def _run(self, training: TrainingSpec) -> bool:
        from shsrd.training.loop import PausedError
        from shsrd.training.run import run_training

        name, run = training.name, self.runs / training.name
        for needed in (name, *self.queue.needs(training)):
            self.earlier.restore(needed, self.runs / needed)
        for data in self.queue.sets(training):
            self.store.pack(data, self.queue.data[data])
        config = self.queue.resolved(training, packs=self.store.packs, runs=self.runs)
        _relocate_paths(run / "config.json", config)
        self.on_message(f"{name}: training")
        try:
            run_training(config, pause=self.clock.pause)
        except PausedError:
            if (run / CHECKPOINT).exists():
                self.reached.pause(name, run, for_transfer=self.places.out is not None)
            self.on_message(f"{name}: stopped, the time is up")
            return False
        self.reached.finish(name, run)
        self.on_message(f"{name}: done")
        return True

    def _blocked_by(self, training: TrainingSpec) -> str | None:
        """Reason that a training has to wait."""
        for needed in self.queue.needs(training):
            if not self.reached.done(needed):
                return f"{needed!r} is not done"
        for data in self.queue.sets(training):
            if (lacking := self.store.missing(data, self.queue.data[data])) is not None:
                return f"{lacking}"
        return None


def _relocate_paths(path: Path, config: TrainConfig) -> None:
    """Let a run that came from another machine look for its data and weights where they lie on this one.

    Only paths of the same data set, or of the weights of the same training, are replaced.
    """
    if not path.exists():
        return
    settings = json.loads(path.read_text())
    for key in ("out", *DATA_KEYS, *WEIGHT_KEYS):
        before, now = settings.get(key), getattr(config, key)
        if before is not None and now is not None and _last_names(Path(before)) == _last_names(now):
            settings[key] = str(now)
    path.write_text(json.dumps(settings, indent=2) + "\n")


def _last_names(path: Path) -> tuple[str, ...]:
    return path.parts[-2:]
