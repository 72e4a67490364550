"""Every fault that a scene file may have, in every format where it can occur: one sentence, code 2, nothing left.

The files are written here, by others than our own writers.
"""

import json
import warnings
from functools import partial

import h5py
import numcodecs
import numpy as np
import pytest
import rasterio
import zarr
from PIL import Image
from scipy.io import netcdf_file, savemat

BYX = np.random.default_rng(4).integers(100, 9000, (5, 18, 16)).astype(np.int16)
NM = np.linspace(450.0, 900.0, 5)
ENVI_CODES = {"int16": 2, "float32": 4, "complex64": 6}


def envi(folder, *, pixels=BYX, wavelength=None, scale=None, bands=None):
    bands_stored, lines, samples = pixels.shape if pixels.ndim == 3 else (1, *pixels.shape)
    text = f"ENVI\nsamples = {samples}\nlines = {lines}\nbands = {bands_stored if bands is None else bands}\n"
    text += f"data type = {ENVI_CODES[pixels.dtype.name]}\ninterleave = bsq\nbyte order = 0\n"
    if wavelength is not None:
        text += f"wavelength units = nm\nwavelength = {{{', '.join(map(str, wavelength))}}}\n"
    if scale is not None:
        text += f"reflectance scale factor = {scale}\n"
    (folder / "faulty.img").write_bytes(pixels.tobytes())
    (folder / "faulty.hdr").write_text(text)
    return folder / "faulty.img"


def geotiff(folder, *, pixels=BYX, wavelength=None, scale=None):
    stack = pixels if pixels.ndim == 3 else pixels[None]
    size = dict(zip(("count", "height", "width"), stack.shape, strict=True)) | {"dtype": stack.dtype.name}
    place = rasterio.Affine(2, 0, 10, 0, -2, 20)
    with rasterio.open(folder / "faulty.tif", "w", driver="GTiff", transform=place, **size) as dataset:
        dataset.write(stack)
        for band, nm in enumerate([] if wavelength is None else wavelength[: len(stack) - 1], start=1):
            dataset.update_tags(band, wavelength=str(nm))
        if scale is not None:
            dataset.scales = (scale,) * len(stack)
    return folder / "faulty.tif"


def _yxb(pixels):
    return pixels.transpose(1, 2, 0) if pixels.ndim == 3 else pixels


def _listed(wavelength):
    return {} if wavelength is None else {"wavelength": np.asarray(wavelength)}


def matlab(folder, *, pixels=BYX, wavelength=None):
    savemat(folder / "faulty.mat", {"scene": _yxb(pixels), **_listed(wavelength)})
    return folder / "faulty.mat"


