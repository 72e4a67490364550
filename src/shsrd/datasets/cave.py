"""The CAVE scenes and the one split everybody uses."""

from pathlib import Path
from typing import Literal, get_args

from shsrd.cube import SceneError

Split = Literal["train", "validation", "development", "test"]

CAVE_SCENES = (
    "balloons_ms",
    "beads_ms",
    "cd_ms",
    "chart_and_stuffed_toy_ms",
    "clay_ms",
    "cloth_ms",
    "egyptian_statue_ms",
    "face_ms",
    "fake_and_real_beers_ms",
    "fake_and_real_food_ms",
    "fake_and_real_lemon_slices_ms",
    "fake_and_real_lemons_ms",
    "fake_and_real_peppers_ms",
    "fake_and_real_strawberries_ms",
    "fake_and_real_sushi_ms",
    "fake_and_real_tomatoes_ms",
    "feathers_ms",
    "flowers_ms",
    "glass_tiles_ms",
    "hairs_ms",
    "jelly_beans_ms",
    "oil_painting_ms",
    "paints_ms",
    "photo_and_face_ms",
    "pompoms_ms",
    "real_and_fake_apples_ms",
    "real_and_fake_peppers_ms",
    "sponges_ms",
    "stuffed_toys_ms",
    "superballs_ms",
    "thread_spools_ms",
    "watercolors_ms",
)
TRAINING_COUNT = 20
VALIDATION_SCENES = ("cloth_ms", "feathers_ms", "flowers_ms", "hairs_ms")


def cave_names(split: Split) -> tuple[str, ...]:
    """Scene names of a split, sorted.

    Args:
        split: ``development`` is the field's training set (first 20 by name), of which ``validation`` holds
            4 and ``train`` the other 16; ``test`` is the last 12.

    Raises:
        SceneError: no such split.
    """
    development = CAVE_SCENES[:TRAINING_COUNT]
    match split:
        case "development":
            return development
        case "validation":
            return VALIDATION_SCENES
        case "train":
            return tuple(name for name in development if name not in VALIDATION_SCENES)
        case "test":
            return CAVE_SCENES[TRAINING_COUNT:]
    raise SceneError(f"CAVE has no split {split!r}; choose one of {', '.join(get_args(Split))}")


def cave_scenes(root: Path, split: Split) -> list[Path]:
    """Folders with the band images of a split's scenes, ready for ``shsrd.io.open_cube``.

    Args:
        root: folder of the archive, nested (``x_ms/x_ms/*.png``, as published) or flat (``x_ms/*.png``).
        split: see ``cave_names``.

    Returns:
        One folder a scene, in the order of ``cave_names``.

    Raises:
        SceneError: scenes are missing; the message names them.
    """
    found = {name: _bands_folder(Path(root), name) for name in cave_names(split)}
    missing = [name for name, folder in found.items() if folder is None]
    if missing:
        raise SceneError(
            f"{root}: {len(missing)} of {len(found)} CAVE {split} scenes have no band images here: "
            f"{', '.join(missing)}; give the folder that holds the x_ms folders"
        )
    return [folder for folder in found.values() if folder is not None]


def _bands_folder(root: Path, name: str) -> Path | None:
    """The folder of a scene that holds its band images, nested or flat."""
    for folder in (root / name / name, root / name):
        if folder.is_dir() and any(folder.glob(f"{name}_*.png")):
            return folder
    return None
