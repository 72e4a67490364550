"""A case by its name, such as ``neon:17``: which seed, which damage, always the same for the same start number."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from hostile import binaries, texts
from hostile.damage import spoil
from hostile.seeds import Seed
from hostile.target import Target

START = 20261124
_KNOWING: Mapping[str, Callable[[Target], str]] = {
    "envi": texts.envi,
    "xml": texts.xml,
    "zarr": texts.zarr,
    "npy": texts.npy,
    "npz": texts.npz,
    "weights": texts.weights,
    "cave": texts.png,
    "mat5": texts.mat5,
    "tiff": binaries.tiff,
    "hdf5": binaries.hdf5,
    "netcdf3": binaries.netcdf3,
}


def names(seeds: list[Seed], total: int) -> list[str]:
    """``total`` cases, seed after seed, so that any first part has some of each."""

    rounds = -(-total // len(seeds)) if seeds else 0
    return [f"{seed.name}:{number}" for number in range(rounds) for seed in seeds][:total]


def prepare(name: str, seed: Seed, whole: Path, folder: Path, bait: Path, start: int = START) -> tuple[Target, str]:
    """Copy a seed and spoil the copy.

    Args:
        name: of the case.
        seed: of the case.
        whole: the folder of all seeds.
        folder: an empty folder for the copy.
        bait: what must not be opened.
        start: other numbers give other damage.

    Returns:
        The spoiled files, and what was done to them.
    """
    shutil.copytree(whole / seed.name, folder, dirs_exist_ok=True)
    dice = random.Random(f"{start}/{name}")
    target = Target(folder, folder / seed.opens, bait, dice)
    told = []
    if dice.random() < 0.55:
        try:
            told.append(_KNOWING[seed.kind](target))
        except (UnicodeError, ValueError, OSError, TypeError, OverflowError, RuntimeError) as error:
            told.append(f"no {seed.kind} damage ({type(error).__name__})")  # a value the writing library refuses
    if not told or dice.random() < 0.15:
        for _ in range(dice.choice((1, 1, 2, 3))):
            files = target.files()
            headers = [p for p in files if p.suffix in (".hdr", ".XML", ".xml") or p.name.startswith((".z", "zarr"))]
            path = dice.choice(headers) if headers and dice.random() < 0.5 else dice.choice(files)
            data, way = spoil(path.read_bytes(), dice)
            path.write_bytes(data)
            told.append(f"{way} {path.name}")
    return target, ", ".join(told)
