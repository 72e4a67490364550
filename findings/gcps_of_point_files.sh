#!/usr/bin/env bash
# GDAL 3.10.3 (rasterio 1.4.4): ground control points of a new GeoTIFF with AREA_OR_POINT=Point come back one pixel off.
#
# Expected: what is set is read again, as with AREA_OR_POINT=Area, and as transforms are (they move by half a pixel on
# the way into the file and back on the way out).
# Seen: points set at row 0, column 0 are read at row 1, column 1. The file holds 0.5: half a pixel was added where it
# had to be taken off, and reading adds another half. The order of the calls does not matter.
# A way round: set no AREA_OR_POINT=Point on files with control points.
# Exits with 1 if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet rasterio==1.4.4 numpy==2.2.6 tifffile==2025.5.10
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import numpy as np
import rasterio
import tifffile
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS

POINTS = [GroundControlPoint(row, col, 10 + col / 100, 50 - row / 100) for row, col in ((0, 0), (0, 80), (64, 0))]


def points_again(kind):
    """Rows and columns of points that were written and read, and the first of them in the file itself."""
    name = f"{kind}.tif"
    with rasterio.open(name, "w", driver="GTiff", count=1, height=64, width=80, dtype="uint8") as dataset:
        dataset.update_tags(AREA_OR_POINT=kind)
        dataset.gcps = (POINTS, CRS.from_epsg(4326))
        dataset.write(np.zeros((1, 64, 80), np.uint8))
    with rasterio.open(name) as dataset:
        found = [(point.row, point.col) for point in dataset.gcps[0]]
    return found, tifffile.TiffFile(name).pages[0].tags["ModelTiepointTag"].value[:2]


print("rasterio", rasterio.__version__, "GDAL", rasterio.__gdal_version__)
set_as = [(point.row, point.col) for point in POINTS]
area, point = points_again("Area"), points_again("Point")
print("set:  ", set_as)
print("Area: ", *area)
print("Point:", *point)
one_off = [(row + 1, col + 1) for row, col in set_as]
same = area == (set_as, (0.0, 0.0)) and point == (one_off, (0.5, 0.5))
print("as described" if same else "the behaviour has changed")
sys.exit(0 if same else 1)
PYTHON
