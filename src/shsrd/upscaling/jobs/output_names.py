"""Names of outputs: predictable, never two alike, never an input's."""

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

    Where scenes of different folders have one stem, the folder's name stands before it (``flight1-scene_x4.tif``), and
    that of the folder above, as far as it takes to tell them apart. The names depend on the scenes alone.

    Args:
        scenes: all scenes that go into the folder.
        folder: where outputs go.
        scale: factor.
        suffix: ending of the outputs, with or without a dot.

    Raises:
        SceneError: a format that cannot be written, or names that cannot be told apart.
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
    while twice := _twice(stems):
        if not any(above[number] for number in twice):
            first, second = (scenes[number].path for number in twice[:2])
            raise SceneError(f"{first} and {second} would have the same name; put their outputs into different folders")
        for number in twice:
            if above[number]:
                stems[number] = f"{above[number].pop()}-{stems[number]}"
    return stems


def _twice(stems: Sequence[str]) -> list[int]:
    """Numbers of the first name that occurs again; capitals make no difference on some disks."""
    plain = [stem.casefold() for stem in stems]
    name = next((name for name, count in Counter(plain).items() if count > 1), None)
    return [number for number, other in enumerate(plain) if other == name] if name is not None else []


def uncertainty_path(target: Path) -> Path:
    """Where the uncertainty of an output goes."""
    return target.with_name(f"{target.stem}_uncertainty{target.suffix}")


def check_apart(sources: Sequence[Path], targets: Sequence[Path]) -> None:
    """Refuse outputs that would replace any of the inputs.

    Args:
        sources: files of all inputs.
        targets: all outputs.

    Raises:
        SceneError: naming the output.
    """
    read = file_identities(sources)
    for target in targets:
        if file_identities(files_of(target)) & read:
            raise SceneError(f"{target}: one of the sources has this name; choose another folder for the outputs")
