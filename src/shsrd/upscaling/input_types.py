"""Conversion of the scenes that ``upscale`` takes to cubes, and of its results back to the type of the input."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from shsrd.cube import Cube, SceneError
from shsrd.io import open_cube
from shsrd.io.container.axes import checked_axes, infer_band_axis

if TYPE_CHECKING:
    import xarray

_KINDS = "a shsrd.Cube, a numpy array or torch tensor (band, y, x), an xarray DataArray, or the path of a file"


def as_cube(
    given: Any, axes: str | None = None, wavelengths: ArrayLike | None = None
) -> tuple[Cube, Callable[[Cube], Any]]:
    """Cube of a scene of any type, and the function that turns a cube into that type.

    Args:
        given: a cube, an array, a tensor, an xarray object, or a path.
        axes: order of the axes of an array, or of the array in a file that does not tell.
        wavelengths: ``(B,)`` band centres in nanometres of an array or tensor.

    Returns:
        The cube, and a function; a path's is a cube.

    Raises:
        SceneError: something else, an array whose axes cannot be told, or wavelengths of a scene that has its own.
    """
    if isinstance(given, torch.Tensor):
        cube, back = as_cube(given.detach().cpu().numpy(), axes, wavelengths)
        return cube, lambda result: torch.from_numpy(np.ascontiguousarray(back(result))).to(given.device)
    if wavelengths is not None and not isinstance(given, np.ndarray):
        raise SceneError("wavelengths are given for arrays only; a cube, an xarray object or a file has its own")
    if isinstance(given, Cube):
        return given, lambda cube: cube
    if isinstance(given, str | os.PathLike):
        return open_cube(Path(given), axes=axes), lambda cube: cube
    if isinstance(given, np.ndarray):
        letters = _axes_of(given, axes)
        dtype, order = given.dtype, [letters.index(letter) for letter in "byx"]
        nanometres = None if wavelengths is None else np.asarray(wavelengths, np.float64)
        cube = Cube(given.transpose(order), wavelength_nm=nanometres)
        return cube, lambda cube: _array_of(cube, letters, dtype)
    if _is_xarray(given, "Dataset"):
        given = _scene_variable(given)
    if _is_xarray(given, "DataArray"):
        return Cube.from_xarray(given), lambda cube: _restore_dims(cube.to_xarray(), given)
    raise SceneError(f"{type(given).__module__}.{type(given).__name__} is no scene; pass {_KINDS}")


def _is_xarray(given: Any, name: str) -> bool:
    """Return True for one of xarray's types, without importing xarray."""
    return any(kind.__module__.partition(".")[0] == "xarray" and kind.__name__ == name for kind in type(given).__mro__)


def _axes_of(array: np.ndarray[Any, Any], axes: str | None) -> str:
    """The order that was said, else (band, y, x) if the shape does not speak against it."""
    if array.ndim != 3:
        raise SceneError(f"the array has {array.ndim} axes, a scene has three (band, y, x); pass all bands")
    if axes is not None:
        return checked_axes(axes.lower(), source="array")
    if infer_band_axis(array.shape) not in (None, 0):
        size = " x ".join(map(str, array.shape))
        raise SceneError(f"an array of {size} does not look like bands x rows x columns; pass axes='yxb' or 'byx'")
    return "byx"


def _array_of(cube: Cube, letters: str, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Pixels in the order and, for floating point, the type of the array that was given."""
    pixels = cube.pixels.transpose(["byx".index(letter) for letter in letters])
    return pixels.astype(dtype) if dtype.kind == "f" else pixels


def _restore_dims(result: xarray.DataArray, given: xarray.DataArray) -> xarray.DataArray:
    """The result with the name and the dimensions of what was given, in their order."""
    from shsrd.cube.xarray_bridge import axes_of

    for own, name in zip(("band", "y", "x"), axes_of(given), strict=True):
        if own != name and name in result.coords:  # wavelengths are the dimension then
            result = result.swap_dims({own: name}).drop_vars(own, errors="ignore")
        elif own != name:
            result = result.rename({own: name})
    return result.transpose(*given.dims).rename(given.name)


def _scene_variable(dataset: xarray.Dataset) -> xarray.DataArray:
    """The one variable of a dataset that is a scene."""
    scenes = [str(name) for name, variable in dataset.data_vars.items() if variable.ndim == 3]
    if len(scenes) != 1:
        found = ", ".join(scenes) or "none with three dimensions"
        raise SceneError(f"the Dataset has no variable that alone could be the scene ({found}); pass dataset['NAME']")
    return dataset[scenes[0]]
