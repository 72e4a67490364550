"""Reading GeoTIFF: GDAL for pixels and georeference; wavelengths from tags, IMAGERY or a header beside the file."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import SceneError, SceneMetadata, Storage
from shsrd.cube.grid_keys import normalize_key
from shsrd.io.encoding import check_scale, nodata_fits
from shsrd.io.envi.header import lookup, read_header
from shsrd.io.envi.metadata import HeaderMetadata, header_metadata
from shsrd.io.envi.read import describes_tiff, find_header, has_image
from shsrd.io.gdal_open import HEADERS_TAG, NAMESPACE, absent_blocks, band_descriptions, bits_of, open_tiff
from shsrd.io.geolocation_sidecar import open_geolocation_sidecar
from shsrd.io.geotiff.bands import Bands, scene_bands
from shsrd.io.geotiff.georeferencing import crs_notes, transform_of_tiff, with_gcps_and_rpc
from shsrd.io.geotiff.mask import mask_of_tiff, storage_with_nodata
from shsrd.io.geotiff.pages import stack_pages
from shsrd.io.geotiff.spectral import named_bands, spectral_of
from shsrd.io.products.product_xml import Product, detectors_in, product_of
from shsrd.io.sources import StoredSource

_ABSORBED = re.compile(r"Band_\d+|AREA_OR_POINT|SHSRD_HEADERS")  # become band names and transform
_NEAR = 0.01  # share of a pixel by which two places may differ
_ENVI_KEYS = {
    "samples",
    "lines",
    "bands",
    "header offset",
    "file type",
    "data type",
    "interleave",
    "byte order",
}


def open_geotiff(path: Path) -> StoredSource:
    """Open one GeoTIFF scene.

    Args:
        path: the ``.tif``; an ENVI header of the same name and size beside it fills what the tags leave open.

    Raises:
        SceneError: a size the file cannot hold, partial wavelengths, a header that contradicts the image.
    """
    with ExitStack() as stack:
        first = stack.enter_context(open_tiff(path))
        dataset, notes = stack_pages(first, path)
        bands = scene_bands(dataset, named_bands(dataset))
        product = _product(bands, path)
        header, more = _metadata(bands, path, product)
        metadata = _assembled(bands, header, path).with_notes(*notes, *bands.notes, *more, *_sparse(dataset, path))
        if product is not None:
            metadata = metadata.replace(headers=product.headers | dict(metadata.headers), sensor=product.sensor.lower())
            metadata = metadata.with_detectors(detectors_in(product))
        band_storage = _own_scales(bands) or _told_scales(bands, header) or _gains(product, metadata.storage)
        for storage in band_storage or ():
            check_scale(storage, source=str(path))
        if band_storage is not None:
            metadata = metadata.replace(storage=Storage("float32"))
        if metadata.transform is None:
            metadata = metadata.replace(geolocation=open_geolocation_sidecar(path, dataset.shape))
        mask = mask_of_tiff(bands, path)
        if mask is not None:  # the number that is chosen for no-data may be one of a valid pixel
            band_storage = band_storage or (metadata.storage,) * bands.count
            metadata = metadata.replace(storage=storage_with_nodata(metadata.storage))
        block = max(shape[0] for shape in dataset.block_shapes)
        block_height = min(block, metadata.shape[1])
        return StoredSource(metadata, bands.read, block_height, stack.pop_all().close, band_storage, mask=mask)


def _assembled(bands: Bands, header: HeaderMetadata, path: Path) -> SceneMetadata:
    """Metadata of the scene, without scales that differ, masks and sidecar files."""
    dataset = bands.dataset
    wavelength, fwhm, notes = spectral_of(bands, header, source=str(path))
    metadata = SceneMetadata(
        (bands.count, dataset.height, dataset.width),
        wavelength_nm=wavelength,
        fwhm_nm=fwhm,
        good_bands=_good_bands(bands, header),
        band_names=_names(bands, header, wavelength),
        crs=dataset.crs.to_wkt() if dataset.crs else header.crs,
        transform=transform_of_tiff(dataset, header.transform),
        storage=_storage(bands, header),
        headers=header.headers,
        source=str(path),
        control_points=header.control_points,
        rpc=header.rpc,
        notes=(*header.notes, *notes, *crs_notes(dataset, header)),
    )
    return with_gcps_and_rpc(_without_stale_map_info(metadata, header), dataset)


def _without_stale_map_info(metadata: SceneMetadata, header: HeaderMetadata) -> SceneMetadata:
    """Metadata without a ``map info`` of tags or headers that contradicts the transform."""
    stale = lookup(metadata.headers, "map info")
    if stale is None or header.transform is None or metadata.transform is None:
        return metadata
    own, other = metadata.transform, header.transform
    size = metadata.shape[:0:-1]
    if all(abs(a - b) <= _NEAR * abs(own.determinant) ** 0.5
           for corner in ((0, 0), size) for a, b in zip(own * corner, other * corner, strict=True)):  # fmt: skip
        return metadata
    kept = {key: text for key, text in metadata.headers.items() if normalize_key(key) != "map info"}
    return metadata.replace(headers=kept).with_notes(
        f"'map info' {stale[:80]!r} contradicts the transform (origin {own.c:.10g}, {own.f:.10g}, pixel {own.a:.6g}, "
        f"{own.e:.6g}); the transform is used."
    )


def _sparse(dataset: Any, path: Path) -> tuple[str, ...]:
    """A note on blocks that are not in a file without compression; it may be an unfinished one."""
    held = dataset.width * dataset.height * dataset.count * bits_of(dataset) // 8
    if dataset.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION") or held <= path.stat().st_size:
        return ()
    absent, every = absent_blocks(dataset)
    meaning = "0" if dataset.nodata is None else "no-data"
    return (f"{absent} of {every} blocks are not in the file (it is sparse): their pixels are {meaning}.",)


def _product(bands: Bands, path: Path) -> Product | None:
    """Product of the XML beside the image; None if the tags of the bands hold wavelengths."""
    return None if "wavelength" in bands.tags[0] else product_of(path, bands.count)


def _product_keys(product: Product | None) -> dict[str, str]:
    """The XML in the words of an ENVI header; gains that differ are applied and not kept as text."""
    if product is None:
        return {}
    lists = {"wavelength": product.wavelength, "fwhm": product.fwhm}
    keys = {key: ", ".join(texts) for key, texts in lists.items()} | {"wavelength units": "nm"}
    if product.nodata is not None:
        keys["data ignore value"] = product.nodata
    if len(set(product.gains)) == len(set(product.offsets)) == 1:
        keys["data gain values"] = ", ".join(map(repr, product.gains))
        keys["data offset values"] = ", ".join(map(repr, product.offsets))
    return keys


def _gains(product: Product | None, storage: Storage) -> tuple[Storage, ...] | None:
    """Gains of each band where they differ and the image has no scale of its own."""
    if product is None or len(set(product.gains)) == len(set(product.offsets)) == 1:
        return None
    if storage.scale != 1 or storage.offset != 0:
        return None
    pairs = zip(product.gains, product.offsets, strict=True)
    return tuple(Storage(storage.dtype, gain, offset, storage.nodata) for gain, offset in pairs)


def _told_scales(bands: Bands, header: HeaderMetadata) -> tuple[Storage, ...] | None:
    """Gains of each band in tags or a header beside the image, where the image has no scale of its own."""
    if header.band_storage is None or bands.each("scales")[0] != 1 or bands.each("offsets")[0] != 0:
        return None
    own = bands.dataset.nodata
    return (
        header.band_storage if own is None else tuple(replace(storage, nodata=own) for storage in header.band_storage)
    )


def _own_scales(bands: Bands) -> tuple[Storage, ...] | None:
    """Storage of each band, if scale, offset or no-data number differ between bands; else None."""
    columns = [bands.each(name) for name in ("scales", "offsets", "nodatavals")]
    if all(len(set(map(repr, values))) == 1 for values in columns):
        return None
    dtype = bands.dataset.dtypes[0]
    return tuple(Storage(dtype, scale, offset, nodata) for scale, offset, nodata in zip(*columns, strict=True))


def _storage(bands: Bands, metadata: HeaderMetadata) -> Storage:
    """One scale for all bands; where scales differ between bands they are applied, and storage becomes float32."""
    scale, offset = (float(bands.each(name)[0]) for name in ("scales", "offsets"))
    dtype, nodata = bands.dataset.dtypes[0], bands.dataset.nodata
    if scale == 1 and offset == 0:
        scale, offset = metadata.storage.scale, metadata.storage.offset
    nodata = nodata if nodata is not None else metadata.storage.nodata
    if nodata is not None and not nodata_fits(nodata, dtype):
        nodata = None
    return Storage(dtype, scale, offset, None if nodata is None else float(nodata))


def _metadata(bands: Bands, path: Path, product: Product | None) -> tuple[HeaderMetadata, tuple[str, ...]]:
    """Dataset tags, our own namespace, a header and an XML beside the file, read as ENVI keys; the nearest wins.

    Lists of other bands (copied from the whole of which this is a subset) are dropped; the second part notes it.
    """
    dataset = bands.dataset
    tags = {k: v for k, v in dataset.tags().items() if not _ABSORBED.fullmatch(k)}
    tags |= dataset.tags(ns="ENVI")
    own = dataset.tags(ns=NAMESPACE).get("headers", dataset.tags().get(HEADERS_TAG))
    values, notes = _product_keys(product), list[str]()
    for nearer, where in ((_beside(dataset, path), "the header beside it"), (tags, "the tags"),
                          (json.loads(own) if own else {}, "the tags")):  # fmt: skip
        kept, dropped = bands.fitted(nearer, where=where)
        notes += dropped
        known = {normalize_key(key) for key in kept}
        values = {key: value for key, value in values.items() if normalize_key(key) not in known} | kept
    return header_metadata(values, bands=bands.count, dtype=dataset.dtypes[0], source=str(path)), tuple(notes)


def _beside(dataset: Any, path: Path) -> dict[str, str]:
    header = find_header(path)
    if header is None:
        return {}
    values = read_header(header)
    size = tuple(lookup(values, key) for key in ("samples", "lines", "bands"))
    if not describes_tiff(values) and has_image(header):
        return {}  # the header of that image
    if size != (str(dataset.width), str(dataset.height), str(dataset.count)):
        if describes_tiff(values):
            raise SceneError(f"{header}: describes another size than {path.name}; correct or remove the header")
        return {}  # the header of another image
    return {k: v for k, v in values.items() if normalize_key(k) not in _ENVI_KEYS}


def _good_bands(bands: Bands, metadata: HeaderMetadata) -> NDArray[np.bool_]:
    flags = [tags.get("bbl") for tags in bands.tags]
    return np.array([bool(own) if f is None else f.strip() not in ("0", "0.0", "false", "False")
                     for f, own in zip(flags, metadata.good_bands, strict=True)], bool)  # fmt: skip


def _names(bands: Bands, metadata: HeaderMetadata, wavelength_nm: NDArray[np.float64] | None) -> tuple[str, ...]:
    """Names of the bands; those that only repeat their wavelengths, as our writer gives them, are none."""
    tags = bands.dataset.tags()
    listed = [tags.get(f"Band_{band}", "") for band in bands.indexes]
    for names in (bands.descriptions, listed):
        if names == band_descriptions(wavelength_nm):
            return ()
        if any(names):
            return tuple(name or f"band {band}" for name, band in zip(names, bands.indexes, strict=True))
    return metadata.band_names
