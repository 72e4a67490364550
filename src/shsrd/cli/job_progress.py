"""A job seen on a terminal: notes and size before it computes, then its tiles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from shsrd.cli.console import Shown, remark
from shsrd.cli.progress_log import Pace, size
from shsrd.cli.read_options import tell_notes
from shsrd.upscaling import Forecast, Observer


class JobShown(Shown, Observer):
    """Progress of ``upscale_file``.

    Args:
        title: in front of the bar or line.
        of: the scene in front of notes, where a command works on several; the size is left out then.
    """

    def __init__(self, title: str, *, of: str | None = None) -> None:
        super().__init__(title, Pace(title))
        self._of = of
        self._forecast: Forecast | None = None

    def planned(self, forecast: Forecast) -> None:
        """Keep notes and size until tiles begin or somebody waits for long: a scene that is refused stays one line."""
        self._forecast = forecast
        self.watch()

    def begun(self, done: int, total: int) -> None:
        """Tiles begin."""
        self.announce()
        super().begun(done, total)

    def announce(self) -> None:
        """Say notes and size, once."""
        forecast, self._forecast = self._forecast, None
        if forecast is not None:
            tell_notes(forecast.notes, of=self._of)
            if self._of is None:
                remark(announcement(forecast))

    def examined(self, notes: tuple[str, ...]) -> None:
        """Say what is suspicious about the values."""
        if notes:
            self.announce()
        tell_notes(notes, of=self._of)


def announcement(forecast: Forecast) -> str:
    """What is going to be made, in one line."""
    bands, rows, columns = forecast.shape
    least = "up to " if forecast.compressed else ""
    return (
        f"to be made: {bands} bands of {rows} x {columns} pixels in {forecast.tiles} "
        f"tile{'s' if forecast.tiles > 1 else ''}, {least}{size(forecast.size)} on disk, with about "
        f"{size(forecast.memory)} of memory"
    )


@contextmanager
def watched_job(title: str, *, of: str | None = None) -> Iterator[JobShown]:
    """Show a job for a block."""
    with closing(JobShown(title, of=of)) as shown:
        yield shown
