"""``shsrd info SRC``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.table import Table

from shsrd.cli.reading import Reading
from shsrd.cli.terminal import option, parse, print_json, print_table
from shsrd.io import describe, open_source


@dataclass(frozen=True)
class Arguments:
    """Show what a scene file holds: size, wavelengths, storage, no-data, georeference.

    Attributes:
        source: scene file (ENVI, GeoTIFF, MATLAB, HDF5, NetCDF, NumPy) or folder (Zarr, EnMAP, DESIS, CAVE).
        json: print JSON.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    json: Annotated[bool, option()] = False
    reading: Reading = field(default_factory=Reading)


def run(given: Sequence[str]) -> int:
    """Run the command."""
    arguments = parse(Arguments, "info", given)
    source = open_source(arguments.source, **arguments.reading.opening())
    try:
        facts = describe(source)
    finally:
        source.close()
    if arguments.json:
        print_json(facts)
        return 0
    table = Table(show_header=False, box=None)
    for key, value in facts.items():
        table.add_row(key.replace("_", " "), "\n".join(value) or "-" if key == "notes" else _text(value))
    print_table(table)
    return 0


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(_text(part) for part in value) or "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
