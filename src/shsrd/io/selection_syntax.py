"""Parts of a scene in words: bands by number (``7``, ``5-20``) or wavelength (``450-900nm``), and windows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from shsrd.cube import SceneError, SceneMetadata

WINDOW_FORMAT = "COLUMN,ROW,WIDTH,HEIGHT"
_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_UNITS = {"nm": 1.0, "um": 1e3, "µm": 1e3, "μm": 1e3}
_UNIT = f"({'|'.join(_UNITS)})"
_BANDS = re.compile(r"(\d+)(?:[-:](\d+))?")
_ONE = re.compile(f"{_NUMBER}{_UNIT}")
_RANGE = re.compile(f"{_NUMBER}{_UNIT}?[-:]{_NUMBER}{_UNIT}")
_FORMS = "numbers (7), ranges (5-20) or wavelengths (450-900nm, 650nm), separated by commas"


Window = tuple[int, int, int, int]


def parse_window(requested: str | Sequence[int] | Any) -> Window:
    """Read a window: column and row of its upper-left pixel, counted from 0, then width and height.

    The order is that of GDAL's ``-srcwin`` and of ``rasterio.windows.Window``.

    Args:
        requested: text, four numbers, or a rasterio window.

    Raises:
        SceneError: anything else.
    """
    parts: Sequence[Any] = [getattr(requested, name, None) for name in ("col_off", "row_off", "width", "height")]
    if isinstance(requested, str):
        parts = requested.replace(",", " ").split()
    elif None in parts and isinstance(requested, Iterable):
        parts = list(requested)
    try:
        column, row, width, height = (_whole(part) for part in parts)
    except (TypeError, ValueError):
        raise SceneError(f"--window {requested} is not {WINDOW_FORMAT}: four whole numbers such as 0,0,64,64") from None
    if min(column, row) < 0 or min(width, height) < 1:
        raise SceneError(f"--window {column},{row},{width},{height} is impossible; columns and rows count from 0")
    return column, row, width, height


def _whole(part: Any) -> int:
    number = float(part)
    if number != int(number):
        raise ValueError(part)
    return int(number)


def format_bands(requested: str | int | Iterable[int | str] | Any) -> str:
    """Bands in words, as on the command line, from any way to give them in Python (numbers count from 1).

    Raises:
        SceneError: something else, or nothing.
    """
    if isinstance(requested, str):
        parts = requested.lower().replace(" ", "").split(",")
    elif isinstance(requested, Iterable):
        parts = [str(part).lower().replace(" ", "") for part in requested]
    else:
        parts = [str(requested)]
    for part in parts:
        if not (_BANDS.fullmatch(part) or _ONE.fullmatch(part) or _RANGE.fullmatch(part)):
            raise SceneError(f"--bands {','.join(parts)}: {part!r} is not understood; give {_FORMS}")
    if not parts:
        raise SceneError(f"--bands: no band is named; give {_FORMS}")
    return ",".join(parts)


def resolve_bands(words: str, metadata: SceneMetadata) -> tuple[int, ...]:
    """Positions of the bands, from 0, in the order of the words; a band that is named twice comes once.

    Args:
        words: see :func:`format_bands`.
        metadata: of the scene.

    Raises:
        SceneError: bands that the scene has not, or wavelengths where it has none.
    """
    named = dict.fromkeys(band for part in words.split(",") for band in _bands_of(part, words, metadata))
    if len(named) < 2:
        raise SceneError(
            f"{metadata.source}: --bands {words} leaves one band; a scene needs two or more, name others too"
        )
    return tuple(named)


def _bands_of(part: str, words: str, metadata: SceneMetadata) -> Iterator[int]:
    numbers = _BANDS.fullmatch(part)
    if numbers is not None:
        first = int(numbers[1])
        yield from _numbered(first, int(numbers[2] or first), words, metadata)
        return
    if metadata.wavelength_nm is None:
        raise SceneError(
            f"{metadata.source}: --bands {words} asks for wavelengths and the scene has none; count its bands from 1 "
            "(--bands 5-20), or name the list with --wavelengths"
        )
    single = _ONE.fullmatch(part)
    yield from (
        _nearest(single, words, metadata) if single is not None else _between(_RANGE.fullmatch(part), words, metadata)
    )


def _numbered(first: int, last: int, words: str, metadata: SceneMetadata) -> Iterable[int]:
    count = metadata.shape[0]
    if first < 1 or first > last:
        raise SceneError(f"{metadata.source}: --bands {words}: bands and ranges go from 1 upwards (such as 5-20)")
    if last > count:
        raise SceneError(
            f"{metadata.source}: --bands {words}: there is no band {last}, the scene has {count}; for wavelengths give "
            f"the unit ({first}-{last}nm)"
        )
    return range(first - 1, last)


def _nearest(found: re.Match[str], words: str, metadata: SceneMetadata) -> Iterable[int]:
    """The band nearest to a wavelength, if that lies within its width or half the usual step between bands."""
    centres = metadata.wavelength_nm
    assert centres is not None  # asked before
    wanted = float(found[1]) * _UNITS[found[2]]
    band = int(np.abs(centres - wanted).argmin())
    apart = np.diff(np.unique(centres))
    reach = max(
        float(np.median(apart)) if apart.size else 0.0, 0.0 if metadata.fwhm_nm is None else metadata.fwhm_nm[band]
    )
    if abs(centres[band] - wanted) > reach / 2:
        raise _no_band(f"at {wanted:g} nm", words, metadata)
    return [band]


def _between(found: re.Match[str] | None, words: str, metadata: SceneMetadata) -> Iterable[int]:
    assert found is not None and metadata.wavelength_nm is not None  # asked before
    last = _UNITS[found[4]]
    low, high = float(found[1]) * _UNITS.get(found[2], last), float(found[3]) * last
    if low > high:
        raise SceneError(
            f"{metadata.source}: --bands {words}: {low:g} nm is above {high:g} nm; give the smaller one first"
        )
    inside = np.flatnonzero((metadata.wavelength_nm >= low) & (metadata.wavelength_nm <= high))
    if inside.size == 0:
        raise _no_band(f"from {low:g} to {high:g} nm", words, metadata)
    return [int(band) for band in inside]


def _no_band(where: str, words: str, metadata: SceneMetadata) -> SceneError:
    assert metadata.wavelength_nm is not None
    low, high = metadata.wavelength_nm.min(), metadata.wavelength_nm.max()
    return SceneError(
        f"{metadata.source}: --bands {words}: no band lies {where}; the scene goes from {low:g} to {high:g} nm"
    )
