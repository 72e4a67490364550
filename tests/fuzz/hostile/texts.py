"""Damage that knows the structure of ENVI, XML, JSON, NumPy, safetensors, PNG and MATLAB files."""

from __future__ import annotations

import ast
import io
import json
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from hostile.damage import spoil
from hostile.target import Target

_ENVI_KEYS = ("samples", "lines", "bands", "header offset", "data type", "interleave", "byte order", "file compression",
              "file type", "wavelength", "wavelength units", "fwhm", "bbl", "band names", "map info",
              "affine transform", "coordinate system string", "data ignore value", "reflectance scale factor",
              "data gain values", "data offset values", "data file", "default bands")  # fmt: skip


class Trap:
    """Unpickling this creates a file among the baits."""

    def __init__(self, bait: Path) -> None:
        self.bait = bait

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.bait / "sprung",)


def envi(target: Target) -> str:
    """A key of the header is changed, dropped, doubled or added."""
    dice, header = target.dice, target.files(".hdr")[0]
    lines = header.read_bytes().decode("latin-1").split("\n")
    way = dice.choice(("change", "change", "add", "drop", "double", "many", "braces"))
    places = [n for n, line in enumerate(lines) if "=" in line]
    place = dice.choice(places) if places else 0
    key = lines[place].partition("=")[0].strip() if dice.random() < 0.7 else dice.choice(_ENVI_KEYS)
    line = f"{key} = {target.word()}"
    if way == "change":
        lines[place] = line
    elif way == "drop":
        del lines[place]
    elif way == "many":
        lines += [f"key {n} = {n}" for n in range(20_000)]
    elif way == "braces":
        lines[place] = f"{key} = {{{', '.join([target.word()] * dice.choice((1, 5, 31)))}}}"
    else:
        lines.insert(place, lines[place] if way == "double" else line)
    header.write_bytes("\n".join(lines).encode("utf-8"))
    return f"envi {way} {key}"


def xml(target: Target) -> str:
    """An element is changed, dropped, doubled or nested; or a document type names the bait."""
    dice, path = target.dice, target.files(".xml")[0]
    root = ElementTree.fromstring(path.read_bytes())
    parents = [item for item in root.iter() if len(item)]
    parent = dice.choice(parents)
    child = dice.choice(list(parent))
    way = dice.choice(("text", "text", "drop", "double", "deep", "tag", "entity", "utf-16", "many"))
    if way == "text":
        child.text = "".join(c for c in target.word() if c.isprintable())
    elif way == "drop":
        parent.remove(child)
    elif way == "tag":
        child.tag = "other"
    elif way in ("double", "many"):
        parent.extend([child] * (1 if way == "double" else 2000))
    raw = ElementTree.tostring(root, encoding="utf-16" if way == "utf-16" else "utf-8", xml_declaration=True)
    if way == "deep":
        raw = raw.replace(b"</specific>", b"<a>" * 50_000 + b"</a>" * 50_000 + b"</specific>")
    entity = f'<!DOCTYPE a [<!ENTITY b SYSTEM "{target.bait / "secret.txt"}">]>'
    if way in ("entity", "utf-16"):
        text = raw.decode("utf-16" if way == "utf-16" else "utf-8")
        head, _, rest = text.partition("?>")
        raw = f"{head}?>{entity}{rest}".replace("0.0001", "&b;").encode("utf-16" if way == "utf-16" else "utf-8")
    path.write_bytes(raw)
    return f"xml {way} {child.tag}"


def zarr(target: Target) -> str:
    """A place in the metadata is changed; or consolidated metadata name arrays outside the store; or a pickle."""
    dice = target.dice
    path = dice.choice(target.files(".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json"))
    tree = json.loads(path.read_text())
    if dice.random() < 0.15:
        outside = f"../../{target.bait.name}/secret"
        described = json.loads((target.files(".zarray") or target.files("zarr.json"))[-1].read_text())
        consolidated = {"zarr_consolidated_format": 1, "metadata": {".zgroup": {"zarr_format": 2},
                        f"{outside}/.zarray": described, f"{target.bait}/.zarray": described}}  # fmt: skip
        (target.opens / ".zmetadata").write_text(json.dumps(consolidated))
        return "zarr outside"
    if path.name == ".zarray" and dice.random() < 0.1:
        tree["dtype"], tree["filters"], tree["compressor"] = "|O", [{"id": "pickle"}], None
        chunk = next((p for p in sorted(path.parent.iterdir()) if not p.name.startswith(".")), path.parent / "0.0.0")
        chunk.write_bytes(pickle.dumps(Trap(target.bait)))
        path.write_text(json.dumps(tree))
        return "zarr pickle"
    path.write_text(target.json(target.spoiled(tree)))
    return f"zarr {path.parent.name}/{path.name}"


def npy_bytes(data: bytes, target: Target) -> bytes:
    """An array file with another header, or with a pickle in it."""
    dice, size = target.dice, struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10 : 10 + size].decode())
    body = data[10 + size :]
    kinds = ("<f8", "|S1000000000", "<U500000000", "|V2147483647", "|O", "<c16", "?", "", "<f2", "M8[s]", "<i2")
    lists = (
        (),
        (0, 5, 6),
        (-1, -5, 6),
        (2**40, 2, 2),
        (2**63, 2, 2),
        (2, 3),
        (1, 1, 1, 1),
        (10**5, 10**5, 10**5),
        (10**9,),
    )
    key = dice.choice(("descr", "shape", "shape", "fortran_order", "word"))
    if key == "descr":
        header[key] = dice.choice((*kinds, [("a", "<f8"), ("b", "|O")], target.word()[:200]))
        if header[key] == "|O":
            body = pickle.dumps(Trap(target.bait))
    else:
        header[key] = dice.choice(lists) if key == "shape" else target.value()
    text = repr(header).encode("utf-8", "replace")[:60_000] + b"\n"
    return b"\x93NUMPY" + bytes((dice.choice((1, 1, 1, 2, 3, 9)), 0)) + struct.pack("<H", len(text)) + text + body


