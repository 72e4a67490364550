"""Tables of scores on stdout."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from shsrd.datasets import PrintedRow
from shsrd.metrics import Scores

COLUMNS = {
    "mpsnr": ("MPSNR dB", ".3f"),
    "psnr_cube": ("PSNR cube", ".3f"),
    "mssim": ("MSSIM", ".4f"),
    "sam_deg": ("SAM °", ".3f"),
    "ergas": ("ERGAS", ".3f"),
    "cc": ("CC", ".4f"),
    "rmse": ("RMSE", ".5f"),
    "consistency": ("consistency", ".1e"),
}


def score_table(rows: Mapping[str, Scores], printed: tuple[PrintedRow, ...] = ()) -> None:
    """One line a row; printed rows of the literature below, with the figures they have."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for title, _ in COLUMNS.values():
        table.add_column(title, justify="right")
    for name, scores in rows.items():
        table.add_row(name, *(format(getattr(scores, key), form) for key, (_, form) in COLUMNS.items()))
    for row in printed:
        cells = (format(getattr(row, key), form) if hasattr(row, key) else "" for key, (_, form) in COLUMNS.items())
        table.add_row(f"{row.method} (printed)", *cells)
    Console().print(table)
