"""Metadata of a scene, which every operation carries along with the pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube.detectors import HEADER, format_detector_names, infer_detectors
from shsrd.cube.errors import SceneError
from shsrd.cube.geolocation import Geolocation
from shsrd.cube.georeferencing import ControlPoints, RationalPolynomials
from shsrd.cube.grid_keys import Grid, normalize_key, regridded_headers
from shsrd.cube.summary import repr_text

if TYPE_CHECKING:  # training needs cubes' errors but no georeference
    from affine import Affine

MAX_BANDS = 65_536  # more are pixels taken for bands, or a header that lies; lists of bands are made before any pixel


@dataclass(frozen=True)
class Storage:
    """Storage of pixels in a file: ``pixel = stored * scale + offset``.

    Attributes:
        dtype: numpy name of the stored type, for example ``"int16"``.
        scale: factor from stored number to pixel value (``1e-4`` for reflectance stored as 0..10000).
        offset: added after scaling.
        nodata: stored number that means "no data", or None; it becomes NaN in ``Cube.pixels``.
    """

    dtype: str = "float32"
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None


@dataclass(frozen=True, eq=False)
class SceneMetadata:
    """A hyperspectral scene without its pixels: what can be said of it before anything is read.

    Attributes:
        shape: ``(bands, rows, columns)``.

    The others are those of ``Cube``.

    Raises:
        SceneError: lists that do not fit the number of bands.
    """

    shape: tuple[int, int, int]
    wavelength_nm: NDArray[np.float64] | None = None
    fwhm_nm: NDArray[np.float64] | None = None
    good_bands: NDArray[np.bool_] = field(default_factory=lambda: np.ones(0, bool))
    band_names: tuple[str, ...] = ()
    crs: str | None = None
    transform: Affine | None = None
    storage: Storage = field(default_factory=Storage)
    headers: Mapping[str, str] = field(default_factory=dict)
    source: str = "<memory>"
    geolocation: Geolocation | None = None
    control_points: ControlPoints | None = None
    rpc: RationalPolynomials | None = None
    notes: tuple[str, ...] = ()
    sensor: str | None = None

    def __post_init__(self) -> None:
        if min(self.shape) < 1:
            raise SceneError(f"{self.source}: the scene is empty (shape {self.shape}); give a file with pixels")
        if self.shape[0] > MAX_BANDS:
            raise SceneError(
                f"{self.source}: {self.shape[0]} bands, at most {MAX_BANDS} are read; give the order of its axes"
            )
        check_metadata(self, bands=self.shape[0])

    def __repr__(self) -> str:
        return repr_text("SceneMetadata", self)

    def __reduce__(self) -> tuple[Any, ...]:
        """A read-only view does not pickle: headers travel as a plain dictionary.

        The geolocation is left out: it may read from an open file, and no worker needs it.
        """
        values = (None if name.name == "geolocation" else getattr(self, name.name) for name in fields(self))
        return SceneMetadata, tuple(dict(value) if isinstance(value, Mapping) else value for value in values)

    def replace(self, **changes: Any) -> SceneMetadata:
        """A copy with some fields changed."""
        return replace(self, **changes)

    @property
    def detectors(self) -> tuple[str, ...]:
        """Name of every band's detector, such as VNIR and SWIR; empty where there is one as far as can be told."""
        return infer_detectors(
            self.shape[0],
            wavelength_nm=self.wavelength_nm,
            fwhm_nm=self.fwhm_nm,
            band_names=self.band_names,
            headers=self.headers,
            source=self.source,
        )

    def with_detectors(self, detectors: Sequence[str]) -> SceneMetadata:
        """A copy whose headers name every band's detector, so that it is known whatever becomes of the bands.

        Args:
            detectors: one name a band; none changes nothing.
        """
        kept = {key: value for key, value in self.headers.items() if normalize_key(key) != HEADER}
        return self.replace(headers=kept | {HEADER: format_detector_names(detectors)}) if detectors else self

    def with_notes(self, *notes: str) -> SceneMetadata:
        """A copy with further notes; one that is there already is not repeated."""
        return self.replace(notes=tuple(dict.fromkeys((*self.notes, *notes))))

    def pixel_centres(self) -> dict[str, NDArray[np.floating[Any]]]:
        """Map coordinates of ``y`` and ``x`` where the grid is parallel to the axes of the map; else nothing."""
        t = self.transform
        if t is None or t.b != 0 or t.d != 0:
            return {}
        _, rows, columns = self.shape
        return {"y": t.f + t.e * (np.arange(rows) + 0.5), "x": t.c + t.a * (np.arange(columns) + 0.5)}

    def finer(self, scale: int) -> SceneMetadata:
        """Metadata on a grid ``scale`` times finer: same outer corner, rotation included."""
        _, rows, columns = self.shape
        geolocation = None if self.geolocation is None else self.geolocation.finer(scale)
        return self.on_grid(rows * scale, columns * scale, pixel=1 / scale).replace(geolocation=geolocation)

    def coarser(self, scale: int) -> SceneMetadata:
        """Metadata on a grid ``scale`` times coarser: same upper-left corner, left-over rows and columns cut off."""
        _, rows, columns = self.shape
        geolocation = None if self.geolocation is None else self.geolocation.coarser(scale)
        return self.on_grid(rows // scale, columns // scale, pixel=scale).replace(geolocation=geolocation)

    def subset(self, rows: slice, columns: slice) -> SceneMetadata:
        """Metadata of a rectangle of the scene, given by start and stop."""
        geolocation = None if self.geolocation is None else self.geolocation.subset(rows, columns)
        size = (rows.stop - rows.start, columns.stop - columns.start)
        return self.on_grid(*size, row=rows.start, column=columns.start).replace(geolocation=geolocation)

    def on_grid(
        self, rows: int, columns: int, *, pixel: float = 1.0, row: float = 0.0, column: float = 0.0
    ) -> SceneMetadata:
        """Metadata on another grid of ``rows`` x ``columns`` pixels; everything that counts pixels is recomputed.

        The geolocation tables are dropped: the caller knows how they are read on the new grid. So is the sensor, where
        a pixel has another size: its point spread function is no longer that of the scene.

        Args:
            rows: of the new grid.
            columns: of the new grid.
            pixel: side of a new pixel in old pixels.
            row: upper edge of the new grid, in old pixels from the old upper edge.
            column: left edge of the new grid, in old pixels from the old left edge.
        """
        moved: dict[str, Any] = {"shape": (self.shape[0], rows, columns), "geolocation": None}
        moved["transform"] = regridded_transform(self.transform, pixel=pixel, row=row, column=column)
        for name in ("control_points", "rpc"):
            value = getattr(self, name)
            moved[name] = None if value is None else value.on_grid(pixel=pixel, row=row, column=column)
        if pixel != 1:
            moved["sensor"] = None
        moved["headers"], notes = regridded_headers(self.headers, Grid(pixel, row, column))
        return self.replace(**moved).with_notes(*notes)


def check_metadata(metadata: Any, *, bands: int) -> None:
    """Complete and check the lists of a frozen ``SceneMetadata`` or ``Cube`` in its ``__post_init__``.

    Raises:
        SceneError: a list that has not one entry a band, or a place that is no number.
    """
    if np.size(metadata.good_bands) == 0:
        object.__setattr__(metadata, "good_bands", np.ones(bands, bool))
    for name, kind in (("wavelength_nm", np.float64), ("fwhm_nm", np.float64), ("good_bands", np.bool_)):
        values = getattr(metadata, name)
        if values is None:
            continue
        values = np.asarray(values, kind)
        if values.shape != (bands,):
            raise SceneError(
                f"{metadata.source}: {name} has {values.size} values for {bands} bands; correct the header"
            )
        object.__setattr__(metadata, name, values)
    if metadata.band_names and len(metadata.band_names) != bands:
        raise SceneError(
            f"{metadata.source}: {len(metadata.band_names)} band names for {bands} bands; correct the header"
        )
    if metadata.transform is not None and not np.isfinite(metadata.transform[:6]).all():
        raise SceneError(f"{metadata.source}: the place on the map is not finite; correct the header")
    geolocation = metadata.geolocation
    if geolocation is not None and geolocation.shape != metadata.shape[1:]:
        raise SceneError(
            f"{metadata.source}: latitude and longitude of {geolocation.shape} pixels for {metadata.shape[1:]}; give "
            "those of the same grid, or none"
        )
    object.__setattr__(metadata, "headers", MappingProxyType(dict(metadata.headers)))


def regridded_transform(transform: Affine | None, *, pixel: float, row: float, column: float) -> Affine | None:
    """The transform of another grid; arguments as for ``SceneMetadata.on_grid``."""
    if transform is None:
        return None
    from affine import Affine

    corner = transform if row == column == 0 else transform * Affine.translation(column, row)
    return corner * Affine.scale(pixel)
