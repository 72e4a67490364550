"""Tells a person how training goes: a progress bar on stderr, a JSONL log, TensorBoard."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from torch import Tensor

from shsrd.training.checkpoint import BEST, CHECKPOINT
from shsrd.training.checkpoint import Progress as Counters
from shsrd.training.config import TrainingError
from shsrd.training.progress_bar import bar

LOG_EVERY = 50  # steps between lines of the log


class Monitor:
    """Progress of one run; silent on all processes but the first.

    Nothing is written before the first step: a run that cannot start leaves nothing.

    Args:
        folder: of the run.
        active: False on all processes but the first.
        total: steps of the run.
        fresh: the run begins; a log of an earlier attempt is begun anew.
    """

    def __init__(self, folder: Path, active: bool, *, total: int, fresh: bool = False) -> None:
        self.active, self.folder, self.total, self.fresh = active, folder, total, fresh
        self.log: TextIO | None = None
        self.summary_writer: Any = None
        self.average: Tensor | float = 0.0
        self.last: tuple[int, float] | None = None
        self.gain = ""

    def __enter__(self) -> Monitor:
        if self.active:
            self.bar = bar(self.total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.active:
            self.bar.stop()
            if self.log is not None:
                self.log.close()
            if self.summary_writer is not None:
                self.summary_writer.close()

    def step(self, counters: Counters, loss: Tensor, rate: float) -> None:
        """One optimiser step done; its loss is read off its device only when it is written."""
        if not self.active:
            return
        self.average = loss if self.last is None else 0.98 * self.average + 0.02 * loss
        if self.last is None:
            self.last = (counters.step, time.monotonic())
        self.bar.update(counters.step, None)
        if counters.step % LOG_EVERY == 0:
            before, then = self.last
            speed = (counters.step - before) / max(1e-9, time.monotonic() - then)
            self.last = (counters.step, time.monotonic())
            average = self.checked(counters)
            self.bar.update(counters.step, f"loss {average:.4f} {self.gain} {speed:.2f} steps/s")
            self._write({"loss": average, "lr": rate, "steps_per_s": speed}, counters)

    def checked(self, counters: Counters) -> float:
        """The average loss; asked for whenever weights are about to be kept, too.

        Raises:
            TrainingError: it is no number any more.
        """
        average = float(self.average)
        if not math.isfinite(average):
            raise TrainingError(
                f"{self.folder}: the loss is no number after {counters.step} steps; {_remedy(self.folder)}"
            )
        return average

    def validation(self, counters: Counters, figures: dict[str, float]) -> None:
        """One validation done."""
        if not self.active:
            return
        self.gain = f"gain {figures['gain_db']:+.3f} dB (best {counters.best:+.3f})"
        self._write({f"val_{key}": value for key, value in figures.items()}, counters)

    def _write(self, figures: dict[str, float], counters: Counters) -> None:
        if self.log is None:
            self.log = (self.folder / "log.jsonl").open("w" if self.fresh else "a")
            self.summary_writer = _tensorboard(self.folder)
        known = {key: value if math.isfinite(value) else None for key, value in figures.items()}  # JSON has no NaN
        line = {"step": counters.step, "seconds": round(counters.seconds, 1), **known}
        self.log.write(json.dumps(line) + "\n")
        self.log.flush()
        if self.summary_writer is not None:
            for key, value in figures.items():
                self.summary_writer.add_scalar(key, value, counters.step)


def _remedy(folder: Path) -> str:
    if not (folder / CHECKPOINT).exists():
        return "lower lr"
    kept = "; the best weights until then were kept" if (folder / BEST).exists() else ""
    return f"lower lr and choose another out folder{kept}"


def _tensorboard(folder: Path) -> Any:
    """A TensorBoard writer, or None on machines without TensorBoard (the JSONL log has the same figures)."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "tensorboard"))
