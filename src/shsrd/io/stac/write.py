"""STAC item of a scene that was written: footprint, time, bands, grid, storage and further properties."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac

from shsrd.cube import SceneMetadata
from shsrd.io.stac.acquisition_time import acquisition_period, modification_time, parse_time
from shsrd.io.stac.footprint import footprint
from shsrd.io.stac.origin import Origin
from shsrd.io.targets import written_files

_SCHEMA = "https://stac-extensions.github.io/{}/schema.json"
_EXTENSIONS = ("eo/v2.0.0", "projection/v2.0.0", "raster/v2.0.0", "file/v2.1.0", "processing/v1.2.0")
_VIEW = "view/v1.0.0"
_MEDIA = {
    ".tif": pystac.MediaType.GEOTIFF, ".tiff": pystac.MediaType.GEOTIFF, ".nc": "application/netcdf",
    ".zarr": "application/vnd.zarr; version=2", ".mat": "application/x-matlab-data", ".npz": "application/zip",
}  # fmt: skip
_BESIDE = {  # files that belong to that of the pixels, by ending
    ".hdr": ("header", pystac.MediaType.TEXT),
    ".tif": ("geolocation", pystac.MediaType.GEOTIFF),
    ".xml": ("geolocation-name", pystac.MediaType.XML),
}
_KEPT = ("platform", "instruments", "constellation", "mission", "license", "providers", "processing:level",
         "eo:cloud_cover", "view:sun_elevation", "view:sun_azimuth", "view:off_nadir")  # fmt: skip


def item_of(
    outputs: Mapping[str, tuple[Path, SceneMetadata]], origin: Origin, *, scale: int, properties: Mapping[str, Any]
) -> dict[str, Any]:
    """A STAC item as plain values.

    Args:
        outputs: files written and their facts, by the name of the asset; the first is the scene.
        origin: where it comes from.
        scale: how many times finer it is than its source.
        properties: further ones.
    """
    target, metadata = next(iter(outputs.values()))
    outline_and_box, when = footprint(metadata), _times(metadata, origin)
    kept = {key: origin.properties[key] for key in _KEPT if key in origin.properties}
    used = (*_EXTENSIONS, _VIEW) if any(key.startswith("view:") for key in kept) else _EXTENSIONS
    item = pystac.Item(
        id=target.stem,
        geometry=None if outline_and_box is None else outline_and_box[0],
        bbox=None if outline_and_box is None else outline_and_box[1],
        datetime=when["datetime"],
        properties={
            **kept,
            **_ground(metadata, origin, scale),
            **_grid(metadata),
            "shsrd:datetime_from": when["told_by"],
            **properties,
        },
        start_datetime=when["start"],
        end_datetime=when["end"],
        stac_extensions=[_SCHEMA.format(name) for name in used],
    )
    for name, (path, about) in outputs.items():
        for key, asset in _assets(name, path, about).items():
            item.add_asset(key, asset)
    item.add_link(pystac.Link("derived_from", _relative(origin.href, target.parent), origin.media_type))
    return item.to_dict(include_self_link=False, transform_hrefs=False)


def collection_of(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """An ItemCollection of items that lie in its folder."""
    return pystac.ItemCollection([dict(item) for item in items]).to_dict()


def _relative(href: str, folder: Path) -> str:
    """An address as it is, a path seen from a folder, so that the two can be moved together."""
    return href if "://" in href else Path(os.path.relpath(href, folder.resolve())).as_posix()


def _times(metadata: SceneMetadata, origin: Origin) -> dict[str, Any]:
    """STAC demands a time: that of the source's item, of a header, or else of the source's file."""
    times = {key: _time_of(origin, key) for key in ("datetime", "start_datetime", "end_datetime")}
    both = times["start_datetime"] is not None and times["end_datetime"] is not None
    if times["datetime"] is not None or both:
        start, end = (times["start_datetime"], times["end_datetime"]) if both else (None, None)
        return {"datetime": times["datetime"], "start": start, "end": end, "told_by": "source item"}
    found = acquisition_period(metadata.headers)
    if found is None:
        return {"datetime": modification_time(origin.file), "start": None, "end": None, "told_by": "file time"}
    start, end, key = found
    return {"datetime": start, "start": start if end else None, "end": end, "told_by": f"header {key}"}


def _time_of(origin: Origin, key: str) -> datetime | None:
    text = origin.properties.get(key)
    return parse_time(text) if isinstance(text, str) else None


def _ground(metadata: SceneMetadata, origin: Origin, scale: int) -> dict[str, float]:
    """Ground sample distance in metres, where it is known."""
    distance = origin.properties.get("gsd")
    if isinstance(distance, (int, float)) and not isinstance(distance, bool):
        return {"gsd": distance / scale}
    if metadata.crs is None or metadata.transform is None:
        return {}
    from rasterio.crs import CRS

    crs, t = CRS.from_wkt(metadata.crs), metadata.transform
    if not crs.is_projected:
        return {}
    return {"gsd": max(math.hypot(t.a, t.d), math.hypot(t.b, t.e)) * crs.linear_units_factor[1]}


def _grid(metadata: SceneMetadata) -> dict[str, Any]:
    """The projection extension's fields."""
    fields: dict[str, Any] = {"proj:code": None, "proj:shape": list(metadata.shape[1:])}
    if metadata.transform is not None:
        fields["proj:transform"] = [float(value) for value in tuple(metadata.transform)[:6]]
    if metadata.crs is not None:
        from rasterio.crs import CRS
        from rasterio.enums import WktVersion

        crs = CRS.from_wkt(metadata.crs)
        authority = crs.to_authority()
        wkt2 = {"proj:wkt2": crs.to_wkt(version=WktVersion.WKT2_2019)}
        fields |= {"proj:code": ":".join(authority)} if authority else wkt2
    return fields


