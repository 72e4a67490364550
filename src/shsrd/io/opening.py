"""Opening a scene: the format is recognised by its first bytes, a header beside it, or its folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from shsrd.cube import Cube, MemorySource, SceneError, SceneMetadata, Source, read_cube
from shsrd.io.encoding import check_scale
from shsrd.io.envi.header import read_header
from shsrd.io.file_checks import reading
from shsrd.io.nodata_override import with_nodata
from shsrd.io.selection import part_of
from shsrd.io.sources import FileSource, OpenedScene, Options

_MAGIC = {
    b"II*\0": "geotiff", b"MM\0*": "geotiff", b"II+\0": "geotiff", b"MM\0+": "geotiff",
    b"\x89HDF\r\n\x1a\n": "hdf5", b"CDF\x01": "netcdf3", b"CDF\x02": "netcdf3",
    b"\x93NUMPY": "npy", b"PK\x03\x04": "npz", b"PK\x05\x06": "npz",
    b"MATLAB": "matlab",
    b"\x89PNG": "picture", b"\xff\xd8\xff": "picture", b"BM": "picture", b"GIF8": "picture",
    b"\x0e\x03\x13\x01": "hdf4",
}  # fmt: skip
_TIFF_SUFFIXES = (".tif", ".tiff")


def open_cube(  # noqa: PLR0913
    path: str | os.PathLike[str],
    *,
    variable: str | None = None,
    dataset: str | None = None,
    wavelengths: str | None = None,
    axes: str | None = None,
    nodata: float | str | None = None,
    bands: str | Iterable[int | str] | None = None,
    window: str | Sequence[int] | None = None,
    strict: bool = False,
) -> Cube:
    """Open a hyperspectral scene: ENVI, GeoTIFF, MATLAB, HDF5, NetCDF, Zarr, NumPy, CAVE.

    Args:
        path: the file (for ENVI the image or its header; for EnMAP and DESIS the image or the XML), or the
            folder of a Zarr store, a product or a CAVE scene.
        variable: name of the array, where a MATLAB, NPZ or NetCDF file has several scenes.
        dataset: path of the array inside an HDF5 file (another name for ``variable``).
        wavelengths: name or path of the list of wavelengths inside the file.
        axes: order of the array's axes, such as ``"yxb"``, where the file does not tell.
        nodata: stored number that means "no data", whatever the file says; ``"none"``: no number does.
        bands: bands to read: numbers counted from 1 and wavelengths, ``"1-20,35,450-900nm"`` or ``[3, 2, 1]``.
        window: part to read: column and row of its upper-left pixel, counted from 0, then width and height;
            ``"0,0,64,64"``, four numbers, or a rasterio window.
        strict: refuse a scene about which something was guessed, dropped or contradictory (see ``Cube.notes``).

    Returns:
        The scene; pixels are ``stored * scale + offset`` with NaN for no-data.

    Raises:
        SceneError: one sentence that names the file, what is wrong, and the remedy.
    """
    source = open_source(
        path,
        variable=variable,
        dataset=dataset,
        wavelengths=wavelengths,
        axes=axes,
        nodata=nodata,
        bands=bands,
        window=window,
        strict=strict,
    )
    try:
        return read_cube(source)
    finally:
        source.close()


def open_source(  # noqa: PLR0913
    path: str | os.PathLike[str],
    *,
    variable: str | None = None,
    dataset: str | None = None,
    wavelengths: str | None = None,
    axes: str | None = None,
    nodata: float | str | None = None,
    bands: str | Iterable[int | str] | None = None,
    window: str | Sequence[int] | None = None,
    strict: bool = False,
) -> Source:
    """Open a scene to be read rectangle by rectangle, for scenes larger than memory.

    MATLAB v5, NPZ, NetCDF 3 and CAVE scenes are read whole; of all others only what is asked for.
    The source pickles as path and options: another process opens the file itself.

    Args:
        path: as for :func:`open_cube`, and so are the others.
        variable: name of the array.
        dataset: path of the array inside an HDF5 file.
        wavelengths: name or path of the list of wavelengths inside the file.
        axes: order of the array's axes.
        nodata: stored number that means "no data".
        bands: bands to read.
        window: part to read: column, row, width, height.
        strict: refuse a scene with notes.

    Raises:
        SceneError: one sentence that names the file, what is wrong, and the remedy.
    """
    place = Path(path)
    try:
        options = Options.of(
            variable=variable,
            dataset=dataset,
            wavelengths=wavelengths,
            axes=axes,
            nodata=nodata,
            bands=bands,
            window=window,
            strict=strict,
        )
    except SceneError as error:
        raise SceneError(f"{place}: {error}") from None
    with reading(place, "scene"):
        opened = _open(place, options)
        try:
            return FileSource(place, options, _chosen(opened, options, place))
        except BaseException:
            opened.source.close()
            raise


def _chosen(opened: OpenedScene, options: Options, path: Path) -> OpenedScene:
    """The part of a scene that was asked for, with the no-data value that was given; checked."""
    _check_scene(opened.source.metadata, path)
    part = part_of(opened.source, bands=options.bands, window=options.window)
    if options.strict:
        check_strict(part.metadata)
    if options.nodata is not None:
        part = part_of(with_nodata(opened.source, options.nodata), bands=options.bands, window=options.window)
    return replace(opened, source=part)


def check_strict(metadata: SceneMetadata, *, known: Collection[str] = ()) -> None:
    """Refuse a scene with notes.

    Args:
        metadata: of the scene.
        known: notes that do not count.

    Raises:
        SceneError: naming the first of them.
    """
    for note in metadata.notes:
        if note not in known:
            raise SceneError(f"{metadata.source}: refused by --strict: {note}")


def _check_scene(metadata: SceneMetadata, path: Path) -> None:
    if metadata.shape[0] == 1:
        raise SceneError(f"{path}: this is a 2-D image (one band); give a scene with one band a wavelength")
    check_scale(metadata.storage, source=str(path))


def _open(path: Path, options: Options) -> OpenedScene:
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
    with reading(path, name):
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
    if kind == "geotiff" and path.suffix.lower() not in _TIFF_SUFFIXES and _is_raw(path):
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


def _open_folder(path: Path, options: Options) -> OpenedScene:
    from shsrd.io.products.cave import read_cave
    from shsrd.io.products.product_xml import metadata_in
    from shsrd.io.zarr.read import is_zarr

    if is_zarr(path):
        with reading(path, "Zarr"):
            return _open_zarr(path, options)
    metadata = metadata_in(path)
    if metadata is not None:
        return _open_product(metadata, options)
    _refuse_options(path, options)
    return OpenedScene("CAVE folder", path, MemorySource(read_cave(path)))


def _open_zarr(path: Path, options: Options) -> OpenedScene:
    from shsrd.io.zarr.read import open_zarr

    source, described = open_zarr(path, variable=options.variable, wavelengths=options.wavelengths, axes=options.axes)
    return OpenedScene("Zarr", described, source)


def _open_product(path: Path, options: Options) -> OpenedScene:
    """The image of an EnMAP or DESIS product, by its XML."""
    from shsrd.io.products.product_xml import image_of

    with reading(path, "XML"):
        image = image_of(path, options.variable)
    return _open(image, replace(options, variable=None))


def _open_header(path: Path, options: Options) -> OpenedScene:
    from shsrd.io.envi.read import describes_tiff, find_image, open_envi

    with reading(path, "ENVI header"):
        values = read_header(path)
        data = find_image(path, values)
    if describes_tiff(values):
        return _open(data, options)
    _refuse_options(path, options)
    with reading(data, "ENVI"):
        return OpenedScene("ENVI", data, open_envi(path, data))


def _open_envi(path: Path, options: Options) -> OpenedScene:
    from shsrd.io.envi.read import find_header, open_envi

    header = find_header(path)
    assert header is not None  # _recognise found it
    _refuse_options(path, options)
    with reading(path, "ENVI"):
        return OpenedScene("ENVI", path, open_envi(header, path))


def _refuse_options(path: Path, options: Options) -> None:
    given = [name for name in ("variable", "wavelengths", "axes") if getattr(options, name) is not None]
    if given:
        listed = ", ".join(f"--{name}" for name in given)
        raise UnusedOptionError(f"{path}: this format has one scene and known axes; leave out {listed}")


class UnusedOptionError(SceneError):
    """An option that says what the format of the file says itself."""


def _geotiff(path: Path, options: Options) -> Source:
    from shsrd.io.geotiff.read import open_geotiff

    _refuse_options(path, options)
    return open_geotiff(path)


def _matlab(path: Path, options: Options) -> Source:
    from shsrd.io.arrays.matlab import open_matlab

    return open_matlab(path, variable=options.variable, wavelengths=options.wavelengths, axes=options.axes)


def _npz(path: Path, options: Options) -> Source:
    from shsrd.io.arrays.numpy_files import open_npz

    return open_npz(path, variable=options.variable, wavelengths=options.wavelengths, axes=options.axes)


def _npy(path: Path, options: Options) -> Source:
    from shsrd.io.arrays.numpy_files import open_npy

    _refuse_options(path, replace(options, axes=None))
    return open_npy(path, axes=options.axes)


def _hdf5(path: Path, options: Options) -> Source:
    from shsrd.io.hdf5.read import open_hdf5

    return open_hdf5(path, dataset=options.variable, wavelengths=options.wavelengths, axes=options.axes)


def _netcdf3(path: Path, options: Options) -> Source:
    from shsrd.io.hdf5.read import read_netcdf3

    return MemorySource(
        read_netcdf3(path, dataset=options.variable, wavelengths=options.wavelengths, axes=options.axes)
    )


_READERS: dict[str, tuple[str, Callable[[Path, Options], Source]]] = {
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
