"""Files of named arrays with attributes (HDF5, NetCDF, Zarr): what every reader of one needs to ask."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError
from shsrd.cube import xarray_bridge as labelled

HEADERS = labelled.HEADERS  # also an attribute of whole files
NO_COORDINATE = "This is a netCDF dimension but not a netCDF variable."
_MAX_LIST_LENGTH = 10**6
_MAX_TEXT_LENGTH = 10**6


@dataclass(frozen=True)
class Array:
    """One array of a container, read when asked for.

    Attributes:
        shape: extents.
        dims: names of the axes, None where the container does not say.
        attributes: as plain Python values.
        dtype: of its numbers.
        read_block: gives a block of the numbers, one slice an axis.
        check: raises SceneError where the numbers cannot be read.
        chunks: the block that is stored together, None where all is.
    """

    shape: tuple[int, ...]
    dims: tuple[str | None, ...]
    attributes: Mapping[str, Any]
    dtype: np.dtype[Any]
    read_block: Callable[[tuple[slice, ...]], NDArray[np.generic]] = field(repr=False)
    check: Callable[[], None] = field(repr=False, default=lambda: None)
    chunks: tuple[int, ...] | None = None

    def read(self) -> NDArray[np.generic]:
        """All numbers; for lists, not for scenes.

        Raises:
            SceneError: numbers that cannot be read.
            ValueError: more than a list has.
        """
        self.check()
        if math.prod(self.shape) > _MAX_LIST_LENGTH:
            raise ValueError(f"an array of shape {self.shape} is no list of bands, rows or columns")
        return np.asarray(self.read_block((slice(None),) * len(self.shape)))

    def attribute(self, *names: str) -> Any:
        """The first attribute with one of these names in any spelling (``Scale_Factor``, ``scale factor``), or None."""
        return find_attribute(self.attributes, *names)

    def squeezed(self, axes: Sequence[int]) -> Array:
        """The same array with three axes.

        Args:
            axes: three axes that are kept, ascending; all others have one entry.
        """
        if len(axes) == len(self.shape):
            return self
        part = self.read_block

        def fewer(key: tuple[slice, ...]) -> NDArray[np.generic]:
            whole = [slice(None)] * len(self.shape)
            for axis, wanted in zip(axes, key, strict=True):
                whole[axis] = wanted
            numbers = np.asarray(part(tuple(whole)))
            return numbers.reshape([numbers.shape[axis] for axis in axes])

        return replace(
            self,
            shape=tuple(self.shape[axis] for axis in axes),
            dims=tuple(self.dims[axis] for axis in axes),
            read_block=fewer,
            chunks=None if self.chunks is None else tuple(self.chunks[axis] for axis in axes),
        )


@dataclass(frozen=True)
class Container:
    """A file of arrays, by path without the leading slash, and its own attributes."""

    arrays: Mapping[str, Array]
    attributes: Mapping[str, Any]
    source: str

    def nearest_array(self, scene: str, names: Iterable[str]) -> str | None:
        """The array with one of these last names (any spelling) that shares most of its path with the scene."""
        wanted = {normalize_name(name) for name in names}
        found = [p for p in self.arrays if normalize_name(base_name(p)) in wanted]
        return max(found, key=lambda path: (shared_path(path, scene), -len(path)), default=None)

    def resolve_path(self, given: str) -> str:
        """The full path a person means: exact, or the end of exactly one path; else the text itself."""
        plain = given.strip("/")
        ending = [path for path in self.arrays if path == plain or path.endswith("/" + plain)]
        exact = [path for path in ending if path == plain]
        return exact[0] if exact else ending[0] if len(ending) == 1 else plain

    def related_array(self, scene: str, name: str) -> str | None:
        """The array that a name in an attribute of the scene means: in its group, one above, or the only one."""
        plain = name.strip("/")
        parents = scene.split("/")[:-1]
        for depth in range(len(parents), -1, -1):
            path = "/".join([*parents[:depth], plain])
            if path in self.arrays:
                return path
        path = self.resolve_path(plain)
        return path if path in self.arrays else None


def base_name(path: str | None) -> str:
    """The last part of a path in lower case."""
    return (path or "").rpartition("/")[2].lower()


def shared_path(first: str, second: str) -> int:
    """Number of leading groups that two paths share."""
    pairs = zip(first.split("/"), second.split("/"), strict=False)
    count = 0
    for a, b in pairs:
        if a != b:
            break
        count += 1
    return count


def normalize_name(name: str) -> str:
    """A name without case, blanks and signs: ``Data Ignore Value`` and ``data_ignore_value`` are the same."""
    return "".join(c for c in name.lower() if c.isalnum())


def find_attribute(attributes: Mapping[str, Any], *names: str) -> Any:
    """The first attribute with one of these names: as written, else in any spelling; None where there is none."""
    for name in names:
        if name in attributes:
            return attributes[name]
    spelled = {normalize_name(key): key for key in reversed(list(attributes))}
    return next((attributes[spelled[normalize_name(name)]] for name in names if normalize_name(name) in spelled), None)


def parse_numbers(value: Any) -> list[float]:
    """All numbers of an attribute: a number, a vector, or text with blanks, commas or braces between; else nothing."""
    if value is None:
        return []
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        value = value[:_MAX_TEXT_LENGTH].replace(",", " ").replace(";", " ").strip("{}[]() ").split()
    try:
        return [float(number) for number in np.ravel(np.asarray(value)).tolist()]
    except (TypeError, ValueError, OverflowError):
        return []


def text_of(values: NDArray[np.generic]) -> str:
    """The first entry of an array as text."""
    if np.size(values) == 0:
        raise SceneError("an empty array is no text; give a file with one")
    first = np.asarray(values).ravel()[0]
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)


def plain_text(value: Any) -> str | None:
    """An attribute as text; None where it is empty or no text."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip() or None if isinstance(value, str) else None
