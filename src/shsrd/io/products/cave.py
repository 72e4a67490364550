"""Reading a CAVE scene: one PNG a band, ``<scene>_ms_01.png`` (400 nm) to ``<scene>_ms_31.png`` (700 nm)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shsrd.cube import Cube, SceneError, Storage
from shsrd.io.encoding import decode
from shsrd.io.file_checks import check_size, read_errors

WAVELENGTH_NM = np.arange(400.0, 701.0, 10.0)
_BAND_FILE = re.compile(r"(?P<scene>[^.].*)_ms_(?P<band>\d{1,3})\.png", re.IGNORECASE)


def is_cave_folder(folder: Path) -> bool:
    """Return True if a folder, or a folder in it, holds band images of a CAVE scene."""
    return bool(_scenes(folder))


def read_cave(folder: Path) -> Cube:
    """Read a scene of the CAVE multispectral database (Yasuma et al., Columbia University).

    Args:
        folder: ``x_ms`` with the PNGs in it or in an inner ``x_ms``; other files are ignored.

    Returns:
        31 bands, 0 to 1: 16-bit values over 65535, 8-bit values over 255 (watercolors, first channel).

    Raises:
        SceneError: no scene, several scenes, missing bands, or bands of different sizes.
    """
    scenes = _scenes(folder)
    if len(scenes) > 1:
        names = ", ".join(sorted(scenes))
        raise SceneError(f"{folder}: holds {len(scenes)} scenes ({names}); give the folder of one of them")
    if not scenes:
        raise SceneError(
            f"{folder}: no scene folder (Zarr, EnMAP or DESIS product), and no band images <scene>_ms_01.png ... "
            "_31.png of CAVE in it; give a scene file"
        )
    files = next(iter(scenes.values()))
    missing = sorted(set(range(1, len(WAVELENGTH_NM) + 1)) ^ set(files))
    if missing:
        raise SceneError(
            f"{folder}: a CAVE scene has bands 01 to {len(WAVELENGTH_NM)}, {_listed(missing)} are missing "
            "or too many; copy the folder again"
        )
    stored = _stack([files[band] for band in sorted(files)], folder)
    storage = Storage(stored.dtype.name, 1 / np.iinfo(stored.dtype.name).max)
    pixels = decode(stored, storage, source=str(folder))
    return Cube(pixels, wavelength_nm=WAVELENGTH_NM, storage=storage, source=str(folder))


def _scenes(folder: Path) -> dict[str, dict[int, Path]]:
    """Band number to file, per scene name, in the folder or one level below."""
    found: dict[str, dict[int, Path]] = {}
    inner = sorted(p for p in folder.iterdir() if p.is_dir() and p.name.lower().endswith("_ms"))
    for directory in (folder, *inner):
        for path in sorted(directory.iterdir()):
            match = _BAND_FILE.fullmatch(path.name)
            if match:
                found.setdefault(match["scene"], {})[int(match["band"])] = path
        if found and directory == folder:
            break
    return found


def _listed(numbers: list[int]) -> str:
    return ", ".join(f"{n:02d}" for n in numbers[:8]) + (" ..." if len(numbers) > 8 else "")


def _stack(paths: list[Path], folder: Path) -> NDArray[np.generic]:
    bands = [_band(path) for path in paths]
    for path, band in zip(paths, bands, strict=True):
        if band.shape != bands[0].shape or band.dtype != bands[0].dtype:
            raise SceneError(
                f"{folder}: {path.name} is {band.shape} {band.dtype} but {paths[0].name} is {bands[0].shape} "
                f"{bands[0].dtype}; copy the folder again"
            )
    return np.stack(bands)


def _band(path: Path) -> NDArray[np.generic]:
    with read_errors(path, "PNG"), Image.open(path, formats=["PNG"]) as image:
        check_size(path, image.width * image.height)
        values = np.asarray(image)
    if values.ndim == 3:
        values = values[..., 0]  # watercolors_ms is RGBA with equal colours
    return values.astype(np.uint8 if values.dtype == np.uint8 else np.uint16)
