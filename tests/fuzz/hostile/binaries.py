"""Damage that knows the structure of TIFF and HDF5: tags, attributes, shapes, and links to other files."""

from __future__ import annotations

import struct
from typing import Any

import h5py
import numpy as np

from hostile.damage import INTEGERS, spoil
from hostile.target import Target

_KINDS = {1: "B", 2: "B", 3: "H", 4: "I", 12: "d", 16: "Q"}


def tiff(target: Target) -> str:
    """A tag's number, type, count or value is changed; or a file beside the image names the bait."""
    if target.dice.random() < 0.25:
        return _sidecar(target)
    dice, path = target.dice, target.files(".tif", ".tiff")[0]
    data = bytearray(path.read_bytes())
    big = data[2] == 43
    place = struct.unpack_from("<Q", data, 8)[0] if big else struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<Q" if big else "<H", data, place)[0]
    entry = place + (8 if big else 2) + dice.randrange(count) * (20 if big else 12)
    tag, kind = struct.unpack_from("<HH", data, entry)
    way = dice.choice(("tag", "type", "count", "value", "value", "value"))
    wide = "Q" if big else "I"
    if way in ("tag", "type"):
        struct.pack_into(
            "<H", data, entry + (0 if way == "tag" else 2), dice.choice((*range(1, 19), 256, 257, 258, 65535))
        )
    elif way == "count":
        struct.pack_into(f"<{wide}", data, entry + 4, dice.choice(INTEGERS) % 2 ** (64 if big else 32))
    else:
        letter = dice.choice(("H", wide)) if _KINDS.get(kind) != "H" else "H"
        size = 8 * struct.calcsize(letter)
        struct.pack_into(f"<{letter}", data, entry + (12 if big else 8), dice.choice(INTEGERS) % 2**size)
    path.write_bytes(data)
    return f"tiff {way} {tag}"


def _sidecar(target: Target) -> str:
    """What GDAL looks for beside an image, naming other files."""
    dice, path = target.dice, target.files(".tif", ".tiff")[0]
    secret = target.bait / "secret.tif"
    vrt = (
        f'<VRTDataset rasterXSize="7" rasterYSize="6"><VRTRasterBand dataType="Int16" band="1"><SimpleSource>'
        f"<SourceFilename>{secret}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    pam = (
        f'<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{secret}</MDI></Metadata>'
        f'<Metadata domain="MASKS"><MDI key="MASK_FILE">{secret}</MDI></Metadata>'
        f"<SRS>{target.word()[:500] if dice.random() < 0.3 else target.bait / 'secret.txt'}</SRS></PAMDataset>"
    )
    tags = f'<GDALMetadata><Item name="OVERVIEW_FILE" domain="OVERVIEWS">{secret}</Item></GDALMetadata>'
    way = dice.choice(("ovr", "msk", "aux", "tags", "tfw", "vrt", "header", "tab", "imd"))
    beside = {"ovr": ".tif.ovr", "msk": ".tif.msk", "aux": ".tif.aux.xml", "tfw": ".tfw", "header": ".hdr",
              "tab": ".tab", "imd": ".IMD"}  # fmt: skip
    header = (
        f"ENVI\nfile type = TIFF\nsamples = 7\nlines = 6\nbands = 5\ndata file = {secret}\nwavelength = {{1,2,3,4,5}}\n"
    )
    texts = {"ovr": vrt, "msk": vrt, "aux": pam, "header": header, "tfw": f"{target.number()}\n" * 6}
    if way == "tags":
        import rasterio

        with rasterio.open(path, "r+") as dataset:
            dataset.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(secret))
            dataset.update_tags(ns="SHSRD", headers=target.json(target.value()))
            dataset.update_tags(1, wavelength=target.word(), **{"wavelength_units": "nm"})
    elif way == "vrt":
        path.write_text(vrt if dice.random() < 0.5 else tags)
    else:
        path.with_name(path.stem + beside[way]).write_text(
            texts.get(way, f'!table\nFile "{secret}"\nfilename = "{secret}";')
        )
    return f"tiff beside {way}"


def hdf5(target: Target) -> str:
    """An attribute, a dataset or a link is replaced; links, external storage and virtual sources name the bait."""
    dice, path = target.dice, target.files(".h5", ".he5", ".nc", ".mat")[0]
    with h5py.File(path, "r+") as file:
        sets: list[str] = []
        groups = ["/"]
        file.visititems(lambda name, item: (sets if isinstance(item, h5py.Dataset) else groups).append(name) or None)
        if dice.random() < 0.45:
            item = file[dice.choice(sets + groups)]
            name = dice.choice(sorted(item.attrs)) if len(item.attrs) and dice.random() < 0.8 else _mark(target)
            return f"hdf5 attribute {item.name}@{name} {_attribute(item.attrs, name, target)}"
        place = dice.choice(sets + groups[1:])
        return f"hdf5 {place} {_replace(file, place, target)}"


