"""Georeferences other than a transform: ground control points and rational polynomials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ControlPoints:
    """Ground control points of a scene.

    Attributes:
        pixels: float64 ``(n, 2)`` column and row, in pixels from the outer corner of the upper-left pixel (the centre
            of that pixel is 0.5, 0.5).
        ground: float64 ``(n, 3)`` x, y and z in units of ``crs``; z is 0 where it is not known.
        crs: coordinate reference system of ``ground`` as WKT, or None.
    """

    pixels: NDArray[np.float64]
    ground: NDArray[np.float64]
    crs: str | None = None

    def __post_init__(self) -> None:
        count = len(self.pixels)
        if np.shape(self.pixels) != (count, 2) or np.shape(self.ground) != (count, 3) or count == 0:
            raise ValueError("control points need (n, 2) pixels and (n, 3) places")
        for name in ("pixels", "ground"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))

    def on_grid(self, *, pixel: float, row: float = 0.0, column: float = 0.0) -> ControlPoints:
        """The same points on another grid; arguments as for ``SceneMetadata.on_grid``."""
        return replace(self, pixels=(self.pixels - np.array([column, row])) / pixel)


@dataclass(frozen=True, eq=False)
class RationalPolynomials:
    """Rational polynomial coefficients (RPC00B): image coordinates from longitude, latitude and height.

    Attributes:
        values: text by GDAL's name of the coefficient (``LINE_OFF``, ``SAMP_NUM_COEFF`` …); a list of twenty
            coefficients is one text with spaces. Lines and samples count from the centre of the upper-left pixel.
    """

    values: Mapping[str, str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))

    def __reduce__(self) -> tuple[type[RationalPolynomials], tuple[dict[str, str]]]:
        """A read-only view does not pickle."""
        return RationalPolynomials, (dict(self.values),)

    def on_grid(self, *, pixel: float, row: float = 0.0, column: float = 0.0) -> RationalPolynomials:
        """The same formula for another grid; arguments as for ``SceneMetadata.on_grid``.

        Raises:
            ValueError: an offset or a scale that is missing or no number.
        """
        try:
            changed = {
                "LINE_OFF": (float(self.values["LINE_OFF"]) + 0.5 - row) / pixel - 0.5,
                "SAMP_OFF": (float(self.values["SAMP_OFF"]) + 0.5 - column) / pixel - 0.5,
                "LINE_SCALE": float(self.values["LINE_SCALE"]) / pixel,
                "SAMP_SCALE": float(self.values["SAMP_SCALE"]) / pixel,
            }
        except KeyError as missing:
            raise ValueError(f"rational polynomials without {missing.args[0]}") from None
        return RationalPolynomials({**self.values, **{key: repr(value) for key, value in changed.items()}})
