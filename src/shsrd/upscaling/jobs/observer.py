"""``Observer``: callbacks for the stages and tiles of a run."""

from __future__ import annotations

from collections.abc import Callable

from shsrd.upscaling.jobs.resource_estimate import ResourceEstimate


class Observer:
    """Callbacks of ``upscale_file``; subclasses override those they need, all others do nothing."""

    def on_plan(self, estimate: ResourceEstimate) -> None:
        """Called when all checks have passed, before anything is computed."""

    def on_scan(self, notes: tuple[str, ...]) -> None:
        """Called after the first pass, with one sentence for every kind of suspicious value."""

    def on_start(self, done: int, total: int) -> None:
        """Called before the first tile; ``done`` of ``total`` tiles were finished by an earlier run."""

    def __call__(self, done: int, total: int) -> None:
        """Called after every tile."""


class _CallbackObserver(Observer):
    """Observer that passes tiles to a plain callback."""

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self._progress = progress

    def __call__(self, done: int, total: int) -> None:
        self._progress(done, total)


def as_observer(progress: Callable[[int, int], None] | None) -> Observer:
    """Observer for a callback; an ``Observer`` is returned as it is, None gives one that does nothing."""
    if isinstance(progress, Observer):
        return progress
    return Observer() if progress is None else _CallbackObserver(progress)
