"""``shsrd transfer CONFIG``."""

from __future__ import annotations

from collections.abc import Sequence

from shsrd.cli.pretrain import run_stage


def run(given: Sequence[str]) -> int:
    """Run the command."""
    return run_stage("transfer", given)
