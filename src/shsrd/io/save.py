"""Saving a scene that is in memory: the same files as the writer makes piece by piece."""

from __future__ import annotations

import os

from shsrd.cube import Cube
from shsrd.io.block_buffer import SIDE
from shsrd.io.compression import Compression
from shsrd.io.encoding import check_storable
from shsrd.io.writer import open_writer


def save_cube(
    cube: Cube,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    cog: bool = False,
    compress: Compression | None = None,
) -> None:
    """Save a scene: ``.hdr``/``.img``/``.bsq``/``.dat`` (ENVI), ``.tif``, ``.nc``, ``.zarr``, ``.mat``, NumPy.

    Numbers are stored as ``cube.storage`` says; integers are rounded and clipped, NaN becomes no-data.
    ``.npy`` keeps pixels only.

    Args:
        cube: the scene.
        path: where it goes; for ENVI the image or the header, both are written.
        overwrite: replace an existing target.
        cog: make a ``.tif`` cloud optimised: readers behind a network fetch only what they show.
        compress: how a ``.tif`` is compressed: ``deflate`` (also by default), ``zstd`` or ``none``.

    Raises:
        SceneError: a target that exists or cannot be written, or numbers that the storage cannot express.
    """
    check_storable(cube)
    _, rows, columns = cube.shape
    with open_writer(path, cube.metadata, overwrite=overwrite, cog=cog, compress=compress) as writer:
        for row in range(0, rows, SIDE):
            for column in range(0, columns, SIDE):
                writer.write(cube.pixels[:, row : row + SIDE, column : column + SIDE], row, column)
