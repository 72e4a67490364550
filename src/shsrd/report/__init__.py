"""Figures and tables that show what was done and how well."""

from shsrd.report.colour import Stretch, rgb, rgb_bands, stretch_of
from shsrd.report.panel import error_map, panel
from shsrd.report.table import Row, markdown, measured, published_row, scene_table, table

__all__ = [
    "Row",
    "Stretch",
    "error_map",
    "markdown",
    "measured",
    "panel",
    "published_row",
    "rgb",
    "rgb_bands",
    "scene_table",
    "stretch_of",
    "table",
]
