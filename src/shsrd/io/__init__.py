"""Files: the only room that knows formats; a scene goes in and comes out as a :class:`shsrd.cube.Cube`."""

from shsrd.io.describe import bounds, describe
from shsrd.io.files import write_json
from shsrd.io.opening import open_cube, open_source
from shsrd.io.saving import WRITABLE_SUFFIXES, check_target, save_cube

__all__ = [
    "WRITABLE_SUFFIXES",
    "bounds",
    "check_target",
    "describe",
    "open_cube",
    "open_source",
    "save_cube",
    "write_json",
]