def matlab73(folder, *, pixels=BYX, wavelength=None):
    with h5py.File(folder / "faulty.mat", "w", userblock_size=512) as file:
        for name, values in {"scene": _yxb(pixels), **_listed(wavelength)}.items():
            file[name] = values.T
    with (folder / "faulty.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return folder / "faulty.mat"


def hdf5(folder, *, pixels=BYX, wavelength=None, scale=None, name="faulty.h5"):
    with h5py.File(folder / name, "w") as file:
        data = file.create_dataset("scene", data=_yxb(pixels))
        for key, values in _listed(wavelength).items():
            file[key] = values
        if scale is not None:
            data.attrs["scale_factor"] = float(scale)
    return folder / name


def netcdf(folder, **content):
    return hdf5(folder, name="faulty.nc", **content)


def netcdf3(folder, *, pixels=BYX, wavelength=None, scale=None):
    with netcdf_file(folder / "faulty.nc", "w") as file:
        names = ("band", "y", "x")[-pixels.ndim :]
        for name, size in zip(names, pixels.shape, strict=True):
            file.createDimension(name, size)
        data = file.createVariable("scene", pixels.dtype.newbyteorder(">"), names)
        data[:] = pixels
        if scale is not None:
            data.scale_factor = float(scale)
        if wavelength is not None:
            file.createDimension("other", len(wavelength))
            file.createVariable("wavelength", "d", ("other",))[:] = wavelength
    return folder / "faulty.nc"


def store(folder, *, pixels=BYX, wavelength=None, scale=None, compressor="blosc"):
    root = zarr.open_group(folder / "faulty.zarr", mode="w", zarr_format=2)
    packing = None if compressor is None else numcodecs.get_codec({"id": compressor})
    chunks = tuple(max(1, extent) for extent in pixels.shape)
    data = root.create_array("scene", data=pixels, chunks=chunks, compressors=packing, fill_value=-1)
    data.attrs["_ARRAY_DIMENSIONS"] = ["band", "y", "x"][-pixels.ndim :]
    if scale is not None:
        data.attrs["scale_factor"] = float(scale)
    for key, values in _listed(wavelength).items():
        root.create_array(key, data=values)
    return folder / "faulty.zarr"


def npy(folder, *, pixels=BYX):
    np.save(folder / "faulty.npy", pixels)
    return folder / "faulty.npy"


def npz(folder, *, pixels=BYX, wavelength=None, scale=None):
    more = {} if scale is None else {"scale": float(scale)}
    np.savez(folder / "faulty.npz", cube=_yxb(pixels), **_listed(wavelength), **more)
    return folder / "faulty.npz"


def cave(folder):
    place = folder / "faulty_ms"
    place.mkdir()
    for number, band in enumerate(np.resize(BYX.astype(np.uint16), (31, 18, 16)), start=1):
        Image.fromarray(band).save(place / f"faulty_ms_{number:02d}.png")
    return place


def cut(path):
    """Halve the file that holds the pixels, or the last one of those that hold some."""
    inside = [p for p in path.rglob("*") if p.is_file() and not p.name.startswith(".")]
    last = max(inside, default=path)
    last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])
    return path


FORMATS = [envi, geotiff, matlab, matlab73, hdf5, netcdf, netcdf3, store, npy, npz]
LISTED = [f for f in FORMATS if f is not npy]  # those that can hold wavelengths
SCALED = [f for f in LISTED if f not in (matlab, matlab73)]
STORES = [partial(store, compressor=name) for name in (None, "blosc", "zstd", "gzip", "bz2", "lzma", "lz4")]


pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def in_formats(formats):
    names = [f.__name__ if hasattr(f, "__name__") else f"store-{f.keywords['compressor']}" for f in formats]
    return pytest.mark.parametrize("write", formats, ids=names)


@pytest.fixture
def refused(refuses, tmp_path, tiny):
    """``upscale`` must refuse a file by its name, and say what to do about it."""

    def run(path, *words):
        with warnings.catch_warnings(record=True) as besides:
            warnings.simplefilter("default")
            said = refuses(["upscale", path, tmp_path / "fine.tif", "--model", tiny], "faulty", *words)
        assert "; " in said, "no remedy"
        assert not [w for w in besides if issubclass(w.category, UserWarning)], "more than one sentence"

    return run


@in_formats([*FORMATS, *STORES, cave])
def test_without_a_fault_the_same_files_are_fine(write, shsrd, tmp_path, tiny):
    done = shsrd("upscale", write(tmp_path), tmp_path / "fine.tif", "--model", tiny)
    assert done.code == 0, done.err
    with rasterio.open(tmp_path / "fine.tif") as fine:
        assert (fine.height, fine.width) == (72, 64)


@in_formats([*FORMATS, *STORES, cave])
def test_truncated(write, refused, tmp_path):
    refused(cut(write(tmp_path)), "copy")


@in_formats(FORMATS)
def test_two_dimensional(write, refused, tmp_path):
    refused(write(tmp_path, pixels=BYX[0]), "give a")


@in_formats([f for f in FORMATS if f is not netcdf3])  # which has no such type
def test_complex(write, refused, tmp_path):
    refused(write(tmp_path, pixels=BYX.astype(np.complex64)), "complex")


@in_formats(FORMATS)
def test_all_nan(write, refused, tmp_path):
    refused(write(tmp_path, pixels=np.full(BYX.shape, np.nan, np.float32)), "check no-data value")


