"""Packed data folders: decoded once, read by training with nothing but numpy and safetensors."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from shsrd.cube import Cube
from shsrd.model.tensor_files import replacing
from shsrd.training.config import TrainingError
from shsrd.training.data.cleaning import STEPS, clean_scene

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".avif", ".webp", ".bmp", ".tif"}
PHOTO_PACK = "photos.safetensors"


@dataclass(frozen=True)
class PackedScene:
    """One hyperspectral scene as training sees it: no holes, no bad bands, none that is constant.

    Attributes:
        name: of the scene.
        stored: uint16 ``(band, y, x)``; pixel = stored * step.
        step: pixel value of one count.
        wavelength_nm: ``(band,)`` or None.
    """

    name: str
    stored: NDArray[np.uint16]
    step: float
    wavelength_nm: NDArray[np.float64] | None

    def pixels(self, scale: int) -> NDArray[np.float32]:
        """Pixel values, cropped at the lower right to a multiple of ``scale``."""
        rows, columns = (size // scale * scale for size in self.stored.shape[1:])
        return self.stored[:, :rows, :columns].astype(np.float32) * np.float32(self.step)


def photo_files(source: Path) -> dict[str, Path]:
    """Every photo below a folder, by its relative path with forward slashes."""
    files = sorted(p for p in source.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES)
    return {file.relative_to(source).as_posix(): file for file in files}


def pack_photos(source: Path, destination: Path) -> int:
    """Decode every photo below ``source`` into ``destination``; returns how many there are."""
    files = photo_files(source)
    if not files:
        raise TrainingError(f"{source}: no photos ({', '.join(sorted(PHOTO_SUFFIXES))}) found; check the folder")
    return pack_photo_files(files, destination)


def pack_photo_files(files: Mapping[str, Path], destination: Path) -> int:
    """Decode photos, given by the name that they get in the pack; returns how many there are."""
    with ThreadPoolExecutor() as pool:  # decoders let go of the interpreter
        photos = dict(zip(files, pool.map(_decoded, files.values()), strict=True))
    _save(photos, destination / PHOTO_PACK, {})
    return len(photos)


def _decoded(file: Path) -> NDArray[np.uint8]:
    """A photo as ``(3, y, x)``."""
    from PIL import Image

    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB"))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def pack_scene(name: str, cube: Cube, destination: Path) -> tuple[str, ...]:
    """Pack one scene: usable bands that vary, holes filled with the nearest valid pixel, zero and up.

    Returns:
        What was left out or changed, one sentence each.

    Raises:
        TrainingError: nothing is left of the scene.
    """
    found = clean_scene(cube)
    step = float(found.pixels.max()) / STEPS
    stored = np.rint(found.pixels / step).astype(np.uint16)
    wavelengths = None if cube.wavelength_nm is None else cube.wavelength_nm[found.bands]
    save_scene(PackedScene(name, stored, step, wavelengths), destination)
    return found.notes


def save_scene(scene: PackedScene, destination: Path) -> None:
    """Write a packed scene into a folder, under its name."""
    header = {"step": repr(scene.step), "name": scene.name}
    if scene.wavelength_nm is not None:
        header["wavelength_nm"] = json.dumps(scene.wavelength_nm.tolist())
    _save({"stored": scene.stored}, destination / f"{scene.name}.safetensors", header)


def _save(arrays: dict[str, NDArray[Any]], target: Path, header: dict[str, str]) -> None:
    """A pack appears under its name only when complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as partial:
        save_file(arrays, partial, metadata=header)


def load_photos(folder: Path) -> list[NDArray[np.uint8]]:
    """All photos ``(3, y, x)`` of a packed folder, in the order of their names."""
    path = _existing(folder / PHOTO_PACK)
    with _opened(path) as pack:
        return [pack.get_tensor(name) for name in sorted(pack.keys())]


def load_scenes(folder: Path) -> list[PackedScene]:
    """All scenes of a packed folder, in the order of their names."""
    return [load_scene(file) for file in _scene_files(folder)]


def scene_names(folder: Path) -> list[str]:
    """Names of the scenes of a packed folder."""
    return [file.stem for file in _scene_files(folder)]


def _scene_files(folder: Path) -> list[Path]:
    files = sorted(p for p in folder.glob("*.safetensors") if p.name != PHOTO_PACK)
    if not files:
        raise TrainingError(f"{folder}: no packed scenes found; make them with `shsrd prepare-data scenes`")
    return files


def load_scene(file: Path) -> PackedScene:
    """A scene without bands that are constant, which packs of before this rule may hold."""
    with _opened(file) as pack:
        header = pack.metadata()
        stored = pack.get_tensor("stored")
        wavelengths = header.get("wavelength_nm")
        known = None if wavelengths is None else np.array(json.loads(wavelengths))
        name, step = header["name"], float(header["step"])
    varying = np.ptp(stored, axis=(1, 2)) > 0
    if not varying.any():
        raise TrainingError(f"{file}: every band is constant; leave the scene out")
    if not varying.all():
        stored, known = stored[varying], None if known is None else known[varying]
        _warn_once(
            f"{file}: {np.count_nonzero(~varying)} constant bands left out; "
            "`shsrd prepare-data` no longer packs such bands."
        )
    return PackedScene(name, stored, step, known)


@cache
def _warn_once(sentence: str) -> None:
    """Say something once, however often a pack is read."""
    logging.getLogger(__name__).warning(sentence)


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, "numpy")
    except (SafetensorError, OSError):
        raise TrainingError(f"{path}: not a readable pack; make it again with `shsrd prepare-data`") from None


def _existing(path: Path) -> Path:
    if not path.exists():
        raise TrainingError(f"{path} is missing; make it with `shsrd prepare-data photos`")
    return path


def pack_scenes(
    sources: Sequence[Path],
    destination: Path,
    *,
    opened: Callable[[Path], Cube] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> int:
    """Open and pack scene files or CAVE folders; returns how many there are.

    Args:
        sources: scenes; each is packed under its own name.
        destination: folder to write.
        opened: opens a scene; ``open_cube`` where it is left out.
        on_message: gets one sentence for everything that is left out of a scene, with the scene's name in front.

    Raises:
        TrainingError: two scenes of one name, or one of which nothing is left.
    """
    from shsrd.io import open_cube

    names: dict[str, Path] = {}
    for source in sources:
        before = names.setdefault(source.stem, source)
        if before != source:
            raise TrainingError(f"{before} and {source} would have one name, {source.stem!r}; rename one of them")
    for name, source in names.items():
        for note in pack_scene(name, (opened or open_cube)(source), destination):
            if on_message is not None:
                on_message(f"{name}: {note}")
    return len(names)
