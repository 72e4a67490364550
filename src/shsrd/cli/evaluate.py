"""``shsrd evaluate ESTIMATE REFERENCE``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from shsrd.cli.console import log, option, parse, print_json, print_table
from shsrd.cli.read_options import ReadOptions, log_notes
from shsrd.cli.upscale_options import SENSORS, SensorName, sensor_observation


@dataclass(frozen=True, kw_only=True)
class PairReadOptions(ReadOptions):
    """Hints for reading both files, and the part of them to compare.

    Bands and window are cut from both scenes, or from the reference alone where the estimate has just their size.
    """


@dataclass(frozen=True)
class Arguments:
    """Compare an estimate with the truth; bicubic interpolation of the degraded truth stands beside it.

    Bands are matched by wavelength. Those that are bad, constant in the truth or without a finite pixel do not count.

    Attributes:
        estimate: super-resolved scene.
        reference: the truth; what exceeds a multiple of the scale is cropped at the lower right.
        scale: factor, for ERGAS, bicubic and consistency.
        data_range: range of pixel values in PSNR and SSIM; its default is 1, or the reference's maximum where that is
            above 1.5.
        sensor: whose low resolution was made by `shsrd degrade --sensor`, so that bicubic begins with the same.
        json: print JSON.
    """

    estimate: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="ESTIMATE")]
    reference: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="REFERENCE")]
    scale: int = 4
    data_range: Annotated[float | None, option("RANGE")] = None
    sensor: Annotated[SensorName | None, option(SENSORS)] = None
    json: Annotated[bool, option()] = False
    reading: PairReadOptions = field(default_factory=PairReadOptions)


def run(given: Sequence[str]) -> int:
    """Run the command."""
    arguments = parse(Arguments, "evaluate", given)
    from shsrd.evaluation import compare, open_pair
    from shsrd.metrics import DEFINITIONS
    from shsrd.report import score_row, table

    files, opening = (arguments.estimate, arguments.reference), arguments.reading.opening()
    estimate, reference = open_pair(*files, arguments.scale, opening)
    notes = [f"{scene.source}: {note}" for scene in (estimate, reference) for note in scene.notes]
    log_notes(notes)
    seen = sensor_observation(arguments.sensor, arguments.scale, reference)
    result = compare(estimate, reference, arguments.scale, data_range=arguments.data_range, degradation=seen)
    if arguments.json:
        print_json(
            {
                "ours": result.ours.as_json(),
                "bicubic": result.bicubic.as_json(),
                "scale": arguments.scale,
                "degradation": seen.mean.model_dump(exclude_none=True),
                "data_range": result.data_range,
                "bands": result.bands,
                "bands_excluded": result.excluded_bands_json(),
                "notes": [*notes, *result.notes],
                "definitions": dict(DEFINITIONS),
            }
        )
        return 0
    print_table(table([score_row("ours", result.ours, source=""), score_row("bicubic", result.bicubic, source="")]))
    log(f"range {result.data_range:g}, {result.bands} bands")
    for note in (*result.exclusion_notes(), *result.notes):
        log(f"note: {note}")
    for name, definition in DEFINITIONS.items():
        log(f"  {name}: {definition}")
    return 0
