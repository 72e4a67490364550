"""Names that say what an axis or a list is: band, row, column, wavelength, width."""

from __future__ import annotations

from collections.abc import Sequence

from shsrd.io.container.group import base_name, normalize_name

WAVELENGTHS = (
    "wavelength", "wavelengths", "wavelength_nm", "wavelengths_nm", "wavelength_um", "band_wavelength",
    "band_wavelengths", "center_wavelength", "center_wavelengths", "centre_wavelength", "centre_wavelengths",
    "central_wavelength", "central_wavelengths", "wave_length", "wave_lengths", "wl", "wls", "wvl", "wvls", "wave",
    "waves", "lambda", "lambdas", "band_center", "band_centers", "band_centre", "band_centres", "radiation_wavelength",
    "sensor_band_central_radiation_wavelength",
)  # fmt: skip
MAYBE_WAVELENGTHS = ("bands", "band", "channels", "channel", "centers", "centres", "spectral", "band_list", "bandlist")
WIDTHS = ("fwhm", "fwhm_nm", "fwhms", "fwhm_um", "bandwidth", "bandwidths", "band_width", "band_widths")
NAMES = ("band_names", "band_name")
GOOD = ("good_wavelengths", "good_bands", "bbl")
_NO_WAVELENGTHS = ("fwhm", "width", "unit", "index", "error", "shift", "offset", "flag", "name", "start", "end")
_BANDS = ("b", "layer", "number_of_bands", "nbands")
_AXES = {
    "b": {normalize_name(name) for name in (*WAVELENGTHS, *MAYBE_WAVELENGTHS, *_BANDS)},
    "y": {"y", "lat", "latitude", "row", "rows", "line", "lines", "downtrack", "northing", "alongtrack", "yc", "nj",
          "ydim", "rlat", "numberoflines", "scan", "scans", "scanline", "height"},
    "x": {"x", "lon", "longitude", "column", "columns", "sample", "samples", "crosstrack", "easting", "acrosstrack",
          "xc", "ni", "xdim", "rlon", "pixelsperline", "pixel", "pixels", "ccdpixels", "width"},
}  # fmt: skip


def is_wavelength_name(name: str) -> bool:
    """Return True if a name is one of wavelengths: ``Wavelength``, ``wavelength_3d``, ``center_wavelengths``."""
    plain = normalize_name(base_name(name))
    if any(word in plain for word in _NO_WAVELENGTHS):
        return False
    return plain in {normalize_name(known) for known in WAVELENGTHS} or plain.startswith("wavelength")


def letter_of(dim: str | None) -> str:
    """``b``, ``y`` or ``x`` for the name of an axis, ``?`` where it says nothing."""
    plain = normalize_name(base_name(dim))
    if plain and is_wavelength_name(plain):
        return "b"
    return next((letter for letter, names in _AXES.items() if plain in names), "?")


def named_axes(dims: Sequence[str | None]) -> str | None:
    """The order of three axes by their names, such as ``"byx"``; None where they do not tell.

    Two known axes name the third; where only the bands are known, rows come before columns.
    """
    letters = [letter_of(dim) for dim in dims]
    if letters.count("?") == 1:
        letters[letters.index("?")] = next((letter for letter in "byx" if letter not in letters), "?")
    if letters.count("?") == 2 and letters.count("b") == 1:
        rest = iter("yx")
        letters = [letter if letter == "b" else next(rest) for letter in letters]
    return "".join(letters) if sorted(letters) == ["b", "x", "y"] else None
