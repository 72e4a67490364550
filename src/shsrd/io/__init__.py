"""File formats: scenes are read and written as a :class:`shsrd.cube.Cube`."""

from typing import TYPE_CHECKING, Any

from shsrd.io.atomic_write import write_json
from shsrd.io.describe import bounds, describe
from shsrd.io.encoding import encode_bands
from shsrd.io.opening import open_cube, open_source
from shsrd.io.targets import WRITABLE_SUFFIXES, check_target
from shsrd.io.writer import Writer, open_writer, save_cube

if TYPE_CHECKING:
    from shsrd.io.lazy_xarray import open_xarray

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
    "open_xarray",
    "save_cube",
    "write_json",
]


def __getattr__(name: str) -> Any:
    """Import xarray when it is used (PEP 562)."""
    if name != "open_xarray":
        raise AttributeError(f"module 'shsrd.io' has no attribute {name!r}")
    from shsrd.io.lazy_xarray import open_xarray

    return open_xarray
