"""The cube: pixels in physical units, and the metadata that must survive every operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shsrd.cube.errors import SceneError
from shsrd.cube.geolocation import Geolocation
from shsrd.cube.georeferencing import ControlPoints, RationalPolynomials
from shsrd.cube.metadata import SceneMetadata, Storage, check_metadata, regridded_transform
from shsrd.cube.summary import html_table, repr_text

if TYPE_CHECKING:  # training needs cubes' errors but no georeference
    import xarray
    from affine import Affine


@dataclass(frozen=True, eq=False)
class Cube:
    """One hyperspectral scene.

    Attributes:
        pixels: float32 ``(band, y, x)``, reflectance-like; NaN is no-data, per band and pixel.
        wavelength_nm: float64 ``(band,)`` band centres in nanometres, or None where the file has none.
        fwhm_nm: float64 ``(band,)`` full widths at half maximum in nanometres, or None.
        good_bands: bool ``(band,)``; False marks a bad band (water vapour, dead detector).
        band_names: one name a band, or an empty tuple.
        crs: coordinate reference system as WKT, or None.
        transform: pixel to map coordinates (upper-left corner of the upper-left pixel), or None.
        storage: how the file stores numbers; outputs use the same unless asked otherwise.
        headers: every other header key of the file, untouched, as text.
        source: where it came from, for messages.
        geolocation: latitude and longitude of every pixel of a scene in the sensor's own grid, or None.
        control_points: ground control points, where the file has them, or None.
        rpc: rational polynomial coefficients, where the file has them, or None.
        notes: one sentence for everything about the scene that was guessed, dropped, or contradicted elsewhere in the
            file.
        sensor: name of the sensor (as in ``shsrd.degradation.SENSORS``) whose product this is, with the product's own
            pixels; None of all other scenes, those made from a product included.

    Raises:
        SceneError: shapes that do not fit together.
    """

    pixels: NDArray[np.float32]
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
        if self.pixels.ndim != 3:
            raise SceneError(
                f"{self.source}: a cube needs three axes (band, y, x), got shape {self.pixels.shape}; "
                "stack the bands first"
            )
        if np.iscomplexobj(self.pixels):
            raise SceneError(f"{self.source}: complex pixels are not supported; give magnitude or reflectance")
        if 0 in self.pixels.shape:
            raise SceneError(f"{self.source}: the cube is empty (shape {self.pixels.shape}); give pixels")
        object.__setattr__(self, "pixels", np.asarray(self.pixels, np.float32))
        check_metadata(self, bands=self.pixels.shape[0])

    def __repr__(self) -> str:
        return repr_text("Cube", self)

    def _repr_html_(self) -> str:
        return html_table("Cube", self)

    @classmethod
    def of(cls, pixels: NDArray[np.float32], metadata: SceneMetadata) -> Cube:
        """Cube of pixels and metadata."""
        return cls(
            pixels,
            **{name.name: getattr(metadata, name.name) for name in fields(SceneMetadata) if name.name != "shape"},
        )

    @property
    def metadata(self) -> SceneMetadata:
        """Metadata: everything but the pixels."""
        known = {name.name: getattr(self, name.name) for name in fields(SceneMetadata) if name.name != "shape"}
        return SceneMetadata(self.shape, **known)

    @classmethod
    def from_xarray(cls, array: xarray.DataArray) -> Cube:
        """A cube from an xarray array with dimensions y, x and one more (the bands), in any order.

        Read are the coordinates ``wavelength``, ``fwhm`` (nm, or um by their ``units``), ``good_bands`` and
        ``band_name`` along the bands, and the georeference of rioxarray. Packed numbers are unpacked.

        Raises:
            SceneError: other dimensions, or lists that do not fit.
        """
        from shsrd.cube.xarray_bridge import from_dataarray

        return cls.of(*from_dataarray(array))

    def to_xarray(self) -> xarray.DataArray:
        """The cube as an xarray array ``(band, y, x)``, with coordinates and georeference as in rioxarray.

        Numbers are pixel values with NaN for no-data; how they are stored in a file is in ``encoding``, so that
        ``to_netcdf`` and ``to_zarr`` pack them again.
        """
        from shsrd.cube.xarray_bridge import to_dataarray

        return to_dataarray(self.pixels, self.metadata)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(bands, rows, columns)``."""
        bands, rows, columns = self.pixels.shape
        return bands, rows, columns

    @property
    def detectors(self) -> tuple[str, ...]:
        """Name of every band's detector, such as VNIR and SWIR; empty where there is one as far as can be told."""
        return self.metadata.detectors

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Bool ``(band, y, x)``: True where the pixel holds a finite number."""
        return np.isfinite(self.pixels)

    @property
    def usable_bands(self) -> NDArray[np.bool_]:
        """Bool ``(band,)``: good bands with at least one valid pixel, the ones a model may see."""
        return self.good_bands & self.valid.any(axis=(1, 2))

    def replace(self, **changes: Any) -> Cube:
        """A copy with some fields changed; everything else travels along."""
        return replace(self, **changes)

    def crop(self, *, rows: int, columns: int) -> Cube:
        """The upper-left ``rows`` x ``columns`` pixels; the transform stays true (same upper-left corner)."""
        return self.subset(slice(0, min(rows, self.shape[1])), slice(0, min(columns, self.shape[2])))

    def subset(self, rows: slice, columns: slice) -> Cube:
        """Rectangle of the scene, given by start and stop; the georeference is kept exact."""
        return Cube.of(self.pixels[:, rows, columns], self.metadata.subset(rows, columns))

    def finer_transform(self, scale: int) -> Affine | None:
        """The transform of a grid ``scale`` times finer with the same outer corner (rotation included)."""
        return regridded_transform(self.transform, pixel=1 / scale, row=0, column=0)

    def coarser_transform(self, scale: int) -> Affine | None:
        """The transform of a grid ``scale`` times coarser with the same upper-left corner."""
        return regridded_transform(self.transform, pixel=scale, row=0, column=0)
