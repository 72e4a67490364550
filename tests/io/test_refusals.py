"""Whatever is wrong with a file: one sentence with its name, never another error."""

import os
import random

import h5py
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from shsrd.cube import Cube, SceneError
from shsrd.io import open_cube, save_cube
from shsrd.io.targets import check_distinct_targets

STORED = np.arange(24, dtype="<i2").reshape(2, 3, 4)


def refuse(path, *, name=None):
    with pytest.raises(SceneError) as caught:
        open_cube(path)
    message = str(caught.value)
    assert "\n" not in message
    assert (name or path.name) in message
    return message


@pytest.mark.parametrize("name", ["no.tif", "no.hdr", "no.img", "no/no.mat"])
def test_missing_files(tmp_path, name):
    assert "no such file" in refuse(tmp_path / name)


@pytest.mark.parametrize("name", ["a.tif", "a.mat", "a.h5", "a.nc", "a.npy", "a.npz", "a.img", "a.hdr", "a.txt"])
@pytest.mark.parametrize(
    "content", [b"", b"hello\n", bytes(range(256)) * 20, b"\x93NUMPY", b"II*\0", b"PK\x03\x04junk"]
)
def test_junk(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    refuse(tmp_path / name)


@pytest.mark.parametrize(
    "magic",
    [b"II*\0", b"\x89HDF\r\n\x1a\n", b"CDF\x01", b"\x93NUMPY\x01\0", b"PK\x03\x04", b"MATLAB 5.0 MAT-file"],
)
def test_junk_with_a_signature(tmp_path, magic):
    (tmp_path / "a.dat").write_bytes(magic + random.Random(1).randbytes(5000))
    refuse(tmp_path / "a.dat")


def test_empty_folder_and_zarr(tmp_path):
    assert "CAVE" in refuse(tmp_path)
    (tmp_path / ".zgroup").write_text('{"zarr_format": 2}')
    assert "three axes" in refuse(tmp_path)
    (tmp_path / ".zgroup").write_text("{")
    assert "Zarr" in refuse(tmp_path)


def test_a_pipe_does_not_hang(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(tmp_path / "a.tif")
    assert "no ordinary file" in refuse(tmp_path / "a.tif")


def test_picture(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "a.png")
    assert "single picture" in refuse(tmp_path / "a.png")


def test_header_without_image_and_image_without_header(write_envi_file, tmp_path):
    path = write_envi_file(STORED)
    path.rename(tmp_path / "elsewhere.img")
    assert "image of this header is missing" in refuse(tmp_path / "scene.hdr")
    assert "no ENVI header beside it" in refuse(tmp_path / "elsewhere.img")


def test_envi_image_that_is_too_short(write_envi_file):
    path = write_envi_file(STORED)
    path.write_bytes(path.read_bytes()[:-1])
    assert "truncated" in refuse(path)


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        ("data type = 6", "complex"),
        ("data type = 9", "complex"),
        ("data type = 77", "layout"),
        ("bands = 0", "bands = 0"),
        ("bands = many", "whole number"),
        ("bands = 100000000000000", "describes"),
        ("interleave = zigzag", "layout"),
        ("file compression = 1", "compressed"),
        ("file type = ENVI Spectral Library", "library"),
        ("wavelength = {1, 2, 3}", "3 values for 2 bands"),
        ("wavelength = {400, 500", "never closes"),
        ("fwhm = {1}\nwavelength = {400, 500}", "fwhm has 1"),
        ("bbl = {1}", "bbl has 1"),
        ("reflectance scale factor = 0", "above 0"),
        ("data gain values = {1, 0}", "scale 0"),
        ("data gain values = {1, x}", "no number"),
        ("major frame offsets = {0, 80}", "major frame offsets"),
    ],
)
def test_envi_headers(write_envi_file, extra, word):
    path = write_envi_file(STORED, extra=extra)
    assert word in refuse(path, name="scene")


def test_two_dimensional_images(write_envi_file, tmp_path):
    assert "2-D" in refuse(write_envi_file(STORED[:1]))
    savemat(tmp_path / "a.mat", {"flat": np.ones((5, 5))})
    assert "three axes" in refuse(tmp_path / "a.mat")
    np.save(tmp_path / "a.npy", np.ones((5, 5)))
    assert "2 axes" in refuse(tmp_path / "a.npy")
    save_cube(Cube(np.ones((1, 5, 5), np.float32)), tmp_path / "a.tif")
    assert "2-D" in refuse(tmp_path / "a.tif")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["flat"] = np.ones((5, 5))
    assert "three axes" in refuse(tmp_path / "a.h5")


def test_complex_arrays(tmp_path):
    numbers = np.ones((3, 4, 5), np.complex64)
    savemat(tmp_path / "a.mat", {"z": numbers})
    np.save(tmp_path / "a.npy", numbers)
    np.savez(tmp_path / "a.npz", cube=numbers)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["z"] = numbers
    for name in ("a.mat", "a.npy", "a.npz", "a.h5"):
        assert "complex" in refuse(tmp_path / name)


def test_all_nodata_opens(make_scene, tmp_path):
    scene = make_scene().replace(pixels=np.full((5, 6, 7), np.nan, np.float32))
    save_cube(scene, tmp_path / "a.tif")
    assert not open_cube(tmp_path / "a.tif").usable_bands.any()


def test_options_that_mean_nothing_are_refused(make_scene, tmp_path):
    for suffix in (".tif", ".hdr"):
        save_cube(make_scene(), tmp_path / f"a{suffix}")
        with pytest.raises(SceneError, match="leave out"):
            open_cube(tmp_path / f"a{suffix}", variable="x")
    save_cube(make_scene(), tmp_path / "a.mat")
    with pytest.raises(SceneError, match="name two arrays"):
        open_cube(tmp_path / "a.mat", variable="x", dataset="y")


def test_a_huge_npy_promise_allocates_nothing(tmp_path):
    header = np.lib.format.header_data_from_array_1_0(np.zeros((1, 1, 1)))
    header["shape"] = (10_000, 100_000, 100_000)
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    refuse(tmp_path / "a.npy")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # rasterio's log of odd bytes
@pytest.mark.parametrize("suffix", [".tif", ".mat", ".npz", ".npy", ".nc", ".hdr"])
def test_damaged_files_open_or_are_refused(suffix, make_scene, tmp_path):
    """Cut or overwrite bytes anywhere: a scene or a SceneError, nothing else."""
    random_bytes = random.Random(suffix)
    save_cube(make_scene(), tmp_path / f"whole{suffix}")
    whole = (tmp_path / f"whole{suffix}").read_bytes()
    for trial in range(30):
        damaged = bytearray(whole)
        if trial % 3 == 0:
            damaged = damaged[: random_bytes.randrange(len(whole))]
        else:
            for _ in range(4):
                damaged[random_bytes.randrange(len(whole))] = random_bytes.randrange(256)
        (tmp_path / f"whole{suffix}").write_bytes(damaged)
        try:
            open_cube(tmp_path / f"whole{suffix}")
        except SceneError as error:
            assert "\n" not in str(error)


def test_a_target_that_is_a_link_to_itself(make_scene, tmp_path):
    save_cube(make_scene(), tmp_path / "scene.tif")
    (tmp_path / "a.tif").symlink_to("b.tif")
    (tmp_path / "b.tif").symlink_to("a.tif")
    with pytest.raises(SceneError, match=r"a\.tif: its symbolic links lead in a circle"):
        check_distinct_targets(tmp_path / "scene.tif", [tmp_path / "a.tif"])
    with pytest.raises(SceneError, match=r"a\.tif"):
        open_cube(tmp_path / "a.tif")
