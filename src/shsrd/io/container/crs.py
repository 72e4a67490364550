"""The coordinate reference system of a scene in a container: WKT, EPSG codes, CF parameters, conventions of Zarr."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from shsrd.cube import SceneError
from shsrd.io.container.group import (
    Array,
    Container,
    find_attribute,
    normalize_name,
    parse_numbers,
    plain_text,
    text_of,
)
from shsrd.io.envi.crs import crs_of
from shsrd.io.envi.header import items
from shsrd.io.envi.map_info import wkt_of

_WKT_KEYS = ("crs_wkt", "spatial_ref", "esri_pe_string", "wkt", "proj:wkt2")
_CODE_KEYS = ("proj:code", "epsg_code", "spatial_epsg", "epsg", "EPSG_code", "proj:epsg")
_FREE_KEYS = (
    "crs",
    "crs_wkt",
    "spatial_ref",
    "proj:wkt2",
    "proj:code",
    "proj:projjson",
    "epsg_code",
    "epsg",
    "proj:epsg",
    "projection_wkt",
)
_WGS84 = {"reference_ellipsoid_name": "WGS 84", "horizontal_datum_name": "World Geodetic System 1984",
          "geographic_crs_name": "WGS 84"}  # fmt: skip
_AXES_84 = (6378137.0, 298.257223563)
_PROJ_TOKEN = re.compile(
    r"\+(proj|zone|datum|ellps|lat_0|lon_0|lat_ts|lat_1|lat_2|k|k_0|x_0|y_0|units|south|no_defs|type|a|b|rf|R|h)"
    r"(=[A-Za-z0-9.+-]*)?"
)


def grid_mapping_of(container: Container, scene: str, axes: tuple[str | None, str | None]) -> tuple[str, Array] | None:
    """The grid mapping that the scene names (CF 5.6, the extended form included), or the only one of its file.

    Args:
        container: the container.
        scene: path of the scene.
        axes: names of its y and x axes, to choose among several.
    """
    named = plain_text(container.arrays[scene].attributes.get("grid_mapping"))
    for name in _mapping_names(named or "", axes):
        path = container.related_array(scene, name)
        if path is not None:
            return path, container.arrays[path]
    lonely = [p for p, array in container.arrays.items() if len(array.shape) == 0 and _is_mapping(array.attributes)]
    return (lonely[0], container.arrays[lonely[0]]) if len(lonely) == 1 else None


def _mapping_names(named: str, axes: tuple[str | None, str | None]) -> list[str]:
    """Names in ``grid_mapping``: one, or ``crs: x y crs2: lat lon``, that of the scene's own axes first."""
    if ":" not in named:
        return [named] if named else []
    groups: dict[str, set[str]] = {}
    current = ""
    for word in named.split():
        if word.endswith(":"):
            current = word[:-1]
            groups[current] = set()
        elif current:
            groups[current].add(word)
    own = {axis.rpartition("/")[2] for axis in axes if axis}
    return sorted(groups, key=lambda name: -len(groups[name] & own))


def _is_mapping(attributes: Mapping[str, Any]) -> bool:
    return any(key in attributes for key in ("grid_mapping_name", *_WKT_KEYS[:2]))


def crs_of_container(
    container: Container, scene: str, mapping: tuple[str, Array] | None, notes: list[str]
) -> str | None:
    """WKT of a scene's coordinate reference system, from everywhere that a container can say it.

    Args:
        container: the container.
        scene: path of the scene.
        mapping: its grid mapping, or None.
        notes: takes a sentence for what cannot be read or was guessed.

    Returns:
        None where nothing readable is said.
    """
    named = plain_text(container.arrays[scene].attributes.get("grid_mapping"))
    absent = named is not None and not any(
        container.related_array(scene, name) for name in _mapping_names(named, (None, None))
    )
    if absent:
        instead = "it is left out" if mapping is None else f"that of {mapping[0]} is used"
        notes.append(f"Grid mapping {named!s:.60} is not in the file; {instead}.")
    if mapping is not None:
        crs = _of_mapping(mapping[1].attributes, mapping[0], notes)
        if crs is not None:
            if container.arrays[scene].attributes.get("grid_mapping") is None:
                notes.append(f"The scene names no grid mapping; that of {mapping[0]} is used.")
            return crs
    for key, text in _elsewhere(container, scene):
        crs = _readable(text, key, notes)
        if crs is not None:
            return crs
    return _of_map_info(container, scene, notes)


def _elsewhere(container: Container, scene: str) -> Iterator[tuple[str, str]]:
    code = container.nearest_array(scene, ("epsg code", "epsg_code", "epsg"))
    if code is not None:
        array = container.arrays[code]
        if array.dtype.kind in "iufSUO":
            yield code, _code_text(text_of(array.read()))
    for attributes in (container.arrays[scene].attributes, container.attributes):
        if isinstance(attributes.get("_CRS"), Mapping):
            yield from _of_gdal(attributes["_CRS"])
        for key in _FREE_KEYS:
            value = _wkt_of_json(attributes.get(key)) if key == "proj:projjson" else attributes.get(key)
            if isinstance(value, int) or plain_text(value):
                yield f"attribute {key}", _code_text(str(value))


