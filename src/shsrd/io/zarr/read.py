"""Zarr stores, versions 2 and 3, as containers of arrays that are read block by block."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from shsrd.cube import SceneError
from shsrd.io.container.geolocation_reader import with_geolocation
from shsrd.io.container.group import Array, Container
from shsrd.io.container.scene_array import source_from_container
from shsrd.io.file_checks import MAX_COMPRESSION_RATIO
from shsrd.io.sources import StoredSource

_METADATA = (".zarray", "zarr.json")
_DENSE = 40 * MAX_COMPRESSION_RATIO  # zstd shrinks constant blocks that far
_SPARSE = 2**30  # bytes a store may promise whatever it holds: chunks without data have no file
_CHUNKS, _SMALL_CHUNK = 100_000, 4096  # more pieces than this must have more bytes than this
_COMPRESSORS = {"blosc", "zstd", "gzip", "zlib", "bz2", "lz4", "lzma"}
_CODECS = {  # what only turns bytes into numbers; a store may also name codecs that run code (pickle)
    *_COMPRESSORS,
    *("shuffle", "delta", "fixedscaleoffset", "quantize"),
    *("bitround", "packbits", "astype", "crc32", "crc32c", "adler32", "fletcher32", "vlen-utf8", "vlen-bytes"),
    *("bytes", "transpose", "sharding_indexed", "default", "v2"),
}


def open_zarr(
    folder: Path, *, variable: str | None, wavelengths: str | None, axes: str | None
) -> tuple[StoredSource, Path]:
    """Open a scene in a Zarr store; names and places as in NetCDF.

    Args:
        folder: the store.
        variable: path of the array, where several have three axes.
        wavelengths: path of the list of wavelengths, where its name is none of the usual ones.
        axes: order of the axes, where the store does not name them.

    Returns:
        The scene, and the file that describes its array.

    Raises:
        SceneError: no scene, several scenes, codecs that are not read, or contents that contradict each other.
    """
    import zarr

    from shsrd.io.zarr.chunks import SizeCheckedStore

    # a folder whatever its name looks like; consolidated metadata may list arrays that lie elsewhere
    store = SizeCheckedStore(folder, read_only=True)
    node: Any = zarr.open(store, mode="r", use_consolidated=False)
    single = isinstance(node, zarr.Array)
    members = [(folder.stem, node)] if single else list(_arrays(node))
    names = {name for name, _ in members}
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    store.limits = {("" if single else f"{name}/"): _packing(item) for name, item in members}
    arrays = {
        name: _array(name, item, names, _Store(folder, size)) for name, item in members if item.dtype.kind in "iufbcSUT"
    }
    container = Container(arrays, {} if single else dict(node.attrs.asdict()), str(folder))
    source = source_from_container(container, dataset=variable, wavelengths=wavelengths, axes=axes)
    node_folder = (
        folder if single or source.name not in arrays else folder / source.name
    )  # bands may be arrays: the group
    described = next((node_folder / name for name in (*_METADATA, ".zgroup") if (node_folder / name).is_file()), None)
    if described is None:
        raise SceneError(f"{folder}: {source.name} is not described in the store; copy it again")
    return replace(source, metadata=with_geolocation(source.metadata, container, folder)), described


def _arrays(group: Any) -> Iterator[tuple[str, Any]]:
    import zarr

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of folders that are no arrays; what is missing is said once
        members = sorted(group.members(max_depth=None))
    for name, item in members:
        if isinstance(item, zarr.Array):
            yield name, item


@dataclass(frozen=True)
class _Store:
    """A folder, and the bytes of all its files."""

    folder: Path
    size: int


def _array(name: str, item: Any, names: set[str], store: _Store) -> Array:
    attributes = dict(item.attrs.asdict())
    spoken = attributes.pop("_ARRAY_DIMENSIONS", None) or getattr(item.metadata, "dimension_names", None)
    if "_FillValue" not in attributes and item.metadata.zarr_format == 2 and spoken and item.fill_value is not None:
        attributes["_FillValue"] = item.fill_value  # xarray keeps no-data there in version 2
    if isinstance(attributes.get("_FillValue"), str) and item.dtype.kind in "iuf":
        attributes["_FillValue"] = _fill_value(attributes["_FillValue"], item.dtype)
    dims = tuple(_full(dim, name, names) for dim in spoken or [None] * item.ndim)
    chunks = item.shards or item.chunks
    return Array(
        tuple(item.shape),
        dims if len(dims) == item.ndim else (None,) * item.ndim,
        attributes,
        np.dtype(item.dtype),
        lambda key: np.asarray(item[key]),
        lambda: _check(name, item, store),
        tuple(chunks),
    )


def _full(dim: str | None, name: str, names: set[str]) -> str | None:
    """The path of a coordinate: beside the array, or in a group above it."""
    parents = name.split("/")[:-1]
    for depth in range(len(parents), -1, -1):
        path = "/".join([*parents[:depth], str(dim)])
        if path in names:
            return path
    return dim


def _fill_value(text: str, dtype: np.dtype[Any]) -> float | str:
    """No-data of version 3: a word, a number, or base-64 text of its bytes.

    xarray writes every float type as eight bytes (a little-endian float64), others write the bytes of the type itself.
    """
    import base64
    import binascii

    try:
        return float(text)
    except ValueError:
        pass
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text  # the reader of the attribute says so
    kind = np.dtype("<f8") if dtype.kind == "f" and len(content) == 8 else dtype.newbyteorder("<")
    return float(np.frombuffer(content, kind)[0]) if len(content) == kind.itemsize else text


def _check(name: str, item: Any, store: _Store) -> None:
    """Refuse complex numbers, unknown codecs, and sizes that the stored chunks cannot fill, were they ever so dense."""
    if np.dtype(item.dtype).kind == "c":
        raise SceneError(f"{store.folder}: {name} is complex; give magnitude or reflectance")
    _check_codecs(name, item, store.folder)
    itemsize = np.dtype(item.dtype).itemsize
    chunk = math.prod(item.shards or item.chunks) * itemsize
    inner = math.prod(item.chunks) * itemsize
    claimed = max(math.prod(item.shape) * itemsize, chunk)
    if claimed > max(store.size * _DENSE, _SPARSE):
        raise SceneError(
            f"{store.folder}: {name} promises {claimed} bytes of pixels but the store has only {store.size}; "
            "copy it again"
        )
    if inner < 1 or claimed // inner > max(_CHUNKS, claimed // _SMALL_CHUNK):
        raise SceneError(f"{store.folder}: {name} is cut into pieces of {inner} bytes; store it in larger chunks")


def _check_codecs(name: str, item: Any, folder: Path) -> None:
    used = _codecs(item)
    foreign = sorted({*used} - _CODECS)
    if foreign:
        raise SceneError(
            f"{folder}: {name} is stored with {', '.join(foreign)}, which is not read; store it with zstd or blosc"
        )

    if sum(codec in _COMPRESSORS for codec in used) > 1:
        raise SceneError(f"{folder}: {name} is packed more than once ({', '.join(used)}); store it with one method")


def _codecs(item: Any) -> list[str]:
    metadata: Mapping[str, Any] = item.metadata.to_dict()
    return [codec for key in ("codecs", "filters", "compressor") for codec in _codec_names(metadata.get(key))]


def _packing(item: Any) -> tuple[str, int]:
    """Compressor of a value, and the bytes of a whole chunk; a shard is not compressed, only its chunks are."""
    used = _codecs(item)
    method = next((codec for codec in used if codec in _COMPRESSORS and "sharding_indexed" not in used), "")
    return method, math.prod(item.chunks) * np.dtype(item.dtype).itemsize


def _codec_names(value: Any) -> Iterator[str]:
    """Names of codecs, those inside others included."""
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _codec_names(part)
    elif isinstance(value, Mapping):
        name = value.get("id", value.get("name"))
        if isinstance(name, str):
            yield name.removeprefix("numcodecs.")
        configuration = value.get("configuration")
        for key in ("codecs", "index_codecs"):
            yield from _codec_names(configuration.get(key) if isinstance(configuration, Mapping) else None)
