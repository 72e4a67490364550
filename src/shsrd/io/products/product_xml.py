"""EnMAP and DESIS products: a GeoTIFF of numbers, and an XML file that says what they mean.

Layout: DLR, "EnMAP HSI Level 1B / 1C / 2A Product Specification" (EN-PCV-ICD-2009-2) and "DESIS Data Products and
Quality Summary" with the METADATA files of published products. The two share ``specific/bandCharacterisation``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from shsrd.cube import SceneError

_LARGEST = 64 * 2**20
_MAX_TAGS = 10**6  # an element in memory is many times as large as its text
_MAX_LENGTH = 200  # characters of a fact that is kept as a header
_IMAGE = re.compile(r"(?P<product>.+)-SPECTRAL_IMAGE(_(?P<part>VNIR|SWIR))?(_COG)?\.tiff?", re.IGNORECASE)
_METADATA = re.compile(r"(?P<product>.+)-METADATA\.xml", re.IGNORECASE)
_BAND_TAGS = {"EnMAP": ("bandID", "FWHMOfBand", "GainOfBand", "OffsetOfBand"),
              "DESIS": ("band", "wavelengthWidthOfBand", "gainOfBand", "offsetOfBand")}  # fmt: skip


@dataclass(frozen=True)
class Product:
    """Metadata of a product from its XML; lists of texts have one entry a band.

    Attributes:
        sensor: ``"EnMAP"`` or ``"DESIS"``.
        wavelength: band centres, nm.
        fwhm: widths, nm.
        gains: ``pixel = number * gain + offset``.
        offsets: see ``gains``.
        nodata: number outside the scene, or None.
        parts: band numbers (from 1) of the VNIR and SWIR images of EnMAP level 1B.
        headers: the other elements.
    """

    sensor: str
    wavelength: tuple[str, ...]
    fwhm: tuple[str, ...]
    gains: tuple[float, ...]
    offsets: tuple[float, ...]
    nodata: str | None = None
    parts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def select_bands(self, bands: Sequence[int]) -> Product:
        """The product with some of its bands, by number from 1."""

        def chosen(values: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(values[b - 1] for b in bands)

        gains, offsets = (tuple(v[b - 1] for b in bands) for v in (self.gains, self.offsets))
        return Product(
            self.sensor, chosen(self.wavelength), chosen(self.fwhm), gains, offsets, self.nodata, {}, self.headers
        )


def detectors_in(product: Product) -> tuple[str, ...]:
    """Detector of every band of an image with both, in the order of the XML; empty where it does not say."""
    named = {number: name for name, numbers in product.parts.items() for number in numbers}
    found = tuple(named[band] for band in range(1, len(product.wavelength) + 1) if band in named)
    return found if len(found) == len(product.wavelength) else ()


def product_of(image: Path, count: int) -> Product | None:
    """Product of the XML beside an image; None if there is no such XML.

    Args:
        image: the GeoTIFF, ``...-SPECTRAL_IMAGE.TIF``.
        count: its bands.

    Raises:
        SceneError: an XML that cannot be read, or that describes another number of bands.
    """
    match = _IMAGE.fullmatch(image.name)
    if match is None:
        return None
    beside = [p for p in sorted(image.parent.iterdir()) if _is_metadata(p, match["product"])]
    product = read_product_xml(beside[0]) if beside else None
    if product is None:
        return None
    part = (match["part"] or "").upper()
    if part:
        numbers = product.parts.get(part, ())
        if not numbers or max(numbers) > len(product.wavelength):
            raise SceneError(f"{beside[0]}: does not list the bands of the {part} image; download the product again")
        product = product.select_bands(numbers)
    if len(product.wavelength) != count:
        raise SceneError(
            f"{image}: has {count} bands but {beside[0].name} describes {len(product.wavelength)}; "
            "download the product again"
        )
    return product


def _is_metadata(path: Path, product: str) -> bool:
    match = _METADATA.fullmatch(path.name)
    return match is not None and match["product"].lower() == product.lower() and path.is_file()


def metadata_in(folder: Path) -> Path | None:
    """The XML of the product in a folder, or None.

    Raises:
        SceneError: several products.
    """
    found = [p for p in sorted(folder.iterdir()) if _METADATA.fullmatch(p.name) and read_product_xml(p) is not None]
    if len(found) > 1:
        names = ", ".join(p.name for p in found)
        raise SceneError(f"{folder}: holds {len(found)} products ({names}); give the XML file of one of them")
    return found[0] if found else None


def image_of(metadata: Path, wanted: str | None) -> Path:
    """The image that an XML belongs to.

    Args:
        metadata: the XML.
        wanted: ``"VNIR"`` or ``"SWIR"`` where there are two images.

    Raises:
        SceneError: no product, no image, or two images of which none was named.
    """
    name = _METADATA.fullmatch(metadata.name)
    if name is None or read_product_xml(metadata) is None:
        raise SceneError(f"{metadata}: not the metadata of a scene that we know (EnMAP, DESIS); give the image itself")
    matches = [(p, _IMAGE.fullmatch(p.name)) for p in sorted(metadata.parent.iterdir())]
    images = {(m["part"] or "").upper(): p for p, m in matches if m and m["product"].lower() == name["product"].lower()}
    listed = ", ".join(p.name for p in images.values())
    if wanted is not None:
        if wanted.upper() not in images:
            raise SceneError(f"{metadata}: no image {wanted!r} beside it ({listed or 'none at all'}); name another")
        return images[wanted.upper()]
    if not images:
        raise SceneError(f"{metadata}: the image ...-SPECTRAL_IMAGE.TIF of this product is missing; put it beside it")
    if len(images) > 1:
        raise SceneError(f"{metadata}: the product has several images ({listed}); choose with --variable VNIR or SWIR")
    return next(iter(images.values()))


def read_product_xml(path: Path) -> Product | None:
    """Read the XML of an EnMAP or DESIS product; None for any other XML.

    Raises:
        SceneError: no XML, document types (which can hide other files or endless text), or bands that lack numbers.
    """
    if path.stat().st_size > _LARGEST:
        raise SceneError(f"{path}: too large for the metadata of a scene; give the right file")
    raw = path.read_bytes()
    if b"\0" in raw or raw.count(b"<") > _MAX_TAGS:
        raise SceneError(f"{path}: not the XML of a product (wide letters, or too many elements); download it again")
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        raise SceneError(f"{path}: XML with its own document type is not read; download the product again")
    try:
        root = ElementTree.fromstring(raw)
    except ElementTree.ParseError as error:
        raise SceneError(f"{path}: not readable XML ({error}); download the product again") from None
    characters = root.find("specific/bandCharacterisation")
    if characters is None:
        return None
    sensor = next((name for name, tags in _BAND_TAGS.items() if characters.find(tags[0]) is not None), None)
    return None if sensor is None else _product(root, characters, sensor, path)


def _product(root: ElementTree.Element, characters: ElementTree.Element, sensor: str, path: Path) -> Product:
    tag, width, gain, offset = _BAND_TAGS[sensor]
    bands = characters.findall(tag)

    def texts(name: str) -> tuple[str, ...]:
        return tuple(_text(band, name, path) for band in bands)

    nodata = root.findtext("specific/backgroundValue")
    return Product(
        sensor,
        texts("wavelengthCenterOfBand"),
        texts(width),
        tuple(_number(text, gain, path) for text in texts(gain)),
        tuple(_number(text, offset, path) for text in texts(offset)),
        nodata.strip() if nodata and nodata.strip() else None,
        _parts(root),
        _headers(root),
    )


def _text(band: ElementTree.Element, name: str, path: Path) -> str:
    text = band.findtext(name)
    if not text or not text.strip():
        raise SceneError(f"{path}: a band without {name}; download the product again")
    return text.strip()


def _number(text: str, name: str, path: Path) -> float:
    try:
        return float(text)
    except ValueError:
        raise SceneError(f"{path}: {name} {text[:40]!r} is no number; download the product again") from None


def _parts(root: ElementTree.Element) -> dict[str, tuple[int, ...]]:
    parts = {}
    for name in ("VNIR", "SWIR"):
        listed = root.findtext(f"specific/{name.lower()}ProductQuality/expectedChannelsList") or ""
        numbers = [int(text) for text in listed.split(",") if text.strip().isdigit()]
        if numbers and min(numbers) > 0:
            parts[name] = tuple(numbers)
    return parts


def _headers(root: ElementTree.Element) -> dict[str, str]:
    """Short elements under ``base`` and ``specific``, and the times, by their own names."""
    metadata: dict[str, str] = {}
    for group in ("base", "specific", "base/temporalCoverage"):
        for item in root.findall(f"{group}/*"):
            text = (item.text or "").strip()
            if len(item) == 0 and text and len(text) <= _MAX_LENGTH and text.isprintable():
                metadata.setdefault(item.tag, text)
    return metadata
