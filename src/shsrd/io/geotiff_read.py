"""Reading GeoTIFF: GDAL for pixels and place; wavelengths from tags, IMAGERY or a header beside the file."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from shsrd.cube import Cube, SceneError, Storage
from shsrd.io.codec import decode, fits
from shsrd.io.envi_facts import HeaderFacts, header_facts
from shsrd.io.envi_header import lookup, plain_key, read_header
from shsrd.io.envi_read import describes_tiff, header_beside, image_beside
from shsrd.io.files import MOST_COMPRESSION, check_size
from shsrd.io.wavelengths import to_nanometres, unit_power

NAMESPACE = "SHSRD"  # GDAL metadata domain that carries the header keys of other formats
HEADERS_TAG = "SHSRD_HEADERS"  # the same in the common domain, the only one that a cloud optimised GeoTIFF has
_CHUNK_BYTES = 64 * 2**20
_DENSE = ("ZSTD", "LZMA", "LERC", "JXL", "WEBP")  # constant blocks shrink up to 30000:1
_IN_TEXT = re.compile(r"([0-9.]+)\s*(nm|nanometers|um|µm|micrometers)\s*\)?\s*$", re.IGNORECASE)
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


def read_geotiff(path: Path) -> Cube:
    """Read one GeoTIFF scene.

    Args:
        path: the ``.tif``; an ENVI header of the same name and size beside it fills what the tags leave open.

    Raises:
        SceneError: a size the file cannot hold, partial wavelengths, a header that contradicts the image.
    """
    with _open(path) as dataset:
        _check(dataset, path)
        facts = _facts(dataset, path)
        storage = _storage(dataset, facts)
        wavelength, fwhm = _spectral(dataset, facts, source=str(path))
        return Cube(
            _pixels(dataset, storage, source=str(path)),
            wavelength_nm=wavelength,
            fwhm_nm=fwhm,
            good_bands=_good_bands(dataset, facts),
            band_names=_names(dataset, facts),
            crs=dataset.crs.to_wkt() if dataset.crs else facts.crs,
            transform=_transform(dataset, facts),
            storage=storage,
            headers=facts.headers,
            source=str(path),
        )


def _open(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # a scene without a place is fine
        return rasterio.open(path, driver="GTiff", sharing=False)


def _check(dataset: Any, path: Path) -> None:
    if len(set(dataset.dtypes)) != 1 or dataset.dtypes[0].startswith("complex"):
        kinds = ", ".join(sorted(set(dataset.dtypes)))
        raise SceneError(f"{path}: bands of type {kinds} are not one real type; convert to one, such as float32")
    claimed = dataset.width * dataset.height * dataset.count * np.dtype(dataset.dtypes[0]).itemsize
    method = dataset.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION", "").upper()
    ratio = 1 if not method else 40 * MOST_COMPRESSION if method in _DENSE else MOST_COMPRESSION
    check_size(path, claimed, ratio=ratio)


def _pixels(dataset: Any, storage: Storage, *, source: str) -> NDArray[np.float32]:
    """All bands, read in stripes of whole blocks: stored and decoded numbers are never both in memory."""
    block = max(shape[0] for shape in dataset.block_shapes)
    row_bytes = dataset.width * dataset.count * np.dtype(dataset.dtypes[0]).itemsize
    step = max(1, _CHUNK_BYTES // (row_bytes * block)) * block
    varied = _varied_scales(dataset)
    pixels = np.empty((dataset.count, dataset.height, dataset.width), np.float32)
    for top in range(0, dataset.height, step):
        rows = min(step, dataset.height - top)
        stored = dataset.read(window=Window(0, top, dataset.width, rows))
        if varied:
            for band in range(dataset.count):
                own = Storage(dataset.dtypes[0], dataset.scales[band], dataset.offsets[band], dataset.nodata)
                pixels[band, top : top + rows] = decode(stored[band : band + 1], own, source=source)[0]
        else:
            pixels[:, top : top + rows] = decode(stored, storage, source=source)
    return pixels


def _varied_scales(dataset: Any) -> bool:
    return len(set(dataset.scales)) > 1 or len(set(dataset.offsets)) > 1


def _storage(dataset: Any, facts: HeaderFacts) -> Storage:
    """One scale for all bands; scales that differ between bands are applied, and storage becomes float32."""
    if _varied_scales(dataset):
        return Storage("float32")
    dtype, scale, offset = dataset.dtypes[0], float(dataset.scales[0]), float(dataset.offsets[0])
    if scale == 1 and offset == 0:
        scale, offset = facts.storage.scale, facts.storage.offset
    nodata = dataset.nodata if dataset.nodata is not None else facts.storage.nodata
    if nodata is not None and not fits(nodata, dtype):
        nodata = None
    return Storage(dtype, scale, offset, None if nodata is None else float(nodata))


def _facts(dataset: Any, path: Path) -> HeaderFacts:
    """Dataset tags, our own namespace and a header beside the file, read as ENVI keys; the nearest wins."""
    tags = {k: v for k, v in dataset.tags().items() if not _ABSORBED.fullmatch(k)}
    tags |= dataset.tags(ns="ENVI")
    own = dataset.tags(ns=NAMESPACE).get("headers", dataset.tags().get(HEADERS_TAG))
    values = _beside(dataset, path)
    for nearer in (tags, json.loads(own) if own else {}):
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
    texts = [_IN_TEXT.search(name or "") for name in dataset.descriptions]
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


def _transform(dataset: Any, facts: HeaderFacts) -> Affine | None:
    """GDAL says identity both for "none" and for a true identity; a true one has a place in the header."""
    if dataset.transform != Affine.identity():
        return Affine(*dataset.transform[:6])
    return facts.transform
