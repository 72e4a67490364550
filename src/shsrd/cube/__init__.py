"""What a hyperspectral scene is: one frozen value that carries pixels and everything known about them."""

from shsrd.cube.cube import Cube, Storage
from shsrd.cube.errors import InputError, SceneError
from shsrd.cube.nodata import fill_nodata

__all__ = ["Cube", "InputError", "SceneError", "Storage", "fill_nodata"]
