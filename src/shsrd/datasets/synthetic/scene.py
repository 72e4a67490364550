"""A synthetic airborne scene: material spectra, mixed pixels, light and shadow, sensor noise; seeded.

A pixel is the area mean of what lies in it, so mixing is exact and linear: for every material its lit
share, its lit share weighted by its variation, and its shaded share multiply three spectra. The scene looks
plausible; it is no measurement, and its headers say so.
"""

import numpy as np
from affine import Affine
from numpy.typing import ArrayLike, NDArray

from shsrd.cube import Cube, SceneError, Storage
from shsrd.datasets.synthetic.canvas import Canvas
from shsrd.datasets.synthetic.landscape import paint_landscape
from shsrd.datasets.synthetic.materials import MATERIALS, library

DEFAULT_WAVELENGTH_NM = (400.0, 2500.0, 84)
WATER_VAPOUR_BANDS_NM = ((1340.0, 1450.0), (1790.0, 1960.0), (2470.0, 2600.0))
SUPERSAMPLING = 3
LARGEST_PIXEL_M = 5.0
READ_NOISE = 6e-4  # standard deviation, reflectance
SHOT_NOISE = 1.1e-3  # standard deviation at reflectance 1, growing with its square root
ABSORPTION_BAND_NOISE = 40  # times more noise where the atmosphere lets nothing through
SCALE = 1e-4
UTM_32N = (
    'PROJCS["WGS 84 / UTM zone 32N",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,'
    'AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],'
    'UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4326"]],'
    'PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",9],'
    'PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],PARAMETER["false_northing",0],'
    'UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],AXIS["Northing",NORTH],'
    'AUTHORITY["EPSG","32632"]]'
)
ORIGIN = (691000.0, 5335000.0)  # easting, northing of the upper-left corner


def synthetic_scene(
    *,
    rows: int = 256,
    columns: int = 256,
    wavelength_nm: ArrayLike | None = None,
    pixel_m: float = 1.0,
    noise: float = 1.0,
    seed: int = 0,
) -> Cube:
    """A small aerial scene of fields, river, roads, village and trees, the same bytes for the same arguments.

    Args:
        rows: height in pixels.
        columns: width in pixels.
        wavelength_nm: ``(band,)`` centres within 350-2600 nm; None means 84 bands from 400 to 2500 nm.
        pixel_m: ground size of a pixel in metres, at most 5.
        noise: factor on the sensor noise; 0 for a scene without.
        seed: which scene.

    Returns:
        Reflectance with wavelengths, FWHM, good-band flags (water vapour is bad), UTM georeference and int16
        storage of scale 1e-4.

    Raises:
        SceneError: an empty size, a negative noise, or wavelengths outside the range.
    """
    if min(rows, columns) < 1 or not 0 < pixel_m <= LARGEST_PIXEL_M or noise < 0:
        raise SceneError(
            f"a synthetic scene of {rows} x {columns} pixels of {pixel_m} m with noise {noise} cannot be made; give "
            f"sizes above 0, pixels of at most {LARGEST_PIXEL_M} m (degrade a finer scene) and noise from 0"
        )
    lam, fwhm = _bands(wavelength_nm)
    rng = np.random.default_rng(seed)
    canvas = Canvas(rows * SUPERSAMPLING, columns * SUPERSAMPLING, pixel_m / SUPERSAMPLING)
    paint_landscape(canvas, rng)
    good = ~np.any([(lam >= low) & (lam <= high) for low, high in WATER_VAPOUR_BANDS_NM], axis=0)
    stored = _measure(canvas, lam, fwhm, spread=noise * np.where(good, 1, ABSORPTION_BAND_NOISE), rng=rng)
    return Cube(
        pixels=(stored * SCALE).astype(np.float32),
        wavelength_nm=lam,
        fwhm_nm=fwhm,
        good_bands=good,
        crs=UTM_32N,
        transform=Affine(pixel_m, 0, ORIGIN[0], 0, -pixel_m, ORIGIN[1]),
        storage=Storage("int16", SCALE),
        headers={
            "description": f"Synthetic scene (shsrd phantom, seed {seed}); not a measurement",
            "sensor type": "synthetic",
        },
        source=f"<phantom seed {seed}>",
    )


def _bands(wavelength_nm: ArrayLike | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres, and widths equal to the spacing (at least 3 nm)."""
    given = np.linspace(*DEFAULT_WAVELENGTH_NM) if wavelength_nm is None else np.asarray(wavelength_nm, np.float64)
    lam = np.atleast_1d(given)
    if lam.ndim != 1 or lam.size == 0 or not np.all((lam >= 350) & (lam <= 2600)):
        raise SceneError(
            "wavelengths of a synthetic scene must be a list of nanometres from 350 to 2600; correct the list"
        )
    spacing = np.abs(np.gradient(lam)) if lam.size > 1 else np.array([10.0])
    return lam, np.clip(spacing, 3.0, 60.0)


def _measure(
    canvas: Canvas,
    lam: NDArray[np.float64],
    fwhm: NDArray[np.float64],
    *,
    spread: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.int16]:
    """Stored numbers ``(band, y, x)``, block row by block row."""
    typical, altered = library(lam, fwhm)
    skylight = 0.07 + 0.22 * (450 / lam) ** 2.5  # what shade leaves: blue sky, little in the infrared
    spectra = np.concatenate([typical, altered - typical, typical * skylight])
    rows, columns = (side // SUPERSAMPLING for side in canvas.cover.shape)
    stored = np.empty((lam.size, rows, columns), np.int16)
    sight = spread * (1 + 1.5 * np.exp(-(lam - 400) / 60) + 1.2 / (1 + np.exp(-(lam - 2350) / 40)))
    for top in range(0, rows, 64):
        shares = _shares(canvas, top, min(top + 64, rows))
        reflectance = np.einsum("kb,kyx->byx", spectra, shares, optimize=True)
        sigma = sight[:, None, None] * np.sqrt(READ_NOISE**2 + SHOT_NOISE**2 * np.maximum(reflectance, 0))
        seen = reflectance + sigma * rng.standard_normal(reflectance.shape)
        stored[:, top : top + 64] = np.clip(np.rint(seen / SCALE), 0, 30000)
    return stored


def _shares(canvas: Canvas, top: int, bottom: int) -> NDArray[np.float64]:
    """Area means ``(3 * material, y, x)``: lit, lit times tint, and shaded cover of some pixel rows."""
    s, kinds = SUPERSAMPLING, len(MATERIALS)
    window = slice(top * s, bottom * s)
    rows, columns = bottom - top, canvas.cover.shape[1] // s
    y, x = np.arange(rows * s)[:, None] // s, np.arange(columns * s)[None, :] // s
    index = ((canvas.cover[window].astype(np.int64) * rows + y) * columns + x).ravel()
    light, shadow = canvas.light[window], canvas.shadow[window]
    layers = (light * (1 - shadow), light * (1 - shadow) * canvas.alteration[window], light * shadow)
    size = kinds * rows * columns
    sums = [np.bincount(index, weights=layer.ravel(), minlength=size) for layer in layers]
    return np.stack(sums).reshape(3 * kinds, rows, columns) / s**2
