"""Georeference of a GeoTIFF beyond a transform: ground control points and rational polynomials (RPC)."""

from __future__ import annotations

from typing import Any

import numpy as np
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS

from shsrd.cube import ControlPoints, RationalPolynomials, SceneMetadata
from shsrd.io.envi.metadata import HeaderMetadata

RPC = "RPC"  # GDAL's metadata domain


def transform_of_tiff(dataset: Any, otherwise: Affine | None = None) -> Affine | None:
    """The transform, or ``otherwise``: GDAL says identity both for "none" and for a true identity.

    A true identity has a place in our own header keys.
    """
    return Affine(*dataset.transform[:6]) if dataset.transform != Affine.identity() else otherwise


def crs_notes(dataset: Any, header: HeaderMetadata) -> tuple[str, ...]:
    """Notes on the coordinate system where GDAL finds none: those of the header, else that a place is without one."""
    if dataset.crs or header.georeference_notes or header.crs or dataset.transform == Affine.identity():
        return () if dataset.crs else header.georeference_notes
    x, y = dataset.transform.c, dataset.transform.f
    return (f"The file has a place (origin {x:.10g}, {y:.10g}) but no coordinate system; the scene has none.",)


def with_gcps_and_rpc(metadata: SceneMetadata, dataset: Any) -> SceneMetadata:
    """Metadata with control points and rational polynomials of the file; unusable ones become a note.

    GDAL counts control points from the outer corner of the upper-left pixel (whatever ``AREA_OR_POINT`` says), lines
    and samples of the polynomials from its centre: both as ``ControlPoints`` and ``RationalPolynomials`` do.
    """
    return _with_polynomials(_with_points(metadata, dataset), dataset)


def _with_points(metadata: SceneMetadata, dataset: Any) -> SceneMetadata:
    points, crs = dataset.gcps
    if not points:
        return metadata
    if metadata.transform is not None:
        return metadata.with_notes(
            f"{len(points)} ground control points are dropped: the scene has a transform as well."
        )
    pixels = np.array([(point.col, point.row) for point in points], np.float64)
    ground = np.array([(point.x, point.y, point.z or 0.0) for point in points], np.float64)
    if not (np.isfinite(pixels).all() and np.isfinite(ground).all()):
        return metadata.with_notes(f"{len(points)} ground control points are dropped: some are no finite numbers.")
    return metadata.replace(control_points=ControlPoints(pixels, ground, crs.to_wkt() if crs else None))


def _with_polynomials(metadata: SceneMetadata, dataset: Any) -> SceneMetadata:
    values = dataset.tags(ns=RPC)
    if not values:
        return metadata
    try:
        found = RationalPolynomials(values)
        found.on_grid(pixel=1)
    except ValueError as error:
        return metadata.with_notes(f"the rational polynomials (RPC) are dropped: {error}.")
    return metadata.replace(rpc=found)


def write_georeference(dataset: Any, metadata: SceneMetadata) -> None:
    """Write control points (where there is no transform) and polynomials into an open file, before its pixels."""
    points = metadata.control_points
    if points is not None and metadata.transform is None:
        numbers = np.hstack([points.pixels, points.ground]).tolist()
        crs = CRS.from_wkt(points.crs) if points.crs else CRS()
        dataset.gcps = ([GroundControlPoint(row, column, x, y, z) for column, row, x, y, z in numbers], crs)
    if metadata.rpc is not None:
        dataset.update_tags(ns=RPC, **metadata.rpc.values)
