"""``shsrd queue run|status|pack QUEUE.yaml``."""

from __future__ import annotations

from collections.abc import Sequence


def run(given: Sequence[str]) -> int:
    """Run the command."""
    from shsrd.training.queue.command import main

    return main(given)
