"""What ``upscale`` promises of every file, from file to file: what is known stays known, nothing else is touched."""

import ctypes
import os
import struct
import sys

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from shsrd.cube import Storage
from shsrd.io import open_cube, save_cube

CORNER = Affine.translation(366015.25, 5806125.125)
TRANSFORMS = {
    "north up": CORNER * Affine.scale(30, -30),
    "rotated": CORNER * Affine.rotation(33) * Affine.scale(1.7, -1.9),
    "sheared": CORNER * Affine.shear(12, 3) * Affine.scale(4, -4),
}
FULL = (".hdr", ".img", ".bsq", ".tif", ".nc", ".mat", ".npz", ".zarr")
IN_FORMATS = pytest.mark.parametrize("suffix", FULL)


@pytest.fixture(scope="module")
def everything(scene):
    """A scene that has all that a header can tell, a hole, a bad band, and a band without data."""
    pixels = scene.pixels.copy()
    pixels[:, 3:5, 6:9] = np.nan
    pixels[5] = np.nan
    return scene.replace(
        pixels=pixels,
        fwhm_nm=np.linspace(4.5, 9.123456789, 7),
        good_bands=np.array([True, False, True, True, True, True, True]),
        band_names=tuple("abcdefg"),
        crs=CRS.from_epsg(32633).to_wkt(),
        transform=TRANSFORMS["north up"],
        storage=Storage("int16", 1e-4, 0.0, -32768.0),
        headers={"sensor type": "Unknown", "My Key": "{a, b; c}", "acquisition time": "2022-07-24T10:45:26Z"},
    )


@pytest.fixture
def enlarged(shsrd, tmp_path, tiny):
    """Scenes before and after, as read from files, in folders of their own."""

    def run(cube, suffix, *options):
        for name in ("before", "after"):
            (tmp_path / name).mkdir()
        low, high = tmp_path / f"before/scene{suffix}", tmp_path / f"after/scene{suffix}"
        save_cube(cube, low)
        done = shsrd("upscale", low, high, "--model", tiny, "--block", 8, "--tile", 8, *options)
        assert done.code == 0, done.err
        return low, high

    return run


def corners(cube):
    _, rows, columns = cube.shape
    return [cube.transform * corner for corner in ((0, 0), (columns, 0), (0, rows), (columns, rows))]


@pytest.mark.parametrize("kind", TRANSFORMS)
@IN_FORMATS
def test_same_crs_and_same_bounds(enlarged, everything, suffix, kind):
    low, high = map(open_cube, enlarged(everything.replace(transform=TRANSFORMS[kind]), suffix))
    assert CRS.from_wkt(high.crs) == CRS.from_wkt(low.crs) == CRS.from_epsg(32633)
    assert np.allclose(corners(high), corners(everything.replace(transform=TRANSFORMS[kind])), rtol=0, atol=1e-9)
    sides = [np.hypot([t.a, t.b], [t.d, t.e]) for t in (low.transform, high.transform)]
    assert np.allclose(sides[0] / 4, sides[1], rtol=1e-12)


@IN_FORMATS
def test_all_that_is_known_is_in_the_output(enlarged, everything, suffix):
    low, high = map(open_cube, enlarged(everything, suffix))
    for name in ("wavelength_nm", "fwhm_nm", "good_bands"):
        np.testing.assert_array_equal(getattr(high, name), getattr(everything, name))
    assert high.wavelength_nm.dtype == np.float64
    assert high.band_names == everything.band_names
    assert high.storage == low.storage == everything.storage
    assert {key: high.headers[key] for key in everything.headers} == dict(everything.headers)
    assert high.shape == (7, 64, 80)


@IN_FORMATS
def test_no_data_is_where_it_was(enlarged, everything, suffix):
    low, high = map(open_cube, enlarged(everything, suffix))
    np.testing.assert_array_equal(np.isnan(high.pixels), ~everything.valid.repeat(4, axis=1).repeat(4, axis=2))
    valid = low.pixels[low.valid]
    assert np.nanmin(high.pixels) > valid.min() - np.ptp(valid)  # -3.2768 went nowhere


@pytest.fixture
def monitored():
    """What was opened for writing below a folder, by whatever library: the kernel tells (inotify)."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells who opened what")
    libc, close_write = ctypes.CDLL(None, use_errno=True), 0x8
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    if descriptor < 0:
        pytest.skip("no inotify here")

    def watch(folder):
        for place in (folder, *(p for p in folder.rglob("*") if p.is_dir())):
            assert libc.inotify_add_watch(descriptor, os.fsencode(place), close_write) >= 0

    def opened():
        try:
            events, names = os.read(descriptor, 2**16), []
        except BlockingIOError:
            return []
        while events:
            length = struct.unpack_from("iIII", events)[3]
            names.append(events[16 : 16 + length].rstrip(b"\0").decode())
            events = events[16 + length :]
        return names

    yield watch, opened
    os.close(descriptor)


@IN_FORMATS
def test_the_input_is_never_opened_for_writing(shsrd, tmp_path, everything, tiny, monitored, suffix):
    watch, opened = monitored
    folder = tmp_path / "before"
    folder.mkdir()
    save_cube(everything, folder / f"scene{suffix}")
    watch(folder)
    (folder / "beside").touch()
    if opened() != ["beside"]:
        pytest.skip("inotify tells nothing here")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    done = shsrd("upscale", folder / f"scene{suffix}", tmp_path / "fine.tif", "--model", tiny, "--block", 8)
    assert done.code == 0, done.err
    assert opened() == []
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("fine.img", {"fine.img", "fine.hdr"}),  # an .aux.xml would shadow the header's wavelengths for GDAL
        ("fine.hdr", {"fine.img", "fine.hdr"}),
        ("fine.tif", {"fine.tif"}),
        ("fine.nc", {"fine.nc"}),
    ],
)
def test_nothing_but_the_output_is_written(shsrd, tmp_path, everything, tiny, name, files):
    save_cube(everything, tmp_path / "scene.tif")
    (tmp_path / "after").mkdir()
    done = shsrd("upscale", tmp_path / "scene.tif", tmp_path / "after" / name, "--model", tiny)
    assert done.code == 0, done.err
    assert {path.name for path in (tmp_path / "after").iterdir()} == files


@pytest.mark.parametrize("options", [[], ["--cog"]])
def test_gdal_reads_the_bands_of_a_streamed_geotiff(enlarged, everything, options):
    """As QGIS and EnMAP-Box do: names, IMAGERY and the tags of every band."""
    _, high = enlarged(everything, ".tif", *options)
    with rasterio.open(high) as dataset:
        assert dataset.descriptions == everything.band_names
        assert dataset.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "2"
        for band, (nm, width) in enumerate(zip(everything.wavelength_nm, everything.fwhm_nm, strict=True), start=1):
            tags, imagery = dataset.tags(band), dataset.tags(band, ns="IMAGERY")
            assert (float(tags["wavelength"]), float(tags["fwhm"])) == (nm, width)
            assert tags["wavelength_units"] == "Nanometers"
            assert tags["bbl"] == str(int(everything.good_bands[band - 1]))
            assert float(imagery["CENTRAL_WAVELENGTH_UM"]) * 1000 == pytest.approx(nm, rel=1e-12)
            assert float(imagery["FWHM_UM"]) * 1000 == pytest.approx(width, rel=1e-12)
