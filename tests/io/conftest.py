"""Scenes made on the spot: small, awkward, and with everything a header can carry."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr
from affine import Affine
from rasterio.crs import CRS

from shsrd.cube import Cube, Storage
from shsrd.io import open_cube
from shsrd.io.encoding import decode

UTM = CRS.from_epsg(32633).to_wkt()


@pytest.fixture(scope="session")
def pixels_in() -> Callable[[Path], np.ndarray]:
    """Pixels of a file that we wrote; Zarr through its own library."""

    def read(path: Path) -> np.ndarray:
        if path.suffix != ".zarr":
            return open_cube(path, axes="byx" if path.suffix == ".npy" else None).pixels  # .npy tells no axes
        array = zarr.open_group(path, mode="r")["reflectance"]
        marks, nodata = array.attrs, array.metadata.fill_value
        storage = Storage(array.dtype.name, marks.get("scale_factor", 1.0), marks.get("add_offset", 0.0), nodata)
        return decode(array[:], storage)

    return read


@pytest.fixture(scope="session")
def make_scene() -> Callable[..., Cube]:
    """A factory of 5 x 6 x 7 scenes stored as int16 reflectance, with no-data, a bad band and unknown keys."""

    def make(**changes: object) -> Cube:
        rng = np.random.default_rng(7)
        stored = rng.integers(0, 10_000, (5, 6, 7))
        pixels = (stored * 1e-4).astype(np.float32)
        pixels[:, 0, 0] = np.nan
        pixels[3] = np.nan
        metadata: dict[str, object] = {
            "wavelength_nm": np.array([417.4, 500.123456789, 650.0, 1390.5, 2400.25]),
            "fwhm_nm": np.array([4.76, 5.0, 5.5, 8.415000000000001, 11.0]),
            "good_bands": np.array([True, True, True, False, True]),
            "band_names": ("blue", "green (500)", "red", "water vapour", "swir"),
            "crs": UTM,
            "transform": Affine(30.0, 0.0, 366015.25, 0.0, -30.0, 5806125.125),
            "storage": Storage("int16", 1e-4, 0.0, -32768),
            "headers": {
                "sensor type": "Unknown",
                "description": "{\n two lines,\n of text}",
                "default bands": "{3,2,1}",
                "start_time": "2022-07-24T10:45:26",
            },
        }
        return Cube(pixels).replace(**{**metadata, **changes})

    return make


@pytest.fixture
def write_envi_file(tmp_path: Path) -> Callable[..., Path]:
    """Write raw numbers and a header by hand; gives the path of the image."""

    def write(
        stored: np.ndarray,
        *,
        interleave: str = "bsq",
        code: int = 2,
        extra: str = "",
        name: str = "scene.img",
        header: str = "scene.hdr",
    ) -> Path:
        bands, lines, samples = stored.shape
        order = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}[interleave]
        (tmp_path / name).write_bytes(np.ascontiguousarray(stored.transpose(order)).tobytes())
        (tmp_path / header).write_text(
            f"ENVI\nsamples = {samples}\nlines = {lines}\nbands = {bands}\n"
            f"data type = {code}\ninterleave = {interleave}\n{extra}\n",
            encoding="utf-8",
        )
        return tmp_path / name

    return write
