"""ENVI ``map info`` and affine transforms: one is the other, rotation included."""

from __future__ import annotations

import math
from collections.abc import Sequence

from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import WktVersion
from rasterio.errors import CRSError

from shsrd.cube import SceneError
from shsrd.io.envi.header import items

_DATUM_NAMES = {4326: "WGS-84", 4322: "WGS-72", 4269: "North America 1983", 4267: "North America 1927",
                4230: "European 1950", 4618: "South American 1969"}  # fmt: skip
_NEARLY = 1e-9  # degrees


def transform_of(map_info: str, *, source: str) -> Affine:
    """The transform of a ``map info`` list.

    The list is name, reference pixel x and y (1-based, 1 is the outer edge of the first pixel), map x and y
    of that point, pixel sizes, then optional items, among them ``rotation=degrees``. Read as GDAL reads it,
    so that input and output lie on each other in any GIS: it steps from the reference pixel unrotated, and takes a
    rotation of 180 for rows from south to north.

    Raises:
        SceneError: fewer than seven items or text where numbers belong.
    """
    parts = items(map_info)
    try:
        column, row, x, y, dx, dy = (float(part) for part in parts[1:7])
        angle = _rotation(parts)
    except ValueError:
        raise SceneError(
            f"{source}: map info {map_info[:80]!r} cannot be read; it needs a name and six numbers"
        ) from None
    linear = Affine.scale(abs(dx), abs(dy)) if abs(angle) == 180 else _linear(dx, dy, angle)
    return Affine.translation(x - (column - 1) * dx, y + (row - 1) * dy) * linear


def is_rotated_180(map_info: str) -> bool:
    """Return True if a readable ``map info`` list has a rotation of 180 degrees."""
    return abs(_rotation(items(map_info))) == 180


def _rotation(parts: Sequence[str]) -> float:
    return next((float(part.split("=")[1]) for part in parts[7:] if _is(part, "rotation")), 0.0)


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
        if abs(abs(degrees) - 180) < _NEARLY:  # GDAL would take it for south up
            dx, dy, degrees = transform.a, -transform.e, 0.0
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
    code = known.to_epsg() or 0
    if known.is_geographic:
        datum = [_DATUM_NAMES[code]] if code in _DATUM_NAMES else []
        return ["Geographic Lat/Lon", *blank, *datum, "units=Degrees"]
    if code // 100 in (326, 327):
        side = "North" if code // 100 == 326 else "South"
        return ["UTM", *blank, str(code % 100), side, "WGS-84", "units=Meters"]
    return ["Arbitrary", *blank]


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
    """Return True if a text is a coordinate reference system in WKT."""
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
        if not code.isdecimal() and "[" not in anything:
            raise CRSError("no WKT")
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
