"""Sizes, counts and places that a file claims; every case once took a process down, or its time or memory."""

import io
import json
import pickle
import struct
import zipfile
import zlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import h5py
import numpy as np
import pytest
import rasterio
import zarr
from scipy.io import netcdf_file, savemat

from shsrd.cube import Cube, InputError, SceneError, Storage
from shsrd.io import open_cube, open_source, save_cube

CUBE = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)
ENVI = "ENVI\nsamples = 7\nlines = 6\nbands = 5\ndata type = 2\n"


def envi(folder, extra):
    (folder / "a.img").write_bytes(CUBE.tobytes())
    (folder / "a.hdr").write_text(ENVI + extra)
    return folder / "a.img"


def npy(shape, *, descr="|u1", body=b""):
    raw = io.BytesIO()
    np.lib.format.write_array_header_1_0(raw, {"descr": descr, "fortran_order": False, "shape": shape})
    return raw.getvalue() + body


def test_a_header_line_of_blanks(tmp_path):
    assert open_cube(envi(tmp_path, "sensor" + " " * 500_000 + "x\n")).shape == (5, 6, 7)


def test_a_header_of_endless_keys(tmp_path, refused):
    assert "header keys" in refused(envi(tmp_path, "".join(f"key {n} = 1\n" for n in range(100_000))))


def test_a_place_that_is_no_number(tmp_path):
    scene = open_cube(envi(tmp_path, "map info = {UTM, 1, 1, nan, 5e6, 30, 30, 33, North, WGS-84}\n"))
    assert scene.transform is None
    assert "'map info'" in scene.notes[0]


def test_messages_are_short_and_plain(tmp_path):
    scene = open_cube(envi(tmp_path, f"wavelength = {{1,2,3,4,5}}\nwavelength units = \x1b[31m{'A' * 9999}\n"))
    assert "\\x1b[31m" in scene.notes[0]
    assert all(note.isprintable() and len(note) < 400 for note in scene.notes)
    message = str(InputError("a\nb" + "x" * 5000 + "end"))
    assert message.isprintable()
    assert len(message) < 1200
    assert message.endswith("end")
    assert str(pickle.loads(pickle.dumps(SceneError(message)))) == message


@pytest.mark.parametrize("suffix", [".img", ".npy"])
def test_a_file_cut_while_it_is_read_does_not_kill(suffix, tmp_path, monkeypatch):
    save_cube(Cube(np.ones((5, 600, 700), np.float32)), tmp_path / f"a{suffix}")
    source = open_source(tmp_path / f"a{suffix}")
    monkeypatch.setattr("shsrd.io.opening.FileSource._check_unchanged", lambda source: None)  # as if cut right after it
    with (tmp_path / f"a{suffix}").open("r+b") as file:
        file.truncate(5000)
    for columns in (slice(0, 700), slice(3, 5)):
        with pytest.raises(SceneError, match="ends before its pixels do"):
            source.read(slice(0, 600), columns)


def test_a_source_spoiled_on_its_way_to_another_process(tmp_path):
    save_cube(Cube(np.ones((5, 6, 7), np.float32)), tmp_path / "a.tif")
    letter = pickle.dumps(open_source(tmp_path / "a.tif"))
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert pool.submit(pickle.loads, letter).result().metadata.shape == (5, 6, 7)
        (tmp_path / "a.tif").write_bytes(b"II*\0" + b"\xff" * 500)
        with pytest.raises(SceneError, match=r"a\.tif"):
            pool.submit(pickle.loads, letter).result()


@pytest.mark.parametrize("kind", [0, 8, 19, 200, 65_535, 2**31 - 1])
def test_matlab_numbers_of_an_unknown_type(kind, tmp_path, refused):
    """Type numbers beyond the table of a library are read as places in memory there."""
    savemat(tmp_path / "a.mat", {"cube": CUBE.astype(float)}, do_compression=False)
    data = bytearray((tmp_path / "a.mat").read_bytes())
    place = 128 + 8 + 16 + 24 + 8  # tags of the array, its flags, three extents, and a short name
    assert struct.unpack_from("<II", data, place) == (9, CUBE.size * 8)
    struct.pack_into("<I", data, place, kind)
    (tmp_path / "a.mat").write_bytes(data)
    refused(tmp_path / "a.mat")


def test_matlab_arrays_of_one_name_and_packed_promises(tmp_path, refused):
    savemat(tmp_path / "a.mat", {"cube": CUBE.astype(float)}, do_compression=False)
    data = (tmp_path / "a.mat").read_bytes()
    (tmp_path / "a.mat").write_bytes(data + data[128:])
    assert "same name" in refused(tmp_path / "a.mat")
    part = bytearray(data[128:])
    struct.pack_into("<I", part, 8 + 16 + 24 + 8 + 4, 2**31 - 1)
    packed = zlib.compress(bytes(part))
    (tmp_path / "a.mat").write_bytes(data[:128] + struct.pack("<II", 15, len(packed)) + packed)
    refused(tmp_path / "a.mat")


