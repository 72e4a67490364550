"""Readers of all formats: the format is recognised by the first bytes, a header beside the file, or the folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from shsrd.cube import MemorySource, SceneError, Source
from shsrd.io.envi.header import read_header
from shsrd.io.file_checks import is_tiff, is_zarr_store, read_errors
from shsrd.io.sources import OpenOptions

_MAGIC = {
    b"II*\0": "geotiff", b"MM\0*": "geotiff", b"II+\0": "geotiff", b"MM\0+": "geotiff",
    b"\x89HDF\r\n\x1a\n": "hdf5", b"CDF\x01": "netcdf3", b"CDF\x02": "netcdf3",
    b"\x93NUMPY": "npy", b"PK\x03\x04": "npz", b"PK\x05\x06": "npz",
    b"MATLAB": "matlab",
    b"\x89PNG": "picture", b"\xff\xd8\xff": "picture", b"BM": "picture", b"GIF8": "picture",
    b"\x0e\x03\x13\x01": "hdf4",
}  # fmt: skip


@dataclass(frozen=True)
class OpenedScene:
    """Scene that the reader of a format opened.

    Attributes:
        kind: the format in words.
        data: the file that holds the pixels.
        source: the scene.
    """

    kind: str
    data: Path
    source: Source


def open_scene(path: Path, options: OpenOptions) -> OpenedScene:
    """Open the scene of a file or folder with the reader of its format.

    Raises:
        SceneError: no such file, or no format with a reader.
    """
    if not path.exists():
        raise SceneError(f"{path}: no such file; check the path")
    if path.is_dir():
        return _open_folder(path, options)
    if not path.is_file():
        raise SceneError(f"{path}: this is no ordinary file; give a scene file or the folder of a CAVE scene")
    if path.stat().st_size == 0:
        raise SceneError(f"{path}: the file is empty; copy it again")
    if path.suffix.lower() == ".hdr":
        return _open_header(path, options)
    kind = _recognise(path)
    if kind == "envi":
        return _open_envi(path, options)
    if kind == "xml":
        return _open_product(path, options)
    if kind in _REFUSED:
        raise SceneError(f"{path}: {_REFUSED[kind]}")
    name, read = _READERS[kind]
    with read_errors(path, name):
        return OpenedScene(name, path, read(path, options))


def _recognise(path: Path) -> str:
    """Format by the first bytes; numbers without a signature are ENVI if a header lies beside them."""
    from shsrd.io.envi.read import find_header

    with path.open("rb") as file:
        head = file.read(1024)
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "unknown")
    if kind == "hdf5" or head[512:520] == b"\x89HDF\r\n\x1a\n":
        kind = "hdf5" if not head.startswith(b"MATLAB") else "matlab"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml"):
        return "xml"
    if kind == "geotiff" and not is_tiff(path) and _is_raw(path):
        kind = "unknown"
    if kind not in ("unknown", "picture"):
        return kind
    if path.suffix.lower() == ".mat":
        return "matlab"  # version 4 has no signature
    return "envi" if find_header(path) is not None else kind


def _is_raw(path: Path) -> bool:
    from shsrd.io.envi.read import describes_tiff, find_header

    header = find_header(path)
    return header is not None and not describes_tiff(read_header(header))


def _open_folder(path: Path, options: OpenOptions) -> OpenedScene:
    from shsrd.io.products.cave import read_cave
    from shsrd.io.products.product_xml import metadata_in

    if is_zarr_store(path):
        with read_errors(path, "Zarr"):
            return _open_zarr(path, options)
    metadata = metadata_in(path)
    if metadata is not None:
        return _open_product(metadata, options)
    _refuse_options(path, options)
    return OpenedScene("CAVE folder", path, MemorySource(read_cave(path)))


def _open_zarr(path: Path, options: OpenOptions) -> OpenedScene:
    from shsrd.io.zarr.read import open_zarr

    source, described = open_zarr(path, variable=options.variable, wavelengths=options.wavelengths, axes=options.axes)
    return OpenedScene("Zarr", described, source)


def _open_product(path: Path, options: OpenOptions) -> OpenedScene:
    """The image of an EnMAP or DESIS product, by its XML."""
    from shsrd.io.products.product_xml import image_of

    with read_errors(path, "XML"):
        image = image_of(path, options.variable)
    return open_scene(image, replace(options, variable=None))


def _open_header(path: Path, options: OpenOptions) -> OpenedScene:
    from shsrd.io.envi.read import describes_tiff, find_image, open_envi

    with read_errors(path, "ENVI header"):
        values = read_header(path)
        data = find_image(path, values)
    if describes_tiff(values):
        return open_scene(data, options)
    _refuse_options(path, options)
    with read_errors(data, "ENVI"):
        return OpenedScene("ENVI", data, open_envi(path, data))


def _open_envi(path: Path, options: OpenOptions) -> OpenedScene:
    from shsrd.io.envi.read import find_header, open_envi

    header = find_header(path)
    assert header is not None  # _recognise found it
    _refuse_options(path, options)
    with read_errors(path, "ENVI"):
        return OpenedScene("ENVI", path, open_envi(header, path))


def _refuse_options(path: Path, options: OpenOptions) -> None:
    given = [name for name in ("variable", "wavelengths", "axes") if getattr(options, name) is not None]
    if given:
        listed = ", ".join(f"--{name}" for name in given)
        raise UnusedOptionError(f"{path}: this format has one scene and known axes; leave out {listed}")


class UnusedOptionError(SceneError):
    """Error for an option that the format of the file leaves no choice for."""


def _geotiff(path: Path, options: OpenOptions) -> Source:
    from shsrd.io.geotiff.read import open_geotiff

    _refuse_options(path, options)
    return open_geotiff(path)


def _matlab(path: Path, options: OpenOptions) -> Source:
    from shsrd.io.arrays.matlab import open_matlab

    return open_matlab(path, variable=options.variable, wavelengths=options.wavelengths, axes=options.axes)


def _npz(path: Path, options: OpenOptions) -> Source:
    from shsrd.io.arrays.numpy_files import open_npz

    return open_npz(path, variable=options.variable, wavelengths=options.wavelengths, axes=options.axes)


def _npy(path: Path, options: OpenOptions) -> Source:
    from shsrd.io.arrays.numpy_files import open_npy

    _refuse_options(path, replace(options, axes=None))
    return open_npy(path, axes=options.axes)


def _hdf5(path: Path, options: OpenOptions) -> Source:
    from shsrd.io.hdf5.read import open_hdf5

    return open_hdf5(path, dataset=options.variable, wavelengths=options.wavelengths, axes=options.axes)


def _netcdf3(path: Path, options: OpenOptions) -> Source:
    from shsrd.io.hdf5.read import read_netcdf3

    return MemorySource(
        read_netcdf3(path, dataset=options.variable, wavelengths=options.wavelengths, axes=options.axes)
    )


_READERS: dict[str, tuple[str, Callable[[Path, OpenOptions], Source]]] = {
    "geotiff": ("GeoTIFF", _geotiff),
    "matlab": ("MATLAB", _matlab),
    "hdf5": ("HDF5", _hdf5),
    "netcdf3": ("NetCDF", _netcdf3),
    "npy": ("NumPy", _npy),
    "npz": ("NPZ", _npz),
}
_REFUSED = {
    "picture": "this is a single picture, not a scene; give the folder with one PNG a band, or a scene file",
    "hdf4": "HDF4 is not supported; convert it with gdal_translate to GeoTIFF",
    "unknown": "not a format we know, and no ENVI header beside it (looked for name.hdr and stem.hdr); give "
    "the missing header or a scene file",
}
