#!/usr/bin/env bash
# GDAL 3.10.3 (rasterio 1.4.4), ENVI headers: of `NAD27` and `NAD83` in `map info` one is known, the other is WGS-84.
#
# Expected of `map info = {UTM, ..., 33, North, NAD83}`: NAD83, as `NAD27` gives NAD27 and `North America 1983` NAD83.
# Seen: WGS-84, as for `ETRS89`, and for words that name no datum at all. GDAL warns ("Unrecognized datum ...,
# defaulting to WGS84"), but in Python that is a record of the logger `rasterio`, which shows nothing unless a program
# sets logging up: the image opens with a wrong datum and nothing on the screen.
# A way round: read `map info` oneself, or write `coordinate system string`, which GDAL takes literally.
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
map info = {{UTM, 1, 1, 400000, 5800000, 30, 30, 33, North, {datum}, units=Meters}}
"""
DATUMS = {"WGS-84": "WGS", "North America 1983": "North_American_Datum_1983", "North America 1927": "North_American_Datum_1927",
          "NAD27": "North_American_Datum_1927", "NAD83": "WGS", "ETRS89": "WGS", "no such datum": "WGS"}  # fmt: skip
UNKNOWN = ["NAD83", "ETRS89", "no such datum"]
said = []
handler = logging.Handler(logging.WARNING)
handler.emit = lambda record: said.append(record.getMessage())
logging.getLogger("rasterio").addHandler(handler)


def datum_of(datum):
    """Datum that GDAL finds for an image with this word."""
    Path("a.img").write_bytes(bytes(12))
    Path("a.hdr").write_text(HEADER.format(datum=datum))
    with rasterio.open("a.img") as dataset:
        return dataset.crs.to_wkt().partition('DATUM["')[2].partition('"')[0]


print("rasterio", rasterio.__version__, "GDAL", rasterio.__gdal_version__)
found = {datum: datum_of(datum) for datum in DATUMS}
for word, datum in found.items():
    print(f"{word:20} {datum}")
print("log:", said)
same = all(found[word].startswith(start) for word, start in DATUMS.items())
same = same and len(said) == len(UNKNOWN) and all(word in line for word, line in zip(UNKNOWN, said, strict=True))
print("as described" if same else "the behaviour has changed")
sys.exit(0 if same else 1)
PYTHON
