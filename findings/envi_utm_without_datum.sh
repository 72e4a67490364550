#!/usr/bin/env bash
# GDAL 3.10.3 (rasterio 1.4.4), ENVI headers: a UTM zone without a datum is taken for NAD27, anywhere on Earth.
#
# Expected of `map info = {UTM, ..., 33, North, units=Meters}` (GDAL's own writer and many others leave the datum out
# where they know none): no coordinate system, or WGS-84 as for unknown datum words, with a warning.
# Seen: NAD27 / UTM (EPSG:26733 in zone 33), a datum of North America, also in zones in Europe, and without a warning.
# In zone 18 (New York) NAD27 and WGS-84 of the same numbers are more than 200 m apart.
# A way round: complete `map info`, or write `coordinate system string`.
# Exits with 1 if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet rasterio==1.4.4 numpy==2.2.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import logging
import sys
from pathlib import Path

import rasterio

HEADER = """ENVI
samples = 4
lines = 3
bands = 1
header offset = 0
file type = ENVI Standard
data type = 1
interleave = bsq
byte order = 0
map info = {{UTM, 1, 1, 400000, 5800000, 30, 30, {zone}, North{rest}}}
"""
ENDS = {"": "NAD27", ", units=Meters": "NAD27", ", WGS-84, units=Meters": "WGS 84"}
said = []
handler = logging.Handler(logging.WARNING)
handler.emit = lambda record: said.append(record.getMessage())
logging.getLogger("rasterio").addHandler(handler)


def crs_of(zone, rest):
    """CRS that GDAL finds for an image whose map info ends so."""
    Path("a.img").write_bytes(bytes(12))
    Path("a.hdr").write_text(HEADER.format(zone=zone, rest=rest))
    with rasterio.open("a.img") as dataset:
        return dataset.crs.to_wkt() if dataset.crs else ""


print("rasterio", rasterio.__version__, "GDAL", rasterio.__gdal_version__)
same = not said
for zone in (18, 33):
    for rest, datum in ENDS.items():
        name = crs_of(zone, rest).partition('DATUM["')[2].partition('"')[0]
        print(f"zone {zone}, North{rest or ', nothing more'}: {name}")
        same = same and datum in crs_of(zone, rest)
print("warnings:", said)
same = same and not said
print("as described" if same else "the behaviour has changed")
sys.exit(0 if same else 1)
PYTHON
