"""ENVI ``map info`` and affine transforms: one is the other, rotation included."""

from __future__ import annotations

import math
from collections.abc import Sequence

from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import WktVersion
from rasterio.errors import CRSError

from shsrd.cube import SceneError
from shsrd.io.envi_header import items

_UTM_BASE = {"wgs84": (32600, 32700), "nad83": (26900, None), "northamerica1983": (26900, None),
             "nad27": (26700, None), "northamerica1927": (26700, None)}  # fmt: skip


def transform_of(map_info: str, *, source: str) -> Affine:
    """The transform of a ``map info`` list.

    The list is name, reference pixel x and y (1-based, 1 is the outer edge of the first pixel), map x and y
    of that point, pixel sizes, then optional items, among them ``rotation=degrees``. Read as GDAL reads it,
    so that input and output lie on each other in any GIS (it steps from the reference pixel unrotated).

    Raises:
        SceneError: fewer than seven items or text where numbers belong.
    """
    parts = items(map_info)
    try:
        column, row, x, y, dx, dy = (float(part) for part in parts[1:7])
        angle = next((float(p.split("=")[1]) for p in parts[7:] if _is(p, "rotation")), 0.0)
    except ValueError:
        raise SceneError(
            f"{source}: map info {map_info[:80]!r} cannot be read; it needs a name and six numbers"
        ) from None
    return Affine.translation(x - (column - 1) * dx, y + (row - 1) * dy) * _linear(dx, dy, angle)


def _linear(dx: float, dy: float, degrees: float) -> Affine:
    if degrees == 0:
        return Affine(dx, 0.0, 0.0, 0.0, -dy, 0.0)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return Affine(dx * cos, dx * sin, 0.0, dy * sin, -dy * cos, 0.0)


def map_info_of(transform: Affine, *, crs: str | None, template: str | None = None) -> str | None:
    """The ``map info`` list of a transform, or None where it is sheared (ENVI has no word for that).

    Args:
        transform: pixel to map.
        crs: WKT, for the projection name and zone where there is no template.
        template: ``map info`` of the source, kept as it is while it still tells the truth; else its name and
            trailing items are kept.
    """
    if template and tuple(transform_of(template, source="map info")) == tuple(transform):
        return template
    if transform.b == 0 and transform.d == 0:
        dx, dy, degrees = transform.a, -transform.e, 0.0
    else:
        dx, dy = math.hypot(transform.a, transform.b), math.hypot(transform.d, transform.e)
        degrees = math.degrees(math.atan2(transform.b, transform.a))
    again = _linear(dx, dy, degrees)
    wanted = (transform.a, transform.b, transform.d, transform.e)
    size = max(abs(v) for v in wanted)
    got = (again.a, again.b, again.d, again.e)
    if any(abs(g - w) > 1e-12 * size for g, w in zip(got, wanted, strict=True)):
        return None
    parts = items(template) if template else _name_and_tail(crs)
    tail = [part for part in parts[7:] if not _is(part, "rotation")]
    rotation = [f"rotation={degrees!r}"] if degrees else []
    numbers = [repr(float(v)) for v in (1, 1, transform.c, transform.f, dx, dy)]
    return "{" + ", ".join([parts[0], *numbers, *tail, *rotation]) + "}"


def _is(item: str, name: str) -> bool:
    return item.lower().replace(" ", "").startswith(name + "=")


def _name_and_tail(crs: str | None) -> Sequence[str]:
    blank = [""] * 6
    if crs is None:
        return ["Arbitrary", *blank]
    known = CRS.from_wkt(crs)
    if known.is_geographic:
        return ["Geographic Lat/Lon", *blank, "WGS-84", "units=Degrees"]
    code = known.to_epsg() or 0
    if code // 100 in (326, 327):
        side = "North" if code // 100 == 326 else "South"
        return ["UTM", *blank, str(code % 100), side, "WGS-84", "units=Meters"]
    return ["Arbitrary", *blank]


def crs_of(map_info: str) -> str | None:
    """WKT of the projection a ``map info`` list names, where it is UTM or WGS-84 degrees; else None."""
    parts = items(map_info)
    tail = [part.lower() for part in parts[7:]]
    if parts[0].lower().startswith("geographic") and "wgs-84" in tail:
        return str(CRS.from_epsg(4326).to_wkt())
    if parts[0].lower() != "utm" or len(tail) < 3 or not tail[0].isdigit() or not 1 <= int(tail[0]) <= 60:
        return None
    datum = "".join(c for c in tail[2] if c.isalnum())
    north, south = _UTM_BASE.get(datum, (None, None))
    base = south if tail[1].startswith("s") else north
    return None if base is None else str(CRS.from_epsg(base + int(tail[0])).to_wkt())


def checked_wkt(text: str, *, source: str) -> str:
    """The text itself if it is a readable coordinate reference system in WKT.

    Raises:
        SceneError: it is not.
    """
    if not is_wkt(text):
        raise SceneError(
            f"{source}: coordinate system {text[:60]!r} cannot be read; correct or delete it in the header"
        )
    return text


def is_wkt(text: str) -> bool:
    """Whether a text is a readable coordinate reference system in WKT."""
    try:
        CRS.from_wkt(text)
    except CRSError:
        return False
    return True


def wkt_of(anything: str, *, source: str) -> str:
    """WKT of ``EPSG:32633`` or of WKT; nothing else, because PROJ strings and URLs make GDAL open what they name.

    Raises:
        SceneError: none of these.
    """
    code = anything.strip().upper().removeprefix("EPSG:")
    try:
        known = CRS.from_epsg(int(code)) if code.isdecimal() and len(code) < 9 else CRS.from_wkt(anything)
        return str(known.to_wkt())
    except CRSError:
        raise SceneError(
            f"{source}: coordinate system {anything[:60]!r} cannot be read; give an EPSG code or WKT"
        ) from None


def esri_wkt(crs: str) -> str:
    """The WKT dialect that ENVI writes, where it means the same; else the text itself."""
    known = CRS.from_wkt(crs)
    esri = str(known.to_wkt(version=WktVersion.WKT1_ESRI))
    try:
        return esri if CRS.from_wkt(esri) == known else crs
    except CRSError:
        return crs
