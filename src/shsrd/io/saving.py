"""Saving a scene: the ending of the target decides the format; a result appears only when it is complete."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from shsrd.cube import Cube, SceneError
from shsrd.io.codec import check_storable
from shsrd.io.files import companions

_ENVI = (".hdr", ".img", ".bsq", ".dat")
WRITABLE_SUFFIXES = (*_ENVI, ".tif", ".tiff", ".nc", ".mat", ".npz", ".npy")


def save_cube(cube: Cube, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Save a scene: ``.hdr``/``.img``/``.bsq``/``.dat`` (ENVI), ``.tif``, ``.nc``, ``.mat``, NumPy.

    Numbers are stored as ``cube.storage`` says; integers are rounded and clipped, NaN becomes no-data.
    ``.npy`` keeps pixels only.

    Args:
        cube: the scene.
        path: where it goes; for ENVI the image or the header, both are written.
        overwrite: replace an existing target.

    Raises:
        SceneError: a target that exists or cannot be written, or numbers that the storage cannot express.
    """
    target = check_target(path, overwrite=overwrite)
    check_storable(cube)
    _writer(target)(cube, target)


def check_target(path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Refuse a target that could not be written, before anything is computed.

    Args:
        path: the file to be written.
        overwrite: whether an existing file may be replaced.

    Returns:
        The path.

    Raises:
        SceneError: unknown ending, missing or unwritable folder, or an existing file.
    """
    target = Path(path)
    if target.suffix.lower() not in WRITABLE_SUFFIXES:
        endings = ", ".join(WRITABLE_SUFFIXES)
        raise SceneError(f"{target}: cannot write files ending in {target.suffix!r}; use one of {endings}")
    if not target.parent.is_dir():
        raise SceneError(f"{target}: the folder {target.parent} does not exist; create it first")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise SceneError(f"{target}: the folder {target.parent} cannot be written; choose another")
    for file in files_of(target):
        if file.is_dir():
            raise SceneError(f"{file}: this is a folder; give the name of a file in it")
        if file.exists() and not overwrite:
            raise SceneError(f"{file}: exists already; choose another name or allow overwriting")
    return target


def files_of(target: Path) -> tuple[Path, ...]:
    """Every file that saving to ``target`` writes or replaces."""
    from shsrd.io.envi_write import envi_pair

    written = envi_pair(target) if target.suffix.lower() in _ENVI else (target,)
    return (*written, *(companion for file in written for companion in companions(file)))


def _writer(target: Path) -> Callable[[Cube, Path], None]:
    from shsrd.io.envi_write import write_envi
    from shsrd.io.geotiff_write import write_geotiff
    from shsrd.io.matlab import write_matlab
    from shsrd.io.netcdf_write import write_netcdf
    from shsrd.io.numpy_files import write_npy, write_npz

    suffix = target.suffix.lower()
    if suffix in _ENVI:
        return write_envi
    if suffix in (".tif", ".tiff"):
        return write_geotiff
    return {".nc": write_netcdf, ".mat": write_matlab, ".npz": write_npz, ".npy": write_npy}[suffix]
