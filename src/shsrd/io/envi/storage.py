"""Storage of the pixels by an ENVI header: scale, gains and offsets, no-data numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shsrd.cube import SceneError, Storage
from shsrd.io.encoding import check_scale, nodata_fits
from shsrd.io.envi.header import items, numbers_of
from shsrd.io.envi.spectral import list_of

_GAINS, _OFFSETS, _FACTOR, _NODATA = (
    "data gain values", "data offset values", "reflectance scale factor", "data ignore value",
)  # fmt: skip
_SAME = 1e-6  # two ways to say one scale may differ by this share: headers print few digits


@dataclass(frozen=True)
class PixelEncoding:
    """Scale, offset and no-data numbers of an ENVI image.

    Attributes:
        storage: of all bands.
        band_storage: one for each band where they differ, or None.
        nodata: further no-data numbers of all bands; ``storage`` has the first.
        notes: what was chosen and what was left out.
        unused: header keys that were not understood, and stay as text.
    """

    storage: Storage
    band_storage: tuple[Storage, ...] | None = None
    nodata: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    unused: frozenset[str] = frozenset()


def read_pixel_encoding(values: dict[str, str], *, dtype: str, bands: int, source: str) -> PixelEncoding:
    """Scale, offset and no-data numbers of a header, decided here and only here.

    ``data gain values`` and ``data offset values`` come before 1 / ``reflectance scale factor``, unless they are 1 and
    0 for every band, which says nothing. Where they (or no-data numbers) differ between bands, each band has a storage.

    Raises:
        SceneError: numbers that make no pixels.
    """
    notes, unused = list[str](), set[str]()
    each, several = _nodata(values, dtype, bands, notes, unused)
    scales = _scales(values, bands, notes, source=source)
    known = tuple(notes), frozenset(unused)
    if len(set(scales)) == 1 and len(set(map(repr, each))) == 1:
        return PixelEncoding(Storage(dtype, *scales[0], each[0]), None, several, *known)
    storages = tuple(Storage(dtype, *scale, one) for scale, one in zip(scales, each, strict=True))
    for storage in storages:
        check_scale(storage, source=source)
    return PixelEncoding(Storage(dtype, nodata=each[0]), storages, several, *known)


def _nodata(
    values: dict[str, str], dtype: str, bands: int, notes: list[str], unused: set[str]
) -> tuple[list[float | None], tuple[float, ...]]:
    """The no-data number of each band, and all of them where several hold for all bands."""
    texts = items(values.get(_NODATA) or "")
    found = numbers_of(texts)
    if found is None:
        notes.append(f"{_NODATA!r} is {', '.join(texts)[:40]!r}, which is no number; no stored number is no-data.")
        return [None] * bands, ()
    lost = [number for number in dict.fromkeys(found) if not nodata_fits(number, dtype)]
    if lost:
        shown = ", ".join(f"{number:g}" for number in lost[:4])
        notes.append(f"{_NODATA!r} {shown} cannot occur in {dtype} numbers; it is not used.")
        unused.add(_NODATA)
    if len(found) == bands > 1 and len(set(map(repr, found))) > 1:
        notes.append(f"{_NODATA!r} has {bands} values; each is taken for that of its band.")
        return [None if number in lost else number for number in found], ()
    usable = [number for number in dict.fromkeys(found) if number not in lost]
    if len(usable) > 1:
        notes.append(f"{_NODATA!r} has {len(usable)} values; each of them is no-data in every band.")
    return [usable[0] if usable else None] * bands, tuple(usable[1:])


def _scales(values: dict[str, str], bands: int, notes: list[str], *, source: str) -> list[tuple[float, float]]:
    """Scale and offset of each band."""
    gains = _of_bands(values, _GAINS, bands, notes, source=source)
    offsets = _of_bands(values, _OFFSETS, bands, notes, source=source)
    factor = _factor(values, notes, source=source)
    pairs = list(zip(gains or [1.0] * bands, offsets or [0.0] * bands, strict=True))
    if set(pairs) == {(1.0, 0.0)}:
        return [(1.0 if factor is None else 1 / factor, 0.0)] * bands
    if factor is not None and any(abs(gain * factor - 1) > _SAME or offset for gain, offset in pairs):
        notes.append(
            f"'data gain values' ({pairs[0][0]:g} in band 1) and 'reflectance scale factor' ({factor:g}) say different "
            "scales; gains and offsets are applied, the factor is not."
        )
    return pairs


def _factor(values: dict[str, str], notes: list[str], *, source: str) -> float | None:
    texts = items(values.get(_FACTOR) or "")
    if not texts:
        return None
    found = numbers_of(texts[:1])
    if found is None or len(texts) > 1:
        notes.append(f"{_FACTOR!r} is {', '.join(texts)[:40]!r}, which is no number; numbers are taken as they are.")
        return None
    if not (np.isfinite(found[0]) and found[0] > 0):
        raise SceneError(f"{source}: {_FACTOR} {found[0]:g} must be above 0; correct the header")
    return found[0]


def _of_bands(values: dict[str, str], key: str, bands: int, notes: list[str], *, source: str) -> list[float]:
    """Numbers of each band; one number alone is that of all bands."""
    texts = items(values.get(key) or "")
    if len(texts) == 1 < bands and len(texts[0].split()) == 1:
        notes.append(f"{key!r} has one value ({texts[0][:30]}) for {bands} bands; it is used for all of them.")
        texts = texts * bands
    else:
        texts = list_of(values, key, bands=bands, source=source)
    found = numbers_of(texts)
    if found is None:
        raise SceneError(f"{source}: {key} holds text that is no number; correct the header")
    return found


def output_storage(meaning: PixelEncoding) -> Storage:
    """The storage of outputs: float32 where scales differ between bands, because those are applied on reading."""
    return meaning.storage if meaning.band_storage is None else Storage("float32")
