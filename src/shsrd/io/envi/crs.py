"""Coordinate reference systems as ENVI names them: datums in words, UTM zones, State Plane, ``projection info``."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError

from shsrd.cube import SceneError
from shsrd.io.envi.header import items
from shsrd.io.envi.map_info import wkt_of

_DATUMS = {  # words without blanks and punctuation, to the EPSG code of the geographic system
    4326: ("wgs84", "wgs1984", "worldgeodeticsystem1984"),
    4322: ("wgs72", "wgs1972"),
    4269: ("nad83", "northamerica1983", "northamerican1983", "northamericandatum1983"),
    4267: ("nad27", "northamerica1927", "northamerican1927", "northamericandatum1927"),
    4258: ("etrs89", "etrs1989", "europeanterrestrialreferencesystem1989", "europeanterrestrial1989"),
    4230: ("ed50", "european1950", "europeandatum1950", "europe1950"),
    4283: ("gda94", "geocentricdatumofaustralia1994"),
    7844: ("gda2020",),
    4674: ("sirgas2000",),
    4618: ("sad69", "southamerican1969", "southamericandatum1969"),
    4612: ("jgd2000",),
    6668: ("jgd2011",),
    4301: ("tokyo", "tokyomean"),
    4284: ("pulkovo1942",),
    4490: ("cgcs2000", "chinageodeticcoordinatesystem2000"),
    4214: ("beijing1954",),
    4610: ("xian1980",),
    4277: ("osgb36", "osgb1936", "ordnancesurveyofgreatbritain1936", "ordnancesurveyofgreatbritain36"),
    4167: ("nzgd2000",),
    4617: ("nad83csrs",),
}
_CODES = {word: code for code, words in _DATUMS.items() for word in words}
_MAX_LENGTH = 2000  # characters of a key that GDAL is asked about
_UNREFERENCED = ("arbitrary", "pixel", "image", "unknown", "none")


def named_crs(text: str) -> str | None:
    """The WKT that a text is, or WKT of its EPSG code; None where it cannot be read."""
    if "[" in text:  # GDAL prints an error where there is none
        try:
            CRS.from_wkt(text)
        except CRSError:
            return None
        return text
    try:
        return wkt_of(text, source="")
    except SceneError:
        return None


def crs_of(map_info: str, projection_info: str = "") -> tuple[str | None, str | None]:
    """WKT of the system that ``map info`` names, and a note where it is assumed or not known.

    Args:
        map_info: the list of the header; it has at least one item.
        projection_info: the list of the header of that name, for projections with parameters.
    """
    parts = items(map_info)
    name, tail = parts[0].lower(), parts[7:]
    words = [part for part in tail if "=" not in part]
    if name.startswith("geographic"):
        return _geographic(words)
    if name == "utm" and not _odd_units(tail):
        return _utm(words)
    known = None if name.startswith(_UNREFERENCED) else _crs_by_gdal(map_info, projection_info)
    return known, None if known else f"'map info' names {parts[0][:40]!r}, no coordinate system; the scene has none."


def _geographic(words: Sequence[str]) -> tuple[str | None, str | None]:
    if not words:
        return _wkt(4326), "'map info' names no datum of its degrees; WGS-84 is assumed."
    code = _CODES.get(_folded(words[0]))
    if code is None:
        return None, f"'map info' names an unknown datum {words[0][:40]!r}; the scene has no coordinate system."
    return _wkt(code), None


def _utm(words: Sequence[str]) -> tuple[str | None, str | None]:
    zone = words[0] if words else ""
    side = words[1].lower()[:1] if len(words) > 1 else ""
    if not zone.isdecimal() or not 1 <= int(zone) <= 60 or side not in ("n", "s"):
        return None, "'map info' names no zone and hemisphere of UTM; the scene has no coordinate system."
    if len(words) < 3:
        return None, f"'map info' names UTM zone {zone} but no datum; the scene has no coordinate system."
    code = _CODES.get(_folded(words[2]))
    if code is None:
        return None, f"'map info' names an unknown datum {words[2][:40]!r}; the scene has no coordinate system."
    return _utm_wkt(code, int(zone), south=side == "s"), None


def _utm_wkt(datum: int, zone: int, *, south: bool) -> str:
    """WKT of a UTM zone on any datum, EPSG's own where it has one."""
    if datum == 4326:
        return _wkt((32700 if south else 32600) + zone)
    base = CRS.from_epsg(datum).to_wkt()
    made = CRS.from_wkt(
        f'PROJCS["UTM zone {zone}{"S" if south else "N"}",{base},PROJECTION["Transverse_Mercator"],'
        f'PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",{6 * zone - 183}],'
        f'PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],'
        f'PARAMETER["false_northing",{10000000 if south else 0}],UNIT["metre",1,AUTHORITY["EPSG","9001"]]]'
    )
    code = made.to_epsg()
    return _wkt(code) if code else str(made.to_wkt())


def _wkt(code: int) -> str:
    return str(CRS.from_epsg(code).to_wkt())


def _folded(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum())


def _odd_units(tail: Sequence[str]) -> bool:
    units = [part.lower().replace(" ", "") for part in tail if part.lower().startswith("units")]
    return any(unit not in ("units=meters", "units=metres", "units=meter", "units=m") for unit in units)


def _crs_by_gdal(map_info: str, projection_info: str) -> str | None:
    """WKT that GDAL reads from a header with these two keys only (State Plane zones, projections with parameters)."""
    lists = {"map info": map_info, "projection info": projection_info}
    lines = [f"{key} = {{{', '.join(items(text))}}}" for key, text in lists.items() if items(text)]
    if any(len(line) > _MAX_LENGTH or not line.isprintable() for line in lines):
        return None
    layout = ("samples = 1", "lines = 1", "bands = 1", "header offset = 0", "data type = 1", "interleave = bsq")
    header = "\n".join(("ENVI", *layout, "byte order = 0", "file type = ENVI Standard", *lines, ""))
    return _read(header.encode())


def _read(header: bytes) -> str | None:
    from rasterio.io import MemoryFile

    folder = uuid4().hex
    try:
        with (
            MemoryFile(b"\0\0", filename="asked.img", dirname=folder) as image,
            MemoryFile(header, filename="asked.hdr", dirname=folder),
            image.open(driver="ENVI") as dataset,
        ):
            crs = dataset.crs
            return str(crs.to_wkt()) if crs and (crs.is_geographic or crs.is_projected) else None
    except (RasterioError, CRSError):
        return None


def conflicting_crs(wkt: str, map_info: str) -> str | None:
    """The system that ``map info`` names in words, where the WKT is plainly another one: other zone, other kind."""
    parts = items(map_info)
    name, words = parts[0].lower(), [part for part in parts[7:] if "=" not in part]
    known = CRS.from_wkt(wkt)
    if name.startswith("geographic"):
        return None if known.is_geographic else repr(parts[0][:40])
    if name != "utm" or len(words) < 2 or not words[0].isdecimal():
        return None
    named = f"UTM zone {words[0][:3]} {words[1][:10]}"
    if known.is_geographic:
        return named
    values = known.to_dict()
    if values.get("proj") == "utm":
        south = words[1].lower().startswith("s")
        return None if (values.get("zone"), bool(values.get("south"))) == (int(words[0]), south) else named
    return None
