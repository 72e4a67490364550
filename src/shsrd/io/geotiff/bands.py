"""Bands of a TIFF that belong to the scene, without alpha bands and bands that are not spectral."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from shsrd.cube.grid_keys import normalize_key
from shsrd.io.envi.header import items, lookup

_MASK_SAMPLE_SIZE = 256  # pixels on a side of the parts by which a mask is known
_ALPHA = ("alpha", "alpha band", "mask", "data mask", "datamask", "valid mask", "valid pixels")
_LISTS = ("wavelength", "fwhm", "bbl", "band names", "data gain values", "data offset values")


@dataclass(frozen=True)
class Bands:
    """Bands of an open TIFF that make the scene.

    Attributes:
        dataset: the open file.
        indexes: their numbers, from 1.
        alpha: numbers of bands that are 0 where there is no data.
        notes: what was left out, and why.
    """

    dataset: Any
    indexes: tuple[int, ...]
    alpha: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of bands of the scene."""
        return len(self.indexes)

    @property
    def descriptions(self) -> list[str]:
        """Names of the bands; empty where there is none."""
        return [name or "" for name in self.each("descriptions")]

    @cached_property
    def tags(self) -> list[dict[str, str]]:
        """Tags of every band, keys in plain spelling."""
        return self._tags_in(None)

    @cached_property
    def imagery(self) -> list[dict[str, str]]:
        """Tags of every band in GDAL's domain ``IMAGERY``, keys in plain spelling."""
        return self._tags_in("IMAGERY")

    def _tags_in(self, domain: str | None) -> list[dict[str, str]]:
        return [{normalize_key(k): v for k, v in self.dataset.tags(band, ns=domain).items()} for band in self.indexes]

    def each(self, name: str) -> list[Any]:
        """An attribute of the dataset that has one value a band; rasterio asks GDAL for all of them every time."""
        values = getattr(self.dataset, name)
        return [values[band - 1] for band in self.indexes]

    def read(self, rows: slice, columns: slice) -> NDArray[np.generic]:
        """Stored numbers ``(band, y, x)``."""
        whole = self.count == self.dataset.count
        window = Window.from_slices(rows, columns)
        return np.asarray(self.dataset.read(indexes=None if whole else list(self.indexes), window=window))

    def fitted(self, values: dict[str, str], *, where: str) -> tuple[dict[str, str], tuple[str, ...]]:
        """Header keys without lists of other bands than those of the scene, and a note for each that was dropped.

        Args:
            values: keys as in an ENVI header; a list may be of all bands of the file.
            where: they stand, for the note.
        """
        kept, notes = dict(values), []
        for key in _LISTS:
            parts = items(lookup(values, key) or "")
            spelled = [name for name in values if normalize_key(name) == key]
            if len(parts) == self.dataset.count != self.count:
                chosen = ", ".join(parts[band - 1] for band in self.indexes)
                kept |= dict.fromkeys(spelled, f"{{{chosen}}}")
            elif parts and len(parts) != self.count and key != "band names":
                kept = {name: text for name, text in kept.items() if name not in spelled}
                notes.append(f"'{key}' in {where} has {len(parts)} values for {self.count} bands: it is not used.")
        return kept, tuple(notes)


def scene_bands(dataset: Any, named: Sequence[bool]) -> Bands:
    """The bands of the scene, without alpha bands and those few that have a name but no wavelength as the others do.

    Args:
        dataset: the open file.
        named: which bands are spectral by what the file says of them.
    """
    names = [name or "" for name in dataset.descriptions]
    alpha, notes = _alpha(dataset, named, names)
    rest = [band for band in dataset.indexes if band not in alpha]
    spectral = [band for band in rest if named[band - 1]]
    others = [band for band in rest if not named[band - 1]]
    if others and 2 * len(spectral) > len(rest) > 2 and all(names[band - 1] for band in others):
        notes.append(f"{_listed(others, names)} no wavelength where the others do: left out of the scene.")
        rest = spectral
    return Bands(dataset, tuple(rest), tuple(alpha), tuple(notes))


def _listed(bands: Sequence[int], names: Sequence[str]) -> str:
    listed = [f"{band} ({names[band - 1][:40]})" for band in bands]
    return f"bands {', '.join(listed)} have" if len(bands) > 1 else f"band {listed[0]} has"


def _alpha(dataset: Any, named: Sequence[bool], names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Numbers of alpha bands, and a note on each band that is or might be one."""
    alpha, notes = [], []
    for band, (colour, name) in enumerate(zip(dataset.colorinterp, names, strict=True), 1):
        if colour is not ColorInterp.alpha and name.strip().lower() not in _ALPHA:
            continue
        if named[band - 1]:
            notes.append(f"band {band} is marked as alpha but has a wavelength: it is read as a band.")
        elif _is_mask(dataset, band):
            alpha.append(band)
            notes.append(f"band {band} is alpha: it tells where there is data and is no band of the scene.")
        else:
            notes.append(f"band {band} is marked as alpha but holds no mask: it is read as a band.")
    last = dataset.count
    if not notes and last > 2 and not named[-1] and not names[-1] and _is_unmarked_alpha(dataset):
        alpha.append(last)
        notes.append(
            f"band {last} holds two numbers only, 0 just where all other bands are 0: taken for alpha, no band of the "
            "scene."
        )
    return (alpha, notes) if len(alpha) < dataset.count - 1 else ([], [])


def _is_mask(dataset: Any, band: int) -> bool:
    """Return True if most numbers of a band are 0 or its maximum, by samples of the band.

    Writers of four bands of bytes mark the last one as alpha although nobody asked for it.
    """
    numbers = np.concatenate([np.ravel(dataset.read(band, window=part)) for part in _sample_windows(dataset)])
    return bool(((numbers == 0) | (numbers == numbers.max())).mean() > 0.5)


def _is_unmarked_alpha(dataset: Any) -> bool:
    """Return True if the last band is an alpha band without the mark, which is lost if set after the pixels.

    It holds 0 and the largest number of its type (or of bytes) and nothing else; the other bands are 0 where it is 0.
    """
    if np.dtype(dataset.dtypes[0]).kind not in "iu":
        return False
    largest, holes = {255, int(np.iinfo(dataset.dtypes[0]).max)}, 0
    for part in _sample_windows(dataset):
        mask = np.asarray(dataset.read(dataset.count, window=part))
        found = set(np.unique(mask[mask != 0]).tolist())
        if len(found) > 1 or not found <= largest:
            return False
        hole = mask == 0
        if hole.any() and dataset.read(list(dataset.indexes[:-1]), window=part)[:, hole].any():
            return False
        largest, holes = found or largest, holes + int(hole.sum())
    return holes > 0 and len(largest) == 1


def _sample_windows(dataset: Any) -> list[Window]:
    """Windows in the middle, at the edges and in the corners."""
    rows, columns = (_sample_spans(extent) for extent in dataset.shape)
    return [Window.from_slices(y, x) for y in rows for x in columns]


def _sample_spans(extent: int) -> list[slice]:
    """Parts in the middle, at the beginning and at the end of an axis; where they are the same, one."""
    length = min(_MASK_SAMPLE_SIZE, extent)
    return [slice(start, start + length) for start in dict.fromkeys(((extent - length) // 2, 0, extent - length))]
