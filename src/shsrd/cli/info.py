"""``shsrd info SRC``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.table import Table

from shsrd.cli.console import option, parse, print_json, print_table
from shsrd.cli.read_options import ReadOptions
from shsrd.cube import Source
from shsrd.io import describe, open_source

_COORDINATES = ("pixel_size", "bounds", "geolocation")


@dataclass(frozen=True)
class Arguments:
    """Show what a scene file holds: size, wavelengths, storage, no-data, georeference.

    Attributes:
        source: scene file (ENVI, GeoTIFF, MATLAB, HDF5, NetCDF, NumPy) or folder (Zarr, EnMAP, DESIS, CAVE).
        measure: also estimate blur and noise from a sample of the pixels, and say which blur `shsrd upscale` corrects
            for; takes some seconds.
        json: print JSON.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    measure: Annotated[bool, option()] = False
    json: Annotated[bool, option()] = False
    reading: ReadOptions = field(default_factory=ReadOptions)


def run(given: Sequence[str]) -> int:
    """Run the command."""
    arguments = parse(Arguments, "info", given)
    source = open_source(arguments.source, **arguments.reading.opening())
    try:
        metadata = describe(source) | (_measured(source) if arguments.measure else {})
    finally:
        source.close()
    if arguments.json:
        print_json(metadata)
        return 0
    table = Table(show_header=False, box=None)
    for key, value in metadata.items():
        table.add_row(key.replace("_", " "), _shown(key, value))
    print_table(table)
    return 0


def _measured(source: Source) -> dict[str, Any]:
    """Blur and noise of a scene, and the blur that it is corrected for by default."""
    from shsrd.upscaling.scene_psf import blur_and_noise_summary

    return blur_and_noise_summary(source)


def _shown(key: str, value: Any) -> str:
    """A fact as text: coordinates to ten digits (UTM northings to the millimetre), other numbers to six."""
    if key == "notes":
        return "\n".join(value) or "-"
    return _text(value, digits=10 if key in _COORDINATES else 6)


def _text(value: Any, *, digits: int) -> str:
    if value is None or value is False:
        return "-"
    if value is True:
        return "yes"
    if isinstance(value, list):
        return ", ".join(_text(part, digits=digits) for part in value) or "-"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)
