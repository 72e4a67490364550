"""Pairing of the bands of two scenes by wavelength, and checks of their georeferencing and units."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Cube, SceneError

Numbers = NDArray[np.intp]
WAVELENGTH_TOLERANCE_NM = 0.51  # GDAL writes micrometres with three decimals, which is off by 0.5 nm at most
MAX_CORNER_SHIFT = 0.05  # pixels between the corners of equal grids
UNIT_RATIO = 8.0  # largest ratio of the medians of two scenes in one unit


@dataclass(frozen=True)
class Pairing:
    """Corresponding bands of two scenes, in the order of the reference.

    Attributes:
        estimate: band numbers of the estimate, from 0.
        reference: band numbers of the reference, from 0.
        notes: one sentence for everything that was reordered or excluded.
    """

    estimate: Numbers
    reference: Numbers
    notes: tuple[str, ...] = ()


def pair_bands(estimate: Cube, reference: Cube) -> Pairing:
    """Pair bands of equal wavelength; without wavelengths in both scenes, bands are paired in the order of the files.

    Raises:
        SceneError: the bands differ in number, or a wavelength of one scene is not in the other.
    """
    ours, theirs = estimate.wavelength_nm, reference.wavelength_nm
    if ours is None or theirs is None or not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return _in_order(estimate, reference)
    near = _tolerance_nm(theirs)
    if len(ours) == len(theirs) and np.abs(ours - theirs).max() <= near:
        return _in_order(estimate, reference)
    fewer, more = (ours, theirs) if len(ours) <= len(theirs) else (theirs, ours)
    partners = _nearest(fewer, more, near)
    if partners is None:
        raise SceneError(_first_mismatch(estimate, reference, near))
    own = np.arange(len(fewer))
    pairs = (own, partners) if fewer is ours else (partners, own)
    order = np.argsort(pairs[1], kind="stable")
    numbers = pairs[0][order], pairs[1][order]
    return Pairing(*numbers, _pairing_notes(numbers, estimate, reference))


def _in_order(estimate: Cube, reference: Cube) -> Pairing:
    ours, theirs = estimate.shape[0], reference.shape[0]
    if ours != theirs:
        raise SceneError(
            f"{estimate.source} has {ours} bands and {reference.source} has {theirs}, and not both have wavelengths to "
            "match them by; compare scenes of the same bands"
        )
    notes = []
    if (estimate.wavelength_nm is None) != (reference.wavelength_nm is None):
        without = estimate if estimate.wavelength_nm is None else reference
        notes.append(f"{without.source} has no wavelengths; bands are compared in the order of the files.")
    return Pairing(np.arange(ours), np.arange(ours), tuple(notes))


def _tolerance_nm(wavelength_nm: NDArray[np.float64]) -> float:
    """Largest difference of equal wavelengths: rounding of headers, and less than half the distance of bands."""
    if len(wavelength_nm) < 2:
        return WAVELENGTH_TOLERANCE_NM
    return min(WAVELENGTH_TOLERANCE_NM, 0.45 * float(np.median(np.diff(np.sort(wavelength_nm)))))


def _nearest(fewer: NDArray[np.float64], more: NDArray[np.float64], near: float) -> Numbers | None:
    """Index of an entry of ``more`` for every entry of ``fewer``, each used once; None if any is farther than ``near``.

    Equal wavelengths (of overlapping detectors) are paired in the order of the files.
    """
    free = np.ones(len(more), bool)
    found = np.zeros(len(fewer), np.intp)
    for number, wavelength in enumerate(fewer):
        distance = np.where(free, np.abs(more - wavelength), np.inf)
        found[number] = distance.argmin()
        if distance[found[number]] > near:
            return None
        free[found[number]] = False
    return found


def _first_mismatch(estimate: Cube, reference: Cube, near: float) -> str:
    """Sentence on the first band whose wavelength is missing in the other scene."""
    for one, other in ((estimate, reference), (reference, estimate)):
        assert one.wavelength_nm is not None and other.wavelength_nm is not None
        for number, wavelength in enumerate(one.wavelength_nm):
            closest = other.wavelength_nm[np.abs(other.wavelength_nm - wavelength).argmin()]
            if abs(closest - wavelength) > near:
                return (
                    f"band {number + 1} of {one.source} is at {wavelength:g} nm, and {other.source} has no such band "
                    f"(nearest: {closest:g} nm); compare scenes of the same bands"
                )
    return f"the wavelengths of {estimate.source} and {reference.source} differ; compare scenes of the same bands"


def _pairing_notes(numbers: tuple[Numbers, Numbers], estimate: Cube, reference: Cube) -> tuple[str, ...]:
    notes = []
    if (np.diff(numbers[0]) < 0).any():
        notes.append(f"the bands of {estimate.source} come in another order; they are matched by wavelength.")
    for one, used, other in ((estimate, numbers[0], reference), (reference, numbers[1], estimate)):
        if unpaired := sorted(set(range(one.shape[0])) - set(used.tolist())):
            notes.append(f"{format_bands(unpaired)} of {one.source} not in {other.source}: left out.")
    return tuple(notes)


def format_bands(numbers: list[int]) -> str:
    """Text of band numbers (from 0), counted from 1, with runs as ranges.

    Example:
        >>> format_bands([0, 1, 2, 6])
        'bands 1-3, 7'
    """
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    text = ", ".join(f"{a + 1}" if a == b else f"{a + 1}-{b + 1}" for a, b in runs)
    return f"{'band' if len(numbers) == 1 else 'bands'} {text}"


def georeferencing_notes(estimate: Cube, reference: Cube) -> tuple[str, ...]:
    """Sentences on differences of CRS or corner coordinates."""
    notes = []
    if estimate.crs and reference.crs and not same_crs(estimate.crs, reference.crs):
        notes.append(
            f"{estimate.source} and {reference.source} have different coordinate reference systems "
            f"({_crs_name(estimate.crs)}, {_crs_name(reference.crs)}); pixels are compared row by row all the same."
        )
    elif estimate.transform is not None and reference.transform is not None:
        column, row = _corner_shift(estimate, reference)
        if max(abs(column), abs(row)) > MAX_CORNER_SHIFT:
            notes.append(
                f"{estimate.source} lies elsewhere than {reference.source}: its corners are up to {column:.4g} pixels "
                f"(columns) and {row:.4g} pixels (rows) away; pixels are compared row by row all the same."
            )
    return tuple(notes)


def _corner_shift(estimate: Cube, reference: Cube) -> tuple[float, float]:
    """Largest distance of the same corner of two grids, in columns and rows of the reference."""
    assert estimate.transform is not None and reference.transform is not None
    _, rows, columns = reference.shape
    there = ~reference.transform * estimate.transform
    corners = [(0, 0), (columns, 0), (0, rows), (columns, rows)]
    moved = np.array([there * corner for corner in corners]) - corners
    column, row = (float(values[np.abs(values).argmax()]) for values in moved.T)
    return column, row


def same_crs(one: str, other: str) -> bool:
    """True if two WKT texts define the same system, whatever names and axis order the formats write."""
    if one == other:
        return True
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        a, b = CRS.from_user_input(one), CRS.from_user_input(other)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # PROJ strings lose names, as intended
            return bool(a.equals(b, ignore_axis_order=True) or a.to_dict() == b.to_dict() != {})
    except CRSError:
        return True  # not a CRS: no difference can be shown


def _crs_name(wkt: str) -> str:
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        crs = CRS.from_user_input(wkt)
    except CRSError:
        return "unknown"
    code = crs.to_epsg()
    return crs.name if code is None else f"EPSG:{code}"


def unit_notes(estimate: NDArray[np.float32], reference: NDArray[np.float32]) -> tuple[str, ...]:
    """Sentence on different units, if the medians of two cubes are far apart."""
    ours, theirs = (float(np.nanmedian(np.abs(np.where(np.isfinite(x), x, np.nan)))) for x in (estimate, reference))
    if not (ours > 0 and theirs > 0) or 1 / UNIT_RATIO <= ours / theirs <= UNIT_RATIO:
        return ()
    return (f"the median of the estimate is {ours:.4g}, of the reference {theirs:.4g}: are both in the same unit?",)