def _mark(target: Target) -> str:
    return target.dice.choice(("scale_factor", "_FillValue", "grid_mapping", "DIMENSION_LIST", "units", "Scale_Factor",
                               "shsrd_headers", "wavelengths", "NAME", "spatial_ref",
                               "GeoTransform", "_CRS"))  # fmt: skip


def _attribute(marks: Any, name: str, target: Target) -> str:
    dice = target.dice
    way = dice.choice(("drop", "text", "bytes", "number", "list", "empty", "deep", "proj"))
    if name in marks and way == "drop":
        del marks[name]
    values = {
        "text": target.word().replace("\0", ""),
        "bytes": np.bytes_(target.word().encode()[:60_000].rstrip(b"\0") or b"x"),
        "number": np.float64(target.number()),
        "list": np.full(dice.choice((0, 1, 3, 4, 5, 7000)), target.number()),
        "empty": h5py.Empty("f8"),
        "deep": np.bytes_(b"[" * 60_000),
        "proj": f"+init={target.bait / 'secret.txt'}:secret"
        if dice.random() < 0.5
        else str(target.bait / "secret.txt"),
    }
    if way in values:
        value = values[way]
        marks[name] = value[:60_000] if isinstance(value, (str, bytes)) else value
    return way


def _replace(file: Any, place: str, target: Target) -> str:
    dice, secret = target.dice, str(target.bait / "secret.h5")
    way = dice.choice(("external link", "soft link", "loop", "storage", "virtual", "unlimited", "huge", "chunk",
                       "kind", "drop", "empty", "numbers"))  # fmt: skip
    old = file[place]
    shape = old.shape if isinstance(old, h5py.Dataset) and old.shape else (5, 6, 7)
    del file[place]
    if way == "external link":
        file[place] = h5py.ExternalLink(secret, "data")
    elif way in ("soft link", "loop"):
        file["elsewhere"] = h5py.ExternalLink(secret, "/")
        file[place] = h5py.SoftLink("/elsewhere/data" if way == "soft link" else f"/{place}")
    elif way == "storage":
        size = int(np.prod(shape))
        file.create_dataset(place, shape, "u1", external=[(str(target.bait / "secret.raw"), 0, size)])
    elif way in ("virtual", "unlimited"):
        most = (None, *shape[1:]) if way == "unlimited" else shape
        layout = h5py.VirtualLayout(shape, "i2", maxshape=most)
        layout[...] = h5py.VirtualSource(secret, "data", shape=shape)
        file.create_virtual_dataset(place, layout)
    elif way == "huge":
        large = tuple(dice.choice((extent, 10**6, 2**40)) for extent in shape)
        file.create_dataset(place, large, "u1", chunks=tuple(min(10, extent) for extent in large))
    elif way == "chunk":
        chunks = tuple(600 for _ in shape)
        file.create_dataset(
            place, shape, "u1", chunks=chunks, maxshape=(None,) * len(shape), compression=dice.choice(("gzip", None))
        )
    elif way == "kind":
        kinds = (np.dtype([("a", "f8"), ("b", "i2")]), h5py.string_dtype(), h5py.ref_dtype, "c16", "S60000", "?", "V8",
                 h5py.vlen_dtype("f8"), h5py.enum_dtype({"a": 1}), "f2", ">u8")  # fmt: skip
        file.create_dataset(place, shape, dice.choice(kinds))
    elif way == "empty":
        file[place] = h5py.Empty("f8")
    elif way == "numbers":
        file[place] = np.full(shape, target.number(), "f8")
    return way


def netcdf3(target: Target) -> str:
    """Counts and places in the header, which are all big-endian integers of 4 bytes."""
    dice, path = target.dice, target.files(".nc")[0]
    data = bytearray(path.read_bytes())
    for _ in range(dice.choice((1, 1, 2))):
        place = dice.randrange(min(len(data), 900) // 4) * 4
        struct.pack_into(">I", data, place, dice.choice(INTEGERS) % 2**32)
    path.write_bytes(bytes(data) if dice.random() < 0.9 else spoil(bytes(data), dice)[0])
    return "netcdf integers"
