"""``shsrd prepare-data photos|scenes``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from shsrd.cli.console import log, option, parse
from shsrd.cli.read_options import ReadOptions, log_scene_notes

if TYPE_CHECKING:
    from shsrd.cube import Cube


@dataclass(frozen=True)
class Arguments:
    """Decode training images once into a folder that training reads without any image library.

    Attributes:
        kind: photos (stage 1) or scenes (stage 2).
        destination: folder to write; existing packs of the same names are replaced.
        sources: one folder of photos, or scene files and CAVE folders.
        names: only these scenes of a CAVE archive given as the one source: train, val, or development (the first 20
            by name, which are both).
    """

    kind: Annotated[Literal["photos", "scenes"], tyro.conf.Positional]
    destination: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DST")]
    sources: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    names: Annotated[Literal["train", "val", "development"] | None, option("{train,val,development}")] = None
    reading: ReadOptions = field(default_factory=ReadOptions)

    def opened(self, source: Path) -> Cube:
        """A scene as it is asked for, after its notes were said."""
        from shsrd.io import open_cube

        return log_scene_notes(open_cube(source, **self.reading.opening()), of=str(source))


def run(given: Sequence[str]) -> int:
    """Run the command."""
    arguments = parse(Arguments, "prepare-data", given)
    from shsrd.datasets import cave_scenes
    from shsrd.training import TrainingError, pack_photos, pack_scenes

    if arguments.kind == "photos":
        if arguments.reading != ReadOptions():
            raise TrainingError("prepare-data photos reads pictures; leave out the options of scenes")
        if len(arguments.sources) != 1:
            raise TrainingError("prepare-data photos takes one source folder; give the folder that holds them all")
        count = pack_photos(arguments.sources[0], arguments.destination)
    else:
        sources: Sequence[Path] = arguments.sources
        if arguments.names is not None:
            split = "validation" if arguments.names == "val" else arguments.names
            sources = [scene for root in arguments.sources for scene in cave_scenes(root, split)]
        count = pack_scenes(sources, arguments.destination, opened=arguments.opened, on_message=log)
    log(f"{arguments.destination}: {count} {arguments.kind}")
    return 0
