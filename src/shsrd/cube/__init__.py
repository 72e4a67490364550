"""What a hyperspectral scene is: one frozen value that carries pixels and everything known about them."""

from shsrd.cube.cube import Cube
from shsrd.cube.detectors import parts_of
from shsrd.cube.errors import InputError, SceneError
from shsrd.cube.geolocation import Geolocation, Lookup
from shsrd.cube.georeferencing import ControlPoints, RationalPolynomials
from shsrd.cube.metadata import Facts, Storage
from shsrd.cube.nodata import fill_nodata, varying_bands
from shsrd.cube.source import MemorySource, Source, read_whole, stripes

__all__ = [
    "ControlPoints",
    "Cube",
    "Facts",
    "Geolocation",
    "InputError",
    "Lookup",
    "MemorySource",
    "RationalPolynomials",
    "SceneError",
    "Source",
    "Storage",
    "fill_nodata",
    "parts_of",
    "read_whole",
    "stripes",
    "varying_bands",
]