def npy(target: Target) -> str:
    """Another header."""
    path = target.files(".npy")[0]
    path.write_bytes(npy_bytes(path.read_bytes(), target))
    return "npy header"


def npz(target: Target) -> str:
    """A member is spoiled, doubled, renamed, or packed into next to nothing; sizes in the directory lie."""
    dice, path = target.dice, target.files(".npz")[0]
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    way = dice.choice(("header", "bytes", "double", "bare", "bomb", "directory", "name"))
    place = dice.randrange(len(members))
    name, data = members[place]
    if way == "header":
        members[place] = (name, npy_bytes(data, target))
    elif way == "bytes":
        members[place] = (name, spoil(data, dice)[0])
    elif way == "bomb":
        members.append((dice.choice(("big.npy", "cube.npy", "wavelength_nm.npy")), _large_npy()))
    elif way in ("double", "bare", "name"):
        named = {"double": name, "bare": name.removesuffix(".npy"), "name": target.word()[:1000] + ".npy"}[way]
        members.append((named, _large_npy() if dice.random() < 0.3 else npy_bytes(data, target)))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", dice.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name or "x"), data, archive.compression)
    raw = packed.getvalue()
    if way == "directory":
        start = raw.index(b"PK\x01\x02")
        raw = raw[:start] + spoil(raw[start:], dice)[0]
    path.write_bytes(raw)
    return f"npz {way}"


def _large_npy() -> bytes:
    """200 MiB of zeros: 200 KiB when packed, an honest scene by its own words."""
    raw = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        raw, {"descr": "|u1", "fortran_order": False, "shape": (20, 2**10, 10 * 2**10)}
    )
    return raw.getvalue() + bytes(20 * 2**20 * 10)


def weights(target: Target) -> str:
    """The header, or the config inside it, is changed."""
    dice, path = target.dice, target.files(".safetensors")[0]
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    tree, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    marks = tree["__metadata__"]
    way = dice.choice(("header", "config", "config", "provenance", "bytes", "tensor", "deep"))
    if way == "header":
        tree = target.spoiled(tree)
    elif way in ("config", "provenance"):
        inner = json.loads(marks[way])
        if way == "config" and dice.random() < 0.6:
            key = dice.choice(sorted(k for k in inner if isinstance(inner[k], (int, float))))
            inner[key] = dice.choice((9, 16, 1000, 20_000, 10**6, 10**9, 2**62, target.number()))
            marks[way] = json.dumps(inner)
        else:
            marks[way] = target.json(target.spoiled(inner))
    elif way == "tensor":
        name = dice.choice(sorted(k for k in tree if k != "__metadata__"))
        tree[name] = target.spoiled(tree[name])
    elif way == "deep":
        marks[dice.choice(("config", "provenance"))] = "[" * 200_000
    raw = target.json(tree).encode()
    if way == "bytes":
        raw = spoil(raw, dice)[0]
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + body)
    return f"weights {way}"


def png(target: Target) -> str:
    """The size in a band's header is changed (with its checksum), or a chunk is added."""
    dice, path = target.dice, target.dice.choice(target.files(".png"))
    data = path.read_bytes()
    ihdr = bytearray(data[16:29])
    struct.pack_into(">I", ihdr, dice.choice((0, 4)), dice.choice((0, 1, 5, 10**4, 10**6, 2**31 - 1)))
    if dice.random() < 0.3:
        ihdr[dice.choice((8, 9, 10, 11, 12))] = dice.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
    parts = [data[:8], _chunk(b"IHDR", bytes(ihdr))]
    if dice.random() < 0.3:
        parts.append(_chunk(dice.choice((b"zTXt", b"iCCP")), b"a\0\0" + zlib.compress(bytes(50 * 2**20))))
        parts[1] = data[8:33]
    path.write_bytes(b"".join(parts) + data[33:])
    return "png header"


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def mat5(target: Target) -> str:
    """A variable is unpacked, spoiled and packed again, or stands in the file twice."""
    dice, path = target.dice, target.files(".mat")[0]
    data = path.read_bytes()
    parts, place = [], 128
    while place + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, place)
        parts.append(
            zlib.decompress(data[place + 8 : place + 8 + size]) if kind == 15 else data[place : place + 8 + size]
        )
        place += 8 + size
    if not data.startswith(b"MATLAB") or not parts:
        path.write_bytes(spoil(data, dice)[0])
        return "mat bytes"
    chosen = dice.randrange(len(parts))
    changed = spoil(parts[chosen], dice)[0]
    if dice.random() < 0.3:
        parts.insert(chosen, changed)
    else:
        parts[chosen] = changed
    packed = [zlib.compress(part) for part in parts]
    path.write_bytes(data[:128] + b"".join(struct.pack("<II", 15, len(part)) + part for part in packed))
    return "mat variable"