def _assets(name: str, path: Path, metadata: SceneMetadata) -> dict[str, pystac.Asset]:
    """The file with the pixels and those that belong to it."""
    first, *others = written_files(path, metadata)
    storage = metadata.storage
    fields: dict[str, Any] = {"data_type": storage.dtype, "bands": _bands(metadata)}
    fields |= {"raster:scale": storage.scale, "raster:offset": storage.offset} | _file(first)
    nodata = _nodata(metadata)
    if nodata is not None:
        fields["nodata"] = nodata
    media = _MEDIA.get(first.suffix.lower(), "application/octet-stream")
    assets = {name: pystac.Asset(f"./{first.name}", media_type=media, roles=[name], extra_fields=fields)}
    for other in others:
        key, kind = _BESIDE[other.suffix.lower()]
        assets[f"{name}-{key}"] = pystac.Asset(f"./{other.name}", media_type=kind, roles=["metadata"])
        assets[f"{name}-{key}"].extra_fields |= _file(other)
    return assets


def _file(path: Path) -> dict[str, Any]:
    """Size and checksum; a folder has neither."""
    return {"file:size": path.stat().st_size, "file:checksum": checksum(path)} if path.is_file() else {}


def checksum(path: Path) -> str:
    """SHA-256 of a file as a multihash, which tells the kind (12) and the length (20) before it."""
    with path.open("rb") as file:
        return "1220" + hashlib.file_digest(file, "sha256").hexdigest()


def _nodata(metadata: SceneMetadata) -> float | str | None:
    value = metadata.storage.nodata
    if value is None:
        return "nan" if np.dtype(metadata.storage.dtype).kind == "f" else None
    if math.isfinite(value):
        return int(value) if float(value).is_integer() else value
    return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")


def _bands(metadata: SceneMetadata) -> list[dict[str, Any]]:
    """Bands in the words of STAC 1.1: names, and wavelengths in micrometres."""
    names = _names(metadata)
    bands: list[dict[str, Any]] = [{"name": name} for name in names]
    lists = (("eo:center_wavelength", metadata.wavelength_nm), ("eo:full_width_half_max", metadata.fwhm_nm))
    for key, numbers in lists:
        for band, number in zip(bands, () if numbers is None else numbers.tolist(), strict=False):
            if number > 0:  # a missing width is written as 0 or NaN
                band[key] = round(number / 1000, 9)
    for band, good in zip(bands, metadata.good_bands.tolist(), strict=True):
        if not good:
            band["description"] = "flagged bad"
    return bands


def _names(metadata: SceneMetadata) -> Sequence[str]:
    """Their own names where no two are the same, else numbers."""
    if len(set(metadata.band_names)) == metadata.shape[0]:
        return metadata.band_names
    digits = len(str(metadata.shape[0]))
    return [f"B{number:0{digits}d}" for number in range(1, metadata.shape[0] + 1)]
