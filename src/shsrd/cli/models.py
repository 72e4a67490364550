"""``shsrd models``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from rich.table import Table

from shsrd.cli.console import option, parse, print_json, print_table


@dataclass(frozen=True)
class Arguments:
    """List the weights that come with shsrd: what they were trained on, and how they did on held-out images.

    Attributes:
        json: print JSON with the whole provenance.
    """

    json: Annotated[bool, option()] = False


def run(given: Sequence[str]) -> int:
    """Run the command."""
    arguments = parse(Arguments, "models", given)
    from shsrd.model import bundled_models, read_header

    headers = {name: read_header(name) for name in bundled_models()}
    if arguments.json:
        print_json(headers)
        return 0
    table = Table(box=None, pad_edge=False)
    for title in ("model", "scale", "basis", "trained on"):
        table.add_column(title)
    for name, header in headers.items():
        stages = header["provenance"].get("stages", [])
        config = header["config"]
        table.add_row(name, f"×{config['scale']}", config["basis"], "\n".join(_stage(stage) for stage in stages))
    print_table(table)
    return 0


def _stage(stage: dict[str, Any]) -> str:
    gain = stage["figures"].get("gain_db")
    held_out = "nothing held out" if gain is None else f"{gain:+.2f} dB on {stage['validation']}"
    return f"{stage['train']}, {stage['objective']}, {stage['step']} steps, {stage['minutes']} min: {held_out}"