@in_formats([f for f in FORMATS if f not in (envi, geotiff, netcdf3)])  # the others cannot be written without bands
def test_no_bands(write, refused, tmp_path):
    refused(write(tmp_path, pixels=BYX[:0]), "give")


def test_no_bands_in_a_header(refused, tmp_path):
    refused(envi(tmp_path, bands=0), "bands = 0")


@in_formats([f for f in LISTED if f not in (envi, geotiff)])
def test_wavelengths_of_other_bands_are_left_out_and_said(write, refuses, shsrd, tmp_path, tiny):
    """A list beside the pixels refuses no scene, unless ``--strict`` asks for that."""
    path, fine = write(tmp_path, wavelength=[*NM, 950.0, 1000.0]), tmp_path / "fine.tif"
    done = shsrd("info", path, "--json")
    found = json.loads(done.out)
    assert found["wavelength_nm"] is None
    assert any("wavelength" in note and "7" in note for note in found["notes"])
    refuses(["upscale", path, fine, "--model", tiny, "--strict"], "faulty", "wavelength", "7")
    assert shsrd("upscale", path, fine, "--model", tiny).code == 0


@in_formats([envi, geotiff])
def test_wavelengths_of_other_bands(write, refused, tmp_path):
    refused(write(tmp_path, wavelength=[*NM, 950.0, 1000.0]), "wavelength", "bands")


@in_formats(SCALED)
@pytest.mark.parametrize("scale", [0.0, np.nan, np.inf])
def test_a_scale_out_of_range(write, scale, refused, tmp_path):
    refused(write(tmp_path, scale=scale), "scale", "correct")


def test_scales_of_bands_out_of_range(refused, tmp_path):
    path = geotiff(tmp_path)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = (1.0, 1.0, 0.0, 1.0, 1.0)
    refused(path, "scale", "correct")


def _wrong_lines(folder):
    path = envi(folder)
    header = path.with_suffix(".hdr")
    header.write_text(header.read_text().replace("lines = 18", "lines = 19"))
    return path


def _wrong_header_beside(folder):
    path = geotiff(folder)
    lines = ("samples = 16", "lines = 19", "bands = 5", "file type = TIFF")
    path.with_suffix(".hdr").write_text("\n".join(("ENVI", *lines)))
    return path


def _wrong_shape_of_a_store(folder):
    path = store(folder)
    metadata = path / "scene" / ".zarray"
    described = json.loads(metadata.read_text())
    metadata.write_text(json.dumps(described | {"shape": [5, 10**5, 10**5]}))
    return path


def _wrong_shape_of_an_array(folder):
    path = npy(folder)
    path.write_bytes(path.read_bytes().replace(b"(5, 18, 16)", b"(5, 19, 16)"))
    return path


def _one_picture_of_another_size(folder):
    path = cave(folder)
    Image.fromarray(np.ones((17, 16), np.uint16)).save(path / "faulty_ms_07.png")
    return path


@in_formats(
    [
        _wrong_lines,
        _wrong_header_beside,
        _wrong_shape_of_a_store,
        _wrong_shape_of_an_array,
        _one_picture_of_another_size,
    ]
)
def test_another_size_than_it_says(write, refused, tmp_path):
    refused(write(tmp_path))


def _no_header(folder):
    envi(folder).with_suffix(".hdr").unlink()
    return folder / "faulty.img"


def _no_image(folder):
    envi(folder).unlink()
    return folder / "faulty.hdr"


def _no_tiff(folder):
    _wrong_header_beside(folder).unlink()
    return folder / "faulty.hdr"


def _no_band(folder):
    path = cave(folder)
    (path / "faulty_ms_12.png").unlink()
    return path


def _no_description(folder):
    path = store(folder)
    (path / "scene" / ".zarray").unlink()
    return path


@in_formats([_no_header, _no_image, _no_tiff, _no_band, _no_description])
def test_a_missing_companion(write, refused, tmp_path):
    refused(write(tmp_path))
