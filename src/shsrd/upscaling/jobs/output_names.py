"""Names of outputs for many scenes: they depend on the scenes alone, and are all different."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from shsrd.cube import SceneError
from shsrd.io import WRITABLE_SUFFIXES
from shsrd.io.scene_discovery import SceneFile
from shsrd.io.targets import file_identities, files_of


def output_paths(scenes: Sequence[SceneFile], folder: Path, *, scale: int, suffix: str) -> list[Path]:
    """``folder/<stem>_x<scale>.<suffix>`` of every scene.

    Equal stems of scenes in different folders get the names of these folders in front (``flight1-scene_x4.tif``), as
    many as are needed to make them different.

    Args:
        scenes: all scenes of a batch.
        folder: of the outputs.
        scale: super-resolution factor.
        suffix: ending of the outputs, with or without a dot.

    Raises:
        SceneError: a format that cannot be written, or two scenes with the same name.
    """
    ending = "." + suffix.lower().removeprefix(".")
    if ending not in WRITABLE_SUFFIXES:
        known = ", ".join(name.removeprefix(".") for name in WRITABLE_SUFFIXES)
        raise SceneError(f"cannot write files ending in {suffix!r}; --suffix takes one of {known}")
    stems = _unique_stems(scenes)
    return [folder / f"{stem}_x{scale}{ending}" for stem in stems]


def _unique_stems(scenes: Sequence[SceneFile]) -> list[str]:
    stems = [scene.stem for scene in scenes]
    above = [list(scene.path.resolve().parent.parts[1:]) for scene in scenes]
    while repeated := _first_repeated(stems):
        if not any(above[number] for number in repeated):
            first, second = (scenes[number].path for number in repeated[:2])
            raise SceneError(f"{first} and {second} would have the same name; put their outputs into different folders")
        for number in repeated:
            if above[number]:
                stems[number] = f"{above[number].pop()}-{stems[number]}"
    return stems


def _first_repeated(stems: Sequence[str]) -> list[int]:
    """Indices of the first name that occurs more than once, regardless of case (some disks ignore it)."""
    plain = [stem.casefold() for stem in stems]
    name = next((name for name, count in Counter(plain).items() if count > 1), None)
    return [number for number, other in enumerate(plain) if other == name] if name is not None else []


def uncertainty_path(target: Path) -> Path:
    """Path of the uncertainty of an output."""
    return target.with_name(f"{target.stem}_uncertainty{target.suffix}")


def check_inputs_kept(sources: Sequence[Path], targets: Sequence[Path]) -> None:
    """Refuse outputs that would replace any of the inputs.

    Args:
        sources: files of all inputs.
        targets: all outputs.

    Raises:
        SceneError: names the output.
    """
    read = file_identities(sources)
    for target in targets:
        if file_identities(files_of(target)) & read:
            raise SceneError(f"{target}: one of the sources has this name; choose another folder for the outputs")
