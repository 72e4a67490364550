"""Accessor ``DataArray.shsrd``, registered by ``import shsrd.accessor``."""

from __future__ import annotations

from typing import Any

import xarray

from shsrd.cube import Cube


@xarray.register_dataarray_accessor("shsrd")  # type: ignore[no-untyped-call]
class ShsrdAccessor:
    """Super-resolution of a hyperspectral ``DataArray`` with one spectral and two spatial dimensions."""

    def __init__(self, array: xarray.DataArray) -> None:
        self._array = array

    def upscale(self, scale: int = 4, **options: Any) -> xarray.DataArray:
        """Super-resolved array with the same dimensions, name and coordinates on the finer grid.

        Args:
            scale: factor.
            options: fields of :class:`shsrd.UpscaleOptions`; with ``uncertainty=True`` the standard deviation comes
                as coordinate ``std``.

        Raises:
            shsrd.SceneError: see :func:`shsrd.upscale`.
            pydantic.ValidationError: an option that does not exist, or a value out of range.
        """
        from shsrd.upscaling import UpscaleOptions, upscale

        found = upscale(self._array, scale, options=UpscaleOptions(**options))
        result: xarray.DataArray = found.result
        return result if found.std is None else result.assign_coords(std=(result.dims, found.std.data))

    def to_cube(self) -> Cube:
        """The array as a :class:`shsrd.Cube`, see :meth:`shsrd.Cube.from_xarray`."""
        return Cube.from_xarray(self._array)