def _of_gdal(crs_attribute: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The CRS of an array that GDAL's Zarr driver wrote: an OGC address of its EPSG code, WKT, PROJJSON."""
    address = re.search(r"/EPSG/[\w.]+/(\d{4,6})$", str(crs_attribute.get("url") or ""))
    if address:
        yield "attribute _CRS", f"EPSG:{address[1]}"
    if plain_text(crs_attribute.get("wkt")):
        yield "attribute _CRS", str(crs_attribute["wkt"])
    text = _wkt_of_json(crs_attribute.get("projjson"))
    if text:
        yield "attribute _CRS", text


def _wkt_of_json(value: Any) -> str | None:
    """WKT of PROJJSON; the text itself where it cannot be read."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        return str(CRS.from_json(text).to_wkt())
    except (CRSError, ValueError):
        return text


def _code_text(text: str) -> str:
    plain = text.strip()
    if plain.lower().startswith("+init=epsg:") and " " not in plain:
        plain = plain[6:]
    number = plain.upper().removeprefix("EPSG:").strip()
    return f"EPSG:{number.removesuffix('.0')}" if number.removesuffix(".0").isdecimal() else plain


def _readable(text: str, key: str, notes: list[str]) -> str | None:
    if text.strip().startswith("+"):
        return _of_proj4(text, key, notes)
    try:
        return wkt_of(text, source="")
    except SceneError:
        notes.append(f"{key} = {text[:60]!r} is no coordinate system that can be read; it is left out.")
        return None


def _of_mapping(attributes: Mapping[str, Any], name: str, notes: list[str]) -> str | None:
    for key in _WKT_KEYS:
        text = plain_text(attributes.get(key))
        crs = None if text is None else _readable(text, f"{name}: {key}", notes)
        if crs is not None:
            return crs
    for key in _CODE_KEYS:
        value = attributes.get(key)
        if value is not None and (crs := _readable(_code_text(str(value)), f"{name}: {key}", notes)) is not None:
            return crs
    if plain_text(attributes.get("grid_mapping_name")):
        crs = _of_parameters(attributes, name, notes)
        if crs is not None:
            return crs
    text = plain_text(find_attribute(attributes, "proj4", "proj4text", "proj4_params", "proj4string"))
    return None if text is None else _of_proj4(text, name, notes)


def _of_parameters(attributes: Mapping[str, Any], name: str, notes: list[str]) -> str | None:
    """The CRS of a grid mapping that is given by its parameters (CF appendix F), by pyproj."""
    from pyproj import CRS

    kept: dict[str, Any] = {
        key: value for key, value in attributes.items() if key not in _WKT_KEYS and isinstance(value, (int, float, str))
    }
    parallels = parse_numbers(attributes.get("standard_parallel"))
    if parallels:
        kept["standard_parallel"] = parallels if len(parallels) > 1 else parallels[0]
    assumed = _assumed_datum(kept)
    try:
        known = CRS.from_cf({**kept, **assumed})
        code = known.to_epsg()
        crs = wkt_of(f"EPSG:{code}" if code else known.to_wkt(), source="")
    except Exception as error:  # any text and number may be among the attributes
        text = " ".join(str(error).split())[:80]
        notes.append(f"Grid mapping {name} ({attributes.get('grid_mapping_name')!s:.60}) cannot be read ({text}).")
        return None
    if assumed:
        notes.append(f"Grid mapping {name} names no datum; WGS 84 is assumed.")
    return crs


def _assumed_datum(attributes: Mapping[str, Any]) -> dict[str, str]:
    """WGS 84 where a grid mapping names no datum, and its ellipsoid, if it has one, is that of WGS 84."""
    names = [normalize_name(key) for key in attributes]
    if any(part in name for name in names for part in ("datumname", "ellipsoidname", "geographiccrsname")):
        return {}
    if "earth_radius" in attributes or "towgs84" in attributes:
        return {}
    radius = parse_numbers(attributes.get("semi_major_axis"))
    flattening = parse_numbers(attributes.get("inverse_flattening"))
    minor = parse_numbers(attributes.get("semi_minor_axis"))
    if radius and abs(radius[0] - _AXES_84[0]) > 1e-3:
        return {}
    if flattening and abs(flattening[0] - _AXES_84[1]) > 1e-6:
        return {}
    if minor and abs(minor[0] - 6356752.3142) > 1e-3:
        return {}
    return dict(_WGS84)


def _of_proj4(text: str, name: str, notes: list[str]) -> str | None:
    """The CRS of a PROJ text of plain parameters; those that name files are not followed."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    if all(_PROJ_TOKEN.fullmatch(token) for token in text.split()):
        try:
            known = CRS.from_user_input(text)
            code = known.to_epsg()
            return wkt_of(f"EPSG:{code}" if code else known.to_wkt(), source="")
        except (CRSError, SceneError):
            pass
    notes.append(f"{name}: PROJ text {text[:60]!r} cannot be read; it is left out.")
    return None


def _of_map_info(container: Container, scene: str, notes: list[str]) -> str | None:
    info = container.nearest_array(scene, ("map_info",))
    text = "" if info is None else text_of(container.arrays[info].read())
    if not items(text):
        return None
    crs, note = crs_of(text)
    notes += [] if note is None else [note]
    return crs
