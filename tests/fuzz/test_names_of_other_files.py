"""Nothing that a file names makes us open it; every case was once a way to another file."""

import json
import sys

import h5py
import numpy as np
import pytest
import zarr
from hostile.worker import Watch

from shsrd.io import open_cube

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the watch is that of Linux")
CUBE = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)


@pytest.fixture
def watch(bait):
    watch = Watch(bait)
    yield watch
    assert not watch.seen()


def test_the_watch_sees(bait):
    watch = Watch(bait)
    open_cube(bait / "secret.h5")
    assert watch.seen()


@pytest.mark.parametrize("name", ["a.h5", "a.nc", "a.mat"])
@pytest.mark.parametrize("way", ["link", "soft", "group", "virtual", "endless"])
def test_links_and_virtual_datasets(name, way, bait, watch, tmp_path, refused):
    secret = str(bait / "secret.h5")
    with h5py.File(tmp_path / name, "w") as file:
        file["scene"] = CUBE
        if way in ("virtual", "endless"):
            layout = h5py.VirtualLayout((5, 6, 7), "i2", maxshape=(None if way == "endless" else 5, 6, 7))
            layout[...] = h5py.VirtualSource(secret, "data", shape=(5, 6, 7))
            file.create_virtual_dataset("wavelength", layout)
        else:
            file["elsewhere"] = h5py.ExternalLink(secret, "/" if way == "group" else "data")
        if way == "soft":
            file["HDFEOS/SWATHS/HYP/Data Fields/surface_reflectance"] = h5py.SoftLink("/elsewhere")
    watch.seen()
    assert "other files" in refused(tmp_path / name)


@pytest.mark.parametrize("place", ["scene", "wavelength", "HDFEOS/SWATHS"])
def test_numbers_in_raw_files(place, bait, watch, tmp_path, refused):
    sizes = {"scene": (5, 6, 7), "wavelength": (5,), "HDFEOS/SWATHS": (9,)}
    for name in ("a.h5", "a.mat"):
        with h5py.File(tmp_path / name, "w") as file:
            for array, shape in sizes.items():
                far = [(str(bait / "secret.raw"), 0, int(np.prod(shape)))] if array == place else None
                file.create_dataset(array, shape, "u1", external=far)
        watch.seen()
        assert "other files" in refused(tmp_path / name)


@pytest.mark.parametrize("text", ["+init={}/secret.txt:secret", "{}/secret.txt", "http://127.0.0.1:9/secret"])
def test_coordinate_systems_that_are_places(text, bait, watch, tmp_path):
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file["scene"] = CUBE
        file["scene"].attrs["grid_mapping"] = "crs"
        file["crs"] = 0
        file["crs"].attrs["spatial_ref"] = text.format(bait)
    watch.seen()
    scene = open_cube(tmp_path / "a.nc")
    assert scene.crs is None
    assert any("it is left out" in note for note in scene.notes)


def test_consolidated_metadata_of_zarr(bait, watch, tmp_path):
    """They may say that an array lies outside the store; what lies inside is looked for in the folders themselves."""
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    root.create_array("scene", data=CUBE)
    outside = zarr.open_array(bait / "wavelength", mode="w", shape=(5,), dtype="f8", zarr_format=2)
    outside[:] = 500
    described = json.loads((bait / "wavelength/.zarray").read_text())
    tree = {".zgroup": {"zarr_format": 2}, "../bait/wavelength/.zarray": described}
    tree["scene/.zarray"] = json.loads((tmp_path / "a.zarr/scene/.zarray").read_text())
    (tmp_path / "a.zarr/.zmetadata").write_text(json.dumps({"zarr_consolidated_format": 1, "metadata": tree}))
    watch.seen()
    assert open_cube(tmp_path / "a.zarr").wavelength_nm is None


def test_a_store_whose_name_looks_like_an_address(tmp_path):
    zarr.open_group(tmp_path / "memory::a", mode="w", zarr_format=2).create_array("scene", data=CUBE)
    assert open_cube(tmp_path / "memory::a").shape == (7, 5, 6)


def test_documents_in_wide_letters(bait, watch, tmp_path, refused):
    entity = f'<!DOCTYPE a [<!ENTITY b SYSTEM "{bait / "secret.txt"}">]>'
    text = f'<?xml version="1.0" encoding="utf-16"?>{entity}<a>&b;</a>'
    (tmp_path / "P-METADATA.xml").write_bytes(text.encode("utf-16"))
    assert "not a format" in refused(tmp_path / "P-METADATA.xml")
    (tmp_path / "P-SPECTRAL_IMAGE.TIF").write_bytes((bait / "secret.tif").read_bytes())
    watch.seen()
    assert "wide letters" in refused(tmp_path / "P-SPECTRAL_IMAGE.TIF")
