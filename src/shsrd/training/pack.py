"""Packed data folders: decoded once, read by training with nothing but numpy and safetensors."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from shsrd.training.config import TrainingError

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".avif", ".webp", ".bmp", ".tif"}
PHOTO_PACK = "photos.safetensors"
STEPS = 65535  # scenes are packed as uint16 fractions of their largest value


@dataclass(frozen=True)
class PackedScene:
    """One hyperspectral scene as training sees it: no holes, no bad bands.

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


def pack_photos(source: Path, destination: Path) -> int:
    """Decode every photo below ``source`` into ``destination``; returns how many there are."""
    from PIL import Image

    files = sorted(p for p in source.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES)
    if not files:
        raise TrainingError(f"{source}: no photos ({', '.join(sorted(PHOTO_SUFFIXES))}) found; check the folder")
    photos = {}
    for file in files:
        with Image.open(file) as image:
            pixels = np.asarray(image.convert("RGB"))
        photos[file.relative_to(source).as_posix()] = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    destination.mkdir(parents=True, exist_ok=True)
    _save(photos, destination / PHOTO_PACK, {})
    return len(photos)


def pack_scene(name: str, cube: object, destination: Path) -> Path:
    """Pack one ``shsrd.Cube``: usable bands only, holes filled with the nearest valid pixel, zero and up."""
    from shsrd.cube import Cube, fill_nodata

    assert isinstance(cube, Cube)
    usable = cube.usable_bands
    pixels = np.maximum(fill_nodata(cube.pixels[usable]), 0)
    step = float(pixels.max()) / STEPS
    if step == 0:
        raise TrainingError(f"{cube.source}: the scene is zero everywhere; leave it out")
    header = {"step": repr(step), "name": name}
    if cube.wavelength_nm is not None:
        header["wavelength_nm"] = json.dumps(cube.wavelength_nm[usable].tolist())
    destination.mkdir(parents=True, exist_ok=True)
    target = destination / f"{name}.safetensors"
    _save({"stored": np.rint(pixels / step).astype(np.uint16)}, target, header)
    return target


def _save(arrays: dict[str, NDArray[Any]], target: Path, header: dict[str, str]) -> None:
    """A pack appears under its name only when complete."""
    partial = target.with_name(target.name + ".part")
    save_file(arrays, partial, metadata=header)
    partial.replace(target)


def load_photos(folder: Path) -> list[NDArray[np.uint8]]:
    """All photos ``(3, y, x)`` of a packed folder, in the order of their names."""
    path = _existing(folder / PHOTO_PACK)
    with _opened(path) as pack:
        return [pack.get_tensor(name) for name in sorted(pack.keys())]


def load_scenes(folder: Path) -> list[PackedScene]:
    """All scenes of a packed folder, in the order of their names."""
    return [_load_scene(file) for file in _scene_files(folder)]


def scene_names(folder: Path) -> list[str]:
    """Names of the scenes of a packed folder."""
    return [file.stem for file in _scene_files(folder)]


def _scene_files(folder: Path) -> list[Path]:
    files = sorted(p for p in folder.glob("*.safetensors") if p.name != PHOTO_PACK)
    if not files:
        raise TrainingError(f"{folder}: no packed scenes found; make them with `shsrd pack scenes`")
    return files


def _load_scene(file: Path) -> PackedScene:
    with _opened(file) as pack:
        header = pack.metadata()
        wavelengths = header.get("wavelength_nm")
        return PackedScene(
            name=header["name"],
            stored=pack.get_tensor("stored"),
            step=float(header["step"]),
            wavelength_nm=None if wavelengths is None else np.array(json.loads(wavelengths)),
        )


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, "numpy")
    except (SafetensorError, OSError):
        raise TrainingError(f"{path}: not a readable pack; make it again with `shsrd pack`") from None


def _existing(path: Path) -> Path:
    if not path.exists():
        raise TrainingError(f"{path} is missing; make it with `shsrd pack photos`")
    return path


def pack_scenes(sources: Iterable[Path], destination: Path) -> int:
    """Open and pack scene files or CAVE folders; returns how many there are."""
    from shsrd.io import open_cube

    count = 0
    for source in sources:
        pack_scene(source.stem, open_cube(source), destination)
        count += 1
    return count
