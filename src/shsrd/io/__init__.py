"""Files: the only room that knows formats; a scene goes in and comes out as a :class:`shsrd.cube.Cube`."""

from shsrd.io.codec import encode_bands
from shsrd.io.describe import bounds, describe
from shsrd.io.files import write_json
from shsrd.io.opening import open_cube, open_source
from shsrd.io.saving import save_cube
from shsrd.io.targets import WRITABLE_SUFFIXES, check_target
from shsrd.io.writer import Writer, open_writer

__all__ = [
    "WRITABLE_SUFFIXES",
    "Writer",
    "bounds",
    "check_target",
    "describe",
    "encode_bands",
    "open_cube",
    "open_source",
    "open_writer",
    "save_cube",
    "write_json",
]
