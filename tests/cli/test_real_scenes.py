"""The real samples of every format, from their file to a GeoTIFF: what ``upscale`` promises holds for each."""

import numpy as np
import pytest
import torch
from rasterio.crs import CRS

from shsrd.cube import fill_nodata
from shsrd.degradation import bicubic_up
from shsrd.io import bounds, open_cube

pytestmark = [pytest.mark.data, pytest.mark.slow]

GRID_KEYS = ("map info", "pixel size", "x start", "y start")  # count pixels, so they follow the grid
SAMPLES = {
    "Bavaria_farmland_LMU_Hyspex_subset.bsq": [],
    "Full.tif": [],
    "NEON_D01_HARV_reflectance_crop.tif": [],
    "Small.hdr": [],
    "a_hsi_img_for_VI_demo.mat": [],
    "ang20170323t202244_rdn_7000-7010": [],
    "corn-kernel-hyperspectral.hdr": [],
    "cubus_gamsberg_subset": [],
    "emit20250324t221005_jpl_unmix_ex": [],
    "enmap_potsdam_tile_128_128.tif": [],
    "neonhs_ex.h5": [],
    "pavia_taef_v73.mat": [],
    "salton_sea_roi.mat": ["--variable", "I"],
}


def test_no_sample_is_forgotten(shared_data):
    stems = {path.stem for path in (shared_data / "formats").iterdir()} - {"SOURCE_readme"}
    assert stems == {name.rpartition(".")[0] or name for name in SAMPLES}


@pytest.mark.parametrize("name", SAMPLES)
def test_promises(shsrd, tmp_path, tiny, shared_data, name):
    source, options = shared_data / "formats" / name, SAMPLES[name]
    stamps = {path: path.stat().st_mtime_ns for path in source.parent.iterdir()}
    done = shsrd("upscale", source, tmp_path / "fine.tif", "--model", tiny, "--block", 64, *options)
    assert done.code == 0, done.err
    assert {path: path.stat().st_mtime_ns for path in source.parent.iterdir()} == stamps
    low, high = open_cube(source, variable=options[1] if options else None), open_cube(tmp_path / "fine.tif")
    assert high.storage == low.storage
    assert high.band_names == low.band_names
    kept = {key for key in low.headers if key not in GRID_KEYS}
    assert {key: high.headers[key] for key in kept} == {key: low.headers[key] for key in kept}
    for key in ("x start", "y start"):  # pixels are counted from 1
        if key in low.headers:
            assert float(high.headers[key]) == (float(low.headers[key]) - 1) * 4 + 1
    for field in ("wavelength_nm", "fwhm_nm", "good_bands"):
        np.testing.assert_array_equal(getattr(high, field), getattr(low, field))
    assert_same_place(low, high)
    assert_pixels(low, high)


def assert_same_place(low, high):
    assert (high.crs is None) == (low.crs is None)
    assert low.crs is None or CRS.from_wkt(high.crs) == CRS.from_wkt(low.crs)
    assert (high.transform is None) == (low.transform is None)
    assert low.transform is None or np.allclose(bounds(high), bounds(low), rtol=0, atol=1e-9)


def assert_pixels(low, high):
    """No-data where it was, bicubic where the network does not go, something new where it does."""
    np.testing.assert_array_equal(high.valid, low.valid.repeat(4, axis=1).repeat(4, axis=2))
    changed = 0
    for band, usable in enumerate(low.usable_bands):
        plain = bicubic_up(torch.from_numpy(fill_nodata(low.pixels[band : band + 1])), 4).numpy()[0]
        kept = high.valid[band]
        away = np.abs(high.pixels[band][kept] - plain[kept]).max(initial=0)
        rounding = 1e-6 * np.abs(plain).max() + (0.5 * low.storage.scale if "int" in low.storage.dtype else 0)
        if usable:
            changed += away > rounding
        else:
            assert away <= rounding
    assert changed > 0.5 * low.usable_bands.sum()
