"""Packed scenes made small, without loss, for travelling: differences along bands and columns, then bzip2."""

from __future__ import annotations

import bz2
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shsrd.training.config import TrainingError
from shsrd.training.data.pack import PackedScene, load_scene, save_scene

SUFFIX = ".scene"
_MAGIC = b"shsrd-scene-1\n"


def compress_scene(pack: Path, target: Path) -> None:
    """Write a packed scene small.

    Values are replaced by their rank among those that occur, since many scenes hold fewer than 16 bits.
    """
    scene = load_scene(pack)
    levels, ranks = np.unique(scene.stored, return_inverse=True)
    places: NDArray[np.int32] = ranks.reshape(scene.stored.shape).astype(np.int32)
    step: NDArray[np.int32] = np.asarray(np.diff(np.diff(places, axis=0, prepend=0), axis=2, prepend=0), np.int32)
    zigzag = ((step << 1) ^ (step >> 31)).astype(np.uint32)
    planes = [(zigzag >> shift & 255).astype(np.uint8).tobytes() for shift in (0, 8, 16)]
    header = {
        "name": scene.name,
        "step": repr(scene.step),
        "shape": scene.stored.shape,
        "levels": len(levels),
        "wavelength_nm": None if scene.wavelength_nm is None else scene.wavelength_nm.tolist(),
    }
    content = [json.dumps(header).encode(), b"\n", levels.astype("<u2").tobytes(), *planes]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(_MAGIC + bz2.compress(b"".join(content), 9))


def expand_scene(file: Path, destination: Path) -> None:
    """Write the packed scene again, bit for bit, into a folder of packs.

    Raises:
        TrainingError: damaged.
    """
    try:
        content = file.read_bytes()
        if not content.startswith(_MAGIC):
            raise ValueError("another kind of file")
        head, _, body = bz2.decompress(content[len(_MAGIC) :]).partition(b"\n")
        header = json.loads(head)
        levels = np.frombuffer(body, "<u2", header["levels"]).astype(np.uint16)
        ranks = _ranks(body[2 * len(levels) :], tuple(header["shape"]))
        known = header["wavelength_nm"]
        wavelengths = None if known is None else np.array(known)
        scene = PackedScene(header["name"], levels[ranks], float(header["step"]), wavelengths)
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError) as error:
        raise TrainingError(f"{file}: not a readable scene ({error}); make it again with `shsrd queue pack`") from None
    save_scene(scene, destination)


def _ranks(planes: bytes, shape: tuple[int, int, int]) -> NDArray[np.int32]:
    low, middle, high = np.frombuffer(planes, np.uint8).reshape(3, *shape).astype(np.uint32)
    zigzag = low | middle << 8 | high << 16
    step = (zigzag >> 1).astype(np.int32) ^ -(zigzag & 1).astype(np.int32)
    return step.cumsum(axis=2, dtype=np.int32).cumsum(axis=0, dtype=np.int32)
