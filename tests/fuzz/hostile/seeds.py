"""Small whole files of every format that is read, most of them from the generators of the other tests."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import rasterio
import zarr
from PIL import Image
from scipy.io import netcdf_file, savemat

from shsrd.cube import Cube
from shsrd.io import save_cube

_TESTS = Path(__file__).resolve().parents[2]
REAL = {  # from the folder of real scenes: (formats of the case, files)
    "real-ang": ("envi", "formats/ang20170323t202244_rdn_7000-7010", ("", ".hdr")),
    "real-cubus": ("envi", "formats/cubus_gamsberg_subset", ("", ".hdr")),
    "real-emit": ("envi", "formats/emit20250324t221005_jpl_unmix_ex", ("", ".hdr")),
    "real-small": ("tiff", "formats/Small.tif", ("",)),
}


@dataclass(frozen=True)
class Seed:
    """One whole scene or weight file.

    Attributes:
        name: of the folder with its files.
        kind: which mutations know its structure.
        opens: the path to open, in that folder.
        variable: passed on to the reader.
    """

    name: str
    kind: str
    opens: str
    variable: str | None = None


def write_seeds(folder: Path, *, real: bool = True) -> list[Seed]:
    """Write every seed into a folder of its own and an index beside them; real scenes only if asked and there."""
    seeds = []
    for make in (_saved, _handmade, _containers, _products, _stores, _weights, *([_real] if real else [])):
        seeds += make(folder)
    (folder / "index.json").write_text(json.dumps([asdict(seed) for seed in seeds]))
    return seeds


def read_seeds(folder: Path) -> list[Seed]:
    """The index that :func:`write_seeds` left."""
    return [Seed(**entry) for entry in json.loads((folder / "index.json").read_text())]


def _place(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def _generator(name: str) -> ModuleType:
    """A test module, for the files it knows to write."""
    spec = importlib.util.spec_from_file_location(f"hostile_{name.replace('/', '_')}", _TESTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scene() -> Cube:
    """The scene of the tests of files: 5 bands, 6 x 7 pixels, everything a header can carry."""
    made: Callable[[], Cube] = _generator("io/conftest").make_scene.__wrapped__()
    return made()


def _saved(folder: Path) -> list[Seed]:
    kinds = {".hdr": "envi", ".tif": "tiff", ".mat": "mat5", ".npz": "npz", ".npy": "npy", ".nc": "hdf5",
             ".zarr": "zarr"}  # fmt: skip
    for suffix, kind in kinds.items():
        save_cube(scene(), _place(folder, f"saved-{kind}") / f"a{suffix}")
    return [Seed(f"saved-{kind}", kind, f"a{suffix}") for suffix, kind in kinds.items()]


def _handmade(folder: Path) -> list[Seed]:
    """What others write: ENVI in BIP, tiled and striped TIFF, classic NetCDF, MATLAB 4, 5 and 7.3, a CAVE folder."""
    stored = np.arange(5 * 6 * 7, dtype="<i2").reshape(5, 6, 7)
    envi = _place(folder, "envi-bip")
    (envi / "a.img").write_bytes(stored.transpose(1, 2, 0).tobytes())
    (envi / "a.hdr").write_text(
        "ENVI\ndescription = {\n two lines}\nsamples = 7\nlines = 6\nbands = 5\nheader offset = 0\ndata type = 2\n"
        "interleave = bip\nbyte order = 0\nwavelength units = um\nwavelength = {0.4, 0.5, 0.6,\n 1.4, 2.4}\n"
        "fwhm = {.01,.01,.01,.01,.01}\nbbl = {1,1,1,0,1}\nmap info = {UTM, 1, 1, 4e5, 5e6, 30, 30, 33, North, WGS-84}\n"
        "data ignore value = -9999\nreflectance scale factor = 10000\n"
    )
    _tiffs(folder, stored)
    with netcdf_file(_place(folder, "netcdf3") / "a.nc", "w") as file:
        for name, values in (("y", [29.0, 27, 25]), ("x", [11.0, 13, 15, 17]), ("wavelength", [400.0, 500.0])):
            file.createDimension(name, len(values))
            file.createVariable(name, "d", (name,))[:] = values
        file.createVariable("radiance", "h", ("wavelength", "y", "x"))[:] = np.arange(24).reshape(2, 3, 4)
    bag = {"cube": stored.transpose(1, 2, 0).astype(float), "wavelength": np.arange(400.0, 900, 100), "name": "x"}
    savemat(_place(folder, "mat5-plain") / "a.mat", bag | {"blocks": np.array([1, "b"], object)})
    savemat(_place(folder, "mat4") / "a.mat", {"scene": np.ones((4, 5)), "text": "abc"}, format="4")
    cave = _place(folder, "cave")
    for number in range(1, 32):
        Image.fromarray(np.full((3, 4), number * 99, np.uint16)).save(cave / f"toy_ms_{number:02d}.png")
    lazy = [Seed("envi-bip", "envi", "a.img"), Seed("tiff-tiled", "tiff", "a.tif"), Seed("tiff-zstd", "tiff", "a.tif")]
    whole = [Seed("netcdf3", "netcdf3", "a.nc"), Seed("mat5-plain", "mat5", "a.mat"), Seed("mat4", "mat5", "a.mat")]
    return [*lazy, *whole, Seed("cave", "cave", ".")]


def _tiffs(folder: Path, stored: np.ndarray) -> None:
    size = {"count": 5, "height": 6, "width": 7, "dtype": "int16"}
    for name, options in (
        ("tiff-tiled", {"tiled": True, "blockxsize": 16, "blockysize": 16, "interleave": "pixel"}),
        ("tiff-zstd", {"compress": "zstd", "blockysize": 2, "BIGTIFF": "YES"}),
    ):
        with rasterio.open(_place(folder, name) / "a.tif", "w", driver="GTiff", **size, **options) as dataset:
            dataset.write(stored)


def _containers(folder: Path) -> list[Seed]:
    stored = np.arange(5 * 6 * 7, dtype="<i2").reshape(6, 7, 5)
    with h5py.File(_place(folder, "hdf5-plain") / "a.h5", "w") as file:
        file.create_dataset("deep/scene", data=stored, chunks=(2, 3, 5), compression="gzip", shuffle=True)
        file["deep/wavelength"] = np.arange(400.0, 900, 100)
        file["deep/band_names"] = np.array([b"a", b"b", b"c", b"d", b"e"])
        file.create_dataset("deep/epsg", data="32633", dtype=h5py.string_dtype())
        file["deep"].attrs["title"] = "a scene"
    with h5py.File(_place(folder, "mat73") / "a.mat", "w", userblock_size=512) as file:
        file["scene"] = stored.transpose(2, 1, 0)
        file["wavelength"] = np.arange(400.0, 900, 100)[:, None]
        file["name"] = np.array([[97], [98]], np.uint16)
        file["name"].attrs["MATLAB_class"] = b"char"
    with (folder / "mat73/a.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file")
    return [Seed("hdf5-plain", "hdf5", "a.h5"), Seed("mat73", "hdf5", "a.mat", "scene")]


def _products(folder: Path) -> list[Seed]:
    _generator("sensors/test_prisma").write_prisma(_place(folder, "prisma") / "a.he5")
    _generator("sensors/test_prisma").write_prisma(_place(folder, "prisma-1") / "a.he5", level="1")
    _generator("sensors/test_emit").write_emit(_place(folder, "emit") / "a.nc")
    _generator("sensors/test_neon").write_neon(_place(folder, "neon") / "a.h5")
    tanager = _generator("sensors/test_tanager")
    tanager.write_tanager(_place(folder, "tanager") / "a.h5")
    grid = tanager.STRUCTURE.format(zone=33)
    tanager.write_tanager(_place(folder, "tanager-grid") / "a.h5", kind="GRIDS", structure=grid)
    hdf5 = {"prisma": "he5", "prisma-1": "he5", "emit": "nc", "neon": "h5", "tanager": "h5", "tanager-grid": "h5"}
    return [*(Seed(name, "hdf5", f"a.{ending}") for name, ending in hdf5.items()), *_xml_products(folder)]


def _xml_products(folder: Path) -> list[Seed]:
    module = _generator("sensors/test_enmap_desis")
    for name, text, ending in (("enmap", module.enmap_xml(module.UNEVEN), "XML"), ("desis", module.desis_xml(), "xml")):
        place = _place(folder, name)
        (place / f"P-METADATA.{ending}").write_text(text, encoding="utf-8")
        module.write_image(place / "P-SPECTRAL_IMAGE.TIF", 5, **module.PLACE)
    return [Seed("enmap", "xml", "P-SPECTRAL_IMAGE.TIF"), Seed("desis", "xml", ".")]


def _stores(folder: Path) -> list[Seed]:
    stored = np.arange(5 * 6 * 7, dtype="<i2").reshape(6, 7, 5)
    for version in (2, 3):
        root = zarr.open_group(_place(folder, f"zarr{version}") / "a.zarr", mode="w", zarr_format=version)
        named = {"dimension_names": ("y", "x", "wavelength")} if version == 3 else {}
        shards = {"shards": (4, 6, 5)} if version == 3 else {}
        array = root.create_array("refl", data=stored, chunks=(2, 3, 5), **named, **shards)
        array.attrs.update({"scale_factor": 1e-4, "_FillValue": 7, "units": "1"})
        root.create_array("wavelength", data=np.arange(400.0, 900, 100)).attrs["units"] = "nm"
    return [Seed("zarr2", "zarr", "a.zarr", "refl"), Seed("zarr3", "zarr", "a.zarr")]


def _weights(folder: Path) -> list[Seed]:
    import torch

    from shsrd.model import Network, NetworkConfig, save_weights

    torch.manual_seed(0)
    config = NetworkConfig(scale=2, width=8, blocks=2, denoiser_width=8, denoiser_blocks=1, guide_width=4)
    path = _place(folder, "weights") / "a.safetensors"
    save_weights(path, Network(config), {"stages": [{"stage": "pretrain", "seed": 3}], "version": "0.1.0"})
    return [Seed("weights", "weights", "a.safetensors")]


def _real(folder: Path) -> list[Seed]:
    """Small real scenes, where the folder of shared data is there."""
    shared = Path(os.environ.get("SHSRD_DATA") or _TESTS.parents[1] / "shared" / "data")
    seeds = []
    for name, (kind, stem, endings) in REAL.items() if shared.is_dir() else ():
        place = _place(folder, name)
        for ending in endings:
            shutil.copyfile(shared / f"{stem}{ending}", place / f"{Path(stem).name}{ending}")
        seeds.append(Seed(name, kind, Path(stem).name))
    return seeds