@pytest.mark.parametrize("name", ["cube", "cube.npy"])
def test_npz_members_that_stand_for_others(name, tmp_path, refused):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cube.npy", npy((6, 7, 5), body=bytes(210)))
        if name == "cube.npy":
            with pytest.warns(UserWarning, match="Duplicate"):
                archive.writestr(name, npy((6, 7, 5), body=bytes(210)))
        else:
            archive.writestr(name, npy((2**20, 2**10, 2**10)))  # once read in place of the other
    if name == "cube.npy":
        assert "two arrays" in refused(tmp_path / "a.npz")
    else:
        assert open_cube(tmp_path / "a.npz").shape == (5, 6, 7)


@pytest.mark.parametrize("shape", [(-5, -6, 7), (2**62, 2, 2), (2**31, 2**31, 2)])
def test_npy_shapes(shape, tmp_path, refused):
    (tmp_path / "a.npy").write_bytes(npy(shape, body=bytes(210)))
    refused(tmp_path / "a.npy")


def test_classic_variables_over_each_other(tmp_path, refused):
    with netcdf_file(tmp_path / "a.nc", "w") as file:
        file.createDimension("y", 1000)
        for number in range(40):
            file.createVariable(f"v{number:02d}", "d", ("y",))[:] = np.arange(1000.0)
    data = bytearray((tmp_path / "a.nc").read_bytes())
    for number in range(40):  # every variable begins where the first one does
        entry = data.index(f"v{number:02d}".encode())
        struct.pack_into(">I", data, entry + 4 + 4 + 4 + 8 + 4 + 4, 2000)
    (tmp_path / "a.nc").write_bytes(data[:20_000])
    assert "over each other" in refused(tmp_path / "a.nc")


@pytest.mark.parametrize("way", ["pieces", "piece", "bands", "list"])
def test_hdf5_claims(way, tmp_path, refused):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        if way == "pieces":
            file.create_dataset("scene", (300, 300, 30), "u1", chunks=(1, 1, 1))
        elif way == "piece":
            file.create_dataset("scene", (5, 6, 7), "u1", chunks=(900, 900, 900), maxshape=(None, None, None))
        elif way == "bands":
            file.create_dataset("scene", (2**40, 6, 7), "u1", chunks=(10, 6, 7))
        else:
            file["scene"] = CUBE
            file.create_dataset("wavelength", (10**6,), "u1", chunks=(10**4,))
    if way == "list":  # no list of this scene, so it is never read
        assert open_cube(tmp_path / "a.h5", axes="byx").wavelength_nm is None
    else:
        refused(tmp_path / "a.h5")


@pytest.mark.parametrize("entry", [(0, 0), (0, 8), (0, 2**64 - 16), (1, 2**64 - 8), (1, 2**40)])
def test_an_hdf5_heap_that_leads_in_circles(entry, tmp_path, refused):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["scene"] = CUBE
        file["scene"].attrs["text"] = ["a", "b"]
    data = bytearray((tmp_path / "a.h5").read_bytes())
    struct.pack_into("<HHIQ", data, data.index(b"GCOL") + 16, entry[0], 1, 0, entry[1])
    (tmp_path / "a.h5").write_bytes(data)
    assert "heap" in refused(tmp_path / "a.h5")


@pytest.mark.parametrize("method", ["Zstd", "Blosc", "BZ2", "LZMA"])
def test_a_zarr_chunk_that_unpacks_to_gigabytes(method, tmp_path, refused):
    import numcodecs

    codec = getattr(numcodecs, method)()
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    root.create_array("scene", data=CUBE, chunks=CUBE.shape, compressors=codec)
    assert np.array_equal(open_cube(tmp_path / "a.zarr", axes="byx").pixels, CUBE)
    (tmp_path / "a.zarr/scene/0.0.0").write_bytes(bytes(codec.encode(np.zeros(2**23, np.uint8))))
    assert "unpacks to more" in refused(tmp_path / "a.zarr")


@pytest.mark.parametrize("change", [{"chunks": [1, 1, 1], "shape": [900, 900, 900]}, {"chunks": [2**20, 2**20, 2**20]}])
def test_zarr_claims(change, tmp_path, refused):
    zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2).create_array("scene", data=CUBE)
    described = tmp_path / "a.zarr/scene/.zarray"
    described.write_text(json.dumps(json.loads(described.read_text()) | change))
    refused(tmp_path / "a.zarr")


def test_a_geotiff_band_named_by_a_million_digits(tmp_path):
    names = ("1" * 200_000, *"abcd")
    scene = Cube(np.ones((5, 6, 7), np.float32), band_names=names, storage=Storage("int16"))
    save_cube(scene, tmp_path / "a.tif")
    assert open_cube(tmp_path / "a.tif").shape == (5, 6, 7)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("compress", [None, "deflate", "zstd"])
def test_a_geotiff_with_enormous_tiles(interleave, compress, tmp_path, refused):
    size = {"count": 5, "height": 6, "width": 7, "dtype": "int16", "blockxsize": 16, "blockysize": 16, "tiled": True}
    options = {"compress": compress} if compress else {}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", interleave=interleave, **size, **options) as dataset:
        dataset.write(CUBE)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    first = struct.unpack_from("<I", data, 4)[0]
    for entry in range(first + 2, first + 2 + 12 * struct.unpack_from("<H", data, first)[0], 12):
        if struct.unpack_from("<H", data, entry)[0] in (322, 323):  # width and height of a tile
            struct.pack_into("<HII", data, entry + 2, 4, 1, 30_000)
    (tmp_path / "a.tif").write_bytes(data)
    assert "promises" in refused(tmp_path / "a.tif")
