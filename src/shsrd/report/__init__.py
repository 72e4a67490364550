"""Figures and tables of results."""

from shsrd.report.colour import Stretch, rgb, rgb_bands, stretch_of
from shsrd.report.panel import comparison_figure, error_map
from shsrd.report.table import Row, markdown, published_row, scene_table, score_row, table

__all__ = [
    "Row",
    "Stretch",
    "comparison_figure",
    "error_map",
    "markdown",
    "published_row",
    "rgb",
    "rgb_bands",
    "scene_table",
    "score_row",
    "stretch_of",
    "table",
]
