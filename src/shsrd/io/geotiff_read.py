"""Reading GeoTIFF: GDAL for pixels and place; wavelengths from tags, IMAGERY or a header beside the file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

from shsrd.cube import Facts, SceneError, Storage
from shsrd.io.codec import check_scale, fits
from shsrd.io.envi_facts import HeaderFacts, header_facts
from shsrd.io.envi_header import lookup, plain_key, read_header
from shsrd.io.envi_read import describes_tiff, header_beside, image_beside
from shsrd.io.geotiff_mask import mask_of_tiff, with_nodata
from shsrd.io.geotiff_names import HEADERS_TAG, NAMESPACE
from shsrd.io.geotiff_open import open_tiff
from shsrd.io.place_files import geolocation_beside
from shsrd.io.product_xml import Product, product_of
from shsrd.io.sources import StoredSource
from shsrd.io.wavelengths import to_nanometres, unit_power

_IN_TEXT = re.compile(r"([0-9.]+)\s*(nm|nanometers|um|µm|micrometers)\s*\)?\s*$", re.IGNORECASE)
_TAIL = 60  # characters of a band's name that may hold its wavelength
_ABSORBED = re.compile(r"Band_\d+|AREA_OR_POINT|SHSRD_HEADERS")  # become band names and transform
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
        dataset = stack.enter_context(open_tiff(path))
        product = _product(dataset, path)
        told = _facts(dataset, path, product)
        wavelength, fwhm = _spectral(dataset, told, source=str(path))
        facts = Facts(
            (dataset.count, dataset.height, dataset.width),
            wavelength_nm=wavelength,
            fwhm_nm=fwhm,
            good_bands=_good_bands(dataset, told),
            band_names=_names(dataset, told),
            crs=dataset.crs.to_wkt() if dataset.crs else told.crs,
            transform=transform_of_tiff(dataset, told.transform),
            storage=_storage(dataset, told),
            headers=told.headers,
            source=str(path),
        )
        if product is not None:
            facts = facts.replace(headers=product.headers | dict(facts.headers))
        decoding = _own_scales(dataset) or _gains(product, facts.storage)
        for storage in decoding or ():
            check_scale(storage, source=str(path))
        if decoding is not None:
            facts = facts.replace(storage=Storage("float32"))
        if facts.transform is None:
            facts = facts.replace(geolocation=geolocation_beside(path, dataset.shape))
        mask = mask_of_tiff(dataset, path)
        if mask is not None:  # the number that is chosen for no-data may be one of a valid pixel
            decoding = decoding or (facts.storage,) * dataset.count
            facts = facts.replace(storage=with_nodata(facts.storage))
        source = source_of_tiff(dataset, facts, stack.pop_all().close, decoding=decoding)
        return replace(source, mask=mask)


def source_of_tiff(
    dataset: Any, facts: Facts, release: Callable[[], None], *, decoding: Sequence[Storage] | None = None
) -> StoredSource:
    """A source of an open GeoTIFF; whole blocks are the cheapest rows.

    Args:
        dataset: the open file.
        facts: what is known of it.
        release: closes the file.
        decoding: what the numbers of each band mean, where they differ.
    """

    def numbers(rows: slice, columns: slice) -> NDArray[np.generic]:
        window = Window.from_slices(rows, columns)
        return np.asarray(dataset.read(window=window))

    block = max(shape[0] for shape in dataset.block_shapes)
    return StoredSource(facts, numbers, min(block, facts.shape[1]), release, decoding)


def _product(dataset: Any, path: Path) -> Product | None:
    """What an XML beside the image says, unless the bands speak for themselves."""
    return None if "wavelength" in dataset.tags(1) else product_of(path, dataset.count)


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


def _own_scales(dataset: Any) -> tuple[Storage, ...] | None:
    if not _varied_scales(dataset):
        return None
    pairs = zip(dataset.scales, dataset.offsets, strict=True)
    return tuple(Storage(dataset.dtypes[0], scale, offset, dataset.nodata) for scale, offset in pairs)


def _varied_scales(dataset: Any) -> bool:
    return len(set(dataset.scales)) > 1 or len(set(dataset.offsets)) > 1


def _storage(dataset: Any, facts: HeaderFacts) -> Storage:
    """One scale for all bands; where scales differ between bands they are applied, and storage becomes float32."""
    dtype, scale, offset = dataset.dtypes[0], float(dataset.scales[0]), float(dataset.offsets[0])
    if scale == 1 and offset == 0:
        scale, offset = facts.storage.scale, facts.storage.offset
    nodata = dataset.nodata if dataset.nodata is not None else facts.storage.nodata
    if nodata is not None and not fits(nodata, dtype):
        nodata = None
    return Storage(dtype, scale, offset, None if nodata is None else float(nodata))


def _facts(dataset: Any, path: Path, product: Product | None) -> HeaderFacts:
    """Dataset tags, our own namespace, a header and an XML beside the file, read as ENVI keys; the nearest wins."""
    tags = {k: v for k, v in dataset.tags().items() if not _ABSORBED.fullmatch(k)}
    tags |= dataset.tags(ns="ENVI")
    own = dataset.tags(ns=NAMESPACE).get("headers", dataset.tags().get(HEADERS_TAG))
    values = _product_keys(product)
    for nearer in (_beside(dataset, path), tags, json.loads(own) if own else {}):
        known = {plain_key(key) for key in nearer}
        values = {key: value for key, value in values.items() if plain_key(key) not in known} | nearer
    return header_facts(values, bands=dataset.count, dtype=dataset.dtypes[0], source=str(path))


def _beside(dataset: Any, path: Path) -> dict[str, str]:
    header = header_beside(path)
    if header is None:
        return {}
    values = read_header(header)
    size = tuple(lookup(values, key) for key in ("samples", "lines", "bands"))
    if not describes_tiff(values) and image_beside(header):
        return {}  # the header of that image
    if size != (str(dataset.width), str(dataset.height), str(dataset.count)):
        if describes_tiff(values):
            raise SceneError(f"{header}: describes another size than {path.name}; correct or remove the header")
        return {}  # the header of another image
    return {k: v for k, v in values.items() if plain_key(k) not in _ENVI_KEYS}


@dataclass(frozen=True)
class _Source:
    """One place where wavelengths may stand: texts per band (None where missing) and their unit."""

    wavelength: list[str | None]
    fwhm: list[str | None]
    unit: str | None


def _spectral(
    dataset: Any, facts: HeaderFacts, *, source: str
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    for place in _sources(dataset):
        given = [text for text in place.wavelength if text]
        if not given:
            continue
        if len(given) != dataset.count:
            raise SceneError(
                f"{source}: only {len(given)} of {dataset.count} bands have a wavelength; complete the tags"
            )
        plain = to_nanometres(given, 0, what="wavelength", source=source)
        power = unit_power(place.unit or facts.headers.get("wavelength_units"), plain.tolist(), source=source)
        widths = [text for text in place.fwhm if text]
        fwhm = to_nanometres(widths, power, what="fwhm", source=source) if len(widths) == dataset.count else None
        return to_nanometres(given, power, what="wavelength", source=source), (facts.fwhm_nm if fwhm is None else fwhm)
    return facts.wavelength_nm, facts.fwhm_nm


def _sources(dataset: Any) -> list[_Source]:
    bands = dataset.indexes
    tags = [{plain_key(k): v for k, v in dataset.tags(b).items()} for b in bands]
    imagery = [dataset.tags(b, ns="IMAGERY") for b in bands]
    texts = [_IN_TEXT.search((name or "")[-_TAIL:]) for name in dataset.descriptions]
    units = sorted({tag["wavelength units"] for tag in tags if "wavelength units" in tag})
    words = {match.group(2).lower() for match in texts if match}
    places = [
        _Source([t.get("wavelength") for t in tags], [t.get("fwhm") for t in tags], units[0] if units else None),
        _Source([t.get("CENTRAL_WAVELENGTH_UM") for t in imagery], [t.get("FWHM_UM") for t in imagery], "um"),
    ]
    if all(texts) and len(words) == 1:
        places.append(_Source([m.group(1) for m in texts if m], [None] * len(bands), words.pop()))
    return places


def _good_bands(dataset: Any, facts: HeaderFacts) -> NDArray[np.bool_]:
    flags = [dataset.tags(b).get("bbl") for b in dataset.indexes]
    return np.array([bool(own) if f is None else f.strip() not in ("0", "0.0", "false", "False")
                     for f, own in zip(flags, facts.good_bands, strict=True)], bool)  # fmt: skip


def _names(dataset: Any, facts: HeaderFacts) -> tuple[str, ...]:
    tags = dataset.tags()
    listed = [tags.get(f"Band_{b}") for b in dataset.indexes]
    for names in (dataset.descriptions, listed):
        if all(names):
            return tuple(str(name) for name in names)
    return facts.band_names


def transform_of_tiff(dataset: Any, otherwise: Affine | None = None) -> Affine | None:
    """The transform, or ``otherwise``: GDAL says identity both for "none" and for a true identity.

    A true identity has a place in our own header keys.
    """
    return Affine(*dataset.transform[:6]) if dataset.transform != Affine.identity() else otherwise
