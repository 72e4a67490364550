"""Hyperspectral scenes: frozen values of pixels and metadata."""

from shsrd.cube.cube import Cube
from shsrd.cube.detectors import detector_groups
from shsrd.cube.errors import InputError, SceneError
from shsrd.cube.geolocation import GeographicLookupTable, Geolocation
from shsrd.cube.georeferencing import ControlPoints, RationalPolynomials
from shsrd.cube.metadata import SceneMetadata, Storage
from shsrd.cube.nodata import fill_nodata, varying_bands
from shsrd.cube.source import MemorySource, Source, read_cube, row_chunks

__all__ = [
    "ControlPoints",
    "Cube",
    "GeographicLookupTable",
    "Geolocation",
    "InputError",
    "MemorySource",
    "RationalPolynomials",
    "SceneError",
    "SceneMetadata",
    "Source",
    "Storage",
    "detector_groups",
    "fill_nodata",
    "read_cube",
    "row_chunks",
    "varying_bands",
]
