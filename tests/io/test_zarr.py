"""Zarr stores of both versions: any group, axes by name, lazily, and nothing that runs code."""

import json
import pickle
import shutil

import numpy as np
import pytest

from shsrd.cube import SceneError, Storage, read_cube
from shsrd.io import open_cube, open_source

zarr = pytest.importorskip("zarr")
YXB = np.random.default_rng(8).integers(0, 10_000, (6, 7, 5)).astype(np.int16)
NM = np.array([417.4, 500.0, 650.0, 1390.5, 2400.25])


@pytest.fixture(params=[2, 3])
def write_zarr(request, tmp_path):
    def write(*, group="", dims=("y", "x", "wavelength"), **options):
        root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=request.param)
        place = root.require_group(group) if group else root
        named = {"dimension_names": dims} if request.param == 3 and dims else {}
        scene = place.create_array("refl", data=YXB, chunks=(2, 3, 5), **named, **options)
        marks = {"scale_factor": 1e-4, "_FillValue": 7, "units": "1"}
        scene.attrs.update(marks | ({"_ARRAY_DIMENSIONS": dims} if request.param == 2 and dims else {}))
        place.create_array("wavelength", data=NM).attrs["units"] = "nm"
        place.create_array("fwhm", data=NM / 64)
        root.attrs["title"] = "a store"
        return tmp_path / "a.zarr"

    return write


@pytest.mark.parametrize("group", ["", "deep/er"])
def test_a_store(group, write_zarr):
    path = write_zarr(group=group)
    scene = open_cube(path)
    want = np.where(YXB == 7, np.nan, YXB * 1e-4).transpose(2, 0, 1)
    assert np.allclose(scene.pixels, want, equal_nan=True)
    assert scene.storage == Storage("int16", 1e-4, 0.0, 7)
    assert scene.wavelength_nm.tolist() == NM.tolist()
    assert np.allclose(scene.fwhm_nm * 64, NM)
    assert scene.headers["title"] == "a store"
    source = open_source(path)
    assert source.block_height == 2
    part = source.read(slice(1, 4), slice(2, 7))
    assert np.array_equal(part, scene.pixels[:, 1:4, 2:7], equal_nan=True)
    again = pickle.loads(pickle.dumps(source))
    assert np.array_equal(read_cube(again).pixels, scene.pixels, equal_nan=True)


def test_the_array_alone(write_zarr):
    scene = open_cube(write_zarr() / "refl", axes="yxb")
    assert scene.shape == (5, 6, 7)
    assert scene.wavelength_nm is None


def test_axes_without_names_follow_the_wavelengths(write_zarr):
    assert open_cube(write_zarr(dims=None)).shape == (5, 6, 7)


def test_several_arrays_and_options(write_zarr):
    path = write_zarr()
    zarr.open_group(path, mode="r+").create_array("other", data=YXB)
    with pytest.raises(SceneError, match=r"other 6x7x5, refl 6x7x5.*name one"):
        open_source(path)
    assert open_source(path, variable="refl").metadata.shape == (5, 6, 7)
    with pytest.raises(SceneError, match="no array 'third'"):
        open_source(path, variable="third")


def test_a_store_that_vanishes(write_zarr):
    path = write_zarr()
    source = open_source(path)
    shutil.rmtree(path)
    with pytest.raises(SceneError, match="cannot be found any more"):
        source.read(slice(0, 1), slice(0, 1))


def test_chunks_without_a_file_are_no_data(tmp_path):
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    marks = {"_ARRAY_DIMENSIONS": ["band", "y", "x"]}
    scene = root.create_array(
        "refl", shape=(4, 2000, 3000), chunks=(1, 50, 50), dtype="i2", fill_value=-1, attributes=marks
    )
    scene[:, :50, :50] = 9
    pixels = open_source(tmp_path / "a.zarr").read(slice(40, 60), slice(0, 40))
    assert (pixels[:, :10] == 9).all()
    assert np.isnan(pixels[:, 10:]).all()


def test_a_promise_larger_than_the_store(write_zarr):
    path = write_zarr()
    for name in (".zarray", "zarr.json"):
        if (path / "refl" / name).is_file():
            metadata = json.loads((path / "refl" / name).read_text())
            metadata["shape"] = [10**6, 10**6, 5]
            (path / "refl" / name).write_text(json.dumps(metadata))
    with pytest.raises(SceneError, match="promises"):
        open_source(path)


@pytest.mark.parametrize("place", ["compressor", "filters"])
@pytest.mark.parametrize("name", ["refl", "wavelength"])
def test_code_in_a_store_is_never_run(name, place, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path / "ran").write_text, ("ran",)

    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    root.create_array("refl", data=YXB, chunks=YXB.shape, compressors=None)
    root.create_array("wavelength", data=NM, chunks=NM.shape, compressors=None)
    metadata = json.loads((tmp_path / f"a.zarr/{name}/.zarray").read_text())
    codec = {"id": "pickle", "protocol": 5}
    metadata[place] = codec if place == "compressor" else [codec]
    (tmp_path / f"a.zarr/{name}/.zarray").write_text(json.dumps(metadata))
    for chunk in ("refl/0.0.0", "wavelength/0"):
        (tmp_path / "a.zarr" / chunk).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(SceneError, match="pickle"):
        open_cube(tmp_path / "a.zarr")
    assert not (tmp_path / "ran").exists()


def test_codecs_that_are_not_known_are_named(tmp_path):
    numcodecs = pytest.importorskip("numcodecs")
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    root.create_array("refl", data=YXB, compressors=numcodecs.Base64())
    with pytest.raises(SceneError, match="refl is stored with base64"):
        open_source(tmp_path / "a.zarr")


@pytest.mark.parametrize("chunk", [b"", b"junk", b"\xff" * 5000])
def test_a_damaged_chunk(chunk, write_zarr):
    path = write_zarr()
    source = open_source(path)
    for file in (
        p for p in (path / "refl").rglob("*") if p.is_file() and p.name not in (".zarray", ".zattrs", "zarr.json")
    ):
        file.write_bytes(chunk)
    with pytest.raises(SceneError, match="not a readable Zarr"):
        source.read(slice(0, 6), slice(0, 7))
