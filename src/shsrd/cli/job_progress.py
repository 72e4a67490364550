"""A job seen on a terminal: notes and size before it computes, then its tiles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from shsrd.cli.console import ProgressDisplay, log
from shsrd.cli.progress_log import ProgressLog, size
from shsrd.cli.read_options import log_notes
from shsrd.upscaling import Observer, ResourceEstimate


class JobProgress(ProgressDisplay, Observer):
    """Progress of ``upscale_file``.

    Args:
        title: in front of the bar or line.
        of: the scene in front of notes, where a command works on several; the size is left out then.
    """

    def __init__(self, title: str, *, of: str | None = None) -> None:
        super().__init__(title, ProgressLog(title))
        self._of = of
        self._estimate: ResourceEstimate | None = None

    def on_plan(self, estimate: ResourceEstimate) -> None:
        """Keep notes and size until tiles begin or somebody waits for long: a scene that is refused stays one line."""
        self._estimate = estimate
        self.watch()

    def on_start(self, done: int, total: int) -> None:
        """Tiles begin."""
        self.announce()
        self.begun(done, total)

    def announce(self) -> None:
        """Say notes and size, once."""
        estimate, self._estimate = self._estimate, None
        if estimate is not None:
            log_notes(estimate.notes, of=self._of)
            if self._of is None:
                log(plan_message(estimate))

    def on_scan(self, notes: tuple[str, ...]) -> None:
        """Say what is suspicious about the values."""
        if notes:
            self.announce()
        log_notes(notes, of=self._of)


def plan_message(estimate: ResourceEstimate) -> str:
    """Line on the planned output: size, tiles and room on disk."""
    bands, rows, columns = estimate.shape
    least = "up to " if estimate.is_compressed else ""
    return (
        f"to be made: {bands} bands of {rows} x {columns} pixels in {estimate.tiles} "
        f"tile{'s' if estimate.tiles > 1 else ''}, {least}{size(estimate.size)} on disk, with about "
        f"{size(estimate.memory)} of memory"
    )


@contextmanager
def job_progress(title: str, *, of: str | None = None) -> Iterator[JobProgress]:
    """Show a job for a block."""
    with closing(JobProgress(title, of=of)) as shown:
        yield shown
